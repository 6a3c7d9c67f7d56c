"""Breakpoints: the lab stops in mid-air, the packet in hand is looked at, changed, taken out, and all goes on."""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh import hand, trap
from netsh.trap import Call
from stack.header.ip import Ip as Ip4Header
from stack.header.tcp import TH_ACK, Tcp
from stack.mbuf import Mbuf
from stack.netinet.ip_input import Ip
from stack.netinet.ip_output import IpOutput
from stack.netinet.tcp_segment import Segment
from tests.netsh.served import Served, until
from tests.netsh.test_builtins import at_home
from tests.netsh.toys import Toys

STATS = "----www PING Statistics----"


@pytest.fixture
def session() -> Iterator[Toys]:
    session = at_home()
    session.run("ping -qc 1 www")  # every ARP is answered
    session.out  # noqa: B018
    yield session
    session.end_jobs()
    assert "internal error" not in session.err


def stops(session: Toys) -> list[str]:
    """Where it has stopped since the last look: the first lines of the reports."""
    return [line.partition(" ")[2] for line in session.out.splitlines() if line[:1].isdigit() and "(stack/" in line]


# -- functions ----------------------------------------------------------------------------------------------------


def test_a_packet_is_stopped_shown_and_let_go(session: Toys) -> None:
    assert session.run("break gw ip_input if icmp; ping -c 1 www") == 0
    report, packet, words = session.out.splitlines()[1:4]
    assert report.startswith("0.015200 break 1: gw ip_input (stack/netinet/ip_input.py:")
    assert packet.startswith("    IP 10.0.0.2 > 203.0.113.80: ICMP echo request, id ")
    assert words.startswith("    go, step, packet, edit, drop, source ip_input.py:")
    assert session.clock.drive.state == "stopped in ip_input on gw"
    assert session.run("go") == 0  # until the answer comes by
    assert len(stops(session)) == 1
    assert session.run("break -d 1; go") == 0
    assert "1 packets received" in session.out
    assert session.clock.drive.state == ""


@pytest.mark.parametrize(
    ("where", "line", "count"),
    [
        ("gw ip_input", "ping -qc 1 www", 2),
        ("* ip_input", "ping -qc 1 www", 4),
        ("any ip_input", "ping -qc 1 me", 2),
        ("gw ip_forward if icmp", "ping -qc 2 www", 4),
        ("gw ether_input", "ping -qc 1 www", 2),  # two functions of ours, one packet
        ("me ip_output", "ping -qc 1 www", 1),
        ("me ip_output if host 203.0.113.80 and icmp", "ping -qc 1 www", 1),
        ("me Ip.input", "ping -qc 1 www", 1),
        ("www icmp_input", "ping -qc 1 www", 1),
        ("bus:wan Bus.deliver", "ping -qc 1 www", 2),
        ("gw ip_input if src host www", "ping -qc 3 www", 3),
        ("gw ip_input if tcp", "ping -qc 3 www", 0),
        ("gw ip_input if 'udp and udp[6:2] != 0'", "traceroute -n -q 1 www", 2),  # a sum that is not made yet
        ("gw arpresolve", "gw arp -d me; gw ping -qc 1 me", 1),
        ("gw in_arpinput if arp", "me arp -d gw; ping -qc 1 www", 1),
        ("www tcp_input if 'tcp[tcpflags] & tcp-fin != 0'", "fetch -o /dev/null http://www/; sleep 1", 1),
        ("me tcp_output", "fetch -o - http://www/ > /dev/null", 5),
        ("gw Vlan.set_mtu", "gw ifconfig vlan0 create; gw ifconfig vlan0 vlan 3 vlanif shmif0 mtu 900", 1),  # super()
        ("* recv", "fetch -o - http://www/ > /dev/null", 3),  # a coroutine
    ],
)
def test_functions(session: Toys, where: str, line: str, count: int) -> None:
    assert session.run(f"break {where}") == 0
    session.run(line)
    for _ in range(count + 5):
        session.run("go")
    assert len(stops(session)) == count
    session.run("break | json | head -1")
    assert f'"hits": {count}' in session.out
    assert not session.clock.drive.stands


