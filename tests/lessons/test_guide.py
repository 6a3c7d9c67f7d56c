"""A lesson at the prompt, without a terminal: what each word does, and what the lab is afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsh.lessons.form import Quiz, Task
from netsh.lessons.guide import Guide
from tests.lessons.test_draft import prompt, type_in
from tests.lessons.test_form import GOOD

LAB = "Another lab.\n\n```lab\nhost a\nhost b\nlink a b 10.1.0.0/30\nhost a\n```\n\n"
LESSON = GOOD.replace("## Task 1", f"{LAB}## Task 1")
LESSON = LESSON.replace("Make me forget gw.\ncheck not arp me gw", "Let a know b.\ncheck arp a b")
LESSON = LESSON.replace("me# arp -d 10.0.0.2", "a# sleep 1").replace("me# arp -d gw", "a# ping -c 1 b | grep nothing")


class Prompt:
    """Somebody at a prompt, and what was said since the last look."""

    def __init__(self, folder: Path, text: str) -> None:
        self.session, self.screen = prompt()
        self.file = folder / "lesson.md"
        self.file.write_text(text)

    def type(self, *lines: str) -> str:
        """Type lines; what is said."""
        self.screen.seek(0)
        self.screen.truncate()
        type_in(self.session, *lines)
        return self.screen.getvalue()

    def begin(self, *words: str) -> str:
        return self.type(" ".join(["tutorial", str(self.file), *words]))

    @property
    def at(self) -> int:
        """The step, counted from 1."""
        assert isinstance(self.session.companion, Guide)
        return self.session.companion.at + 1


@pytest.fixture
def student(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prompt:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return Prompt(tmp_path, LESSON)


def test_what_is_predicted_is_judged_when_it_was_seen(student: Prompt) -> None:
    assert "What will you see?" in student.begin()
    assert "What do you think? Type a, b;" in student.type("")
    assert "it is one of a, b" in student.type("answer z")
    assert student.at == 1
    said = student.type("a")
    assert "Noted." in said and "Not so" not in said and student.at == 2
    said = student.type("ping -c 1 gw | grep from")
    assert "Not so. It is b) me. It learned of me by being asked." in said
    assert student.at == 3


@pytest.mark.parametrize(
    "lines",
    [("ping -c 1 gw | grep from",), ("",), ("next",), ("host www", "me ping  -c 1 gw  | grep from"),
     ("sleep 1; ping -c 1 gw | grep from",), ("skip",)],
)  # fmt: skip
def test_ways_to_do_what_is_to_be_typed(student: Prompt, lines: tuple[str, ...]) -> None:
    student.begin()
    student.type("b")
    said = student.type(*lines)
    assert "64 bytes from 10.0.0.1" in said and "Right." in said
    assert student.at == 3


def test_other_commands_are_no_step(student: Prompt) -> None:
    student.begin()
    student.type("b")
    assert "64 bytes" in student.type("ping -c 2 gw | grep from", "arp -an", "no such command", "ping 'unfinished")
    assert student.at == 2


def test_a_task_is_done_however_it_was_reached(student: Prompt) -> None:
    student.begin()
    student.type("b", "")
    assert student.at == 3 and [*student.session.lab.hosts] == ["a", "b"]
    assert "The task is not done yet" in student.type("")
    assert "Done." not in student.type("ifconfig shmif0", "hint", "hint", "again", "sleep 3")
    assert "Done. That is it." in student.type("b ping -c 1 a")  # who is asked learns, too
    assert student.at == 4 and "1 of 1 tasks done by yourself, 1 of 1 predictions right" in student.type("again")
    assert "the lesson is over" in student.type("").lower()


def test_hints_skip_back_and_reset(student: Prompt) -> None:
    student.begin()
    assert "Enter goes on" in student.type("hint")
    assert "This is the first step." in student.type("back")
    student.type("skip", "")
    assert "`help arp` knows a letter" in student.type("hint")
    assert "no more hints" in student.type("hint")
    student.type("host c", "a ifconfig shmif0 destroy")
    assert "The lab is as it was" in student.type("reset")
    assert [*student.session.lab.hosts] == ["a", "b"] and "shmif0" in student.session.lab["a"].interfaces
    student.type("back")
    assert student.at == 2 and "c" not in student.session.lab.hosts
    student.type("reset")
    assert "gw" in student.session.lab.hosts
    student.type("", "skip")
    assert student.at == 4 and "0 of 1 tasks done by yourself" in student.type("again")


def test_the_own_lab_stands_still_meanwhile(student: Prompt) -> None:
    session = student.session
    student.type("host mine", "x=1", "sleep 100 &", "clock x7")
    own, now, jobs = session.lab, session.lab.callouts.now, session.jobs
    student.begin()
    assert session.lab is not own and session.clock.mode == "fast" and not session.jobs.running()
    student.type("b", "", "x=2", "y=3", "ping b &", "sleep 100")
    student.begin("again")  # a lesson after a lesson
    student.type("tutorial end")
    assert (session.lab, session.jobs, session.clock.mode) == (own, jobs, "x7")
    assert own.callouts.now < now + 10  # it did not see the hundred seconds
    assert session.host is not None and session.host.name == "mine"
    assert session.scope.variables["x"] == "1" and "y" not in session.scope.variables
    assert [job.line for job in session.jobs.running()] == ["sleep 100"]
    session.clock.set_mode("fast")
    assert student.type("wait", "echo well") == "[1]  Done        sleep 100\nwell\n"


def test_it_goes_on_where_it_was(student: Prompt, tmp_path: Path) -> None:
    student.begin()
    student.type("b", "")
    another = Prompt(tmp_path, LESSON)
    said = another.begin()
    assert "You were at step 3" in said and "Let a know b." in said
    assert [*another.session.lab.hosts] == ["a", "b"]
    another.type("tutorial end")
    another.file.write_text(LESSON.replace("```netsh", "```netsh\nme# arp -an\n```\n\n```netsh", 1))
    assert "You were at" not in another.begin()  # it is another lesson now
    assert another.at == 1


def test_a_lab_that_is_changed_below_it(student: Prompt, tmp_path: Path) -> None:
    """Another lab is loaded in the middle of a task: its checks look at that one."""
    student.begin()
    student.type("b", "", f"save {tmp_path / 'lab'}", "host -d b")
    assert "Done." not in student.type("arp -an")
    student.type(f"load {tmp_path / 'lab'}")
    assert "Done." in student.type("a ping -c 1 b")


def test_leaving_the_shell_leaves_nothing(student: Prompt) -> None:
    student.begin()
    student.type("exit 3")
    assert student.session.exiting == 3
    assert student.session.companion is not None
    student.session.companion.leave()
    assert "gw" in student.session.lab.hosts and student.session.companion is None


@pytest.mark.timeout(60)
def test_a_lab_with_a_bus_in_a_file_is_checked_in_place(student: Prompt, tmp_path: Path) -> None:
    """It cannot be copied; then a check sends in the learner's own lab, in real time."""
    bus = tmp_path / "bus.shmif"
    text = LESSON.replace("link a b 10.1.0.0/30", "link a b 10.1.0.0/30\na ifconfig shmif1 create linkstr " + str(bus))
    text = text.replace("check arp a b", "check reachable a b\ncheck sysctl a net.inet.ip.ttl = 9")
    student.file.write_text(text)
    student.begin()
    student.type("b", "")
    assert student.session.lab.has_devices
    said = student.type("sysctl -w net.inet.ip.ttl=9")
    assert "Done." in said
    packets = student.session.lab["b"].interfaces["shmif0"].ipackets
    assert packets > 0
    student.type("tutorial end")


