"""A lesson as a page for a browser: one file with all it needs, for wide and narrow windows, dark and light.

Outputs are those of the lesson, which are exact.  The labs in it are drawn: the lesson is run to see them.
"""

from __future__ import annotations

import base64
import mimetypes
import os
import re
from collections.abc import Collection, Iterable, Iterator
from html import escape
from typing import Any

from netsh.builtins.lab import rows_of
from netsh.drawing.svg import svg_of
from netsh.lessons.form import Block, Lesson, Part, Prose, Quiz, Start, Task
from netsh.lessons.replay import Replay, first_of
from netsh.lessons.steps import right_of
from netsh.world import end
from stack.lab import Lab

_MANY = 40  # hosts: a drawing of more is no help
_ADDRESS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?(?![.\w])|\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b")
_STYLE = """\
:root { --text: #1f2328; --back: #ffffff; --faint: #59636e; --line: #d1d9e0; --box: #f6f8fa; --accent: #0969da;
  --address: #0b5cad; --good: #1a7f37; color-scheme: light dark }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --back: #11151a; --faint: #97a1ac; --line: #3d444d;
  --box: #1a1f26; --accent: #4493f8; --address: #79b8ff; --good: #3fb950 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 52rem; background: var(--back); color: var(--text);
  font: 1.05rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; overflow-wrap: anywhere }
h1 { line-height: 1.2; margin: 0 0 1rem } h2 { line-height: 1.25; margin: 2.5rem 0 1rem }
a { color: var(--accent) }
code, pre, kbd { font: 0.9rem/1.45 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace }
p code, li code, td code { background: var(--box); border-radius: 4px; padding: 0.1em 0.3em }
pre { margin: 1rem 0; padding: 0.8rem 1rem; background: var(--box); border: 1px solid var(--line);
  border-radius: 8px; overflow-x: auto; overflow-wrap: normal; max-width: 100% }
pre.drawing { border: 0; background: none; padding: 0.2rem 0 }
pre .typed { font-weight: 600 } pre .prompt, pre .more { color: var(--faint); font-weight: 400 }
pre .address { color: var(--address) }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0.2rem 1rem; color: var(--faint); margin: 0 0 2rem;
  font-size: 0.95rem } dt { font-weight: 600 } dd { margin: 0 }
figure { margin: 1.5rem 0; overflow-x: auto } figure svg { max-width: 100%; height: auto; display: block }
figcaption { color: var(--faint); font-size: 0.9rem }
.quiz, .task { border: 1px solid var(--line); border-left: 4px solid var(--accent); border-radius: 8px;
  padding: 0.6rem 1rem; margin: 1.5rem 0 } .task { border-left-color: var(--good) }
.quiz > b:first-child, .task > b:first-child { color: var(--faint); font-size: 0.85rem; text-transform: uppercase }
.quiz ol { list-style: lower-alpha; margin: 0.4rem 0; padding-left: 1.6rem }
details { margin: 0.5rem 0 } summary { cursor: pointer; color: var(--accent) }
table { border-collapse: collapse; display: block; overflow-x: auto; max-width: 100% }
th, td { border: 1px solid var(--line); padding: 0.3rem 0.6rem; text-align: left }
@media (max-width: 40rem) { body { font-size: 1rem; padding-top: 1rem } code, pre { font-size: 0.78rem }
  dl { grid-template-columns: 1fr } dt { margin-top: 0.4rem } }
@media print { details > * { display: block } pre { white-space: pre-wrap } }
"""


def page_of(lesson: Lesson) -> str:
    """The whole page."""
    return "\n".join(_document(lesson.front.title, _Page(lesson).body()))


def index_of(lessons: Iterable[Lesson]) -> str:
    """A page that leads to those of all lessons, which lie beside it."""
    return "\n".join(_document("Lessons", _contents(lessons)))


def _contents(lessons: Iterable[Lesson]) -> Iterator[str]:
    yield "<h1>Lessons</h1>\n<ol>"
    for lesson in lessons:
        front = lesson.front
        value = f' value="{lesson.number}"' if lesson.number is not None else ""
        link = f'<a href="{escape(lesson.name)}.html">{escape(front.title)}</a>'
        yield f"<li{value}>{link} ({front.minutes} minutes, {front.level})<br>{escape(front.teaches)}</li>"
    yield "</ol>"


def _document(title: str, body: Iterable[str]) -> Iterator[str]:
    yield '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{escape(title)}</title>\n<style>\n{_STYLE}{_colours()}</style>\n</head>\n<body>"
    yield from body
    yield "</body>\n</html>\n"


def _colours() -> str:
    """The colours of commands and of Python, for light and for dark."""
    from pygments.formatters import HtmlFormatter

    formatters: list[Any] = [HtmlFormatter(style=style) for style in ("default", "github-dark")]
    rules = [_plain(each.get_style_defs("pre")) for each in formatters]
    return f"{rules[0]}\n@media (prefers-color-scheme: dark) {{\n{rules[1]}\n}}\n"


def _plain(rules: str) -> str:
    """Rules for words only: the ground is ours."""
    kept = [rule for rule in rules.splitlines() if re.match(r"pre \.\w+ \{", rule)]
    return "\n".join(re.sub(r"background-color: #\w+;? ?", "", rule) for rule in kept)


