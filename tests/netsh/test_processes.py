"""One stack a process, over bus files, each served at a socket: as the rump kernels were chained."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netsh.topology.network import Network
from netsh.topology.shapes import Chain
from netsh.topology.stacks import buses, hindrance, scripts
from stack.addr import Prefix
from stack.lab import Lab
from tests.netsh.served import NETSH, PATIENCE, environ, netsh, until
from tests.netsh.toys import Toys


def on(folder: Path, host: str, line: str) -> str:
    """What a command says on one of the stacks."""
    done = netsh(folder, "-s", f"unix://{folder}/{host}", "-c", line)
    assert done.status == 0, done
    return done.out


class Mesh:
    """A network in processes, and the folder it is in."""

    def __init__(self, folder: Path, line: str) -> None:
        self.folder = folder
        words = [*NETSH, "--lab", "none", "-c", f"{line} --processes {folder}"]
        self.child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ())
        assert self.child.stdout is not None
        self.said = self.child.stdout.readline()

    def end(self) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.communicate(timeout=PATIENCE)


@pytest.fixture
def mesh(tmp_path: Path) -> Iterator[Callable[[str], Mesh]]:
    made: list[Mesh] = []

    def make(line: str) -> Mesh:
        made.append(Mesh(tmp_path / "mesh", line))
        return made[-1]

    yield make
    for each in made:
        each.end()


def test_a_chain_of_processes(mesh: Callable[[str], Mesh]) -> None:
    chain = mesh("chain 4")
    folder = chain.folder
    assert chain.said == (
        "4 stacks, each in a process of its own, until this is interrupted; "
        f"try: netsh -s unix://{folder}/r1 -- ping 10.0.0.10\n"
    )
    assert sorted(path.name for path in folder.iterdir()) == ["r1", "r1-r2", "r2", "r2-r3", "r3", "r3-r4", "r4"]
    answer = on(folder, "r1", "ping -c 3 -i 0.05 10.0.0.10; traceroute -nq 1 10.0.0.10")
    assert "3 packets received" in answer and "ttl=253" in answer
    assert [line.split()[1] for line in answer.splitlines()[-3:]] == ["10.0.0.2", "10.0.0.6", "10.0.0.10"]
    assert on(folder, "r3", "sysctl -n net.inet.ip.dad_count; hostname") == "3\nr3\n"
    chain.child.send_signal(signal.SIGINT)
    assert chain.child.wait(PATIENCE) == 130
    assert not folder.exists()


def test_a_folder_of_its_own(tmp_path: Path) -> None:
    words = [*NETSH, "--lab", "none", "-c", "chain 2 --processes 10.7.0.0/24"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environ(TMPDIR=str(tmp_path)))
    assert child.stdout is not None
    assert child.stdout.readline().startswith("2 stacks, each in a process of its own")
    (folder,) = tmp_path.iterdir()
    assert "1 packets received" in on(folder, "r1", "ping -qc 1 10.7.0.2")
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=PATIENCE)
    assert not os.listdir(tmp_path)


def test_they_go_with_who_started_them(mesh: Callable[[str], Mesh]) -> None:
    chain = mesh("ring 3 --routed")
    until(lambda: "routed" in on(chain.folder, "r1", "ps -a"), "routed")
    chain.child.kill()
    until(lambda: not chain.folder.exists(), "the folder to go")


def test_stacks_that_are_killed_leave_nothing_behind(mesh: Callable[[str], Mesh]) -> None:
    chain = mesh("chain 4")
    parent = int(subprocess.check_output(["pgrep", "-P", str(chain.child.pid)], text=True))
    stacks = [int(pid) for pid in subprocess.check_output(["pgrep", "-P", str(parent)], text=True).split()]
    assert len(stacks) == 4
    for pid in stacks[1:3]:  # both on one bus
        os.kill(pid, signal.SIGKILL)
    chain.child.send_signal(signal.SIGINT)
    assert chain.child.wait(PATIENCE) == 130
    assert not chain.folder.exists()


def test_a_folder_that_was_there_stays(mesh: Callable[[str], Mesh]) -> None:
    folder = mesh("chain 2").folder
    status, out, err = netsh(folder, "--lab", "none", "-c", f"chain 2 --processes {folder}")
    assert (status, out) == (1, "")
    assert err.startswith("chain: ") and "/r" in err and err.count("\n") == 1
    assert "1 packets received" in on(folder, "r1", "ping -qc 1 10.0.0.2")


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("chain 5000 --processes {}/x", "chain: 5000 routers with 4999 links and some 35000 routes would take"),
        ("chain 3 --processes {} delay 1ms", "chain: delay: not with --processes: a bus in a file does nothing"),
        ("chain 3 --processes {}/file/x", "chain: {}/file/x: Not a directory"),
        ("chain 3 --processes {}/" + 90 * "x", "chain: {}/" + 90 * "x" + ": too long a name for sockets in it"),
    ],
)
def test_wrong_words(line: str, complaint: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    session = Toys(Lab())
    assert session.run(line.format(tmp_path)) in (1, 2)
    err = session.err
    assert err.startswith(complaint.format(tmp_path)) and err.count("\n") == 1, err
    assert os.listdir(tmp_path) == ["file"]


def test_what_each_runs() -> None:
    network = Network(Chain(3), Prefix.parse("10.0.0.0/24"))
    assert not hindrance(network, "/tmp/x")
    assert buses(network) == ["r1-r2", "r2-r3"]
    assert scripts(network, "/tmp/my mesh")["r2"] == [
        "host r2", "sysctl -q -w net.inet.ip.dad_count=0",
        "ifconfig shmif0 create linkstr '/tmp/my mesh/r1-r2/bus' 10.0.0.2/30",
        "ifconfig shmif1 create linkstr '/tmp/my mesh/r2-r3/bus' 10.0.0.5/30",
        "route -q add -net 10.0.0.0/28 10.0.0.6", "sysctl -q -w net.inet.ip.dad_count=3",
    ]  # fmt: skip
