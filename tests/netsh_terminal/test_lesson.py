"""A lesson at a terminal, key by key: typed, answered, left and taken up again."""

from __future__ import annotations

import json
import signal
from pathlib import Path

from netsh.lessons import find
from netsh.lessons.form import Block, Quiz, Task
from netsh.lessons.steps import steps_of
from tests.lessons.test_form import GOOD
from tests.netsh_terminal.terminal import Terminal

NAME = find.load("neighbours").name


def keys(terminal: Terminal, line: str) -> None:
    """Type a line, a key at a time, and Enter."""
    for key in line:
        terminal.type(key)
    terminal.type("\r")


def at_step(terminal: Terminal, number: int, steps: int) -> None:
    """Wait for the prompt of a step."""
    terminal.until(lambda terminal: terminal.lines[-1].find(f"step {number}/{steps} ") > 0)
    terminal.until(lambda terminal: terminal.line.endswith("#"))


def kept(home: Path) -> dict[str, int]:
    """What is kept of the lesson."""
    text = (home / ".local/state/netsh/lessons.json").read_text()
    found: dict[str, int] = json.loads(text)[NAME]
    return found


def test_a_lesson_from_its_start_to_its_end(tmp_path: Path) -> None:
    lesson = find.load(NAME)
    steps = steps_of(lesson)
    last = len(steps)
    crash = next(at for at, step in enumerate(steps, 1) if isinstance(step.act, Block) and at > 4)
    tasks = [at for at, step in enumerate(steps, 1) if isinstance(step.act, Task)]

    def take(terminal: Terminal, first: int, end: int) -> None:
        """Take the steps from `first` up to `end`."""
        for number in range(first, end):
            at_step(terminal, number, last)
            act = steps[number - 1].act
            if isinstance(act, Quiz):
                terminal.type("\r")  # Enter does not answer
                terminal.until_text("What do you think?")
                keys(terminal, act.answer.split()[0])
            elif isinstance(act, Block) and number < 4:
                for typed in act.commands:
                    at_step(terminal, number, last)
                    keys(terminal, typed.text)
            else:
                terminal.type("\r")

    with Terminal(tmp_path, columns=100, lines=50) as terminal:
        terminal.until_prompt()
        keys(terminal, "host mine")
        terminal.until_prompt("mine#")
        keys(terminal, f"tutorial {NAME}")
        take(terminal, 1, 4)
        at_step(terminal, 4, last)
        # what is typed besides is no step, not even when it is broken off
        keys(terminal, "ping -q www")
        terminal.until_text("PING www")
        terminal.type("\x03")
        terminal.until_text("----www PING Statistics")
        at_step(terminal, 4, last)
        terminal.type("half a line\x03")
        at_step(terminal, 4, last)
        # back, and on again
        keys(terminal, "back")
        take(terminal, 3, crash)
        at_step(terminal, crash, last)
        terminal.child.kill(signal.SIGKILL)
    assert kept(tmp_path)["step"] == crash - 1

    with Terminal(tmp_path, columns=100, lines=50) as terminal:
        terminal.until_prompt()
        keys(terminal, "tutorial")
        terminal.until_text(f"{crash - 1}/{last}")
        keys(terminal, f"tutorial {NAME}")
        terminal.until_text(f"You were at step {crash}")
        take(terminal, crash, tasks[0])
        # the first task: a wrong answer, a hint, another way than the solution's
        at_step(terminal, tasks[0], last)
        keys(terminal, "rival ifconfig shmif0 10.0.0.2/24")
        at_step(terminal, tasks[0], last)
        keys(terminal, "hint")
        terminal.until_text("Which addresses on lan are taken?")
        keys(terminal, "reset")
        terminal.until_text("The lab is as it was")
        keys(terminal, "host rival")
        terminal.until_prompt("rival#")
        keys(terminal, "ifconfig shmif0 10.0.0.200/24")
        terminal.until_prompt("rival#")
        keys(terminal, "sleep 9")
        terminal.until_text("That is it.")
        # the second one is skipped
        at_step(terminal, tasks[1], last)
        keys(terminal, "skip")
        at_step(terminal, tasks[1] + 1, last)
        terminal.type("\r")
        terminal.until_text("1 of 2 tasks done by yourself")
        terminal.until(lambda terminal: f"lesson {lesson.number} done" in terminal.lines[-1])
        # our own lab is as it was
        keys(terminal, "tutorial end")
        terminal.until(lambda terminal: "lesson" not in terminal.lines[-1])
        keys(terminal, "host")
        terminal.until_text("203.0.113.80")
        keys(terminal, "tutorial")
        terminal.until_text("done")
        keys(terminal, "hint")
        terminal.until_text("hint: unknown command")
    found = kept(tmp_path)
    assert (found["done"], found["tasks"], found["wrong"]) == (True, 1, 0)
    assert found["right"] == sum(isinstance(step.act, Quiz) for step in steps)


