"""Shells on one bus file: what a user types in two terminals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack.dev.busfile import BusFile
from tests.stack.dev.test_busfile import PATIENCE

NETSH = [sys.executable, "-m", "netsh", "--lab", "none"]


def set_up(host: str, address: str, bus: str = "./bus1") -> str:
    """The lines that put a host on a bus."""
    return f"host {host}; sysctl -q -w net.inet.ip.dad_count=0; ifconfig shmif0 create linkstr {bus} {address}/24"


class Shells:
    """Shells in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = os.environ | {"PYTHONPATH": os.getcwd()}
        self.children: list[subprocess.Popen[str]] = []

    def start(self, lines: str) -> subprocess.Popen[str]:
        """Run lines in the background; it is there when it has said `ready`."""
        child = subprocess.Popen(
            [*NETSH, "-c", lines], cwd=self.folder, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        self.children.append(child)
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        return child

    def run(self, lines: str) -> subprocess.CompletedProcess[str]:
        """Run lines to their end."""
        return subprocess.run(
            [*NETSH, "-c", lines], cwd=self.folder, env=self.environment, text=True, capture_output=True,
            stdin=subprocess.DEVNULL, check=False,
        )  # fmt: skip

    def end(self) -> None:
        for child in self.children:
            child.kill()
            child.communicate()


@pytest.fixture
def shells(tmp_path: Path) -> Iterator[Shells]:
    made = Shells(tmp_path)
    yield made
    made.end()


def test_ping_between_two_shells(shells: Shells) -> None:
    other = shells.start(f"{set_up('b', '10.0.0.2')}; echo ready; sleep 60")
    done = shells.run(f"{set_up('a', '10.0.0.1')}; ping -c 3 -i 0.05 10.0.0.2; clock; lab")
    assert done.returncode == 0 and done.stderr == ""
    assert "3 packets transmitted, 3 packets received, 0.0% packet loss" in done.stdout
    assert "clock real" in done.stdout and "./bus1  10.0.0.0/24" in done.stdout
    assert (shells.folder / "bus1").exists()
    other.terminate()
    other.communicate(timeout=PATIENCE)
    assert os.listdir(shells.folder) == []


def test_a_megabyte_between_two_shells(shells: Shells) -> None:
    other = shells.start(f"{set_up('b', '10.0.0.2')}; echo ready; ttcp -r -s; netstat -s -p ether")
    done = shells.run(f"{set_up('a', '10.0.0.1')}; ttcp -t -s -n 512 10.0.0.2")
    assert done.returncode == 0 and "ttcp-t: 4194304 bytes in" in done.stdout
    said, _ = other.communicate(timeout=PATIENCE)
    assert "ttcp-r: 4194304 bytes in" in said
    assert said.endswith("ether:\n")  # no drops


def test_who_is_killed_leaves_a_bus_that_works(shells: Shells) -> None:
    for _ in range(3):
        shells.start(f"{set_up('b', '10.0.0.2')}; echo ready; ping -q -f 10.0.0.1").kill()
    shells.start(f"{set_up('b', '10.0.0.2')}; echo ready; sleep 60")
    done = shells.run(f"{set_up('a', '10.0.0.1')}; ping -q -c 3 -i 0.05 10.0.0.2")
    assert done.returncode == 0, done.stdout + done.stderr


def test_an_idle_bus_takes_no_time(shells: Shells) -> None:
    child = shells.start(f"{set_up('b', '10.0.0.2')}; echo ready; sleep 60")
    keeper = BusFile(str(shells.folder / "bus1"))
    switches = Path(f"/proc/{child.pid}/status")

    def asleep() -> int:
        return int(switches.read_text().partition("voluntary_ctxt_switches:")[2].split()[0])

    def settled() -> bool:
        before = asleep()
        time.sleep(0.5)
        return asleep() == before

    deadline = time.monotonic() + PATIENCE
    while not settled():  # half a second in which it did not even wake up
        assert time.monotonic() < deadline
    before = asleep()
    keeper.write([b"\xff" * 60])
    while asleep() == before:
        assert time.monotonic() < deadline
    keeper.close()


def test_save_and_load_keep_the_bus(shells: Shells) -> None:
    done = shells.run(f"{set_up('a', '10.0.0.1')}; save lab.netsh; ifconfig shmif0")
    assert done.returncode == 0
    saved = (shells.folder / "lab.netsh").read_text()
    assert "ifconfig shmif0 linkstr ./bus1\n" in saved and "\nbus " not in saved
    again = shells.run("load lab.netsh; ifconfig shmif0; load lab.netsh; ifconfig shmif0")
    assert again.returncode == 0 and again.stdout == done.stdout * 2
    assert os.listdir(shells.folder) == ["lab.netsh"]


def test_a_file_is_one_bus_by_all_its_names(shells: Shells) -> None:
    other = f"host b; ifconfig shmif0 create linkstr {shells.folder}/bus1 10.0.0.2/24"
    third = "host c; ifconfig shmif0 create linkstr .//bus1 10.0.0.3/24"
    done = shells.run(f"{set_up('a', '10.0.0.1')}; {other}; {third}; bus; a ifconfig shmif0 -linkstr; host -d c; bus")
    assert done.stderr == ""
    assert done.stdout == "./bus1: ideal\n\ta:shmif0 b:shmif0 c:shmif0\n./bus1: ideal\n\tb:shmif0\n"
    assert os.listdir(shells.folder) == []


@pytest.mark.parametrize(
    ("bus", "words"),
    [
        ("./none/bus1", "SIOCSLINKSTR: ./none/bus1: No such directory: mkdir -p "),
        ("./junk", "SIOCSLINKSTR: ./junk: not a bus: it has 4 bytes, a bus has 1048576"),
        ("./", "SIOCSLINKSTR: ./: Is a directory"),
        ("/proc/version", "SIOCSLINKSTR: /proc/version: not a bus: such files cannot be mapped"),
        ("/dev/null", "SIOCSLINKSTR: /dev/null: not a bus: it is no regular file"),
    ],
)
def test_one_line_says_what_is_wrong(shells: Shells, bus: str, words: str) -> None:
    (shells.folder / "junk").write_text("junk")
    done = shells.run(f"host a; ifconfig shmif0 create; ifconfig shmif0 linkstr {bus}")
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith(f"ifconfig: {words}") and done.stderr.count("\n") == 1
    assert os.listdir(shells.folder) == ["junk"] and (shells.folder / "junk").read_text() == "junk"


_LIMITED = """
import resource, signal, sys
from netsh.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
sys.exit(main(["--lab", "none", "-c", "host a; ifconfig shmif0 create linkstr ./bus1"]))
"""


def test_no_room_for_the_file(shells: Shells) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _LIMITED], cwd=shells.folder, env=shells.environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert done.stderr == "ifconfig: SIOCSLINKSTR: ./bus1: File too large: a bus takes 1 MiB\n"
    assert done.returncode == 1 and os.listdir(shells.folder) == []