class _Page:
    """One lesson's page."""

    def __init__(self, lesson: Lesson) -> None:
        from markdown_it import MarkdownIt

        self.lesson = lesson
        self.markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
        rules: Any = self.markdown.renderer
        rules.rules |= {"fence": self._fence, "image": self._image}
        self.drawn = ""  # the last drawing of the lab
        self.hosts: set[str] = set()  # all that there were so far

    def body(self) -> Iterator[str]:
        """All of it, part by part."""
        run = Replay(self.lesson)
        steps = run.parts()
        try:
            if not isinstance(first_of(self.lesson), Start):
                next(steps)
            for number, part in enumerate(self.lesson.parts):
                if isinstance(part, Task | Quiz | Block) and not isinstance(self._before(number), Quiz):
                    yield from self._lab(run.session.lab, isinstance(part, Task) or not self.drawn)
                next(steps)
                self.hosts |= {*run.session.lab.hosts}
                if number:
                    yield from self._part(part)
                else:
                    yield from self._head(part)
        finally:
            end(run.session.lab)

    def _before(self, number: int) -> Part | None:
        return self.lesson.parts[number - 1] if number else None

    def _head(self, first: Part) -> Iterator[str]:
        """The heading, what the lesson is, and the rest of the first text."""
        heading, _, rest = first.text.partition("\n") if isinstance(first, Prose) else ("", "", "")
        yield self._text(heading)
        yield from self._front()
        yield self._text(rest)

    def _front(self) -> Iterator[str]:
        front = self.lesson.front
        about = {
            "teaches": front.teaches, "takes": f"{front.minutes} minutes ({front.level})", "RFCs": front.rfcs,
            "books": front.books,
        }  # fmt: skip
        yield "<dl>"
        yield from (f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in about.items())
        yield "</dl>"

    def _lab(self, lab: Lab, wanted: bool) -> Iterator[str]:
        """A drawing of the lab, when it is another one than before."""
        if not wanted or not lab.buses or len(lab.hosts) > _MANY:
            return
        drawn = svg_of(rows_of(lab))
        if drawn != self.drawn:
            self.drawn = drawn
            svg = drawn[drawn.index("<svg") :]
            yield f"<figure>{svg}<figcaption>The lab, as it is here.</figcaption></figure>"

    def _part(self, part: Part) -> Iterator[str]:
        match part:
            case Prose():
                yield self._text(part.text)
            case Block():
                yield self._session(part)
            case Quiz():
                yield from self._quiz(part)
            case Task():
                yield from self._task(part)
            case Start():
                return

    def _text(self, markdown: str) -> str:
        text: str = self.markdown.render(markdown)
        return text.rstrip("\n")

    def _quiz(self, quiz: Quiz) -> Iterator[str]:
        yield f'<div class="quiz"><b>What will you see?</b>\n{self._text(quiz.question)}'
        if quiz.choices:
            yield "<ol>"
            yield from (f"<li>{self.markdown.renderInline(choice.text)}</li>" for choice in quiz.choices)
            yield "</ol>"
        right = f"<p><b>{self.markdown.renderInline(right_of(quiz))}</b></p>\n" if right_of(quiz) else ""
        yield f"{_folded('Answer', right + self._text(quiz.why))}\n</div>"

    def _task(self, task: Task) -> Iterator[str]:
        yield f'<div class="task"><b>Task</b>\n{self._text(task.goal)}'
        for number, hint in enumerate(task.hints, 1):
            yield _folded("Hint" if len(task.hints) == 1 else f"Hint {number}", self._text(hint))
        solution = [self._text(each.text) if isinstance(each, Prose) else self._session(each) for each in task.solution]
        yield f"{_folded('Solution', chr(10).join(solution))}\n</div>"

    def _session(self, block: Block) -> str:
        """Commands and what they print."""
        lines: list[str] = []
        for typed in block.commands:
            first, *more = _highlighted(typed.text, "netsh", self.hosts).split("\n")
            prompt = f'<span class="prompt">{escape(typed.host)}# </span>'
            lines.append(f'{prompt}<span class="typed">{first}</span>\n')
            lines += [f'<span class="more">&gt; </span><span class="typed">{line}</span>\n' for line in more]
            lines.append(_ADDRESS.sub(r'<span class="address">\g<0></span>', escape(typed.output, quote=False)))
        return f'<pre class="session">{"".join(lines)}</pre>'

    def _fence(self, tokens: Any, at: int, _options: Any, _environment: Any) -> str:
        """A fence that is not ours: a drawing, or code."""
        language, text = tokens[at].info.strip().partition(" ")[0], tokens[at].content.rstrip("\n")
        if not language:
            return f'<pre class="drawing">{escape(text, quote=False)}</pre>\n'
        return f"<pre>{_highlighted(text, language)}</pre>\n"

    def _image(self, tokens: Any, at: int, _options: Any, _environment: Any) -> str:
        """A picture beside the lesson becomes part of the page."""
        source, words = str(tokens[at].attrGet("src")), escape(str(tokens[at].content))
        path = os.path.join(os.path.dirname(self.lesson.path), source)
        kind = mimetypes.guess_type(path)[0]
        try:
            with open(path, "rb") as file:
                data = base64.b64encode(file.read()).decode()
        except OSError:
            return words
        return f'<img style="max-width: 100%" alt="{words}" src="data:{kind};base64,{data}">'


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n{body}\n</details>"


def _highlighted(text: str, language: str, hosts: Collection[str] = ()) -> str:
    """A text of a language as spans; one that pygments does not know is as it is."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    from netsh.prompt.lexer import NetshLexer

    try:
        lexer = NetshLexer(lambda: hosts) if language == "netsh" else get_lexer_by_name(language)
    except ClassNotFound:
        return escape(text, quote=False)
    return str(highlight(text, lexer, HtmlFormatter(nowrap=True))).rstrip("\n")