def test_the_counts_agree_when_nothing_was_changed(session: Toys) -> None:
    other = at_home()
    other.run("ping -qc 1 www")
    session.run("break * ip_input; break * tcp_output; break * ip_output; break drop * ; fetch -o /dev/null http://www/")
    for _ in range(60):
        session.run("go")
    other.run("fetch -o /dev/null http://www/")
    for each in (session, other):
        each.out  # noqa: B018
        each.run("netstat -s; gw netstat -s; www netstat -s; gw netstat -i")
    assert session.out == other.out


def test_commands_that_look_do_not_stop_themselves(session: Toys) -> None:
    session.run("break gw ip_input; ping -c 1 www")
    assert len(stops(session)) == 1
    assert session.run("break me ip_output; break * arprequest; ifconfig shmif0 10.0.0.9/24; netstat -s | wc -l") == 0
    session.run("go; ping -qc 1 gw")
    assert stops(session)[-1].startswith("break 1: gw ip_input")


def test_a_stop_in_the_middle_of_tcp(session: Toys) -> None:
    session.run("break www tcp_do_segment if tcp port 80; fetch -o - http://www/")
    assert "Flags [.]" in session.out
    assert session.run("tcpstat | head -5; www netstat -a; www arp -a") == 0
    assert session.run("edit tcp.dport=81") == 1
    assert session.err == "edit: its connection has been found already; stop it earlier, in tcp_input\n"
    session.run("break -d all; go")
    assert "<title>" in session.out


# -- the packet in hand -------------------------------------------------------------------------------------------


def test_an_edited_ttl_makes_the_error_that_it_should(session: Toys) -> None:
    session.run("break gw ip_input if icmp; ping -c 1 www; edit ip.ttl=1; packet | grep ttl; break -d 1; go")
    out = session.out
    assert "IP         0016  ttl          1 " in out
    assert "36 bytes from gw (10.0.0.1): Time To Live exceeded for icmp_seq=0" in out
    assert session.lab["gw"].ip.stat["ttl"] == 1


def test_an_edited_destination_in_forward_and_its_sums(session: Toys) -> None:
    session.run("break gw ip_input if icmp; ping -c 1 www; edit ip.dst=gw tos=16; break -d 1; go")
    assert "ttl=255" in session.out  # gw itself has answered
    assert session.lab["gw"].ip.stat["badsum"] == session.lab["gw"].icmp.stat["badsum"] == 0


def test_an_edited_port(session: Toys) -> None:
    session.run("break www tcp_input if tcp port 80; fetch -o - http://www/; edit tcp.dport=81; break -d 1")
    assert session.run("go") == 0  # the SYN is sent again
    assert session.lab["www"].tcp.stat["noport"] == 1


def test_an_edit_where_the_packet_has_no_header_yet(session: Toys) -> None:
    session.run("break me ip_output if icmp; ping -c 1 www; packet | grep -c 203.0.113.80; edit ip.ttl=1; go")
    assert "Time To Live exceeded" in session.out


def test_a_wrong_sum_that_was_asked_for(session: Toys) -> None:
    session.run("break www ip_input if icmp; ping -c 1 www; edit ip.chksum=7; break -d all; go")
    assert session.lab["www"].ip.stat["badsum"] == 1


def test_an_edit_in_a_stream(session: Toys) -> None:
    """Whatever stands for how many segments: all of it arrives, and right."""
    session.run("www ttcp -r -s & break me ip_output if 'tcp and greater 1000'; ttcp -t -s -n 64 www")
    assert session.clock.drive.stands
    for _ in range(5):
        session.run("edit ip.tos=8 tcp.window=4000; go")
    session.run("break -d all; edit ip.ttl=9; go; sleep 1")
    assert session.err == ""
    assert "ttcp-r: 524288 bytes" in session.out
    assert session.lab["www"].ip.stat["badsum"] == session.lab["www"].tcp.stat["badsum"] == 0


def test_an_edited_segment_whose_header_has_been_read(session: Toys) -> None:
    session.run("break me tcp_do_segment; fetch http://www/; edit tcp.flags=RA; break -d all; go")
    assert "Connection refused" in session.err


def test_an_edited_window_is_heeded(session: Toys) -> None:
    session.run("break me tcp_do_segment; fetch -o /dev/null http://www/; edit tcp.window=3; break -d all")
    session.run("tcpdump -n -c 1 -i shmif0 src me and tcp & go; wait")
    assert "length 3: HTTP" in session.out