def test_every_word_is_there_only_in_a_lesson(student: Prompt) -> None:
    words = ("next", "back", "hint", "skip", "reset", "again", "answer 1")
    assert student.type(*words).count("unknown command") == len(words)
    student.begin()
    assert set(student.session.names()) >= {"next", "back", "hint", "skip", "reset", "again", "answer"}
    student.type("tutorial end")
    assert student.type(*words).count("unknown command") == len(words)


def test_words_of_a_lesson_are_not_for_the_background(student: Prompt) -> None:
    student.begin()
    assert "no lesson runs here" in student.type("next &", "wait")
    assert student.at == 1


@pytest.mark.parametrize("name", ["01-first-ping", "12-loss", "18-broken-networks"])
def test_a_lesson_can_be_walked_through(name: str, student: Prompt) -> None:
    """By Enter, right answers and skip: stops in mid-air, many labs, whatever is in it."""
    said = student.type(f"tutorial {name}")
    guide = student.session.companion
    assert isinstance(guide, Guide)
    for number, step in enumerate(guide.steps):
        assert guide.at == number, said
        if isinstance(step.act, Quiz):
            said += student.type("".join(f"answer '{step.act.answer.partition('|')[0].partition('~')[0].strip()}'"))
        else:
            said += student.type("skip" if isinstance(step.act, Task) else "")
    assert guide.step is None
    for trouble in ("internal error", "unknown command", "Not so.", "expected"):
        assert trouble not in said
