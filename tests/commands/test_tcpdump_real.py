"""What our tcpdump says of a capture is what the real one says, line for line (tcpdump 4.99 of Debian).

The captures have all that our stack says, several megabytes of it, made anew in virtual time; every kind of packet that
scapy can make, whole and cut; and, over a TAP, what Linux says (tests/interop/test_tcpdump.py).  What is left out is
where we differ on purpose, and why:

- protocols that nobody here speaks are named, not taken apart: GRE, OSPF, SCTP, DHCP, SNMP, LLDP and the like;
- without -n the names are those of the lab, not of the machine's name service, and addresses of Ethernet have no
  `(oui Unknown)`;
- a file with several interfaces says which, where the real one cannot read it, or does not say.
"""

from __future__ import annotations

import difflib
import shutil
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from commands._tcpdump_lines import DLT_RAW
from stack.kern.proc import SIGINT
from stack.lab import Lab
from stack.net.bpf import DLT_NULL
from stack.net.wire import Personality
from tests.commands import captures
from tests.commands.labs import chain
from tests.commands.runner import finish, run, start

TCPDUMP = shutil.which("tcpdump") or "/usr/sbin/tcpdump"
pytestmark = pytest.mark.skipif(not Path(TCPDUMP).exists(), reason="the real tcpdump is not installed")

OPTIONS = (
    "-n", "-ne", "-nv", "-nvv", "-nvvve", "-nq", "-neq", "-nS", "-nx", "-nxxe", "-nX", "-nXX", "-nA", "-nAA", "-n#tttt",
    "-ntt", "-nttt", "-nttttt", "-nt",
)  # fmt: skip


def differences(path: Path, options: str, *words: str) -> list[str]:
    """Where the two differ; the real one is the first."""
    line = [options, "-r", str(path), *words]
    real = subprocess.run([TCPDUMP, *line], capture_output=True, text=True, errors="replace", check=False)
    ours = run(Lab(), "me", ["tcpdump", *line])
    theirs, said = real.stdout.splitlines(), ours.text.split("\n")[:-1]
    if theirs == said:  # difflib takes long over many lines that are the same
        return []
    return list(difflib.unified_diff(theirs, said, "tcpdump", "ours", lineterm="", n=0))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_packet(tmp_path: Path, kind: Any, options: str) -> None:
    captures.write(tmp_path / "x.pcap", captures.frames(kind))
    assert differences(tmp_path / "x.pcap", options) == []


@pytest.mark.parametrize("snaplen", [12, 15, 20, 34, 40, 50, 60, 68, 80])
@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_packets_that_were_not_kept_whole(tmp_path: Path, kind: Any, snaplen: int) -> None:
    captures.write(tmp_path / "x.pcap", captures.cut(captures.frames(kind), snaplen))
    assert not differences(tmp_path / "x.pcap", "-nv")
    assert differences(tmp_path / "x.pcap", "-nxxe") == []


@pytest.mark.parametrize("options", OPTIONS)
def test_loopback_and_bare_packets(tmp_path: Path, options: str) -> None:
    packets = [frame for kind in (captures.udp, captures.tcp, captures.ip6) for frame in captures.frames(kind)]
    bare = [frame._replace(data=frame.data[14:], length=frame.length - 14) for frame in packets]
    captures.write(tmp_path / "raw.pcap", bare, DLT_RAW)
    assert differences(tmp_path / "raw.pcap", options) == []
    for order in ("little", "big"):
        heads = [(2 if frame.data[0] >> 4 != 6 else 24).to_bytes(4, order) for frame in bare]
        pairs = zip(heads, bare, strict=True)
        null = [frame._replace(data=head + frame.data, length=frame.length + 4) for head, frame in pairs]
        captures.write(tmp_path / "null.pcap", [*null, null[0]._replace(data=b"\x63\0\0\0who knows")], DLT_NULL)
        assert differences(tmp_path / "null.pcap", options) == []


