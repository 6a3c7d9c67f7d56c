"""A file that is no good lesson: the file, the line, what was expected, all in one go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from netsh.lessons import checks, parse, replay
from netsh.lessons.form import BadLesson, Block, Prose, Quiz, Start, Task

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "lessons.md"
EXAMPLE = re.search(r"^`{5}markdown\n(.*?)^`{5}$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
assert EXAMPLE is not None
GOOD = EXAMPLE[1]


def faults(text: str) -> list[str]:
    with pytest.raises(BadLesson) as bad:
        parse.parse(text, "x.md")
    return str(bad.value).splitlines()


def test_the_example_of_the_authors_guide_is_a_lesson_that_runs() -> None:
    lesson = parse.parse(GOOD, "tutorials/99-example.md")
    assert lesson.number == 99 and lesson.front.minutes == 15
    prose, quiz, block, heading, task = lesson.parts
    assert isinstance(prose, Prose) and prose.text.startswith("# Neighbours") and "--- lan ---" in prose.text
    assert isinstance(quiz, Quiz) and quiz.answer == "b" and [choice.letter for choice in quiz.choices] == ["a", "b"]
    assert quiz.why == "It learned of me by being asked."
    assert isinstance(block, Block) and block.commands[0].text == "ping -c 1 gw | grep from"
    assert isinstance(heading, Prose) and heading.text == "## Task 1: forget"
    assert isinstance(task, Task) and [check.text for check in task.checks] == ["not arp me gw"]
    assert task.hints == ("`help arp` knows a letter for it.",)
    assert [wrong.why for wrong in task.wrong] == ["something else is forgotten"]
    assert list(replay.run(lesson)) == []


def test_every_check_of_the_guide_is_one() -> None:
    table = GUIDE.read_text().partition("| check | holds when |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [row.split(" | ")[0].removeprefix("| ").replace("\\|", "|") for row in table.splitlines()]
    kinds = set()
    for form in re.findall(r"`([^`]+)`", " ".join(rows)):
        short = form
        while (shorter := re.sub(r" ?\[[^][]*\]", "", short)) != short:
            short = shorter
        for text in (short, re.sub(r"\|\w+|[][]", "", form)):
            check = checks.parse(text.replace("BYTES", "9000").replace("PORT", "80"))
            kinds.add(check.text.split()[0])
    assert kinds == set(checks.FORMS)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("---\ntitle", "title", "x.md:1: expected front matter between two lines '---'"),
        ("minutes: 15", "minutes: soon", "x.md:8: expected minutes that are a number, not 'soon'"),
        ("level: beginner", "level: hard", "x.md:8: expected a level of beginner, intermediate, advanced, not 'hard'"),
        ("minutes: 15\n", "", "x.md:7: expected a field 'minutes' above this line"),
        ("minutes: 15", "minuets: 15", "x.md:3: expected 'name: \"value\"', a name of title, minutes, level"),
        ("minutes: 15", "minutes: 15\nclock: slow", "x.md:9: expected a clock: slow: a clock is real, fast, or"),
        ("# Neighbours: who is next to me\n\n", "", "x.md:9: expected the heading '# Neighbours: who is next to me'"),
        ("me# ping", "ping", "x.md:35: expected 'host# command' as the first line of the block"),
        ("grep from\n64", "grep 'from\n64", "x.md:35: expected a command that can be read: the quote ' is not closed"),
        ("```netsh", "```netsh alive", "x.md:34: expected 'netsh' or 'netsh live', not 'netsh alive'"),
        ("```netsh", "```lab here", "x.md:34: expected 'lab' (empty) or 'lab home', not 'lab here'"),
        ("b) me", "c) me", "x.md:22: expected the choice 'b)'"),
        ("b) me\n", "", "x.md:20: expected two choices or more, or none for a free answer"),
        ("```answer\nb", "```answer\nc", "x.md:28: expected the letter of the right choice (a, b)"),
        ("It learned of me by being asked.\n", "", "x.md:29: expected why it is so, below the answer"),
        ("```answer", "```text", "x.md:19: expected an 'answer' block behind this quiz"),
        ("```quiz", "```text", "x.md:27: expected the quiz before this answer"),
        ("Make me forget gw.\n", "", "x.md:42: expected the goal in words, above the checks"),
        ("check not arp me gw\n", "", "x.md:42: expected a line 'check ...' in the task"),
        ("check not arp", "check not ark", "x.md:43: expected a check that is known, not 'ark': did you mean arp?"),
        ("check not arp me gw", "check arp me", "x.md:43: expected 'arp HOST NEIGHBOUR [at HOST|MAC]': a neighbour"),
        ("check not arp me gw", "check arp me gw up", "x.md:43: expected 'arp HOST NEIGHBOUR [at HOST|MAC]': nothing"),
        ("check not arp me gw", "check counter me ip ttl > x", "a whole number, not 'x'"),
        ("check not arp me gw", "check says me 'arp", "expected a check that can be read: No closing quotation"),
        ("```task", "```text", "x.md:52: expected the task before this hint"),
        ("```solution", "```text", "x.md:41: expected a 'solution' block behind this task"),
        ("wrong: something else is forgotten", "wrong:", "x.md:46: expected what is wrong with it"),
        ("me# arp -d 10.0.0.2", "arp -d 10.0.0.2", "x.md:47: expected 'host# command' as the first line of the block"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    assert any(expected in fault for fault in faults(GOOD.replace(old, new, 1))), faults(GOOD.replace(old, new, 1))


def test_all_that_is_wrong_is_told_at_once() -> None:
    text = GOOD.replace("check not arp", "check ark").replace("```answer\nb", "```answer\nz")
    text = text.replace("me# ping", "ping")
    assert [fault.split(":")[1] for fault in faults(text)] == ["28", "35", "43"]


def test_an_indented_block_is_not_overlooked() -> None:
    text = GOOD.replace("## Task 1", "- so:\n\n  ```netsh\n  me# arp -an\n  ```\n\n## Task 1")
    assert "expected a block that begins in the first column" in faults(text)[0]


@pytest.mark.parametrize("text", ["", "---", "---\n---", "\0", "```netsh", "---\ntitle: x\n---\n# x\n```lab\nfor\n```"])
def test_what_is_no_lesson_at_all(text: str) -> None:
    assert faults(text)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(BadLesson, match=r"none\.md:1: a lesson was expected: No such file or directory"):
        parse.load("none.md")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("ttl=255 time=0.3", "ttl=64 time=0.3", "x.md:36: the lesson says"),
        ("me# ping", "gw# ping", "x.md:35: the prompt is 'me#' here, not 'gw#'"),
        ("check not arp me gw", "check arp me gw", "x.md:42: the task holds before anything was done for it"),
        ("me# arp -d gw", "me# arp -an | grep nobody", "does not pass 'not arp me gw': me has 10.0.0.1 at"),
        ("me# arp -d 10.0.0.2", "me# arp -d 10.0.0.1", "this wrong answer passes (something else is forgotten)"),
        ("me# arp -d 10.0.0.2", "gw# arp -d 10.0.0.2", "this wrong answer cannot be tried: x.md:47: the prompt is"),
        ("Some words", "```lab\nhost a\nfoo\n```\n\nSome", "x.md:13: the lab cannot be built: lab:2: netsh: foo"),
    ],
)
def test_a_lesson_that_is_not_true(old: str, new: str, expected: str) -> None:
    assert old in GOOD
    found = [str(fault) for fault in replay.run(parse.parse(GOOD.replace(old, new, 1), "x.md"))]
    assert any(expected in fault for fault in found), found


def test_a_lab_block_begins_anew() -> None:
    text = GOOD.replace("```netsh", "```lab home\nhost other\nhost me\n```\n\n```netsh", 1)
    lesson = parse.parse(text, "x.md")
    assert any(isinstance(part, Start) and part.home for part in lesson.parts)
    assert list(replay.run(lesson)) == []


def test_a_command_of_several_lines() -> None:
    text = GOOD.replace("```netsh\n", "```netsh\nme# for h in me gw {\n>   echo $h\n> }\nme\ngw\n", 1)
    lesson = parse.parse(text, "x.md")
    assert list(replay.run(lesson)) == []
    assert replay.rewritten(lesson, text) == text


def test_outputs_are_written_in() -> None:
    text = re.sub(r"^64 bytes.*\n", "old\nlines\n", GOOD, flags=re.MULTILINE)
    assert replay.rewritten(parse.parse(text, "x.md"), text) == GOOD


def test_wrong_answers_in_a_lab_that_cannot_be_copied(tmp_path: Path) -> None:
    """Each has a run of its own; what holds is told there, too."""
    start = f"```lab home\nifconfig shmif1 create linkstr {tmp_path / 'bus'}\n```\n\n"
    another = "<!-- wrong: gw forgets me, too late\nme# gw arp -d -a\n-->\n\n<details><summary>Hint"
    text = GOOD.replace("```quiz", f"{start}```quiz", 1).replace("<details><summary>Hint", another)
    text = re.sub(r"time=.*", "", text).replace("```netsh", "```netsh live", 1)
    assert [str(fault) for fault in replay.run(parse.parse(text, "x.md"))] == []
    text = text.replace("me# arp -d 10.0.0.2", "me# arp -d 10.0.0.1")
    found = [str(fault) for fault in replay.run(parse.parse(text, "x.md"))]
    assert found == [f"x.md:{text[:text.index('me# arp -d 10.0.0.1')].count(chr(10)) + 1}: "
                     "this wrong answer passes (something else is forgotten)"]  # fmt: skip
