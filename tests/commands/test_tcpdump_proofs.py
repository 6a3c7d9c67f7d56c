"""tcpdump on its limits: at full speed, before full disks and closed pipes; and what tshark says of its files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from stack.dev.savefile import Loader
from stack.kern.proc import SIGINT, Proc, pause
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import Ethernet, m_devget
from stack.net.wire import Personality
from tests.commands import captures
from tests.commands.labs import bus, chain, pair
from tests.commands.runner import finish, run, start
from tests.interop.netns import needs_program

ROOT = Path(__file__).parents[2]
PACKETS = 300_000
BURST = 100  # frames that are sent at one go: an input queue holds 256


# --- full speed -----------------------------------------------------------------------------------------


def flood(lab: Lab, count: int) -> Proc:
    """A process on a that sends as many frames as fast as it goes, of a kind that b's tcpdump alone cares for."""
    ifp, to = lab["a"].interfaces["shmif0"], lab["b"].interfaces["shmif0"]
    assert isinstance(ifp, Ethernet) and ifp.lladdr is not None and to.lladdr is not None
    frame = m_devget(bytes(to.lladdr + ifp.lladdr) + b"\x88\xb5" + bytes(range(50)))

    async def body(_proc: Proc) -> int:
        for _ in range(count // BURST):
            for _ in range(BURST):
                ifp.send_frame(Mbuf(frame.data, frame.transport, frame.net, frame.link))
            await pause(0.000_001)
        return 0

    return lab.spawn(lab["a"], ["flood"], body)


@pytest.mark.parametrize(("count", "where"), [(PACKETS, "bus:a-b"), (PACKETS // 30, "b:shmif0")])
def test_at_full_speed_three_counts_agree(tmp_path: Path, count: int, where: str) -> None:
    lab = pair()
    lab.run(10.0)
    ports = bus(lab).ports
    job = start(lab, "a", f"tcpdump -i {where} -w {tmp_path}/x.pcap")
    lab.run(lab.callouts.now)
    before = sum(port.opackets for port in ports)
    lab.run_proc(flood(lab, count))
    job.proc.signal(SIGINT)
    answer = finish(lab, job)
    sent = sum(port.opackets for port in ports) - before
    size = (tmp_path / "x.pcap").stat().st_size
    assert (sent, (size - 24) % (16 + 64), (size - 24) // (16 + 64)) == (count, 0, count)
    assert answer.errors[-3:] == [
        f"{count} packets captured", f"{count} packets received by filter", "0 packets dropped by kernel",
    ]  # fmt: skip
    assert bus(lab).stat["iqdrops"] == 0


def test_a_buffer_that_is_full_says_how_many_are_missing(tmp_path: Path) -> None:
    """All are accounted for: captured, or dropped for want of room."""
    lab = pair()
    lab.run(10.0)
    job = start(lab, "a", f"tcpdump -B 1 -i bus:a-b -w {tmp_path}/x.pcap")
    lab.run(lab.callouts.now)
    lab.run_proc(flood(lab, 3000))
    job.proc.signal(SIGINT)
    counts = [int(found) for found in re.findall(r"(\d+) packets", finish(lab, job).err)]
    assert counts[1] == 3000 == counts[0] + counts[2] and counts[2] > 0
    assert (tmp_path / "x.pcap").stat().st_size == 24 + counts[0] * (16 + 64)


# --- where nothing more can be written ------------------------------------------------------------------


def whole(path: Path) -> int:
    """How many packets a file has, of which none is cut short."""
    loader = Loader()
    found = len(list(loader.feed(path.read_bytes())))
    loader.end()
    return found


def netsh(folder: Path, line: str, *before: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-m", "netsh", "-c", line], cwd=folder, capture_output=True, text=True, timeout=60,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
    )  # fmt: skip


@pytest.mark.skipif(
    subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode != 0 if shutil.which("unshare") else True,
    reason="no mount namespaces here",
)
@pytest.mark.parametrize("name", ["x.pcap", "x.pcapng"])
def test_a_full_disk(tmp_path: Path, name: str) -> None:
    """On a small file system of its own; the other capture goes on."""
    mount = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=40k none "{tmp_path}" && cd "{tmp_path}" && "$@";'
             f' cp "{tmp_path}/{name}" /proc/self/fd/3', "sh"]  # fmt: skip
    with (tmp_path.parent / f"copy-{name}").open("w+b") as copy:
        line = f"tcpdump -i bus:wan -w {name} & tcpdump -i lan:any -q & tcpdump -i bus:wan -w /dev/null &" \
               " ping -q -f -c 400 www; jobs"  # fmt: skip
        done = subprocess.run(
            [mount[0], mount[1], mount[2], mount[3], mount[4].replace("/proc/self/fd/3", copy.name), mount[5],
             sys.executable, "-m", "netsh", "-c", line],
            capture_output=True, text=True, timeout=60, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        assert done.stderr.count("No space left on device") == 1
        assert f"tcpdump: {name}: No space left on device\n" in done.stderr
        assert re.search(r"Exit 1 +tcpdump -i bus:wan -w x", done.stdout)
        assert "80" in done.stderr and re.search(r"80\d packets captured", done.stderr)
        assert 100 < whole(Path(copy.name)) < 400


@pytest.mark.parametrize("reader", ["!head -c 1000", "!true"])
def test_a_pipe_that_is_closed(tmp_path: Path, reader: str) -> None:
    done = netsh(tmp_path, f"tcpdump -i bus:wan -w - | {reader} > f & ping -q -f -c 2000 www; jobs")
    assert re.search(r"^tcpdump: standard output: nobody reads it; \d+ packets? captured$", done.stderr, re.MULTILINE)
    assert done.stderr.count("\n") <= 2 and re.search(r"\[1\]  Done +tcpdump", done.stdout)
    assert (tmp_path / "f").stat().st_size == (1000 if "head" in reader else 0)


def test_a_fifo_whose_reader_goes(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    lab = pair()
    lab.run(10.0)
    reader = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    job = start(lab, "a", f"tcpdump -i bus:a-b -w {tmp_path}/fifo")
    lab.run(lab.callouts.now)
    os.close(reader)
    run(lab, "a", "ping -c 1 10.0.0.2")
    assert finish(lab, job).errors[1:] == [f"tcpdump: {tmp_path}/fifo: Broken pipe"]
    assert job.answer.status == 1


@pytest.mark.parametrize("line", ["tcpdump -i bus:wan -w - | !cat > f", "tcpdump -i bus:wan -w f"])
def test_ctrl_c_leaves_a_whole_file(tmp_path: Path, line: str) -> None:
    done = netsh(tmp_path, f"{line} & ping -q -f -c 500 www; kill -INT %1; wait")
    captured = int(re.findall(r"(\d+) packets captured", done.stderr)[0])
    assert captured >= 1000
    assert whole(tmp_path / "f") == captured


# --- what tshark says -----------------------------------------------------------------------------------


def tshark(path: Path) -> int:
    """How many packets tshark sees; it must have nothing to complain of."""
    done = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.number", "-e", "frame.interface_name"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    complaints = [line for line in done.stderr.splitlines() if not line.startswith("Running as user")]
    assert (complaints, done.returncode) == ([], 0)
    return len(done.stdout.splitlines())


@needs_program("tshark")
def test_tshark_reads_every_kind_of_packet(tmp_path: Path) -> None:
    everything = [frame for kind in captures.KINDS for frame in captures.frames(kind)]
    captures.write(tmp_path / "x.pcap", [*everything, *captures.cut(everything, 60)])
    for options in ("", "-s 40"):
        run(Lab(), "me", f"tcpdump -r {tmp_path}/x.pcap -w {tmp_path}/y.pcapng {options}")
        assert tshark(tmp_path / "y.pcapng") == 2 * len(everything)


@needs_program("tshark")
def test_tshark_reads_a_capture_of_a_whole_lab(tmp_path: Path) -> None:
    """Ethernet and loopback, interfaces that came later, and while it is being written."""
    lab = chain("a", "r", "b", delay=0.001)
    lab.run(10.0)
    bus(lab).set(Personality(delay=0.002, loss=0.1))
    job = start(lab, "a", f"tcpdump --lab -w {tmp_path}/x.pcapng")
    places = start(lab, "a", f"tcpdump -i bus:a-r -w {tmp_path}/y.pcapng")
    lab.run(lab.callouts.now)
    httpd = start(lab, "b", "httpd")
    for line in ("ping -c 3 -s 3000 b", "ping -c 1 localhost", "fetch -o - http://b/none", "traceroute b"):
        run(lab, "a", line)
    growing = tshark(tmp_path / "x.pcapng")
    assert growing > 50
    run(lab, "c", "ping -c 1 localhost")
    run(lab, "a", "ifconfig vlan0 create")
    run(lab, "a", "ifconfig vlan0 vlan 5 vlanif shmif0")
    run(lab, "a", "ifconfig vlan0 10.5.0.1/24")
    run(lab, "a", "ping -c 1 -o -w 2 10.5.0.2")
    for each in (job, places, httpd):
        lab.callouts.schedule(0.0, partial(each.proc.signal, SIGINT))
        finish(lab, each)
    captured = int(re.findall(r"(\d+) packets captured", job.answer.err)[0])
    assert tshark(tmp_path / "x.pcapng") == captured > growing
    assert tshark(tmp_path / "y.pcapng") == int(re.findall(r"(\d+) packets captured", places.answer.err)[0])
