"""tcpdump on a live lab: where it looks, what it counts, what it writes, and how it ends."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scapy.utils import PcapNgReader, rdpcap

from commands._tcpdump_core import Options
from commands._tcpdump_lines import Lines, Packet
from netsh.render.json_rows import json_of
from stack.dev.savefile import Loader, Packer
from stack.kern.proc import SIGINT, SIGKILL, SIGTERM
from stack.lab import Lab
from stack.net.bpf import Frame, Source
from stack.net.ifnet import IFF_PROMISC
from tests.commands import captures
from tests.commands.labs import attach, chain, pair
from tests.commands.runner import Answer, finish, run, start

HEARD = "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode"


def capture(
    lab: Lab, line: str, host: str = "a", *, during: str = "ping -n -c 2 10.0.0.2", end: int = SIGINT
) -> Answer:
    """Start tcpdump, let something happen, and end it."""
    job = start(lab, host, f"tcpdump {line}")
    lab.run(lab.callouts.now)
    run(lab, "a", during)
    job.proc.signal(end)
    return finish(lab, job)


def taps(lab: Lab) -> list[object]:
    """All that is attached to any interface or bus."""
    found = [tap for host in lab.hosts.values() for ifp in host.interfaces.values() for tap in ifp.taps]
    return [*found, *(tap for bus in lab.buses.values() for tap in bus.taps)]


def test_a_capture_from_beginning_to_end() -> None:
    lab = pair(delay=0.01)
    answer = capture(lab, "-n -i shmif0 icmp")
    assert answer.lines == [
        "00:00:00.010000 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 2, seq 0, length 64",
        "00:00:00.030000 IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 2, seq 0, length 64",
        "00:00:01.000000 IP 10.0.0.1 > 10.0.0.2: ICMP echo request, id 2, seq 1, length 64",
        "00:00:01.020000 IP 10.0.0.2 > 10.0.0.1: ICMP echo reply, id 2, seq 1, length 64",
    ]
    assert answer.errors == [
        HEARD,
        "listening on shmif0, link-type EN10MB (Ethernet), snapshot length 262144 bytes",
        "4 packets captured",
        "7 packets received by filter",
        "0 packets dropped by kernel",
    ]
    assert answer.status == 0
    assert taps(lab) == []


@pytest.mark.parametrize("end", [SIGINT, SIGTERM, SIGKILL])
def test_it_leaves_nothing_behind(end: int) -> None:
    lab = pair()
    for where in ("-i shmif0", "-i any", "--lab", "-i bus:a-b", "-i b:shmif0"):
        job = start(lab, "a", f"tcpdump {where}")
        lab.run(lab.callouts.now)
        assert taps(lab)
        assert bool(lab["a"].interfaces["shmif0"].flags & IFF_PROMISC) is (where == "-i shmif0")
        job.proc.signal(end)
        lab.run(lab.callouts.now)
        assert job.proc.status is not None
        assert taps(lab) == []
        assert not lab["a"].interfaces["shmif0"].flags & IFF_PROMISC


def test_promiscuous_or_not() -> None:
    lab = pair()
    for name, address in (("c", "10.0.0.3"), ("d", "10.0.0.4")):
        run(lab, name, "sysctl -q -w net.inet.ip.dad_count=0")
        run(lab, name, f"ifconfig shmif0 create linkstr a-b {address}/24")
    lab.run(5)
    run(lab, "c", "ping -c 1 10.0.0.4")
    assert len(capture(lab, "-n -q icmp", "b", during="ping -c 1 10.0.0.3").lines) == 2
    assert capture(lab, "-n -q -p icmp", "b", during="ping -c 1 10.0.0.3").lines == []


def test_a_bus_shows_each_frame_once_and_those_who_join_later() -> None:
    lab = pair()
    job = start(lab, "b", "tcpdump -n -q -t -i bus:a-b ip")
    lab.run(lab.callouts.now)
    run(lab, "c", "ifconfig shmif0 create linkstr a-b 10.0.0.3/24")
    lab.run(5)
    run(lab, "c", "ping -n -c 1 10.0.0.1")
    run(lab, "c", "ifconfig shmif0 destroy")
    job.proc.signal(SIGINT)
    assert finish(lab, job).lines == [
        "IP 10.0.0.3 > 10.0.0.1: ICMP echo request, id 3, seq 0, length 64",
        "IP 10.0.0.1 > 10.0.0.3: ICMP echo reply, id 3, seq 0, length 64",
    ]


def test_the_whole_lab_says_where() -> None:
    lab = chain("a", "r", "b")
    lab.run(1)
    run(lab, "a", "ping -c 1 10.0.1.2")
    answer = capture(lab, "--lab -n -t -q icmp", during="ping -n -c 1 10.0.1.2")
    ways = [
        "a:shmif0 Out", "r:shmif0 In ", "r:shmif1 Out", "b:shmif0 In ",
        "b:shmif0 Out", "r:shmif1 In ", "r:shmif0 Out", "a:shmif0 In ",
    ]  # fmt: skip
    assert [line[:12] for line in answer.lines] == ways
    assert "listening on the whole lab, link-type EN10MB (Ethernet) and NULL (BSD loopback)" in answer.err


@pytest.mark.parametrize(
    ("where", "seen"),
    [
        ("--lab", {"c:shmif0", "c:lo0", "a:shmif1"}),
        ("-i any", {"shmif1"}),
        ("-i a:any", {"shmif1"}),
        ("-i b:any", set()),
        ("-i shmif0", set()),
    ],
)
def test_interfaces_that_are_made_later(tmp_path: Path, where: str, seen: set[str]) -> None:
    lab = pair()
    job = start(lab, "a", f"tcpdump {where} -nt icmp")
    writer = start(lab, "a", f"tcpdump {where} -w {tmp_path}/x.pcapng icmp")
    lab.run(lab.callouts.now)
    attach(lab, "c", "new", "10.9.0.1")
    attach(lab, "a", "new", "10.9.0.2")
    run(lab, "c", "ping -c 1 10.9.0.2")
    run(lab, "c", "ping -c 1 localhost")
    for each in (job, writer):
        each.proc.signal(SIGINT)
        finish(lab, each)
    assert {line.split()[0] for line in job.answer.lines} == seen
    again = run(lab, "a", f"tcpdump -nt -r {tmp_path}/x.pcapng")
    assert len(again.lines) == len(job.answer.lines)
    assert again.err.startswith("reading from file")
    assert lab.probes.attach == ()
    attach(lab, "d", "new", "10.9.0.3")
    assert lab["d"].interfaces["shmif0"].taps == ()


def test_loopback_and_any_of_another_host() -> None:
    lab = pair()
    answer = capture(lab, "-n -t -e -q -i lo0", during="ping -n -c 1 127.0.0.1")
    assert answer.lines[0] == "IPv4, length 88: 127.0.0.1 > 127.0.0.1: ICMP echo request, id 2, seq 0, length 64"
    assert "link-type NULL (BSD loopback)" in answer.err
    answer = capture(lab, "-n -t -q -i b:any icmp", during="ping -n -c 1 10.0.0.2")
    assert answer.lines[0].startswith("b:shmif0 In  IP 10.0.0.1 > 10.0.0.2")


def test_names_of_hosts_in_filters_and_lines() -> None:
    lab = chain("a", "r", "b")
    lab.run(1)
    answer = capture(lab, "-t -i shmif0 src host a and not r", during="ping -n -c 1 10.0.1.2")
    assert answer.lines[-1].startswith("IP a > b: ICMP echo request")
    assert capture(lab, "-t -i shmif0 host r", during="ping -n -c 1 10.0.1.2").lines == []
    assert len(capture(lab, "-t -i shmif0 host r", during="ping -n -c 1 10.0.0.2").lines) == 2
    assert capture(lab, "-i shmif0 host nobody").errors == [
        "tcpdump: unknown host 'nobody'; a filter knows the hosts of the lab, and addresses"
    ]


def test_it_stops_after_so_many() -> None:
    lab = pair()
    job = start(lab, "a", "tcpdump -c 3 -n -q -#")
    run(lab, "a", "ping -n -c 9 -f 10.0.0.2")
    answer = finish(lab, job)
    assert answer.errors[1].startswith("listening on shmif0, ")  # the first that is no loopback
    assert [line[:7] for line in answer.lines] == ["    1  ", "    2  ", "    3  "]
    assert answer.errors[2] == "3 packets captured"


def test_what_finds_no_room_is_counted() -> None:
    lab = pair()
    job = start(lab, "a", "tcpdump -B 1 -n -q icmp")
    lab.run(lab.callouts.now)
    run(lab, "a", "ping -s 900 -l 5 -c 5 -n 10.0.0.2")
    job.proc.signal(SIGINT)
    answer = finish(lab, job)
    counts = [int(line.split()[0]) for line in answer.errors[2:]]
    assert counts[0] == len(answer.lines) and counts[2] > 0 and counts[0] + counts[2] == 20


# --- files ----------------------------------------------------------------------------------------------


def saved(path: Path) -> tuple[list[Frame], list[Source]]:
    """What is in a file, which must be whole."""
    loader = Loader()
    frames = list(loader.feed(path.read_bytes()))
    loader.end()
    return frames, list(loader.sources)


@pytest.mark.parametrize("end", [SIGINT, SIGTERM, SIGKILL])
@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng"])
def test_a_file_has_everything_however_it_ends(tmp_path: Path, name: str, end: int) -> None:
    lab = pair()
    path = tmp_path / name
    job = start(lab, "a", f"tcpdump -i shmif0 -w {path}")
    lab.run(lab.callouts.now)
    ping = start(lab, "a", "ping -n -c 3 -i 0.1 10.0.0.2")
    sent = lab["a"].interfaces["shmif0"]
    before = sent.ipackets + sent.opackets
    lab.run(lab.callouts.now + 0.15)
    assert len(saved(path)[0]) == sent.ipackets + sent.opackets - before > 0  # it can be read while it grows
    finish(lab, ping)
    job.proc.signal(end)
    finish(lab, job)
    frames, _ = saved(path)
    assert len(frames) == sent.ipackets + sent.opackets - before
    assert len(rdpcap(str(path))) == len(frames)


def test_pcapng_knows_interfaces_directions_and_nanoseconds(tmp_path: Path) -> None:
    lab = pair(delay=0.000_000_123)
    path = tmp_path / "x.pcapng"
    capture(lab, f"--lab -w {path}", during="ping -n -c 1 10.0.0.2")
    frames, sources = saved(path)
    assert [str(source) for source in sources] == ["a:lo0", "a:shmif0", "b:lo0", "b:shmif0"]
    assert [source.linktype for source in sources] == [0, 1, 0, 1]
    echo = [frame for frame in frames if frame.length == 98]
    assert [(str(sources[frame.source]), frame.outgoing) for frame in echo] == [
        ("a:shmif0", True), ("b:shmif0", False), ("b:shmif0", True), ("a:shmif0", False),
    ]  # fmt: skip
    assert echo[1].time - echo[0].time == 123
    with PcapNgReader(str(path)) as reader:
        assert [packet.sniffed_on for packet in reader] == [str(sources[frame.source]) for frame in frames]
    lines = run(lab, "a", f"tcpdump -n -t -q -r {path} icmp").lines
    assert lines[0].startswith("a:shmif0 Out IP 10.0.0.1 > 10.0.0.2")


def test_what_was_shown_and_what_was_written_are_the_same(tmp_path: Path) -> None:
    lab = pair()
    path = tmp_path / "x.pcap"
    writer = start(lab, "a", f"tcpdump -i shmif0 -w {path}")
    shown = capture(lab, "-n -v -X -i shmif0 -tt")
    writer.proc.signal(SIGINT)
    finish(lab, writer)
    assert run(lab, "a", f"tcpdump -n -v -X -tt -r {path}").out == shown.out != b""


def test_standard_output_and_input(tmp_path: Path) -> None:
    lab = pair()
    (tmp_path / "x.pcap").write_bytes(capture(lab, "-i shmif0 -w -").out)
    assert len(rdpcap(str(tmp_path / "x.pcap"))) == len(saved(tmp_path / "x.pcap")[0]) > 3
    mixed = capture(lab, "-i any -w -").out
    assert mixed.startswith(b"\n\r\r\n")
    assert len(run(lab, "a", "tcpdump -n -r -", stdin=mixed).lines) == 4
    (tmp_path / "any").write_bytes(mixed)
    (tmp_path / "two").write_bytes(run(lab, "a", "tcpdump -n -c 2 -r - -w -", stdin=mixed).out)
    assert saved(tmp_path / "two") == (saved(tmp_path / "any")[0][:2], saved(tmp_path / "any")[1])


def test_from_a_file_to_a_file(tmp_path: Path) -> None:
    frames = captures.frames(captures.udp)
    captures.write(tmp_path / "in.pcap", frames)
    for name in ("out.pcap", "out.pcapng"):
        run(Lab(), "a", f"tcpdump -r {tmp_path}/in.pcap -w {tmp_path}/{name} greater 60")
        kept, _ = saved(tmp_path / name)
        assert [(frame.time, frame.data) for frame in kept] == [
            (frame.time, frame.data) for frame in frames if frame.length >= 60
        ]  # fmt: skip


def test_only_so_many_bytes_are_kept(tmp_path: Path) -> None:
    lab = pair()
    capture(lab, f"-s 40 -w {tmp_path}/x.pcap -i shmif0 icmp")
    frames, _ = saved(tmp_path / "x.pcap")
    assert {(len(frame.data), frame.length) for frame in frames} == {(40, 98)}


def test_a_full_disk_ends_it_with_one_line_and_a_whole_file() -> None:
    answer = run(pair(), "a", "tcpdump -i shmif0 -w /dev/full")
    assert (answer.errors, answer.status) == (["tcpdump: /dev/full: No space left on device"], 1)


# --- bad input ------------------------------------------------------------------------------------------

BAD = [
    ("-i shmif9", 1, "shmif9: no such interface on a; it has lo0, shmif0"),
    ("-i nobody:shmif0", 1, "nobody: no such host"),
    ("-i bus:none", 1, "none: no such bus; there are a-b"),
    ("-i any --lab", 2, "--lab is all interfaces, -i is one"),
    ("-i any -r x", 2, "-r reads a file"),
    ("-r x -w x", 2, "x: -r and -w cannot name the same file"),
    ("-c 0", 2, "0: the packet count is between 1 and 2147483647"),
    ("-c many", 2, "many: not a number"),
    ("-s 262145", 2, "the snapshot length is between 0 and 262144"),
    ("-B 0", 2, "the size in KiB is between 1 and"),
    ("-Z", 2, "unknown option -- Z"),
    ("tcp prot 80", 1, "can't parse filter expression: syntax error"),
    ("port 99999", 1, "illegal port number 99999"),
    ("host 10.0.0.256", 1, "invalid IPv4 address"),
    ("net 10.0.0.1/8", 1, "non-network bits set"),
    ("-i lo0 ether host 02:00:00:00:00:01", 1, "ethernet addresses supported only on"),
    ("'icmp and ('", 1, "syntax error"),
    ("-d host nobody", 1, "unknown host 'nobody'"),
    ("-w /nowhere/x.pcap", 1, "/nowhere/x.pcap: No such file or directory"),
    ("-w /", 1, "/: Is a directory"),
    ("-i any -w /tmp/x.pcap", 1, "Ethernet and loopback do not go into one pcap file"),
    ("-r /nowhere", 1, "/nowhere: No such file or directory"),
    ("-r /", 1, "/: Is a directory"),
]


@pytest.mark.parametrize(("words", "status", "text"), BAD, ids=[words for words, _, _ in BAD])
def test_bad_words_get_one_line(words: str, status: int, text: str) -> None:
    lab = pair()
    answer = run(lab, "a", f"tcpdump {words}", interrupt=1.0)
    assert (answer.status, answer.out) == (status, b"")
    assert text in answer.errors[0]
    assert len(answer.errors) == 1 or (len(answer.errors) == 3 and answer.errors[2].strip() == "^")
    assert taps(lab) == []


@pytest.mark.parametrize(
    ("filter", "at"),
    [
        ("hots 1.2.3.4", 0), ("ip and hots b", 7), ("tcp port", 8), ("tcp port 80 or", 14),
        ("host 1.2.3.4 port 80", 13),
        ("(tcp or udp", 11), ("tcp[13] & 2", 11), ("tcp[13 = 2", 7), ("ip and and tcp", 7), ("port 99999", 5),
        ("ip[0] == == 3", 9), ("tcp) and ip", 3), ("less x", 5), ("src or dst host", 4), ("ether host 1.2", 11),
        ("tcp-syn", 0), ("ip proto \\nobody", 9), ("not", 3), ("ip[", 3), ("&", 0), ("port 80 and icmp6x", 12),
    ],
)  # fmt: skip
def test_a_mark_below_where_a_filter_makes_no_sense(filter: str, at: int) -> None:
    answer = run(pair(), "a", ["tcpdump", "-c", "1", filter], interrupt=1.0)
    assert answer.status == 1
    assert [line[4:].find("^") for line in answer.errors[2:]] == [at]


def cut_files() -> Iterator[tuple[str, bytes, int, str]]:
    """Files that are not whole, how many packets can be read, and what is said."""
    whole = file_of_three("pcap")
    newer = file_of_three("pcapng")
    section = newer[: int.from_bytes(newer[4:8], "little")]
    yield "empty", b"", 0, "truncated dump file; tried to read 4 file header bytes, only got 0"
    yield "three bytes", whole[:3], 0, "truncated dump file; tried to read 4 file header bytes, only got 3"
    yield "half a header", whole[:20], 0, "truncated dump file; tried to read 24 file header bytes, only got 20"
    yield "half a record", whole[:-50], 2, "truncated dump file; tried to read 98 captured bytes, only got 48"
    yield "a record's begin", whole[: 24 + 114 + 7], 1, "truncated dump file; tried to read 16 header bytes, only got 7"
    yield "half a block", newer[:-50], 2, "truncated pcapng dump file"
    yield "no capture", b"this is a text, and no capture\n", 0, "unknown file format"
    yield "an impossible length", whole[:32] + b"\xff\xff\xff\x7f" + whole[36:], 0, "invalid packet capture length"
    yield "another link type", whole[:20] + b"\x69\0\0\0" + whole[24:], 0, "link type 105 cannot be shown"
    yield "blocks of nothing", section + bytes(64), 0, "impossible length: 0"
    yield "a stranger's packet", section + newer[-132:], 0, "interface 0, which the file does not describe"


def file_of_three(kind: str) -> bytes:
    """A file of three pings."""
    source = Source("", "", 1)
    echo = bytes.fromhex("0200000000020200000000010800450000540001000040010000") + bytes(72)
    packer = Packer([source], newer=kind == "pcapng")
    return packer.head + b"".join(packer.pack(Frame(at, 0, None, echo, len(echo))) for at in range(3))


@pytest.mark.parametrize(("name", "data", "packets", "text"), list(cut_files()), ids=[each[0] for each in cut_files()])
def test_bad_files_show_what_can_be_read_and_then_one_line(
    tmp_path: Path, name: str, data: bytes, packets: int, text: str
) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    answer = run(Lab(), "a", f"tcpdump -n -r {path}")
    assert (answer.status, len(answer.lines)) == (1, packets)
    errors = [line for line in answer.errors if not line.startswith("reading from file")]
    assert len(errors) == 1 and text in errors[0]


def test_no_bytes_at_all_make_a_traceback() -> None:
    """Every packet of every kind, cut anywhere and with every byte in turn turned over."""
    lines = Lines(Options(True, True, 3), lambda _: None)
    sources = [Source("", "", 1)]
    for kind in captures.KINDS:
        for frame in captures.frames(kind)[::7]:
            for at in range(0, len(frame.data), 3):
                data = frame.data[:at] + bytes([frame.data[at] ^ 0xFF]) + frame.data[at + 1 :]
                lines.row(frame._replace(data=data), sources)
                lines.row(frame._replace(data=frame.data[:at]), sources)


WORDS = r"""
    -n -e -v -vv -q -S -t -tttt -x -XX -A -# -c 1 -c0 -s 9 -B -p -l -U -d -ddd -D -r - -w -i any lo0 shmif0 a:shmif0
    bus:a-b bus: : a: --lab -- host a b nobody 10.0.0.1 10.0.0.0/8 port 80 http tcp udp icmp arp and or not ( ) [ ] !
    && ip[0] ether proto \icmp vlan ip broadcast len > 5 = $ é
