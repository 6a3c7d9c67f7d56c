"""`netsh` at the prompt: other stacks, in processes of their own, that end when our lab does."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.netsh.served import NETSH, environ, netsh, until

QUICK = "sysctl -q -w net.inet.ip.dad_count=0"
ANN = f"host ann; {QUICK}; ifconfig shmif0 create linkstr ./bus 10.0.0.1/24"
SET_UP = f"{QUICK}; ifconfig shmif0 create linkstr ./bus 10.0.0.2/24"
BOB = f"netsh serve unix://bob --lab none -H bob -d; netsh -s unix://bob -c '{SET_UP}'"


def test_two_stacks_in_two_processes_on_one_bus(tmp_path: Path) -> None:
    lines = f"{ANN}; {BOB}; ping -q -c 2 10.0.0.2 | grep transmitted; netsh -s unix://bob -- arp -an | wc -l"
    done = netsh(tmp_path, "--lab", "none", "-c", f"{lines}; netsh -s unix://bob -- halt; echo $?")
    assert done == (0, "2 packets transmitted, 2 packets received, 0.0% packet loss\n      2\n0\n", "")
    assert list(tmp_path.iterdir()) == []


def test_a_server_in_the_background_ends_with_the_lab(tmp_path: Path) -> None:
    done = netsh(tmp_path, "--lab", "none", "-c", f"{ANN}; {BOB}; echo x | !ls")
    assert done == (0, "bob\nbus\n", "")
    until(lambda: not list(tmp_path.iterdir()), "the end of the server")


def test_it_ends_though_its_shell_is_killed(tmp_path: Path) -> None:
    words = [*NETSH, "--lab", "none", "-c", f"{ANN}; {BOB}; echo up; sleep 1000"]
    with subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, env=environ()) as shell:
        assert shell.stdout is not None and shell.stdout.readline() == b"up\n"
        assert (tmp_path / "bob").is_socket()
        shell.kill()
    until(lambda: not (tmp_path / "bob").exists(), "the end of the server")


@pytest.mark.parametrize(
    ("line", "status", "said"),
    [
        ("netsh", 2, "netsh: what it is to do is missing, such as: netsh -s unix://lab -- ifconfig\n"),
        ("netsh serve -d", 2, "netsh: serve: a URL is missing, such as unix://lab or tcp://127.0.0.1:7000\n"),
        ("netsh -s unix://none -- ps", 1,
         "netsh: unix://none: no lab is served there ('netsh serve unix://none' serves one)\n"),
        ("netsh --lab none -c 'host a; ifconfig x0'", 1, "ifconfig: SIOCGIFFLAGS x0: Device not configured\n"),
    ],
)
def test_what_goes_wrong_in_it_is_told_here(tmp_path: Path, line: str, status: int, said: str) -> None:
    assert netsh(tmp_path, "-c", line) == (status, "", said)
