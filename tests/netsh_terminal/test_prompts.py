"""What holds at every prompt, be its lab in the same process or a served one."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyte
import pytest

from tests.netsh_terminal.conftest import Sit
from tests.netsh_terminal.terminal import Terminal
from tests.netsh_terminal.test_jobs import CTRL_Z, replies
from tests.netsh_terminal.test_terminal import CTRL_C, CTRL_D, TAB, UP, run


@pytest.fixture
def terminal(sit: Sit) -> Terminal:
    return sit()


def test_exit_leaves_with_its_status(terminal: Terminal) -> None:
    terminal.type("exit 3\r")
    assert terminal.until_exit() == 3


def test_ctrl_d_on_a_line_does_not_leave(terminal: Terminal) -> None:
    terminal.type("echo x" + CTRL_D)
    terminal.until(lambda terminal: terminal.line == "me# echo x")
    run(terminal, "")
    assert "x" in terminal.lines


def test_ctrl_c_at_the_prompt_gives_a_new_line(terminal: Terminal) -> None:
    terminal.type("echo never")
    terminal.until(lambda terminal: terminal.line == "me# echo never")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    run(terminal, "echo again")
    assert "again" in terminal.lines
    assert "never" not in terminal.lines


def test_tab_goes_through_what_fits(terminal: Terminal) -> None:
    terminal.type("gw ifc" + TAB + "s" + TAB)
    terminal.until(lambda terminal: terminal.line == "me# gw ifconfig shmif")
    terminal.until_text("203.0.113.1/24")  # the menu
    terminal.type(TAB)
    terminal.until(lambda terminal: terminal.line == "me# gw ifconfig shmif0")
    terminal.type(TAB)
    terminal.until(lambda terminal: terminal.line == "me# gw ifconfig shmif1")


def test_history_comes_back_with_up_and_in_the_next_session(terminal: Terminal, sit: Sit) -> None:
    run(terminal, "echo one")
    run(terminal, "echo two")
    terminal.type(UP + UP)
    terminal.until(lambda terminal: terminal.line == "me# echo one")
    terminal.type(CTRL_C)
    terminal.until_prompt()
    terminal.type(CTRL_D)
    assert terminal.until_exit() == 0
    second = sit()
    second.type(UP)
    second.until(lambda terminal: terminal.line == "me# echo two")


def test_a_brace_is_typed_over_several_lines(terminal: Terminal) -> None:
    terminal.type("for i in 1..3 {\r")
    terminal.until(lambda terminal: terminal.line.strip() == ">")
    terminal.type("echo number $i\r")
    terminal.until(lambda terminal: terminal.line.strip() == ">")
    run(terminal, "}")
    assert [line for line in terminal.lines if line.startswith("number")] == ["number 1", "number 2", "number 3"]


def test_ctrl_c_ends_a_ping_which_prints_its_statistics(terminal: Terminal) -> None:
    terminal.type("ping www\r")
    terminal.until_text("icmp_seq=0")
    terminal.type(CTRL_C)
    terminal.until_text("packets transmitted")
    terminal.until_prompt()
    run(terminal, "echo status $?")
    assert "status 0" in terminal.lines


def test_ctrl_c_typed_right_behind_a_line_is_for_that_line(terminal: Terminal) -> None:
    for _ in range(5):
        terminal.type("ping www\r" + CTRL_C)
        terminal.until(lambda terminal: "ping www" not in terminal.line and terminal.line.startswith("me#"))
        terminal.until_prompt()
    run(terminal, "jobs; echo nothing is left")
    assert terminal.lines.count("nothing is left") == 1


def test_a_job_speaks_above_the_line_that_is_typed(terminal: Terminal) -> None:
    run(terminal, "ping -c 3 -i 0.2 www &")
    terminal.type("echo half a line")
    terminal.until_text("packets transmitted")
    terminal.until_text("Done")
    terminal.until(lambda terminal: terminal.line == "me# echo half a line")
    assert sum(line.startswith("me| 64 bytes from") for line in terminal.lines) == 3
    assert sum("half a line" in line for line in terminal.lines) == 1
    run(terminal, "")
    assert "half a line" in terminal.lines


def test_keys_typed_while_a_command_runs_are_the_next_line(terminal: Terminal) -> None:
    terminal.type("sleep 0.5; echo done\r")
    terminal.type("echo ahead")
    terminal.until(lambda terminal: terminal.line == "me# echo ahead")
    assert terminal.lines[terminal.screen.cursor.y - 1] == "done"


def test_what_was_typed_ahead_is_read_too(terminal: Terminal) -> None:
    terminal.type("arp -f -\r10.0.0.9 02:00:00:00:00:09\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type(CTRL_D)
    terminal.until_prompt()
    run(terminal, "arp -an")
    assert any(line.startswith("10.0.0.9   02:00:00:00:00:09") for line in terminal.lines)


def test_two_netcats_talk(terminal: Terminal) -> None:
    run(terminal, "www nc -l 7 &")
    terminal.type("nc www 7\r")
    terminal.until(lambda terminal: terminal.shows_keys)
    terminal.type("hello\r")
    terminal.until(lambda terminal: terminal.lines.count("hello") == 2)  # as it is typed, and as www prints it
    terminal.type(CTRL_D)
    terminal.until_prompt()
    terminal.until_text("Done")


def test_ctrl_z_at_the_prompt_is_nothing(terminal: Terminal) -> None:
    terminal.type("\x1aecho \x1aon\r")
    terminal.until(lambda terminal: "on" in terminal.lines)


def test_wrong_words_are_red_before_enter(terminal: Terminal) -> None:
    terminal.type("pign www; ping nosuch ; ping www")
    terminal.until(lambda terminal: terminal.line.endswith("ping www"))

    def colours(word: str) -> set[str]:
        row = terminal.screen.buffer[terminal.screen.cursor.y]
        at = terminal.line.rindex(word)
        return {row[column].fg for column in range(at, at + len(word))}

    terminal.until(lambda _: colours("pign") == {"red"} == colours("nosuch"))
    assert "red" not in colours("www") | colours("ping")


def test_a_caret_stands_under_the_wrong_word(terminal: Terminal) -> None:
    terminal.type("route get nosuch\r")
    terminal.until_text("route: nosuch")
    at = terminal.lines.index("me# route get nosuch")
    assert terminal.lines[at + 1 : at + 3] == [" " * 14 + "^^^^^^", "route: nosuch: Host name lookup failure"]


def test_a_session_is_recorded_as_it_looks(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type(f"record {tmp_path}/s.cast\r")
    terminal.until(lambda terminal: terminal.screen.cursor.y > 4 and terminal.line == "me#")
    terminal.type("ping -c 1 www\r")
    terminal.until_text("round-trip")
    terminal.until_prompt()
    seen = [line for line in terminal.lines if "64 bytes" in line]
    terminal.type("record off\r")
    terminal.until(lambda _: (tmp_path / "s.cast").exists())
    head, *events = [json.loads(line) for line in (tmp_path / "s.cast").read_text().splitlines()]
    screen = pyte.Screen(head["width"], head["height"])
    stream = pyte.Stream(screen)
    for _, kind, text in events:
        assert kind == "o"
        stream.feed(text)
    shown = [line.rstrip() for line in screen.display]
    assert [line for line in shown if "64 bytes" in line] == seen
    assert any(line.startswith("me# ping -c 1 www") for line in shown)
    assert [time for time, _, _ in events] == sorted(time for time, _, _ in events)


def test_a_record_is_kept_when_the_shell_ends(terminal: Terminal, tmp_path: Path) -> None:
    terminal.type(f"record {tmp_path}/s.md\recho kept\r")
    terminal.until(lambda terminal: "kept" in terminal.lines)
    terminal.type("exit\r")
    assert terminal.until_exit() == 0
    assert (tmp_path / "s.md").read_text() == "```netsh\nme# echo kept\nkept\n```\n"


def test_a_demo_takes_a_key_a_step(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "d.netsh").write_text("# what follows\necho one\nfor x in p q {\n  echo $x\n}\necho last\necho never\n")
    terminal.type(f"demo {tmp_path}/d.netsh\r")
    terminal.until_text("q ends")
    terminal.until(lambda terminal: terminal.line == "me#")

    def step(shown: str) -> None:
        """Type a line, all at once by a second key; then run it."""
        terminal.type(" ")
        terminal.until(lambda terminal: terminal.line.startswith("me# ") and len(terminal.line) > 4)
        terminal.type("x ")  # other keys do nothing
        terminal.until(lambda terminal: shown in terminal.line)
        terminal.type(" ")
        terminal.until(lambda terminal: terminal.line == "me#")

    step("me# # what follows")
    step("me# echo one")
    assert "one" in terminal.lines
    terminal.type(" ")
    terminal.until(lambda terminal: terminal.line == "  > }")  # at the speed of a hand
    terminal.type("\r")
    terminal.until(lambda terminal: "q" in terminal.lines)
    terminal.until_prompt()
    step("me# echo last")
    terminal.type(" ")
    terminal.until(lambda terminal: len(terminal.line) > 4)
    terminal.type("q")
    terminal.until_prompt()
    terminal.type("echo by hand\r")
    terminal.until(lambda terminal: "by hand" in terminal.lines)
    assert "never" not in terminal.lines


def test_what_overflows_is_paged_and_jobs_go_on(terminal: Terminal, tmp_path: Path) -> None:
    said, go = tmp_path / "said", tmp_path / "go"
    job = f"while ! test -e {go} {{ sleep 0.01 }}; echo meanwhile; echo > {said}"
    terminal.type(f"{{ {job} }} &\r")
    terminal.until_prompt()
    terminal.type("sysctl -a\r")
    terminal.until(lambda terminal: terminal.line == ":")
    assert any("kern.ostype" in line for line in terminal.lines)
    go.touch()
    terminal.until(lambda _: said.exists())
    assert terminal.line == ":" and "meanwhile" not in terminal.lines
    terminal.type("q")
    terminal.until(lambda terminal: "meanwhile" in terminal.lines)
    terminal.until_prompt()


def test_what_jobs_say_is_not_paged(terminal: Terminal) -> None:
    terminal.type("for i in 1..8000 { echo much $i; sleep 0.001 } &\r")
    terminal.until_text("much 100")
    for _ in range(3):
        terminal.type("sleep 0.1; hostname\r")
        terminal.until(lambda terminal: terminal.line == "me#")
    terminal.type("kill %1\r")
    terminal.until_text("Terminated")
    terminal.until_prompt()


def test_what_a_job_complains_of_stands_where_it_was_said(terminal: Terminal) -> None:
    terminal.type("tcpdump -n icmp &\r")
    terminal.until_text("listening on shmif0")
    terminal.until_text("verbose output suppressed")
    at = [next(n for n, line in enumerate(terminal.lines) if words in line) for words in ("suppressed", "listening on")]
    assert at == sorted(at)


def test_what_comes_bit_by_bit_is_not_paged(terminal: Terminal) -> None:
    terminal.type("ping -i 0.05 -c 30 www\r")
    terminal.until_text("icmp_seq=3 ")
    assert not any("icmp_seq=29" in line for line in terminal.lines)
    terminal.until_text("round-trip")
    terminal.until_prompt()


def test_ctrl_c_in_a_long_computation_shows_what_there_was(terminal: Terminal) -> None:
    terminal.type("for i in 1..40 { echo line $i }; while true { x=1 }\r")
    terminal.until_text("line 40")
    terminal.type(CTRL_C)
    terminal.until_prompt()


def test_ctrl_z_stops_a_command_fg_goes_on_with_it(sit: Sit) -> None:
    terminal = sit(lines=40, NETSH_PAGER="off")
    terminal.type("ping -i 0.2 www\r")
    terminal.until(lambda terminal: replies(terminal) >= 1)
    terminal.type(CTRL_Z)
    terminal.until_text("[1]  Suspended   ping -i 0.2 www")
    terminal.until_prompt()
    seen = replies(terminal)
    terminal.type("jobs; ps; sleep 500ms\r")
    terminal.until_text("  T  ")
    terminal.until_prompt()
    assert replies(terminal) == seen
    terminal.type("fg\r")
    terminal.until(lambda terminal: replies(terminal) >= seen + 2)
    assert not any(line.startswith("me|") for line in terminal.lines)
    terminal.type(CTRL_C)
    terminal.until_text("round-trip")
    terminal.until_prompt()
    terminal.type("jobs; echo none\r")
    terminal.until(lambda terminal: "none" in terminal.lines)
    assert sum("Suspended" in line for line in terminal.lines) == 2


def test_the_line_below_tells_what_happens(terminal: Terminal) -> None:
    terminal.type("tcpdump -n icmp &\r")
    terminal.until_prompt()
    terminal.type("bus lan loss 100%; ping -c 1 gw &\r")
    terminal.until_text("1 capture")
    terminal.until(lambda terminal: re.search(r"me   clock real .*\d drop.* 2 jobs", terminal.lines[-1]))


def test_lines_for_a_host_are_typed_over_several_lines(terminal: Terminal) -> None:
    terminal.type("gw {\r")
    terminal.until(lambda terminal: terminal.line.strip() == ">")
    terminal.type("ifconfig shmif" + TAB)
    terminal.until_text("203.0.113.1/24")  # that of gw
    terminal.type("1 | head -1\r}\r")
    terminal.until_text("shmif1: flags=")
    terminal.until_prompt()


def test_options_are_kept_for_the_next_time(terminal: Terminal, sit: Sit) -> None:
    run(terminal, "option aliases.hi 'hostname | !tr a-z A-Z'")
    run(terminal, "option keys.f5 'echo a key'")
    run(terminal, "hi")
    assert "ME" in terminal.lines
    second = sit()
    second.type("\x1b[15~")
    second.until(lambda terminal: "a key" in terminal.lines)
    second.until_prompt()
    run(second, "gw hi")
    assert "GW" in second.lines
    run(second, "option abbreviate false")
    run(second, "hostn")
    assert any(line.startswith("netsh: hostn: unknown command") for line in second.lines)
    run(second, "option theme pink")
    assert "option: theme: it is one of auto, dark, light" in second.lines


def test_an_alias_that_is_none_is_told_at_the_start(sit: Sit, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[aliases]\na = 'b |'\nhi = 'hostname'\n")
    terminal = sit(NETSH_CONFIG=str(tmp_path / "config.toml"), columns=200)
    run(terminal, "hi")
    assert "me" in terminal.lines
    assert any("aliases.a: a command is expected, not the end" in line for line in terminal.lines)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("record off", "record: nothing is being recorded"),
        ("record /nonexistent/x", "record: /nonexistent/x: No such file or directory"),
        ("demo /nonexistent/x", "demo: /nonexistent/x: No such file or directory"),
        ("option nope", "option: nope: no such option; 'option' lists them"),
    ],
)
def test_complaints_of_what_is_the_users_own(terminal: Terminal, line: str, complaint: str) -> None:
    run(terminal, f"{line}; echo status $?")
    assert complaint in terminal.lines
    assert any(line in ("status 1", "status 2") for line in terminal.lines)


def test_a_record_tells_what_is_recorded_and_ends(sit: Sit, tmp_path: Path) -> None:
    terminal = sit(columns=200)
    for line in (f"record {tmp_path}/r.netsh", "true; record", "gw { hostname }", "nope", "record off", "echo no more"):
        run(terminal, line)
    assert f"recording {tmp_path}/r.netsh" in terminal.lines
    text = f"true; record\n# recording {tmp_path}/r.netsh\ngw {{ hostname }}\n# gw\n"
    assert (tmp_path / "r.netsh").read_text() == text + "nope\n# netsh: nope: unknown command\n"


def test_a_job_reads_a_file(sit: Sit, tmp_path: Path) -> None:
    terminal = sit(columns=200)
    (tmp_path / "much").write_bytes(b"x" * 300_000)
    run(terminal, f"www nc -l 7 > {tmp_path}/received &")
    run(terminal, f"nc -N www 7 < {tmp_path}/much &")
    terminal.until(lambda terminal: sum("Done" in line for line in terminal.lines) == 2)
    assert (tmp_path / "received").read_bytes() == b"x" * 300_000


@pytest.mark.parametrize("line", ["sleep 100", "arp -f -", "gw { while true { } }"])
def test_ctrl_c_at_the_moment_a_line_begins_is_for_that_line_and_what_follows_for_the_next(
    terminal: Terminal, line: str
) -> None:
    for turn in range(5):
        row = terminal.screen.cursor.y
        terminal.type(f"{line}\r")
        if turn % 2:  # Enter was drawn, and the command is not there yet
            terminal.until(lambda terminal, row=row: terminal.screen.cursor.y != row)  # type: ignore[misc]
        terminal.type(f"{CTRL_C}echo turn {turn}\r")
        terminal.until(lambda terminal, turn=turn: f"turn {turn}" in terminal.lines)  # type: ignore[misc]
        terminal.until_prompt()