"""  # fmt: skip


ANYTHING = st.text(st.characters(exclude_categories=["C", "Zl", "Zp"]), max_size=5)  # an error stays one line


@given(st.lists(st.sampled_from(WORDS.split()) | ANYTHING, max_size=7))
@settings(max_examples=150, deadline=None)
def test_any_words_get_an_answer(words: list[str]) -> None:
    if any(word.startswith("-") and {"w", "r"} & set(word) for word in words):
        words = [word for word in words if not word.startswith("-")]  # files of any name are not to be made
    lab = pair()
    answer = run(lab, "a", ["tcpdump", *words], interrupt=1.0)
    assert answer.status in (0, 1, 2)
    assert answer.status == 0 or (len(answer.errors) in (1, 3) and answer.errors[0].startswith("tcpdump: "))
    assert taps(lab) == []


@given(st.sampled_from(["pcap", "pcapng"]), st.data())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_file(kind: str, data: st.DataObject) -> None:
    whole = bytearray(file_of_three(kind))
    for _ in range(data.draw(st.integers(0, 4))):
        at = data.draw(st.integers(0, len(whole) - 1))
        whole[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=9))
    loader = Loader()
    cut = data.draw(st.integers(0, len(whole)))
    try:
        for piece in (bytes(whole[:cut]), bytes(whole[cut:])):
            for frame in loader.feed(piece):
                assert frame.source < len(loader.sources)
        loader.end()
    except ValueError as error:
        assert str(error)


def test_every_packet_of_sixty_thousand(tmp_path: Path) -> None:
    """At full speed the wire's count, the file's, and the closing line agree."""
    lab = pair()
    path = tmp_path / "x.pcapng"
    job = start(lab, "a", f"tcpdump -i bus:a-b -w {path}")
    server = start(lab, "b", "ttcp -r -s -u")
    lab.run(lab.callouts.now)
    run(lab, "a", "ttcp -t -s -u -l 512 -n 60000 10.0.0.2")
    sent = sum(lab[name].interfaces["shmif0"].opackets for name in "ab") - 2  # both had told of their addresses before
    job.proc.signal(SIGINT)
    server.proc.signal(SIGINT)
    answer = finish(lab, job)
    assert sent > 60000
    assert answer.errors[1:] == [
        f"{sent} packets captured", f"{sent} packets received by filter", "0 packets dropped by kernel",
    ]  # fmt: skip
    assert len(saved(path)[0]) == sent


def test_rows_are_data_too() -> None:
    lab = pair()
    rows = [row for row in capture(lab, "-n -x -i any icmp").rows if isinstance(row, Packet)]
    found = json.loads(json_of(rows[0]))
    assert found["host"] == "a" and found["interface"] == "shmif0" and found["direction"] == "out"
    assert (found["source"], found["destination"], found["protocol"]) == ("10.0.0.1", "10.0.0.2", "ICMP")
    assert found["length"] == 98 and len(bytes.fromhex(found["data"])) == 98
    listed = run(lab, "a", "tcpdump -D")
    assert listed.lines == ["1.lo0 [Up, Running, Loopback]", "2.shmif0 [Up, Running]"]
