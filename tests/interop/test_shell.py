"""The shell itself on a TAP: scripts, and a prompt that answers the kernel while nobody types."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.interop.conftest import OURS, THEIRS
from tests.interop.netns import Netns, needs_program, needs_root_tun, netns
from tests.netsh_terminal.terminal import Terminal

pytestmark = [needs_root_tun, needs_program("ping", "curl", "ethtool")]

SET_UP = f"sysctl -w net.inet.ip.dad_count=0; ifconfig virt0 create inet {OURS}/24"


def tap(ns: Netns) -> Netns:
    """A TAP in a namespace, the kernel's side ready."""
    ns.run("ip", "tuntap", "add", "dev", "tap0", "mode", "tap")
    ns.run("ip", "addr", "add", f"{THEIRS}/24", "dev", "tap0")
    ns.run("ip", "link", "set", "tap0", "up")
    return ns


def netsh(ns: Netns, *words: str) -> tuple[int, str]:
    """Run the shell in a namespace to its end: status and what it said."""
    done = ns.run(sys.executable, "-m", "netsh", "--lab", "none", *words, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_script_reaches_the_kernel(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text(f"host me\n{SET_UP}\nclock\nping -c 3 -i 0.05 {THEIRS}\n")
    with netns() as ns:
        status, said = netsh(tap(ns), str(script))
        assert status == 0 and "3 packets transmitted, 3 packets received" in said
        assert "clock real" in said  # a device brings the real clock with it
        assert "DOWN" in ns.run("ip", "-brief", "link", "show", "tap0").stdout  # nobody is attached any more


def test_what_it_made_is_gone_when_it_ends() -> None:
    with netns() as ns:
        status, said = netsh(ns, "-c", "host me; ifconfig virt4 create; echo | !ip -brief link")
        assert status == 0 and "tap4" in said
        assert "tap4" not in ns.run("ip", "-brief", "link").stdout


def test_a_lab_is_loaded_in_the_place_of_one_with_the_same_tap(tmp_path: Path) -> None:
    saved, bad = tmp_path / "lab", tmp_path / "bad"
    ping, offload = f"ping -c 1 {THEIRS}", "echo | !ethtool -k tap0 | grep tcp-seg"
    with netns() as ns:
        lines = [
            f"host me; {SET_UP}; echo | !ip addr add {THEIRS}/24 dev tap0; {ping}; save {saved}",
            f"load {saved}; {ping}; load {saved}; {ping}; {offload}",
            f"echo 'source {saved}' > {bad}; echo nope >> {bad}; - load {bad}; {ping}; {offload}",
        ]
        script = tmp_path / "script"
        script.write_text("\n".join(lines))
        status, said = netsh(ns, str(script))
        assert (status, said.count("1 packets received")) == (0, 4), said
        assert said.count("tcp-segmentation-offload: on") == 2  # as the kernel was told at first
        assert "not loaded; the lab is as it was" in said
        assert "tap0" not in ns.run("ip", "-brief", "link").stdout


def test_a_step_takes_in_what_the_kernel_answers() -> None:
    lines = f"ping -c 1 {THEIRS} & pause; " + "; ".join(["step 50ms"] * 4)
    with netns() as ns:
        status, said = netsh(tap(ns), "-c", f"host me; {SET_UP}; {lines}")
        assert status == 0 and "1 packets transmitted, 1 packets received" in said
        assert "virt0 takes in 1 frame" in said


def test_a_trace_tells_of_the_device() -> None:
    with netns() as ns:
        lines = f"trace on icmp; ping -qc 1 {THEIRS}; trace; trace show 1"
        status, said = netsh(tap(ns), "-c", f"host me; {SET_UP}; {lines}")
        assert status == 0 and "ICMP echo request" in said and "virtif_start: if virt0, tap tap0" in said
        assert said.count("=> left the lab by tap0") >= 2


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("ifconfig virt0 create; host b; ifconfig virt0 create", "tap0: somebody else is attached to it already"),
        ("ifconfig virt0 create; ifconfig virt0 linkstr sixteen-letters-", "has 1 to 15 letters"),
        ("ifconfig virt0 create; clock fast", "runs on the real clock"),
        ("ifconfig virt0 create; ifconfig virt0 mtu 65522", "Invalid argument"),
    ],
)
def test_one_line_says_what_is_wrong(line: str, words: str) -> None:
    with netns() as ns:
        status, said = netsh(ns, "-c", f"host me; {line}")
        assert status == 1 and words in said and len(said.splitlines()) == 1


def test_a_prompt_that_idles_answers_the_kernel(tmp_path: Path) -> None:
    with netns() as ns:
        tap(ns)
        with ns.enter():
            terminal = Terminal(tmp_path)  # me, in the lab `home`
        with terminal:
            terminal.until_prompt()
            terminal.type(f"{SET_UP}; httpd &\r")
            terminal.until_text("[1]")
            terminal.until_prompt()
            assert "3 received" in ns.run("ping", "-c3", "-i0.02", OURS).stdout
            assert "</html>" in ns.run("curl", "-sS", f"http://{OURS}/").stdout
            terminal.type(f"ping {THEIRS}\r")
            terminal.until_text("icmp_seq=1")
            terminal.type("\x03")
            terminal.until_text("packets transmitted")
            terminal.until_prompt()
            assert "1 received" in ns.run("ping", "-c1", OURS).stdout  # Ctrl-C did not touch the lab
            terminal.type("\x04")
            assert terminal.until_exit() == 0