_ON_A_SMALL_DISK = 'mount -t tmpfs -o size=512k none "$0" && cd "$0" && truncate -s 1M bus1 && exec "$@"'
_MOUNT = ["unshare", "-m", "sh", "-c", _ON_A_SMALL_DISK]
needs_mounts = pytest.mark.skipif(
    subprocess.run([*_MOUNT, "/tmp", "true"], capture_output=True, check=False).returncode != 0,
    reason="needs leave to mount a tmpfs (unshare -m)",
)


def on_a_small_disk(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder of 512 KiB, where a file of 1 MiB has nothing but a hole."""
    return subprocess.run(
        [*_MOUNT, str(folder), sys.executable, *words], env=os.environ | {"PYTHONPATH": os.getcwd()}, text=True,
        capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


@needs_mounts
def test_a_file_with_holes_on_a_full_disk_is_refused(shells: Shells) -> None:
    lines = "host a; ifconfig shmif0 create; ifconfig shmif0 linkstr ./bus1; echo x | !cmp -n 1048576 bus1 /dev/zero"
    done = on_a_small_disk(shells.folder, *NETSH[1:], "-c", lines)
    assert done.stderr == "ifconfig: SIOCSLINKSTR: ./bus1: No space left on device: a bus takes 1 MiB\n"
    assert (done.stdout, done.returncode) == ("", 0)  # as it was


_WITHOUT_RESERVING = """
import os, sys
from netsh.cli import main
os.posix_fallocate = lambda *_: None  # as where a disk promises what it cannot keep
lines = "ifconfig shmif0 create linkstr ./bus1 10.0.0.1/24; arp -s 10.0.0.2 2:0:0:0:0:2"
lines += "; ping -qn -i 0.001 -s 1400 -c 700 10.0.0.2"
sys.exit(main(["--lab", "none", "-c", f"host a; sysctl -q -w net.inet.ip.dad_count=0; {lines}"]))
"""


@needs_mounts
def test_a_disk_that_is_full_all_of_a_sudden_ends_the_link(shells: Shells) -> None:
    done = on_a_small_disk(shells.folder, "-c", _WITHOUT_RESERVING)
    told = "./bus1: there is no room for it on its disk; its interfaces have lost their link, '-linkstr' leaves it"
    assert told in (done.stdout + done.stderr).splitlines()
    assert "700 packets transmitted" in done.stdout and "Traceback" not in done.stderr


def test_a_file_that_is_cut_short_ends_the_link_and_nothing_else(shells: Shells) -> None:
    child = shells.start(f"{set_up('a', '10.0.0.1')}; echo ready; ping -q -f -c 1000000 10.0.0.9")
    os.truncate(shells.folder / "bus1", 0)
    assert child.stdout is not None
    said = child.stdout.readline()
    while not said.startswith("./bus1"):
        assert said, "nothing was said"
        said = child.stdout.readline()
    assert said == "./bus1: it was cut short; its interfaces have lost their link, '-linkstr' leaves it\n"
    child.send_signal(signal.SIGINT)
    rest, _ = child.communicate(timeout=PATIENCE)
    assert "Traceback" not in rest and "PING Statistics" in rest
    assert child.returncode == 130 or child.returncode == 2


# --- shmif_dumpbus ----------------------------------------------------------------------------------


def test_what_a_bus_holds(shells: Shells) -> None:
    keeper = BusFile(str(shells.folder / "bus1"))
    keeper.write([b"\xff" * 12 + b"\x12\x34" + bytes(28), b"\xff" * 12 + b"\x12\x34" + bytes(86)])
    before = (shells.folder / "bus1").read_bytes()
    header = "bus version 3, lock: 0, generation: 0, firstoff: 0xfffe0, lastoff: 0x005a\n"
    done = shells.run("shmif_dumpbus ./bus1")
    lines = done.stdout.splitlines(keepends=True)
    assert done.returncode == 0 and lines[0] == header
    assert lines[1].startswith("packet 0, offset 0x0030, length 0x002a, ts 1")
    assert lines[2].startswith("packet 1, offset 0x0072, length 0x0064, ts 1")
    assert len(lines) == 3
    assert shells.run("shmif_dumpbus -h ./bus1").stdout == header
    assert shells.run("shmif_dumpbus -h -p none.pcap ./bus1").stdout == header  # the header alone is wanted
    assert not (shells.folder / "none.pcap").exists()
    assert shells.run("shmif_dumpbus -p x.pcap ./bus1").stdout == done.stdout
    assert shells.run("shmif_dumpbus -p - ./bus1 > y.pcap").stdout == ""
    capture = (shells.folder / "x.pcap").read_bytes()
    assert (shells.folder / "y.pcap").read_bytes() == capture
    assert len(capture) == 24 + 2 * 16 + 42 + 100
    rows = [json.loads(line) for line in shells.run("shmif_dumpbus ./bus1 | json").stdout.splitlines()]
    assert rows[0]["generation"] == 0 and rows[2]["length"] == 100
    assert rows[1]["sender"] == f"{keeper.sender:016x}"
    assert (shells.folder / "bus1").read_bytes() == before
    keeper.close()


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        ("", 2, "the name of a bus file is wanted"),
        ("a b", 2, "b: one word too many"),
        ("-x a", 2, "unknown option -- x ('help shmif_dumpbus' lists them)"),
        ("-p", 2, "option requires an argument -- p ('help shmif_dumpbus' says which)"),
        ("none", 1, "none: No such file or directory"),
        (".", 1, ".: Is a directory"),
        ("junk", 1, "junk: not a bus: it has 4 bytes, a bus has 1048576"),
        ("-p no/file bus", 1, "no/file: No such file or directory"),
    ],
)
def test_dumpbus_says_in_one_line_what_is_wrong(shells: Shells, words: str, status: int, said: str) -> None:
    (shells.folder / "junk").write_text("junk")
    keeper = BusFile(str(shells.folder / "bus"))
    done = shells.run(f"shmif_dumpbus {words}")
    assert (done.returncode, done.stdout, done.stderr) == (status, "", f"shmif_dumpbus: {said}\n")
    keeper.close()