BUSY = """
a ping -n -c 3 -s 4000 10.0.1.2
a ping -R -c 2 10.0.1.2
a ping -g r -c 2 10.0.1.2
a traceroute -n 10.0.1.2
a traceroute -I -n 10.0.1.2
a ping -c 1 -T 1 10.0.1.2
a ping -c 2 127.0.0.1
a nc -z 10.0.1.2 99
a nc -u -w 1 10.0.1.2 9
b httpd &
a fetch -o - http://10.0.1.2/
a fetch -o - http://10.0.1.2/none
a sysctl -q -w net.inet.tcp.ecn.enable=1
b sysctl -q -w net.inet.tcp.ecn.enable=1
b ttcp -r -s &
a ttcp -t -s -n 200 10.0.1.2
a routed &
r routed &
b routed &
a rtquery 10.0.0.2
r ifconfig bridge0 create
r brconfig bridge0 add shmif0 stp shmif0 up
a ping -c 30 10.0.0.2
a ifconfig vlan0 create
a ifconfig vlan0 vlan 5 vlanif shmif0
a ifconfig vlan0 10.5.0.1/24 up
a ping -c 1 10.5.0.2
"""
SEEN = (
    "Request who-has", "echo reply", "RIPv2, Response", "STP 802.1d, Config", "time exceeded", "udp port", "sack 1 {",
    "RR 10.0.0.1", "LSRR", "offset 1480", "ECT(0)", "CE,", "[S.E]", "[.E]", ".W]", "HTTP/1.1 200 OK", "404", "igmp v",
    "Flags [R.]",
)  # fmt: skip


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of all that our own stack says, over a wire that loses and marks."""
    folder = tmp_path_factory.mktemp("busy")
    lab = chain("a", "r", "b")
    lab.run(1)
    for bus in lab.buses.values():
        bus.set(Personality(delay=0.002, loss=0.02, rate=2e7, queue=20, ecn=5))
    places = [*(f"bus:{name}" for name in lab.buses), "lo0"]
    jobs = [start(lab, "a", f"tcpdump -i {place} -w {folder}/{at}.pcap") for at, place in enumerate(places)]
    for line in BUSY.strip().splitlines():
        host, _, command = line.partition(" ")
        job = start(lab, host, command.removesuffix(" &"), stdin=b"hello")
        if not line.endswith("&"):
            lab.callouts.schedule(60, partial(job.proc.signal, SIGINT))
            finish(lab, job)
        else:
            lab.run(lab.callouts.now + 1)
    for job in jobs:
        job.proc.signal(SIGINT)
        finish(lab, job)
    return folder


def test_our_own_stack_says_everything(busy: Path) -> None:
    files = [str(busy / f"{at}.pcap") for at in range(3)]
    text = "".join(run(Lab(), "me", ["tcpdump", "-nv", "-r", file]).text for file in files)
    assert [words for words in SEEN if words not in text] == []
    assert sum(Path(file).stat().st_size for file in files) > 3_000_000
    assert any("vlan 5" in line for line in run(Lab(), "me", ["tcpdump", "-ne", "-r", files[0]]).lines)


@pytest.mark.parametrize("options", ["-n", "-ne", "-nv", "-nS", "-nx", "-nevv", "-nX", "-nA", "-nq"])
@pytest.mark.parametrize("at", range(3))
def test_our_own_stack(busy: Path, at: int, options: str) -> None:
    assert differences(busy / f"{at}.pcap", options) == []


FILTERS = (
    "icmp", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "udp port 520 or igmp", "ip[6:2] & 0x1fff != 0", "vlan 5",
    "net 10.0.0.0/8 and not tcp", "greater 1000", "src host 203.0.113.80", "ether multicast", "ip6 and icmp6",
    "ip[8] / 2 * 3 - 1 > len >> 1", "tcp[13] ^ 5 = 7 or len % 7 = 3",
)  # fmt: skip


@pytest.mark.parametrize("text", FILTERS)
def test_filters_choose_the_same(tmp_path: Path, text: str) -> None:
    everything = [frame for kind in captures.KINDS for frame in captures.frames(kind)]
    captures.write(tmp_path / "x.pcap", everything)
    assert differences(tmp_path / "x.pcap", "-nt", text) == []
    assert len(run(Lab(), "me", ["tcpdump", "-ntq", "-r", str(tmp_path / "x.pcap"), text]).lines) < len(everything)


@pytest.mark.parametrize("text", [*FILTERS, ""])
@pytest.mark.parametrize("level", ["-d", "-dd", "-ddd"])
def test_the_program_of_a_filter(tmp_path: Path, text: str, level: str) -> None:
    captures.write(tmp_path / "x.pcap", [])
    real = subprocess.run([TCPDUMP, level, "-r", str(tmp_path / "x.pcap"), text], capture_output=True, text=True)
    assert run(Lab(), "me", ["tcpdump", level, "-r", str(tmp_path / "x.pcap"), text]).text == real.stdout
