"""send: packets in scapy's notation, which is read and never evaluated; what is filled in; and who answers."""

from __future__ import annotations

import re
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether

from commands._send_layers import LAYERS
from commands._send_parse import Stack, Wrong, parse
from commands.send import Answered, Sent
from stack.dev import craft
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.wire import Personality
from tests.commands.labs import chain, pair
from tests.commands.runner import Answer, finish, run, start

# --- the notation -----------------------------------------------------------------------------------------------


def test_layers_and_values() -> None:
    stack = parse("""Ether()/IP(dst="a", ttl=-1, options=[("x", None), (1, 2.5)]) / Raw(b"\\x00" * 3) / 'end'""")
    assert [layer.name for layer in stack.layers] == ["Ether", "IP", "Raw", "Raw"]
    found = {each.name: each.value for each in stack.layers[1].settings}
    assert found == {"dst": "a", "ttl": -1, "options": [("x", None), (1, 2.5)]}
    assert [stack.layers[at].settings[0].value for at in (2, 3)] == [b"\0\0\0", b"end"]
    inner = parse("DNS(qd=DNSQR(qname='x'), an=[A()/B()])").layers[0].settings
    assert isinstance(inner[0].value, Stack)


@pytest.mark.parametrize(
    ("text", "words", "column"),
    [
        ("", "a layer is expected, such as IP(dst='10.0.0.1')", 0),
        ("IP", "IP: parentheses are missing: IP()", 0),
        ("IP()/TCP", "TCP: parentheses are missing: TCP()", 5),
        ("IP(dst=www)", "www: text stands in quotes, and names are those of layers", 7),
        ("IP('x')", "a field needs its name: IP(field=value)", 3),
        ("IP(**{})", "** is not known here", 3),
        ("IP(ttl=1 + 1)", "a number, a text, a list or a layer is expected", 7),
        ("IP(ttl=[x for x in y])", "a number, a text, a list or a layer is expected", 7),
        ("IP(ttl=(lambda: 1)())", "only names of layers can be called", 7),
        ("IP(ttl=a.b)", "a number, a text, a list or a layer is expected", 7),
        ("IP(ttl=f'{1}')", "a number, a text, a list or a layer is expected", 7),
        ("IP(ttl={1: 2})", "a number, a text, a list or a layer is expected", 7),
        ("os.system('x')", "only names of layers can be called", 0),
        ("IP()/3", "a layer or a text is expected behind /", 5),
        ("'x'/IP()", "a layer is expected, such as IP(dst='10.0.0.1')", 0),
        ("Raw('x' * 70000)", "longer than 65535 bytes", 4),
        ("Raw(load=3 * 3)", "only a text can be repeated, a number of times", 9),
        ("Raw(load='x' * 'y')", "only a text can be repeated, a number of times", 9),
        ("IP(dst='é')/TCP(a=b)", "b: text stands in quotes, and names are those of layers", 18),
        ("IP(" * 40 + ")" * 40, "a field needs its name: IP(field=value)", 3),
        ("IP(a=" * 40 + "1" + ")" * 40, "too deep", 105),
        ("IP()\nTCP()", "it stands on one line", 4),
        ("IP(a='" + "x" * 5000 + "')", "more than 4000 characters", 0),
    ],
)
def test_what_is_no_packet(text: str, words: str, column: int) -> None:
    with pytest.raises(Wrong) as caught:
        parse(text)
    assert (str(caught.value), caught.value.column) == (words, column)


@pytest.mark.parametrize("text", ["IP(a=1, a=2)", "IP(ttl=)", "IP(", "IP(dst='x)", "IP() TCP()", "IP()/", "IP(2=2)"])
def test_what_is_not_even_python(text: str) -> None:
    with pytest.raises(Wrong) as caught:
        parse(text)
    assert str(caught.value) and "\n" not in str(caught.value) and 0 <= caught.value.column <= len(text)


@given(st.text(max_size=40) | st.text("IPTCPRaw()/='\"[],.*10-\\ ", max_size=40))
def test_any_text_is_a_packet_or_a_clean_error(text: str) -> None:
    try:
        assert parse(text).layers
    except Wrong as wrong:
        assert str(wrong) and 0 <= wrong.column <= max(len(text.encode()), 0)


def test_the_layers_of_tab_are_scapys() -> None:
    known = craft.known()
    for name, (_, fields) in LAYERS.items():
        assert set(fields) <= {field.name for field in known[name].fields_desc}  # type: ignore[attr-defined]


# --- packets, and their answers ---------------------------------------------------------------------------------


def quiet(*names: str, delay: float = 0.001) -> Lab:
    lab = chain(*names, delay=delay)
    lab.run(10.0)
    return lab