@pytest.mark.parametrize("field", ["tcp.dport=81", "tcp.sport=81", "ip.dst=gw", "ip.src=gw"])
def test_an_edit_after_the_connection_was_found(session: Toys, field: str) -> None:
    session.run("break me tcp_do_segment; fetch -o - http://www/")
    assert session.run(f"edit {field}") == 1
    assert session.err == "edit: its connection has been found already; stop it earlier, in tcp_input\n"
    session.run("break -d all; go")
    assert "Hello from www" in session.out


def test_an_edit_of_what_was_trimmed() -> None:
    tcp = Tcp(5001, 80, 7, 9, 20, TH_ACK, 4096).pack()
    m = Mbuf(b"data", tcp, Ip4Header(0, 44, 1, 0, 64, 6).pack())
    seg = Segment(m, int.from_bytes(m.net), 7, 9, TH_ACK, 4096)

    def function(self: object, tp: object, seg: Segment) -> None: ...

    def told_more(self: object, tp: object, seg: Segment, before: int) -> None: ...

    data = m.frame()[:-4] + b"atad"
    hand.change(Call(function, function, [None, None, seg]), data)  # type: ignore[arg-type]
    assert seg.data == m.data == b"atad" and seg.m is m
    with pytest.raises(ValueError, match="used already"):
        hand.change(Call(told_more, told_more, [None, None, seg, 1]), data)  # type: ignore[arg-type]
    seg.seq, seg.data = 8, seg.data[1:]
    with pytest.raises(ValueError, match="used already"):
        hand.change(Call(function, function, [None, None, seg]), data)  # type: ignore[arg-type]


def test_edited_data(session: Toys) -> None:
    session.run("break www ip_input if icmp; ping -c 1 -s 8 www; edit raw.load='much longer than it was'")
    session.run("packet | grep load; break -d all; go")
    assert "31 bytes from 203.0.113.80" in session.out


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("edit ip.ttk=1", "edit: ttk: no such field; there are version, ihl, tos, len, id, flags, frag, ttl, proto"),
        ("edit tcp.dport=1", "edit: tcp: there is no such layer in this packet; it has ether, ip, icmp, raw"),
        ("edit src=1.2.3.4", "edit: src: say which: ether.src, ip.src"),
        ("edit ip.ttl=300", "edit: ttl=300: "),
        ("edit ip.ttl=x", "edit: ttl=x: "),
        ("edit ip.dst=nowhere", "edit: nowhere: no address, and no host of the lab"),
        ("edit ip.dst=10.0.0.0/24", "edit: 10.0.0.0/24: no address, and no host of the lab"),
        ("edit ether.dst=1:2", "edit: 1:2: "),
        ("edit ip.flags=Q", "edit: flags=Q: "),
        ("edit ip.options=7", "edit: options=7: a list is wanted"),
        ("edit ip.ttl", "edit: ip.ttl: a field and its value are wanted, such as ip.ttl=1"),
    ],
)
def test_edits_that_cannot_be(session: Toys, line: str, complaint: str) -> None:
    session.run("break gw ip_input if icmp; ping -c 1 www; packet")
    before = session.out.partition("Ethernet")[2]
    assert session.run(line) != 0
    assert session.err.startswith(complaint)
    session.run("packet")
    assert session.out.partition("Ethernet")[2] == before
    assert session.run("break -d all; go") == 0


def test_a_packet_is_taken_out(session: Toys) -> None:
    session.run("break gw ip_input if icmp; ping -c 1 www; drop; break -d all")
    assert session.lab["gw"].ip.stat["stopped"] == 1
    assert session.run("drop") == 1
    assert session.err == "drop: no packet is in hand in ip_input; 'break' stops one\n"
    assert session.run("go; drops") == 0
    assert "gw         ip       stopped                  1  it was stopped in mid-air" in session.out


def test_a_frame_is_taken_out(session: Toys) -> None:
    session.run("arp -d gw; break gw ether_input if arp; ping -c 1 gw; drop; break -d all; go")
    assert session.lab["gw"].ether.stat["stopped"] == 1