def test_the_own_lab_comes_back(tmp_path: Path) -> None:
    """Its hosts, its jobs, its clock, and where the prompt was; exit leaves the lesson, not the shell."""
    with Terminal(tmp_path, columns=100, lines=40) as terminal:
        terminal.until_prompt()
        for line in ("host mine", "sleep 1000 &", "clock x2"):
            keys(terminal, line)
        terminal.until_prompt("mine#")
        keys(terminal, "tutorial 16")
        terminal.until_text("RIP: rumours")
        terminal.until(lambda terminal: "clock fast" in terminal.lines[-1] and "job" not in terminal.lines[-1])
        keys(terminal, "exit")
        terminal.until(lambda terminal: "clock x2   1 job" in terminal.lines[-1] and "mine" in terminal.lines[-1])
        keys(terminal, "exit")
        assert terminal.until_exit() == 0


def test_a_broken_file_of_progress_is_named(tmp_path: Path) -> None:
    file = tmp_path / ".local/state/netsh/lessons.json"
    file.parent.mkdir(parents=True)
    file.write_text('{"02-neighbours": {"step": 3,}}')
    with Terminal(tmp_path, columns=250, lines=40) as terminal:
        terminal.until_prompt()
        keys(terminal, "tutorial")
        terminal.until_text("lessons.json:1: column 30")
        keys(terminal, f"tutorial {NAME}")
        terminal.until_text("all lessons begin anew")
        at_step(terminal, 1, len(steps_of(find.load(NAME))))
    assert file.with_name("lessons.json.broken").read_text().endswith('3,}}')
    assert kept(tmp_path)["step"] == 0


def test_a_lesson_in_a_narrow_window(tmp_path: Path) -> None:
    with Terminal(tmp_path, columns=40, lines=60) as terminal:
        terminal.until_prompt()
        keys(terminal, "tutorial 7")
        terminal.until_text("Type along")
        terminal.until(lambda terminal: "step 1/" in terminal.lines[-1])
        assert any("flooded" in line or "bridge" in line for line in terminal.lines)


def test_ctrl_c_stops_what_is_typed_for_the_learner(tmp_path: Path) -> None:
    text = GOOD.replace("level: beginner", "level: beginner\nclock: real")
    text = text.replace("me# ping -c 1 gw | grep from\n", "me# sleep 1000\nme# echo a second one\n")
    (tmp_path / "lesson.md").write_text(text)
    with Terminal(tmp_path, lines=50) as terminal:
        terminal.until_prompt()
        keys(terminal, f"tutorial {tmp_path}/lesson.md")
        at_step(terminal, 1, 3)
        keys(terminal, "b")
        at_step(terminal, 2, 3)
        shown = sum("sleep 1000" in line for line in terminal.lines)
        terminal.type("\r")
        terminal.until(lambda terminal: sum("sleep 1000" in line for line in terminal.lines) > shown)
        terminal.until(lambda terminal: not terminal.lines[-1])  # no toolbar: it runs
        terminal.type("\x03")
        at_step(terminal, 2, 3)
        terminal.type("\r")
        terminal.until(lambda terminal: "a second one" in terminal.lines)
        at_step(terminal, 3, 3)
