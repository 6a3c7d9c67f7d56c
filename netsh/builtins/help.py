"""List the commands, say how one is used, or explain a drop.

Each page has the command's forms, its options, lines to try, and where to read on.  'python -m netsh.manual FOLDER'
writes them as manual pages.

Examples:

    help             # the commands, and the words of the language
    help ping        # how a command is used
    help for         # a word of the language
    help drop        # the reasons for which packets are dropped; 'help drop tcp' those of one protocol
    help drop ttl    # one of them: its cause, what to do, where RFCs and BSD speak of it

See man(1); tour, tutorial.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import AsyncIterator, Iterator
from textwrap import wrap
from typing import NamedTuple

import commands
import netsh.builtins
from commands._reasons import WHY
from commands.command import Failure, Note, Usage
from netsh.builtins import builtin
from netsh.builtins._reasons import wanted
from netsh.filters import FILTERS
from netsh.helptext import HelpText, page
from netsh.helptext import parse as parts_of
from netsh.prompt.nearest import nearest
from netsh.shell import ShellContext
from netsh.summaries import summary
from netsh.topics import TOPICS, topic_of

SYNOPSIS = """help [topic]
help drop [reason ...]"""
WORDS = {"drop": "why packets are dropped", **{name: topic.summary for name, topic in TOPICS.items()}}

class Summary(NamedTuple):
    """A command in a line."""

    command: str
    text: str


class Page(NamedTuple):
    """How a command is used, and what it does."""

    command: str
    synopsis: str
    text: str
    examples: tuple[str, ...]  # lines for the prompt
    see: tuple[str, ...]  # RFCs, pages of BSD's manual, pages of ours


class Reason(NamedTuple):
    """A drop in a line."""

    protocol: str
    reason: str
    sentence: str


class Explanation(NamedTuple):
    """A drop whole."""

    protocol: str
    reason: str
    sentence: str
    cause: str
    cure: str
    rfc: str
    bsd: str


Row = Summary | Page | Reason | Explanation | Note


def parse(argv: list[str]) -> list[str]:
    """A command, or `drop` and words, or nothing."""
    if len(argv) > 1 and argv[0] != "drop":
        raise Usage(f"{argv[1]}: one command is wanted")
    return argv


async def run(ctx: ShellContext, words: list[str]) -> AsyncIterator[Row]:
    """The list, or a page."""
    if words[:1] == ["drop"]:
        for row in _drops(words[1:]):
            yield row
        return
    if words:
        yield _page(ctx, words[0])
        return
    for heading, package, names in (
        ("Commands", commands, [name for name in ctx.session.names() if not ctx.session.is_builtin(name)]),
        ("The shell's own", netsh.builtins, netsh.builtins.names()),
    ):
        yield Note(f"{heading}:")
        for each in names:
            yield Summary(each, summary(os.path.join(package.__path__[0], f"{each}.py")))
        yield Note("")
    yield Note("The words of the language:")
    for name, topic in TOPICS.items():
        yield Summary(name, topic.summary)
    yield Note("")
    yield Note("'help COMMAND' says how it is used.  'HOST COMMAND ...' runs it on that host, 'host HOST' goes there.")
    yield Note("F6 stops the lab's time ('pause'), F7 takes one event of it ('step'), F8 lets it go on ('go').")
    yield Note(f"A line: a; b  a && b  a || b  a & (in the background)  a > file  a | {' | '.join(FILTERS)} | !program")
    yield Note("$name  name=value  $(command)  for x in me gw www { ping -c 1 $x }  while COMMAND { }  # a comment")
    yield Note("if COMMAND { } elif COMMAND { } else { }  f() { echo $1 }; f x  alias rt='netstat -rn'")


def _page(ctx: ShellContext, name: str) -> Page:
    command = ctx.session.find(name)
    if command is not None:
        where = command.run.__module__
        own = sys.modules.get(f"{where.rpartition('.')[0]}.{command.name}", sys.modules[where])  # several share a run
        return Page(command.name, command.synopsis, *parts_of(own.__doc__ or ""))
    topic = topic_of(name)
    if topic is None:
        known = nearest(name, [*ctx.session.names(), *TOPICS])
        raise Failure(f"{name}: unknown command" + (f" (did you mean {known}?)" if known else ""))
    return Page(topic, TOPICS[topic].synopsis, *parts_of(TOPICS[topic].page))


def _drops(words: list[str]) -> Iterator[Reason | Explanation | Note]:
    """All of them, those of a protocol, or those of one name."""
    protocols = words if len(words) == 1 and words[0] in WHY else [] if words else list(WHY)
    for protocol in protocols:
        for reason, why in WHY[protocol].items():
            yield Reason(protocol, reason, why.sentence)
    if protocols:
        yield Note("")
        yield Note("'help drop NAME' says more, 'drops' shows what was dropped.")
        yield Note("The command 'drop' takes out the packet in hand at a stop ('help break').")
        return
    for at, (protocol, reason) in enumerate(wanted(words)):
        if at:
            yield Note("")
        yield Explanation(protocol, reason, *WHY[protocol][reason])


def show(row: Summary | Page | Reason | Explanation) -> str:
    """Columns, or a page."""
    match row:
        case Summary():
            return f"  {row.command:<13} {row.text}"
        case Reason():
            return f"  {row.protocol + '/' + row.reason:<22} {row.sentence}"
        case Explanation():
            return "\n".join(_explanation(row))
    forms = "\n       ".join(line for form in row.synopsis.splitlines() for line in _folded(form))
    return f"usage: {forms}\n\n{page(HelpText(row.text, row.examples, row.see))}"


def _folded(form: str) -> list[str]:
    """A form of a command that is long in several lines, between its options."""
    glued = re.sub(r"\[[^][]*\]", lambda found: found[0].replace(" ", "\0"), form)
    indent = " " * (form.find(" ") + 1)
    return [line.replace("\0", " ") for line in wrap(glued, 72, subsequent_indent=indent, break_on_hyphens=False)]


def _explanation(row: Explanation) -> Iterator[str]:
    yield f"{row.protocol}/{row.reason}: {row.sentence}"
    parts = {"cause": row.cause, "cure": row.cure, "see": row.rfc, "BSD": row.bsd}
    for title, text in parts.items():
        if text:
            yield from wrap(f"{title:<6} {text}", 78, initial_indent="  ", subsequent_indent=" " * 9)
    yield f"  code   'source drop {row.protocol}/{row.reason}' shows where"


COMMAND = builtin("help", SYNOPSIS, parse, run, show)