def test_what_waits_behind_it_is_not_lost(session: Toys) -> None:
    """A burst of fragments: one is taken out, the others go on."""
    session.run("break www ip_input; ping -c 1 -s 4000 www; drop; break -d all; go")
    www = session.lab["www"].ip
    assert www.stat["stopped"] == 1
    assert www.total == 1 + 2  # the first ping, and the other fragments


def test_nothing_can_be_done_to_the_dead(session: Toys) -> None:
    session.run("break drop ttl; ping -T 1 -c 1 www")
    assert "break 1: dropped: ip/ttl, in gw ip_forward (stack/netinet/ip_input.py:" in session.out
    assert session.run("packet | wc -l") == 0
    assert session.run("edit ip.ttl=3") == session.run("drop") == 1
    assert session.err.count("nothing can be done to this packet any more") == 2
    session.run("go")
    assert "Time To Live exceeded" in session.out


def test_source_and_explain_know_where_it_has_stopped(session: Toys) -> None:
    session.run("break drop ttl; ping -T 1 -c 1 www; source | grep '^>'; explain")
    said = session.out
    assert ' self.drop("ttl", m)\n' in said
    assert "gw ip_forward (RFC 1812 5.3.1, BSD netinet/ip_input.c, ip_forward: ICMP_TIMXCEED_INTRANS)\n" in said
    assert "    A packet for somebody else, on its way through us. Here the packet" in said
    session.run("break -d all; break www icmp_input; go; ping -c 1 www; source | grep '^>'; explain")
    assert ">" in session.out
    assert session.run("break -d all; go; explain") == 2
    assert session.run("source") == 2


# -- drops and states ---------------------------------------------------------------------------------------------


def test_drops(session: Toys) -> None:
    session.run("break drop udp/noport if host www; traceroute -m 2 -q 1 www")
    assert [stop.partition(" (")[0] for stop in stops(session)] == ["break 1: dropped: udp/noport, in www udp_input"]


def test_states(session: Toys) -> None:
    session.run("break state www:80 ESTABLISHED; break state *:* time-wait; fetch -o /dev/null http://www/")
    first = stops(session)
    session.run("go; sleep 1; sleep 1")
    assert "SYN_RCVD -> ESTABLISHED, in www" in first[0]
    assert " -> TIME_WAIT, in " in stops(session)[0]
    assert session.run("go") == 0
    session.run("break | json")
    assert session.out.count('"hits": 1') == 2


# -- steps --------------------------------------------------------------------------------------------------------


def test_a_packet_step_by_step(session: Toys) -> None:
    session.run("break me ip_output if icmp; ping -c 1 www; break -d all")
    session.out  # noqa: B018
    way: list[str] = []
    while session.clock.drive.stands and len(way) < 30:
        session.run("step")
        found = stops(session)
        if not found:
            break
        way.append(found[0].removeprefix("step: ").partition(" (")[0])
    assert way == [
        "me ether_output", "me if_transmit", "bus:lan Bus.transmit", "bus:lan Bus._fly", "bus:lan Bus.deliver",
        "gw if_percpuq_enqueue", "gw ether_input", "gw ip_input", "gw ip_forward", "gw ether_output", "gw if_transmit",
        "bus:wan Bus.transmit", "bus:wan Bus._fly", "bus:wan Bus.deliver", "www if_percpuq_enqueue", "www ether_input",
        "www ip_input", "www icmp_input", "www icmp_reflect",
    ]  # fmt: skip
    session.run("go")
    assert "1 packets received" in session.out


def test_a_step_to_the_death(session: Toys) -> None:
    session.run("break gw ip_forward; ping -T 1 -c 1 www; step")
    assert stops(session)[-1].startswith("step: dropped: ip/ttl, in gw ip_forward")


def test_the_next_packet_that_comes_in_anywhere(session: Toys) -> None:
    session.run("ping -qc 1 www & pause; step packet")
    assert stops(session)[0].startswith("step: gw ether_input")
    session.run("step packet; go; wait")
    assert "1 packets received" in session.out


def test_step_packet_where_nothing_moves() -> None:
    session = Toys()
    assert session.run("step packet") == 1
    assert session.err == "step: nothing more can happen\n"


def test_events_and_time_are_counted_at_a_stop_too(session: Toys) -> None:
    session.run("break gw ip_input; ping -c 1 www; break -d all; step 1; packet")
    assert session.err == "packet: no packet is in hand; 'packet N' shows one that tcpdump has seen\n"
    assert session.clock.drive.state == "paused"
    session.run("step 10ms")
    assert "1 packets received" not in session.out
    session.run("go")
    assert "1 packets received" in session.out


