"""tcpdump in lines and scripts: in the background, through pipes, and at the end of a script nothing is lost."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from scapy.utils import rdpcap

from stack.dev.savefile import Loader

PACKETS = 40


def script(tmp_path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    """Run a script in a netsh of its own."""
    (tmp_path / "script").write_text("\n".join(lines))
    return subprocess.run(
        [sys.executable, "-m", "netsh", "script"], cwd=tmp_path, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "capture",
    [
        "tcpdump -i bus:wan -w x ip",
        "tcpdump -i bus:wan -w - ip > x",
        "tcpdump -i bus:wan -w - ip | !cat > x",
        "tcpdump -i bus:wan -w - ip | !sh -c 'sleep 0.3; cat' > x",
        "www tcpdump -i shmif0 -w x ip",
    ],
)
def test_a_script_that_ends_loses_nothing(tmp_path: Path, capture: str) -> None:
    done = script(tmp_path, f"{capture} &", f"ping -n -q -f -c {PACKETS // 2} www")
    assert f"{PACKETS} packets captured\n" in done.stderr
    assert "\n0 packets dropped by kernel\n" in done.stderr
    assert done.returncode == 0
    assert len(rdpcap(str(tmp_path / "x"))) == PACKETS


def test_a_slow_reader_gets_everything_when_the_capture_is_ended(tmp_path: Path) -> None:
    """It waits for its reader, with more behind it, when it is told to end."""
    done = script(
        tmp_path,
        "www ttcp -r -s &",
        "tcpdump -i bus:wan -w - | !sh -c 'sleep 0.3; cat' > x &",
        "ttcp -t -s -n 400 www > /dev/null",
    )
    captured = int(re.findall(r"(\d+) packets captured", done.stderr)[0])
    assert f"\n{captured} packets received by filter\n0 packets dropped" in done.stderr
    loader = Loader()
    assert len(list(loader.feed((tmp_path / "x").read_bytes()))) == captured > 3000
    loader.end()


def test_lines_appear_as_packets_do(tmp_path: Path) -> None:
    done = script(
        tmp_path, "tcpdump -n -q -t -i bus:wan ip &", "ping -n -q -c 1 www", "echo between", "ping -n -q -c 1 www"
    )
    kinds = [line.split(",")[0] for line in done.stdout.splitlines() if "echo" in line or line == "between"]
    ask, answer = ("IP 10.0.0.2 > 203.0.113.80: ICMP echo request", "IP 203.0.113.80 > 10.0.0.2: ICMP echo reply")
    assert kinds == [ask, answer, "between", ask, answer]


def test_head_ends_it(tmp_path: Path) -> None:
    done = script(tmp_path, "tcpdump -n -q -i shmif0 icmp | head -2 &", "ping -n -q -c 3 www", "ps -a")
    assert len([line for line in done.stdout.splitlines() if "ICMP echo" in line]) == 2
    assert "tcpdump" not in done.stdout.partition("PID")[2]
    assert "Traceback" not in done.stderr


def test_a_foreground_capture_in_fast_time_says_what_it_has(tmp_path: Path) -> None:
    done = script(tmp_path, "gw ping -n -q -c 1 www &", "tcpdump -n -q -i bus:wan icmp")
    assert len([line for line in done.stdout.splitlines() if "ICMP echo" in line]) == 2
    assert "2 packets captured" in done.stderr
    assert "nothing more can happen" in done.stderr
