"""A lab: hosts and their names, links, processes, and the knobs of each host (stack/lab.py, stack/kern/sysctl.py)."""

from __future__ import annotations

import errno

import pytest

from stack.addr import Ip4, Prefix
from stack.kern.proc import SIGINT, Channel, Interrupt, Proc, pause, tsleep
from stack.lab import Deadlock, Lab
from stack.net.wire import IDEAL, Personality
from tests.stack.labs import attach, ip4, pair, received, routed, settle, udp

# --- hosts ----------------------------------------------------------------------------------------------------


def test_a_new_host_has_a_loopback_and_nothing_else() -> None:
    lab = Lab()
    a = lab.add_host("a")
    assert lab["a"] is a and list(a.interfaces) == ["lo0"] and a.interfaces["lo0"].runs
    assert [str(rt.dst) for rt in a.routes] == ["127.0.0.1/32"]
    assert lab.callouts.next_due() is None  # and costs no time


@pytest.mark.parametrize("name", ["", "1", "-a", "_a", "a.b", "a b", "ä", "a/b", "a:b"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Lab().add_host(name)


def test_names_that_are() -> None:
    lab = Lab()
    for name in ("a", "A", "r1", "web-server_2"):
        lab.add_host(name)
    with pytest.raises(FileExistsError):
        lab.add_host("a")
    with pytest.raises(KeyError):
        lab.remove_host("b")


def test_names_are_addresses_the_nearest_first() -> None:
    lab, a, r, b = routed()
    assert lab.resolve("10.9.8.7", a) == ip4("10.9.8.7")
    assert (lab.resolve("r", a), lab.resolve("r", b)) == (ip4("10.0.1.254"), ip4("10.0.2.254"))
    assert (lab.resolve("b", a), lab.resolve("r")) == (ip4("10.0.2.1"), ip4("10.0.1.254"))
    assert (lab.resolve("localhost", a), lab.resolve("a", a)) == (ip4("127.0.0.1"), ip4("10.0.1.1"))
    assert (lab.resolve("R", b), lab.resolve("LocalHost", a)) == (ip4("10.0.2.254"), ip4("127.0.0.1"))
    for text in ("nobody", "10.0.0", "10.0.0.256", ""):
        with pytest.raises(FileNotFoundError):
            lab.resolve(text, a)
    bare = lab.add_host("bare")
    with pytest.raises(OSError) as caught:
        lab.resolve("bare", r)
    assert (caught.value.errno, lab.resolve("bare", bare)) == (errno.EADDRNOTAVAIL, ip4("127.0.0.1"))


def test_addresses_have_names() -> None:
    lab, _, r, _ = routed()
    r.set_address(r.interfaces["lo0"], ip4("192.0.2.1"), 32, alias=True)
    found = [lab.name_of(ip4(text)) for text in ("10.0.2.254", "192.0.2.1", "127.0.0.1", "127.0.0.2", "10.0.2.9")]
    assert found == ["r", "r", "localhost", None, None]


def test_a_host_that_goes_takes_its_processes_and_interfaces() -> None:
    lab, a, b = pair()
    closed: list[str] = []

    async def program(proc: Proc) -> int:
        proc.closers.append(lambda: closed.append(proc.hostname))
        await tsleep(Channel("ever"))
        return 0

    procs = [lab.spawn(host, ["program"], program) for host in (a, b)]
    settle(lab)
    lab.remove_host("b")
    settle(lab)
    assert closed == ["b"] and [proc.status for proc in procs] == [None, 137]
    assert list(lab.hosts) == ["a"] and len(lab.buses["lan"].ports) == 1 and list(lab.procs) == [procs[0].pid]


# --- links ----------------------------------------------------------------------------------------------------


def test_links_are_numbered_by_themselves_and_work() -> None:
    lab = Lab()
    a, b, c = (lab.add_host(name) for name in "abc")
    attach(lab, c, "other", "10.255.0.6", 30)  # somebody has the second already
    names = []
    for left, right in ((a, b), (b, c), (a, b)):
        ends = lab.link(left, right)
        names.append([str(end.addresses[0].address) for end in ends])
    assert list(lab.buses) == ["other", "a-b", "b-c", "a-b.2"]
    assert len({address for pair in names for address in pair}) == 6
    sink = udp(b, 9)
    for end in names[0][1], names[2][1]:
        udp(a).sendto(b"x", (ip4(end), 9))
    settle(lab)
    assert received(sink) == [b"x", b"x"]


def test_a_link_with_a_prefix_and_a_personality() -> None:
    lab = Lab()
    a, b = lab.add_host("a"), lab.add_host("b")
    one, other = lab.link(a, b, Prefix.parse("10.1.2.0/24"), Personality(delay=0.1))
    assert [str(end.addresses[0].address) for end in (one, other)] == ["10.1.2.1", "10.1.2.2"]
    assert lab.bus("a-b").personality.delay == 0.1
    one, other = lab.link(a, b, Prefix.parse("10.1.3.0/31"))
    assert [str(end.addresses[0].address) for end in (one, other)] == ["10.1.3.0", "10.1.3.1"]
    assert lab.bus("a-b.2").personality is IDEAL


def test_a_link_that_cannot_be_leaves_nothing_behind() -> None:
    lab = Lab()
    a, b = lab.add_host("a"), lab.add_host("b")
    attach(lab, a, "lan", "10.0.0.1")
    attach(lab, b, "lan", "10.0.1.2")
    settle(lab)
    before = [list(host.interfaces) for host in (a, b)], list(lab.buses), [len(host.routes) for host in (a, b)]
    for prefix, personality in (
        ("10.0.0.0/24", IDEAL),  # a has its first
        ("10.0.1.0/24", IDEAL),  # b has its second
        ("10.2.0.0/32", IDEAL),
        ("224.0.0.0/24", IDEAL),
        ("10.2.0.0/24", Personality(loss=2)),
    ):
        with pytest.raises((OSError, ValueError)):
            lab.link(a, b, Prefix.parse(prefix), personality)
        after = [list(host.interfaces) for host in (a, b)], list(lab.buses), [len(host.routes) for host in (a, b)]
        assert after == before


def test_a_host_may_be_linked_with_itself() -> None:
    lab = Lab()
    a = lab.add_host("a")
    one, other = lab.link(a, a)
    assert (one.name, other.name) == ("shmif0", "shmif1")


# --- processes and time -----------------------------------------------------------------------------------------


def test_processes_are_numbered_waited_for_and_killed() -> None:
    lab, a, _ = pair()

    async def program(proc: Proc) -> int:
        try:
            await pause(3600)
        except Interrupt:
            return 7
        return 0

    first, second = (lab.spawn(a, ["program"], program) for _ in range(2))
    assert second.pid == first.pid + 1
    settle(lab)
    lab.kill(first.pid, SIGINT)
    assert (lab.run_proc(first), lab.callouts.now, lab.run_proc(second), lab.callouts.now) == (7, 0, 0, 3600)
    with pytest.raises(ProcessLookupError):
        lab.kill(first.pid, SIGINT)


def test_a_wait_that_nothing_will_end() -> None:
    lab = Lab()
    host = lab.add_host("a")

    async def program(proc: Proc) -> int:
        await tsleep(Channel("godot"))
        return 0

    with pytest.raises(Deadlock, match="nothing more can happen"):
        lab.run_proc(lab.spawn(host, ["program"], program))


def test_a_closer_that_fails_does_not_keep_the_others_from_their_turn() -> None:
    lab = Lab()
    host = lab.add_host("a")
    closed: list[int] = []

    async def program(proc: Proc) -> int:
        proc.closers += [lambda: closed.append(1), lambda: 1 // 0, lambda: closed.append(3)]  # type: ignore[list-item]
        return 0

    proc = lab.spawn(host, ["program"], program)
    assert (lab.run_proc(proc), closed) == (0, [3, 1])
    assert isinstance(proc.failure, ZeroDivisionError)


# --- knobs ------------------------------------------------------------------------------------------------------


def test_a_knob_is_a_host_s_own_and_costs_nothing_until_it_is_turned() -> None:
    _, a, b = pair()
    assert a.sysctl.set("net.inet.ip.ttl", "99") == (64, 99)
    assert (a.sysctl.get("net.inet.ip.ttl"), b.sysctl.get("net.inet.ip.ttl")) == (99, 64)
    assert a.sysctl.default("net.inet.ip.ttl") == 64
    assert "default_ttl" not in vars(b.ip)


def test_every_knob_can_be_read_and_set_to_what_it_is() -> None:
    _, a, _ = pair()
    names = list(a.sysctl.walk())
    assert len(names) > 40 and names == list(dict.fromkeys(names))
    for name in names:
        value = a.sysctl.get(name)
        if a.sysctl.variable(name).writable:
            assert a.sysctl.set(name, str(value)) == (value, value), name
        else:
            with pytest.raises(PermissionError):
                a.sysctl.set(name, str(value))
    subtree = list(a.sysctl.walk("net.inet.icmp"))
    assert len(subtree) > 3 and all(name.startswith("net.inet.icmp.") for name in subtree)
    assert list(a.sysctl.walk("net.inet.ic")) == [] and list(a.sysctl.walk("kern.hostname")) == ["kern.hostname"]


@pytest.mark.parametrize("text", ["", "x", "-1", "256", "1.5", "64 ttl", "0"])
def test_values_that_a_knob_does_not_take(text: str) -> None:
    _, a, _ = pair()
    with pytest.raises(OSError) as caught:
        a.sysctl.set("net.inet.ip.ttl", text)
    assert (caught.value.errno, a.sysctl.get("net.inet.ip.ttl")) == (errno.EINVAL, 64)


def test_knobs_that_are_not_there() -> None:
    _, a, _ = pair()
    for name in ("net.inet.ip.nothing", "net", ""):
        with pytest.raises(FileNotFoundError):
            a.sysctl.get(name)
    assert a.sysctl.set("kern.hostname", "alpha") == ("a", "alpha") and a.hostname == "alpha" and a.name == "a"


def test_who_watches_packets_sees_each_once() -> None:
    lab, _, r, b = routed()
    sent: list[tuple[str, str]] = []
    got: list[tuple[str, str]] = []
    lab.probes.send += (lambda host, protocol, m: sent.append((host, protocol)),)
    lab.probes.receive += (lambda host, protocol, m: got.append((host, protocol)),)
    udp(b, 9)
    udp(lab["a"]).sendto(b"x", (Ip4(ip4("10.0.2.1")), 9))
    settle(lab)
    assert sent == [("a", "ip"), ("r", "ip")] and got == [("r", "ip"), ("b", "ip")]
    assert r.ip.forwarded == 1