def test_a_step_stops_at_a_breakpoint(session: Toys) -> None:
    session.run("ping www & pause; break www icmp_input")
    session.run("step 10s")
    assert stops(session)[0].startswith("break 1: www icmp_input")
    assert session.lab.callouts.now < 1


# -- while much flows ---------------------------------------------------------------------------------------------


def flood(session: Toys, rate: float = 1e-4) -> None:
    """Ten thousand packets a second, or as many as go."""
    session.run(f"ping -q -i {rate} www & sleep 100ms")


def answered(session: Toys) -> tuple[int, int]:
    return session.lab["www"].icmp.stat["reflect"], session.lab["gw"].ip.forwarded


def test_a_flood_stops_at_once_and_nothing_is_lost(session: Toys) -> None:
    flood(session)
    for _ in range(20):
        session.run("break gw ip_forward if icmp")
        session.run("sleep 1ms" if not session.clock.drive.stands else "go")
        assert session.clock.drive.stands
        before = answered(session)
        session.run("netstat -s; break -d all; edit ip.tos=4")
        assert answered(session) == before
        session.run("go; sleep 5ms")
    session.run("sleep 20ms; kill -INT %1; wait")
    said = session.out
    line = next(line for line in said.splitlines() if "packets transmitted" in line)
    sent, received = int(line.split()[0]), int(line.split()[3])
    assert sent > 1000
    assert sent - received <= 110  # what is on its way for 10.4 ms
    www, gw, me = (session.lab[name].ip for name in ("www", "gw", "me"))
    assert gw.forwarded == www.total + me.total or abs(gw.forwarded - www.total - me.total) <= 110
    assert not any(host.ip.stat["badsum"] for host in session.lab.hosts.values())


def test_packets_are_injected_while_it_stands(session: Toys) -> None:
    flood(session)
    for number in range(1, 6):
        session.run("break gw ip_forward if icmp; sleep 1ms")
        before = session.lab["www"].udp.stat["noport"]
        session.run('send -w 20ms shmif0 Ether()/IP(dst="www")/UDP(dport=33434)')
        assert session.clock.drive.stands
        assert session.lab["www"].udp.stat["noport"] == before == number - 1
        session.run("break -d all; go; sleep 20ms")
        assert session.lab["www"].udp.stat["noport"] == number
    session.run("kill -INT %1; wait")
    assert not any(host.ip.stat["badsum"] for host in session.lab.hosts.values())


def test_a_flood_in_real_time(session: Toys) -> None:
    session.run("clock real")
    flood(session)
    began = time.monotonic()
    session.run("break gw ip_forward if icmp")
    session.run("sleep 1")  # it is suspended at once
    assert session.clock.drive.stands
    assert time.monotonic() - began < 5
    before, now = answered(session), session.lab.callouts.now
    session.run("echo x | !sleep 0.05; arp -a")
    assert answered(session) == before
    assert session.lab.callouts.now == now
    session.run("drop; break -d all; go")
    session.run("kill -INT %1; sleep 50ms")
    assert session.lab["gw"].ip.stat["stopped"] == 1


# -- ends ---------------------------------------------------------------------------------------------------------


def code_is_as_it_was() -> bool:
    functions = [value for each in (Ip, IpOutput) for value in vars(each).values() if callable(value)]
    return not any(trap.trap_of(each) for each in functions if hasattr(each, "__code__"))


@pytest.mark.parametrize(
    "line",
    [
        "host -d gw", "load {file}", "kill %1", "link lan down", "gw ifconfig shmif1 destroy", "bus lan loss 100%",
        "exit",
    ],
)  # fmt: skip
def test_what_is_done_while_it_stands(session: Toys, line: str, tmp_path: Path) -> None:
    file = tmp_path / "lab.netsh"
    session.run(f"save {file}; break gw ip_forward; ping -c 1 www; {line.format(file=file)}; break -d all; go")
    session.end_jobs()
    assert session.jobs.running() == []
    assert code_is_as_it_was()
    assert not session.clock.drive.armed


