"""How a lesson looks at the prompt: headings, code and tables by rich's Markdown, drawings as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.style import Style
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from netsh.render.palette import BAD, FAINT, GOOD, NAME
from netsh.render.rich_views import Look, column, fitting, needed

_WIDEST = 92  # columns: longer lines are hard to read


class _Heading(Heading):
    """A heading at the margin; rich would put it in the middle."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        text = self.text
        text.justify = "left"
        text.stylize("bold underline" if self.tag == "h1" else "bold")
        yield Text("")
        yield text


class _Code(MarkdownElement):
    """A fence: what is said in the shell's language is coloured, a drawing is as it is."""

    @classmethod
    def create(cls, markdown: Markdown, token: Any) -> _Code:
        return cls((token.info or "").split(" ")[0])

    def __init__(self, language: str) -> None:
        self.language = language
        self.text = ""

    def on_text(self, context: Any, text: Any) -> None:
        """More of it."""
        self.text += text if isinstance(text, str) else text.plain

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Padding(_code(self.text.rstrip("\n"), self.language), (0, 0, 0, 2))


class _Lesson(Markdown):
    """Markdown as we want it."""

    elements: ClassVar[dict[str, type[MarkdownElement]]] = {
        **Markdown.elements, "heading_open": _Heading, "fence": _Code, "code_block": _Code,
    }  # fmt: skip


def _code(text: str, language: str) -> RenderableType:
    if not language:
        return Text(text, no_wrap=True, overflow="ellipsis")  # a drawing: broken lines would spoil it
    if language != "python":
        return Text(text, overflow="fold")
    code = Syntax(text, "python", theme="ansi_dark", word_wrap=True)
    code.background_style = Style.null()
    return code


def _markdown(text: str) -> RenderableType:
    return _Lesson(text, hyperlinks=False, inline_code_theme=None)


def speech(rows: Sequence[Any], look: Look) -> RenderableType:
    """What a lesson says: texts, what to type, questions, tasks, and how it goes; not wider than is good to read."""
    drawn = [each for row in rows for each in _DRAW[type(row).__name__](row)]
    return Padding(Group(*drawn), (0, max(look.width - _WIDEST, 0), 0, 0))


def _page(row: Any) -> Iterator[RenderableType]:
    """The text of a step, below a line that says where we are."""
    where = Text(f"{row.lesson}  {row.step}/{row.steps}", FAINT)
    yield Text("")
    yield Rule(where, style=FAINT, align="left", characters="-")
    yield _markdown(row.text)
    yield Text("")


def _try(row: Any) -> Iterator[RenderableType]:
    """What to type."""
    yield Text("Type, or press Enter to have it typed:", FAINT)
    for each in row.commands:
        yield Text.assemble("  ", _typed(each))


def _typed(line: str) -> Text:
    prompt, mark, command = line.partition("# ")
    return Text.assemble((prompt + mark, FAINT), (command, NAME))


def _question(row: Any) -> Iterator[RenderableType]:
    """A prediction, in a frame."""
    parts: list[RenderableType] = [_markdown(row.question)]
    parts += [Text.assemble((f" {choice.letter}) ", NAME), choice.text) for choice in row.choices]
    yield Text("")
    yield Panel(Group(*parts), title="What will you see?", title_align="left", box=box.ROUNDED)


def _goal(row: Any) -> Iterator[RenderableType]:
    """A task, in a frame."""
    hints = f"hint ({row.hints}) helps, " if row.hints else ""
    yield Panel(_markdown(row.goal), title="Task", title_align="left", box=box.HEAVY, border_style=NAME)
    yield Text(f"{hints}skip shows a solution, again shows this again", FAINT)


def _told(row: Any) -> Iterator[RenderableType]:
    """How it goes."""
    if row.kind == "typed":
        yield _typed(row.text)
    elif row.kind == "text":
        yield _markdown(row.text)
    elif row.mark:
        beside = Table.grid(padding=(0, 1, 0, 0))
        beside.add_row(Text(row.mark, _STYLES.get(row.kind, NAME)), _markdown(row.text))
        yield beside
    else:
        yield Text(row.text, FAINT)


_STYLES = {"done": GOOD, "right": GOOD, "wrong": BAD}
_DRAW = {"Page": _page, "Try": _try, "Question": _question, "Goal": _goal, "Told": _told}


def lessons(rows: Sequence[Any], look: Look) -> RenderableType:
    """The course."""
    columns = [
        column("", [_number(row) for row in rows], number=True),
        column("lesson", [Text(row.title) for row in rows]),
        column("min", [str(row.minutes) for row in rows], number=True),
        column("level", [Text(row.level, FAINT) for row in rows]),
        column("progress", [_progress(row) for row in rows]),
    ]
    if needed(columns, 1) <= look.width:
        return fitting(columns, look.width)
    narrow = Table.grid(padding=(0, 1, 0, 0))
    narrow.add_column(justify="right", no_wrap=True)
    for row in rows:
        about = Text(f" ({row.minutes} min, {row.level}) ", FAINT)
        narrow.add_row(_number(row), Text.assemble(row.title, about, _progress(row)))
    return narrow


def _number(row: Any) -> str:
    return "" if row.number is None else str(row.number)


def _progress(row: Any) -> Text:
    return Text(row.progress, GOOD if row.progress == "done" else "")