def sent(answer: Answer) -> list[bytes]:
    return [bytes.fromhex(row.data) for row in answer.rows if isinstance(row, Sent)]


def test_a_frame_is_filled_in() -> None:
    lab = quiet("me", "gw", "www")
    answer = run(lab, "me", ["send", "me:shmif0", 'Ether()/IP(dst="www")/TCP(dport=80, flags="S")'])
    assert [re.sub(r"seq \d+", "seq _", line) for line in answer.lines] == [
        "sent 1: IP me.ftp-data > www.http: Flags [S], seq _, win 8192, length 0",
        "www answers 1 after 6.000 ms: IP www.http > me.ftp-data: Flags [R.], seq _, ack 1, win 0, length 0",
        "1 packet sent, 1 answered",
    ]
    frame = Ether(sent(answer)[0])
    ours, gateway = lab["me"].interfaces["shmif0"], lab["gw"].interfaces["shmif0"]
    assert (frame.src, frame.dst) == (str(ours.lladdr), str(gateway.lladdr))
    assert (frame[IP].src, frame[IP].dst, frame[IP].chksum) == ("10.0.0.1", "10.0.1.2", IP(bytes(frame[IP])).chksum)
    assert bytes(frame[TCP]) == bytes(IP(src="10.0.0.1", dst="10.0.1.2") / frame[TCP].copy())[20:]
    assert not any(ifp.taps for host in lab.hosts.values() for ifp in host.interfaces.values())


@pytest.mark.parametrize(
    ("expression", "who"),
    [
        ('IP(dst="www")/ICMP()', ["www"]),
        ('IP(dst="www", ttl=(1,3))/UDP(dport=33434)', ["gw", "www", "www"]),
        ('IP(dst="www")/TCP(dport=[80, 81], flags="S")', ["www", "www"]),
        ('IP(dst=["gw", "www", "me"])/ICMP()', ["gw", "www", "me"]),
        ('ARP(pdst="gw")', ["gw"]),
        ('Ether()/ARP(pdst="10.0.0.2")', ["gw"]),
        ('IP(dst="www", src="10.0.0.77")/ICMP()', []),
        ('IP(dst="127.0.0.1")/ICMP()/"hello"', ["localhost"]),
        ('Ether(type=0x88b5)/"any text"', []),
        ('shmif0 IP(dst="gw")/ICMP()', ["gw"]),
        ('IP(dst="gw")/Raw(b"x" * 3000)', ["gw"]),
        ('Ether()/IP(dst="gw")/ICMP(chksum=1)', []),
        ('Ether()/IP(dst="224.0.0.1")/ICMP()', []),
    ],
)
def test_who_answers(expression: str, who: list[str]) -> None:
    lab = quiet("me", "gw", "www")
    place, _, rest = expression.rpartition("shmif0 ")
    words = ["send", *([f"{place}shmif0"] if "shmif0" in expression else []), rest]
    answer = run(lab, "me", words)
    assert (answer.errors, answer.status) == ([], 0)
    found = [row for row in answer.rows if isinstance(row, Answered)]
    assert [row.host for row in sorted(found, key=lambda row: row.number)] == who
    assert answer.lines[-1].startswith(f"{len(sent(answer))} packet")


def test_another_hosts_interface_and_all_that_answer_a_broadcast() -> None:
    lab = quiet("me", "gw", "www")
    lab["me"].sysctl.set("net.inet.icmp.bmcastecho", "1")
    answer = run(lab, "www", ["send", "gw:shmif0", 'Ether()/IP(dst="10.0.0.255")/ICMP()'])
    assert [(row.host, row.number) for row in answer.rows if isinstance(row, Answered)] == [("me", 1)]
    assert [row.host for row in answer.rows if isinstance(row, Sent)] == ["gw"]


def test_rounds_and_waiting() -> None:
    lab = quiet("me", "gw", "www")
    begin = lab.callouts.now
    answer = run(lab, "me", ["send", "-c", "3", "-i", "100ms", 'IP(dst="www")/ICMP(id=7)'])
    times = [row.time for row in answer.rows if isinstance(row, Sent)]
    assert times == pytest.approx([begin, begin + 0.1, begin + 0.2])
    assert answer.lines[-1] == "3 packets sent, 3 answered"
    lab.buses["me-gw"].set(Personality(loss=1.0))
    begin = lab.callouts.now
    assert run(lab, "me", ["send", "-w", "2.5s", 'IP(dst="www")/ICMP()']).lines[-1] == "1 packet sent, none answered"
    assert lab.callouts.now - begin == pytest.approx(2.5)
    job = start(lab, "me", ["send", "-w", "100", "-c", "5", 'IP(dst="www")/ICMP()'])
    lab.callouts.schedule(1.5, lambda: job.proc.signal(SIGINT))
    assert finish(lab, job).lines[-1] == "2 packets sent, none answered"