def test_a_command_that_stands_in_mid_air_can_be_killed(session: Toys) -> None:
    session.run("break me ip_output; ping www; kill -KILL %1; jobs; go; jobs")
    assert session.jobs.running() == []
    assert code_is_as_it_was() is False
    session.run("break -d all")
    assert code_is_as_it_was()


def test_a_function_may_have_several_breakpoints(session: Toys) -> None:
    session.run("break gw ip_input if icmp; break gw ip_input if tcp; break www ip_input; break -d 1; ping -c 1 www")
    assert stops(session)[0].startswith("break 3: www ip_input")
    session.run("step")
    assert stops(session)[0].startswith("step: www icmp_input")


def test_traps_of_two_labs_do_not_meet(session: Toys) -> None:
    other = at_home()
    session.run("break gw ip_input")
    other.run("break gw ip_input; ping -c 1 www")
    assert other.clock.drive.stands
    assert not session.clock.drive.stands
    other.end_jobs()
    session.run("ping -c 1 www")
    assert session.clock.drive.stands


def test_two_listen_to_one_function() -> None:
    def function(x: int, y: int = 2) -> int:
        return x + y

    def double(call: Call) -> None:
        call.set("x", call.get("x") * 2)

    def take(call: Call) -> None:
        call.taken, call.value = True, -1

    trap.listen(function, double)  # type: ignore[arg-type]
    assert function(5) == 12
    trap.listen(function, take)  # type: ignore[arg-type]
    assert function(5, y=7) == -1
    trap.ignore(function, take)  # type: ignore[arg-type]
    assert function(5, y=7) == 17
    trap.ignore(function, double)  # type: ignore[arg-type]
    assert function(5) == 7
    assert trap.trap_of(function) is None  # type: ignore[arg-type]


def test_a_method_with_super_and_a_coroutine_are_trapped() -> None:
    class Base:
        def twice(self, x: int) -> int:
            return 2 * x

    class Derived(Base):
        def twice(self, x: int) -> int:
            return super().twice(x) + 1

    async def wait(x: int) -> int:
        return x

    heard: list[object] = []

    def hear(call: Call) -> None:
        heard.append(call.get("x"))

    for function in (Derived.twice, wait):
        assert trap.can_trap(function)  # type: ignore[arg-type]
        trap.listen(function, hear)  # type: ignore[arg-type]
    assert Derived().twice(4) == 9 and heard == [4]
    with pytest.raises(StopIteration) as stop:
        wait(5).send(None)
    assert stop.value.value == 5 and heard == [4, 5]
    for function in (Derived.twice, wait):
        trap.ignore(function, hear)  # type: ignore[arg-type]
    assert Derived().twice(4) == 9 and heard == [4, 5]
    assert inspect.iscoroutinefunction(wait)


def test_a_function_that_takes_other_names_from_around_it_is_not_trapped() -> None:
    seen: list[int] = []

    def function() -> None:
        seen.append(1)

    assert not trap.can_trap(function)  # type: ignore[arg-type]


def test_a_call_that_is_quiet_for_all_is_not_told() -> None:
    def function(x: int) -> int:
        return x

    told: list[object] = []

    def one(call: Call) -> None:
        told.append(("one", call.get("x")))

    def other(call: Call) -> None:
        told.append(("other", call.get("x")))

    trap.listen(function, one, quiet=lambda args: args[0] < 10)  # type: ignore[arg-type]
    assert [function(3), function(30)] == [3, 30] and told == [("one", 30)]
    told.clear()
    trap.listen(function, other)  # type: ignore[arg-type]
    assert function(3) == 3 and told == [("one", 3), ("other", 3)]  # who is told must look again
    trap.ignore(function, other)  # type: ignore[arg-type]
    told.clear()
    assert function(4) == 4 and not told
    trap.ignore(function, one)  # type: ignore[arg-type]
    assert trap.trap_of(function) is None  # type: ignore[arg-type]


