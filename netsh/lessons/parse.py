"""A lesson's Markdown becomes its parts (markdown-it-py reads it, the blocks of ours are read here).

Whatever is wrong is told in one go, a line each: file, line, what was expected.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from netsh import grammar
from netsh.files import read_text
from netsh.lessons import checks
from netsh.lessons.form import (
    LEVELS,
    BadLesson,
    Block,
    Choice,
    Fault,
    Front,
    Lesson,
    Part,
    Prose,
    Quiz,
    Start,
    Task,
    Typed,
    Wrong,
)
from netsh.mode import parse_mode
from stack.kern.errors import reason

TYPED = re.compile(r"([A-Za-z][\w-]*)# (.*)")
_FIELD = re.compile(r'(\w+):\s*(?:"([^"]*)"|(.*?))\s*')
_CHOICE = re.compile(r"([a-z])\)\s+(.+)")
_KINDS = ("netsh", "lab", "quiz", "answer", "task", "hint", "solution")
_WRONG = re.compile(r"<!--\s*wrong\b:?[ \t]*(.*)\n(?s:(.*?))-->")
_TEXTS = ("title", "teaches", "rfcs", "books")


class Piece(NamedTuple):
    """A piece of the file, as it lies there: a fence of a kind of ours, or prose, or a comment with a wrong answer."""

    kind: str
    info: str  # the words behind the kind
    text: str
    line: int  # of the first line of `text`, counted from 1
    folded: bool  # inside <details>


def load(path: str) -> Lesson:
    """Read a lesson from its file; BadLesson when there is none, or something is wrong in it."""
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        raise BadLesson([Fault(path, 1, f"a lesson was expected: {reason(error)}")]) from None
    return parse(text, path)


def parse(text: str, path: str) -> Lesson:
    """Read a lesson from its text."""
    return _Reader(text, path).lesson()


def pieces(text: str, skip: int = 0) -> Iterator[Piece]:
    """Cut Markdown into pieces; the first `skip` lines are no part of it."""
    from markdown_it import MarkdownIt  # takes 30 ms to import

    lines = text.split("\n")
    body = "\n".join([""] * skip + lines[skip:])
    folded = False
    began: int | None = None  # where the prose that is being read begins
    for token in MarkdownIt("commonmark").enable("table").parse(body):
        if token.map is None or token.nesting < 0:
            continue
        first = token.map[0]
        kind, _, info = token.info.strip().partition(" ")
        ours = token.type == "fence" and kind in _KINDS
        if token.level and not ours:
            continue
        comment = token.type == "html_block" and token.content.startswith("<!--")
        fold = re.match(r"</?details", token.content) if token.type == "html_block" else None
        if not (ours or comment or fold):
            began = first if began is None else began
            continue
        if began is not None:
            yield _prose(lines, began, first, folded)
            began = None
        if ours:
            yield Piece(kind if not token.level else "indented", info.strip(), token.content, first + 2, folded)
        elif fold is not None:
            folded = not token.content.startswith("</") and "</details>" not in token.content
        elif found := _WRONG.match(token.content):
            yield Piece("wrong", found[1].strip(), found[2], first + 2, folded)
    if began is not None:
        yield _prose(lines, began, len(lines), folded)


def _prose(lines: list[str], first: int, last: int, folded: bool) -> Piece:
    return Piece("prose", "", "\n".join(lines[first:last]).strip("\n"), first + 1, folded)


class _Reader:
    """Reads one file; what is wrong is gathered."""

    def __init__(self, text: str, path: str) -> None:
        self.text = text.replace("\r\n", "\n")
        self.path = path
        self.faults: list[Fault] = []
        self.parts: list[Part] = []
        self.read: dict[str, Callable[[Piece], None]] = {
            "prose": self._prose, "netsh": self._netsh, "lab": self._lab, "quiz": self._quiz, "answer": self._answer,
            "task": self._task, "hint": self._hint, "solution": self._solution, "wrong": self._wrong,
            "indented": lambda piece: self._wants(piece.line - 1, "a block that begins in the first column"),
        }  # fmt: skip

    def lesson(self) -> Lesson:
        front, skip = self._front()
        for piece in pieces(self.text, skip):
            self.read[piece.kind](piece)
        self._whole(front, skip)
        if self.faults:
            raise BadLesson(sorted(self.faults, key=lambda fault: fault.line))
        name = os.path.splitext(os.path.basename(self.path))[0]
        return Lesson(self.path, name, front, tuple(self.parts))

    def _wants(self, line: int, expected: str) -> None:
        self.faults.append(Fault(self.path, line, f"expected {expected}"))

    # -- the front matter -----------------------------------------------------------------------------

    def _front(self) -> tuple[Front, int]:
        """The fields between the two `---`, and how many lines they take."""
        lines = self.text.split("\n")
        end = lines.index("---", 1) if lines[0] == "---" and "---" in lines[1:] else None
        if end is None:
            self._wants(1, "front matter between two lines '---'")
            return Front("", 0, "", "", "", ""), 0
        fields: dict[str, str] = {}
        for number, line in enumerate(lines[1:end], 2):
            found = _FIELD.fullmatch(line)
            if found is None or found[1] not in Front._fields:
                self._wants(number, f"'name: \"value\"', a name of {', '.join(Front._fields)}")
            else:
                fields[found[1]] = found[2] if found[2] is not None else found[3]
        for name in Front._fields[:6]:
            if not fields.get(name):
                self._wants(end + 1, f"a field '{name}' above this line")
        return self._front_of(fields, end), end + 1

    def _front_of(self, fields: dict[str, str], end: int) -> Front:
        minutes, level, clock = fields.get("minutes", "1"), fields.get("level", LEVELS[0]), fields.get("clock", "fast")
        if not (minutes.isascii() and minutes.isdigit() and 0 < int(minutes) < 1000):
            self._wants(end + 1, f"minutes that are a number, not {minutes!r}")
            minutes = "0"
        if level not in LEVELS:
            self._wants(end + 1, f"a level of {', '.join(LEVELS)}, not {level!r}")
        if fields.get("needs", "tap") not in ("", "tap"):
            self._wants(end + 1, f"needs: tap, the only thing a lesson may need, not {fields['needs']!r}")
        try:
            parse_mode(clock)
        except ValueError as error:
            self._wants(end + 1, f"a clock: {error}")
        title, teaches, rfcs, books = (fields.get(name, "") for name in _TEXTS)
        return Front(title, int(minutes), level, teaches, rfcs, books, fields.get("needs", ""), clock)

    # -- blocks ---------------------------------------------------------------------------------------

    def _prose(self, piece: Piece) -> None:
        """Text; inside <details> it belongs to what is folded there."""
        last = self.parts[-1] if self.parts else None
        prose = Prose(piece.text, piece.line)
        if piece.folded and isinstance(last, Task):
            self.parts[-1] = last._replace(solution=(*last.solution, prose))
        elif piece.folded and isinstance(last, Quiz):
            self.parts[-1] = last._replace(why=f"{last.why}\n\n{piece.text}".strip())
        else:
            self.parts.append(prose)

    def _netsh(self, piece: Piece) -> None:
        if piece.info not in ("", "live"):
            self._wants(piece.line - 1, f"'netsh' or 'netsh live', not 'netsh {piece.info}'")
        self.parts.append(self._block(piece))

    def _block(self, piece: Piece) -> Block:
        return Block(tuple(self._commands(piece, "host# command")), piece.info != "live", piece.line)

    def _commands(self, piece: Piece, expected: str) -> Iterator[Typed]:
        """The commands of a block, each with the lines that follow it."""
        typed: Typed | None = None
        for number, line in enumerate(piece.text.splitlines(), piece.line):
            found = TYPED.fullmatch(line)
            if typed is not None and not typed.output and line.startswith("> ") and _unfinished(typed.text):
                typed = typed._replace(text=f"{typed.text}\n{line[2:]}")
            elif found is not None:
                if typed is not None:
                    yield self._checked(typed)
                typed = Typed(found[1], found[2], "", number)
            elif typed is None:
                self._wants(number, f"'{expected}' as the first line of the block")
                return
            else:
                typed = typed._replace(output=f"{typed.output}{line}\n")
        if typed is None:
            self._wants(piece.line, f"'{expected}' in the block")
        else:
            yield self._checked(typed)

    def _checked(self, typed: Typed) -> Typed:
        try:
            grammar.parse(typed.text)
        except grammar.GrammarError as error:
            self._wants(typed.line, f"a command that can be read: {error}")
        return typed

    def _lab(self, piece: Piece) -> None:
        if piece.info not in ("", "home"):
            self._wants(piece.line - 1, f"'lab' (empty) or 'lab home', not 'lab {piece.info}'")
        try:
            grammar.parse(piece.text)
        except grammar.GrammarError as error:
            self._wants(piece.line + error.line - 1, f"a script that can be read: {error}")
        self.parts.append(Start(piece.info == "home", piece.text, piece.line))

    def _quiz(self, piece: Piece) -> None:
        """The question, and perhaps `a) ...` lines."""
        question: list[str] = []
        choices: list[Choice] = []
        for number, line in enumerate(piece.text.splitlines(), piece.line):
            if found := _CHOICE.fullmatch(line):
                if found[1] != chr(ord("a") + len(choices)):
                    self._wants(number, f"the choice '{chr(ord('a') + len(choices))})'")
                choices.append(Choice(found[1], found[2]))
            elif choices and line.startswith(" "):
                choices[-1] = choices[-1]._replace(text=f"{choices[-1].text} {line.strip()}")
            elif choices and line.strip():
                self._wants(number, "nothing behind the choices ('a) ...' lines)")
            else:
                question.append(line)
        if not "".join(question).strip():
            self._wants(piece.line, "a question in the quiz")
        if len(choices) == 1:
            self._wants(piece.line, "two choices or more, or none for a free answer")
        self.parts.append(Quiz("\n".join(question).strip(), tuple(choices), "", "", piece.line))

    def _answer(self, piece: Piece) -> None:
        """What is right, and below it why."""
        quiz = self.parts[-1] if self.parts else None
        answer, _, why = piece.text.partition("\n")
        if not isinstance(quiz, Quiz) or quiz.answer:
            self._wants(piece.line - 1, "the quiz before this answer")
            return
        letters = [choice.letter for choice in quiz.choices]
        if letters and answer.strip() not in letters:
            self._wants(piece.line, f"the letter of the right choice ({', '.join(letters)})")
        elif not answer.strip():
            self._wants(piece.line, "what is right ('50 | fifty', '50 ~ 5', or '?' for an open question)")
        if not why.strip():
            self._wants(piece.line + 1, "why it is so, below the answer")
        self.parts[-1] = quiz._replace(answer=answer.strip() or "?", why=why.strip())

    def _task(self, piece: Piece) -> None:
        """The goal in words, then the lines `check ...`."""
        goal: list[str] = []
        found: list[checks.Check] = []
        for number, line in enumerate(piece.text.splitlines(), piece.line):
            if line.startswith("check "):
                try:
                    found.append(checks.parse(line.removeprefix("check "), number))
                except ValueError as error:
                    self._wants(number, str(error))
            elif found and line.strip():
                self._wants(number, "nothing but 'check ...' behind the first check")
            else:
                goal.append(line)
        if not "".join(goal).strip():
            self._wants(piece.line, "the goal in words, above the checks")
        if "check " not in piece.text:
            self._wants(piece.line, "a line 'check ...' in the task")
        self.parts.append(Task("\n".join(goal).strip(), tuple(found), (), (), (), piece.line))

    def _of_task(self, piece: Piece, what: str) -> Task | None:
        task = self.parts[-1] if self.parts else None
        if isinstance(task, Task):
            return task
        self._wants(piece.line - 1, f"the task before this {what}")
        return None

    def _hint(self, piece: Piece) -> None:
        if (task := self._of_task(piece, "hint")) is not None:
            if not piece.text.strip():
                self._wants(piece.line, "words in the hint")
            self.parts[-1] = task._replace(hints=(*task.hints, piece.text.strip()))

    def _solution(self, piece: Piece) -> None:
        if (task := self._of_task(piece, "solution")) is not None:
            if piece.info not in ("", "live"):
                self._wants(piece.line - 1, f"'solution' or 'solution live', not 'solution {piece.info}'")
            self.parts[-1] = task._replace(solution=(*task.solution, self._block(piece)))

    def _wrong(self, piece: Piece) -> None:
        if (task := self._of_task(piece, "wrong answer")) is not None:
            if not piece.info:
                self._wants(piece.line - 1, "what is wrong with it: '<!-- wrong: it is the other one'")
            wrong = Wrong(piece.info, tuple(self._commands(piece, "host# command")), piece.line)
            self.parts[-1] = task._replace(wrong=(*task.wrong, wrong))

    # -- the whole ------------------------------------------------------------------------------------

    def _whole(self, front: Front, skip: int) -> None:
        """What can be seen only at the end."""
        first = self.parts[0] if self.parts else None
        if not isinstance(first, Prose) or first.text.split("\n")[0] != f"# {front.title}":
            self._wants(skip + 1, f"the heading '# {front.title}' below the front matter")
        for part in self.parts:
            if isinstance(part, Quiz) and not part.answer:
                self._wants(part.line - 1, "an 'answer' block behind this quiz")
            elif isinstance(part, Task) and not any(isinstance(each, Block) for each in part.solution):
                self._wants(part.line - 1, "a 'solution' block behind this task")
        if not any(isinstance(part, Block | Task) for part in self.parts):
            self._wants(skip + 1, "something to do: a 'netsh' block, or a task")


def _unfinished(text: str) -> bool:
    try:
        grammar.parse(text)
    except grammar.GrammarError as error:
        return error.incomplete
    return False