@pytest.mark.parametrize(
    ("words", "complaint", "status"),
    [
        ([], "a packet is missing, such as IP(dst='10.0.0.1')/ICMP()", 2),
        (['IP(dst="x")'], 'x: not an address, and no host of the lab\n    IP(dst="x")\n           ^', 2),
        (["IP(src=['x'])"], "x: not an address, and no host of the lab\n    IP(src=['x'])\n           ^", 2),
        (["Ipp()"], "Ipp: no such layer (did you mean IP?)\n    Ipp()\n    ^", 2),
        (["IP(foo=1)"], "IP has no field foo\n    IP(foo=1)\n       ^", 2),
        (["IP()/TCP(sprt=1)"], "TCP has no field sprt (did you mean sport?)\n    IP()/TCP(sprt=1)\n             ^", 2),
        (["IP(ttl=999, dst='gw')"], "this does not fit into the field ttl\n    IP(ttl=999, dst='gw')\n           ^", 2),
        (["Ether(dst='z')"],
         "z: not a link address; one is six numbers such as 02:00:00:00:00:01\n    Ether(dst='z')\n              ^", 2),
        (["IP(dst='gw', ttl=(0, 255))/UDP(dport=(0, 65535))"],
         "these are more than 1000 packets\n    IP(dst='gw', ttl=(0, 255))/UDP(dport=(0, 65535))\n    ^", 2),
        (["TCP()"], "TCP does not go by itself; put Ether() or IP(dst=...) before it, and a /", 1),
        (["IP()"], "IP: it goes nowhere; IP(dst='10.0.0.1') says where", 1),
        (["lo0", "Ether()/IP(dst='gw')"], "lo0: it has no frames; leave Ether() out", 1),
        (["Ether()/IP(dst='10.0.0.9')"], "10.0.0.9: nobody says which link address it has; Ether(dst=...) would", 1),
        (["shmif7", "IP(dst='gw')"], "shmif7: no such interface on me; it has lo0, shmif0", 1),
        (["bus:me-gw", "IP(dst='gw')"], "bus:me-gw: a packet is sent from one interface, such as me:shmif0", 1),
        (["lo0", "IP(dst='gw')"], "10.0.0.2: no route to it through lo0", 1),
        (["-w", "x", "IP(dst='gw')"], "x: not a time; 1s is a second, 100ms a tenth of one", 2),
        (["-c", "0", "IP(dst='gw')"], "0: the count is between 1 and 2147483647", 2),
    ],
)  # fmt: skip
def test_words_that_make_no_sense(words: list[str], complaint: str, status: int) -> None:
    lab = quiet("me", "gw")
    answer = run(lab, "me", ["send", *words])
    assert (answer.err, answer.status) == (f"send: {complaint}\n", status)
    assert sent(answer) == []
    assert not any(ifp.taps for host in lab.hosts.values() for ifp in host.interfaces.values())


def test_an_interface_that_is_down_and_a_host_without_routes() -> None:
    lab = pair()
    run(lab, "a", "ifconfig shmif0 down")
    answer = run(lab, "a", ["send", "shmif0", "Ether()/IP(dst='10.0.0.2')"])
    assert answer.errors == ["send: shmif0: it is down; 'ifconfig shmif0 up', and a bus, make it run"]
    assert run(lab, "a", ["send", "IP(dst='10.9.9.9')"]).errors == ["send: 10.9.9.9: no route to it"]


FIELDS = st.sampled_from(["dst", "src", "ttl", "flags", "options", "id", "dport", "load", "seq", "type", "qd"])
VALUES = st.one_of(
    st.integers(-(2**40), 2**40), st.text(max_size=8), st.binary(max_size=8), st.none(), st.booleans(),
    st.lists(st.integers(0, 300) | st.text(max_size=3), max_size=3), st.tuples(st.integers(0, 9), st.integers(0, 9)),
)  # fmt: skip
MADE = st.lists(st.tuples(st.sampled_from(sorted(LAYERS)), st.dictionaries(FIELDS, VALUES, max_size=3)), min_size=1,
                max_size=4)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(MADE)
def test_any_packet_is_sent_or_refused_in_words(layers: list[tuple[str, dict[str, object]]]) -> None:
    lab = pair()
    text = "/".join(f"{name}({', '.join(f'{key}={value!r}' for key, value in f.items())})" for name, f in layers)
    answer = run(lab, "a", ["send", "-w", "0", "shmif0", text])
    assert answer.status == 0 or (answer.status in (1, 2) and answer.err.startswith("send: "))


def test_without_scapy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scapy.packet", None)
    answer = run(pair(), "a", ["send", "IP(dst='b')"])
    assert answer.status == 1 and "scapy" in answer.err