# -- wrong words --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("break -d 1", "break: 1: no such breakpoint; there is none"),
        ("break -d", "break: -d: one number is wanted, or all"),
        ("break gw", "break: gw: a function of the stack is missing"),
        ("break drop", "break: drop: a reason is missing"),
        ("break gww ip_input", "break: gww: no such host (did you mean gw?)"),
        ("break gw ip_inptu", "break: ip_inptu: no such function in the stack (did you mean ip_input?)"),
        ("break gw Ip", "break: Ip: not a function that can be stopped"),
        ("break gw input", "break: input: there are "),
        ("break gw ip_input if", "break: if: a filter of tcpdump's is missing"),
        ("break gw ip_input if hots x", "break: can't parse filter expression: syntax error\n    hots x\n    ^"),
        ("break gw ip_input if host nobody", "break: unknown host 'nobody'; a filter knows the hosts of the lab"),
        ("break gw ip_input icmp", "break: icmp: one word too many; a filter stands behind `if`"),
        ("break gw tcp_output if tcp", "break: tcp_output: no packet is in hand where it begins, so no filter can"),
        ("break drop tttl", "break: tttl: no such drop (did you mean ttl?)"),
        ("break drop ip badsmu", "break: ip/badsmu: no such drop (did you mean ip/badsum?)"),
        ("break state me:80", "break: state: HOST:PORT and a state are wanted, such as me:80 ESTABLISHED"),
        ("break state me LISTEN", "break: me: a host and a port are wanted, such as me:80 or *:*"),
        ("break state me:0 LISTEN", "break: me:0: a host and a port are wanted, such as me:80 or *:*"),
        ("break state mee:80 LISTEN", "break: mee: no such host (did you mean me?)"),
        ("break state me:80 ESTABLISHD", "break: ESTABLISHD: no such state of TCP (did you mean ESTABLISHED?)"),
        ("break state me:80 QWERTZ", "break: QWERTZ: no such state of TCP (they are CLOSED, LISTEN, "),
        ("edit ttl=1", "edit: no packet is in hand; 'break' stops one"),
        ("drop", "drop: no packet is in hand; 'break' stops one"),
        ("packet", "packet: no packet is in hand; 'packet N' shows one that tcpdump has seen"),
    ],
)
def test_wrong_words(session: Toys, line: str, complaint: str) -> None:
    assert session.run(line) != 0
    said = session.err
    assert said.startswith(complaint)
    assert said.count("\n") == (3 if "syntax error" in complaint else 1)
    assert session.run("break") == 0
    assert session.out == ""
    assert code_is_as_it_was()


# -- served -------------------------------------------------------------------------------------------------------


def test_two_clients_of_a_served_lab(tmp_path: Path) -> None:
    with Served(tmp_path) as lab:
        assert lab.run("-c", "ping -qc 1 www; break gw ip_input if icmp").status == 0
        with lab.start("-c", "ping -c 1 -w 1 www; echo done") as ping:
            until(lambda: "stopped in ip_input on gw" in lab.run("-c", "clock").out)
            assert lab.run("-c", "packet | grep -c echo-request; edit ip.ttl=1").out == "1\n"
            assert lab.run("-c", "break -d all; go").status == 0
            assert ping.stdout is not None
            out = ping.stdout.read()
        assert "Time To Live exceeded" in out
        assert out.endswith("done\n")


def test_a_client_dies_whose_command_stands_in_mid_air(tmp_path: Path) -> None:
    with Served(tmp_path) as lab:
        with lab.begin("-c", "ping -i 0.1 www & ping -i 0.1 gw") as client:
            assert lab.run("-c", "break me ip_output if host gw").status == 0
            until(lambda: "stopped in ip_output on me" in lab.run("-c", "clock").out)
            client.kill()
        until(lambda: "ping -i 0.1 www" not in lab.run("-c", "ps").out)
        assert "ping -i 0.1 gw" in lab.run("-c", "ps").out
        assert lab.run("-c", "break -d all; go").status == 0
        until(lambda: "ping" not in lab.run("-c", "ps").out)
        assert lab.run("-c", "ping -qc 1 www").status == 0
        assert "internal error" not in lab.log


def test_a_lab_that_is_stopped_is_halted(tmp_path: Path) -> None:
    with Served(tmp_path) as lab:
        with lab.begin("-c", "ping -i 0.1 www") as client:
            assert lab.run("-c", "break me ip_output").status == 0
            until(lambda: "stopped in ip_output on me" in lab.run("-c", "clock").out)
            assert lab.run("-c", "halt").status == 0
            assert lab.process.wait(30) == 0
            client.wait(30)
        assert "internal error" not in lab.log
