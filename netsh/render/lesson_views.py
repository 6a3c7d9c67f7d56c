"""How a lesson looks at the prompt: headings, code and tables by rich's Markdown, drawings as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markdown import Heading, Markdown, MarkdownElement
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.style import Style
from rich.syntax import Syntax
from rich.text import Text

from netsh.render.palette import BAD, FAINT, GOOD, NAME
from netsh.render.rich_views import Look, column, fitting

_WIDEST = 92  # columns: longer lines are hard to read
_KINDS = {"done": ("Done. ", GOOD), "right": ("Right. ", GOOD), "wrong": ("Not so. ", BAD), "hint": ("Hint: ", NAME)}


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
    if language != "python":
        return Text(text, no_wrap=False, overflow="fold")
    code = Syntax(text, "python", theme="ansi_dark", word_wrap=True)
    code.background_style = Style.null()
    return code


def _markdown(text: str) -> RenderableType:
    return _Lesson(text, hyperlinks=False, inline_code_theme=None)


def _narrow(content: RenderableType, width: int) -> RenderableType:
    """Not wider than what is good to read."""
    return Padding(content, (0, max(width - _WIDEST, 0), 0, 0))


def pages(rows: Sequence[Any], look: Look) -> RenderableType:
    """The text of a step, below a line that says where we are."""
    drawn: list[RenderableType] = []
    for row in rows:
        where = Text(f"{row.lesson}  {row.step}/{row.steps}", FAINT)
        drawn += [Text(""), Rule(where, style=FAINT, align="left", characters="-"), _markdown(row.text), Text("")]
    return _narrow(Group(*drawn), look.width)


def tries(rows: Sequence[Any], look: Look) -> RenderableType:
    """What to type."""
    drawn: list[RenderableType] = []
    for row in rows:
        drawn.append(Text("Type, or press Enter to have it typed:", FAINT))
        drawn += [Text.assemble("  ", _typed(each)) for each in row.commands]
    return _narrow(Group(*drawn), look.width)


def _typed(line: str) -> Text:
    prompt, mark, command = line.partition("# ")
    return Text.assemble((prompt + mark, FAINT), (command, NAME))


def questions(rows: Sequence[Any], look: Look) -> RenderableType:
    """A prediction, in a frame."""
    drawn: list[RenderableType] = []
    for row in rows:
        parts: list[RenderableType] = [_markdown(row.question)]
        parts += [Text.assemble((f" {choice.letter}) ", NAME), choice.text) for choice in row.choices]
        drawn.append(Panel(Group(*parts), title="What will you see?", title_align="left", box=box.ROUNDED))
    return _narrow(Group(*drawn), look.width)


def goals(rows: Sequence[Any], look: Look) -> RenderableType:
    """A task, in a frame."""
    drawn: list[RenderableType] = []
    for row in rows:
        hints = f"hint ({row.hints}) helps, " if row.hints else ""
        drawn.append(Panel(_markdown(row.goal), title="Task", title_align="left", box=box.HEAVY, border_style=NAME))
        drawn.append(Text(f"{hints}skip shows a solution, again shows this again", FAINT))
    return _narrow(Group(*drawn), look.width)


def words(rows: Sequence[Any], look: Look) -> RenderableType:
    """How it goes."""
    drawn: list[RenderableType] = []
    for row in rows:
        if row.kind == "typed":
            drawn.append(_typed(row.text))
            continue
        mark, style = _KINDS.get(row.kind, ("", FAINT))
        drawn.append(_markdown(f"**{mark.strip()}** {row.text}") if mark else Text(row.text, FAINT))
        if style == GOOD:
            drawn[-1] = Padding(drawn[-1], 0, style=GOOD)
    return _narrow(Group(*drawn), look.width)


def lessons(rows: Sequence[Any], look: Look) -> RenderableType:
    """The course."""
    columns = [
        column("", ["" if row.number is None else str(row.number) for row in rows], number=True),
        column("lesson", [Text(row.title) for row in rows]),
        column("min", [str(row.minutes) for row in rows], number=True),
        column("level", [Text(row.level, FAINT) for row in rows]),
        column("progress", [Text(row.progress, GOOD if row.progress == "done" else "") for row in rows]),
    ]
    return fitting(columns, look.width)
