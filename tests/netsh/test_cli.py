"""The program as it is started: what it prints, where, and its exit status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from netsh import cli

ROOT = Path(__file__).parent.parent.parent


def netsh(*words: str, stdin: str = "", **environ: str) -> tuple[int, str, str]:
    """Status, output and complaints."""
    done = subprocess.run(
        [sys.executable, "-m", "netsh", *words], input=stdin, capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environ},
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "out"),
    [
        (("-c", "echo hello; echo $#"), "hello\n0\n"),
        (("-cecho x",), "x\n"),
        (("-c", "echo $1 $2", "a", "b c"), "a b c\n"),
        (("-c", "echo $1", "--", "-x"), "-x\n"),
        (("--", "echo", "a;b", "$x", "|"), "a;b $x |\n"),
        (("-c", "nope || echo x"), "x\n"),
        (("-c", "nope; echo still"), "still\n"),
        (("-H", "gw", "-c", "host | grep -F '*'"), "* gw          10.0.0.1 203.0.113.1\n"),
        (("-Hgw", "-c", "host | grep -F '*'"), "* gw          10.0.0.1 203.0.113.1\n"),
        (("--lab", "none", "-c", "lab; host x; host"), "0 hosts, 0 buses, seed 1, clock fast, 0.000000 s\n* x\n"),
        (("--lab=none", "--seed=7", "-c", "lab"), "0 hosts, 0 buses, seed 7, clock fast, 0.000000 s\n"),
        (("--clock", "x1000", "--lab", "none", "-c", "sleep 10s; clock | !cut -c1-12"), "clock x1000:\n"),
        (("--format", "json", "-c", "echo x"), '{"type": "words", "text": "x", "newline": true}\n'),
        (("-c", "for h in me gw www { $h host | grep -c . }"), "3\n3\n3\n"),
    ],
)
def test_well(words: tuple[str, ...], out: str) -> None:
    status, stdout, stderr = netsh(*words)
    assert stdout == out
    assert status == 0
    assert "nope" in stderr if "nope" in str(words) else stderr == ""


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (("-c", "nope"), 127, "netsh: nope: unknown command\n"),
        (("-c", "hots me"), 127, "netsh: hots: unknown command (did you mean host?)\n"),
        (("-c", "echo 'x"), 2, "netsh: column 6: the quote ' is not closed\n"),
        (("-c", "exit 5; echo x"), 5, ""),
        (("-c", "source /no/such"), 1, "source: /no/such: No such file or directory\n"),
        (("--", "nope"), 127, "netsh: nope: unknown command\n"),
        (("/no/such",), 1, "netsh: /no/such: No such file or directory\n"),
        (("/",), 1, "netsh: /: Is a directory\n"),
        (("echo", "x"), 1, "netsh: echo: No such file or directory; the command of that name: netsh -- echo ...\n"),
        (("-H", "nobody", "-c", "echo"), 1, "netsh: -H nobody: no such host; there are me, gw, www\n"),
        (("--lab=x", "-c", "echo"), 1, "netsh: --lab x: no such lab; it is home, none, or a file that 'save' wrote\n"),
        (("--lab", "/", "-c", "echo"), 1, "netsh: --lab /: Is a directory\n"),
        (("-i", "-c", "echo"), 1, "netsh: -i: standard input is no terminal\n"),
        (("--lab", "none", "-c", "ping www"), 127, "netsh: ping: unknown command\n"),
    ],
)  # fmt: skip
def test_ill(words: tuple[str, ...], status: int, err: str) -> None:
    got = netsh(*words)
    if words[-1] == "ping www" and got[0] == 1:
        err, status = "ping: there is no host to run it on; 'host NAME' makes one\n", 1
    assert (got[0], got[2]) == (status, err)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("-z",), "-z: unknown option; 'netsh --help' lists them"),
        (("-ic",), "-c: its value is missing"),
        (("--nope",), "--nope: unknown option; 'netsh --help' lists them"),
        (("--clock",), "--clock: its value is missing"),
        (("--clock", "slow"), "--clock slow: a clock is real, fast, or a rate such as x0.1 or x10"),
        (("--seed", "x"), "--seed x: not a whole number"),
        (("--format", "xml"), "--format xml: it is one of text, rich, json"),
        (("--",), "--: a command is missing behind it"),
        (("-s",), "-s: its value is missing"),
    ],
)
def test_usage(words: tuple[str, ...], complaint: str) -> None:
    status, out, err = netsh(*words)
    assert (status, out) == (2, "")
    assert err == f"netsh: {complaint}\n"


def test_help_and_version() -> None:
    status, out, _ = netsh("--help")
    assert status == 0
    assert all(option in out for option in ("-c lines", "--lab", "--clock", "--seed", "--format", "-H host", "-i "))
    assert netsh("-h")[1] == out
    assert netsh("--version")[1].startswith("netsh 0.")


def test_a_script(tmp_path: Path) -> None:
    script = tmp_path / "test.netsh"
    script.write_text("# one\n\n# three\necho $1\n-nope\necho $#\nnope $2\necho never\n")
    status, out, err = netsh(str(script), "first", "second")
    assert status == 127
    assert out == "first\n2\n"
    where = f"{script}:{{}}: netsh: nope: unknown command\n"
    assert err == where.format(5) + where.format(7)


def test_options_behind_a_script_are_its_own(tmp_path: Path) -> None:
    script = tmp_path / "test.netsh"
    script.write_text("echo $@\n")
    assert netsh(str(script), "-c", "x", "--lab", "none") == (0, "-c x --lab none\n", "")


def test_a_script_that_makes_no_sense_does_nothing(tmp_path: Path) -> None:
    script = tmp_path / "test.netsh"
    script.write_text("echo x\nfor x in a {\n")
    assert netsh(str(script)) == (2, "", f"{script}:2: column 1: the {{ of this for is not closed\n")


def test_standard_input_is_a_script() -> None:
    assert netsh(stdin="echo a\nnope\necho b\n") == (127, "a\n", "stdin:2: netsh: nope: unknown command\n")
    assert netsh("-", "x", stdin="echo $1\n")[1] == "x\n"
    assert netsh(stdin="") == (0, "", "")


def test_a_reader_that_goes_away_is_no_fault() -> None:
    done = subprocess.run(
        f"{sys.executable} -m netsh -c 'for i in 1..100000 {{ echo $i }}' | head -1", shell=True, capture_output=True,
        text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("mode", ["real", "fast"])
def test_a_signal_ends_the_program(number: signal.Signals, status: int, mode: str) -> None:
    busy = "sleep 1000s" if mode == "real" else "for i in 1..99999999 { x=$i }"
    program = subprocess.Popen(
        [sys.executable, "-u", "-m", "netsh", "--clock", mode, "-c", f"echo up; {busy}; echo never"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    time.sleep(0.05)
    program.send_signal(number)
    out, err = program.communicate(timeout=30)
    assert (program.returncode, out, err) == (status, "", "")


def test_a_real_clock_shows_what_there_is_while_it_waits() -> None:
    program = subprocess.Popen(
        [sys.executable, "-m", "netsh", "--clock", "real", "-c", "echo up; sleep 1000s"], text=True,
        stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert program.stdout is not None
    assert program.stdout.readline() == "up\n"
    program.terminate()
    program.communicate(timeout=30)


@pytest.mark.parametrize(("streams", "out"), [("<&-", "x\n"), (">&-", ""), ("<&- >&- 2>&-", ""), ("2>&-", "x\n")])
def test_streams_that_are_closed(streams: str, out: str) -> None:
    line = "echo x; nope; echo y | !cat > /dev/null"
    done = subprocess.run(
        f"{sys.executable} -m netsh -c '{line}' {streams}", shell=True, capture_output=True, text=True,
        check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.stdout == out


def test_the_same_seed_gives_the_same_output() -> None:
    line = "bus wan loss 20% duplicate 10% reorder 10%; ping -c 30 -i 0.1 www; clock"
    first, again, other = (netsh("--seed", seed, "-c", line) for seed in ("1", "1", "2"))
    assert first == again
    assert first != other
    assert first[0] == 0


def test_nothing_heavy_is_imported_for_a_line() -> None:
    program = "import sys; from netsh.cli import main; main(['-c', 'lab']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    heavy = {"argparse", "asyncio", "dataclasses", "prompt_toolkit", "pygments", "rich", "scapy", "subprocess"}
    assert not heavy & set(done.stdout.split())


def test_ctrl_c_at_the_very_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_run", interrupted)
    assert cli.main(["-c", "true"]) == 130
