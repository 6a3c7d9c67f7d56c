"""Pages of help as manual pages in the words of mdoc(7): text, tables of options, synopses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from textwrap import dedent, wrap

_TOKEN = re.compile(r"\[(?=\S)|\]|\||[^\s\[\]|]+(?:\[[^\]\s]*\])*")
_COLUMNS = re.compile(r"\s{3,}(?=-)")  # between two options in a line of a table
_ENTRY = re.compile(r"(\S+(?: \S+)*)  +(\S.*)")
_SENTENCE = re.compile(r"(?<=[.!?])  +(?=\S)")
_NARROW = 3  # letters that a macro's name has at most


def escape(text: str) -> str:
    """A line of text, in which nothing means anything to roff."""
    text = text.replace("\\", "\\e")
    return f"\\&{text}" if text[:1] in (".", "'") else text


def literal(lines: Iterator[str] | Collection[str]) -> Iterator[str]:
    """Lines as they are, in a block."""
    yield ".Bd -literal -offset indent"
    yield from map(escape, lines)
    yield ".Ed"


def quoted(text: str) -> str:
    """A text as one argument of a macro."""
    return '"{}"'.format(escape(text).replace('"', '""'))


def body(text: str) -> Iterator[str]:
    """Paragraphs; what is indented is a table of options, or is shown as it is."""
    for number, paragraph in enumerate(text.split("\n\n")):
        if paragraph.startswith("    "):
            lines = dedent(paragraph).splitlines()
            entries = _entries(lines)
            yield from literal(lines) if entries is None else _list(entries)
        else:
            if number:
                yield ".Pp"
            yield from _filled(paragraph)


def _filled(text: str) -> Iterator[str]:
    """Text, each sentence on a new line, as roff wants it."""
    for sentence in _SENTENCE.split(text.replace(".\n", ".  ").replace("\n", " ")):
        yield from map(escape, wrap(sentence, 78, break_long_words=False, break_on_hyphens=False))


def _entries(lines: list[str]) -> list[tuple[str, str]] | None:
    """A table as pairs, a word and what it means; None when it is none."""
    entries: list[tuple[str, str]] = []
    for line in lines:
        if line.startswith(" ") and entries:
            entries[-1] = (entries[-1][0], f"{entries[-1][1]} {line.strip()}")
            continue
        for column in _COLUMNS.split(line):
            found = _ENTRY.fullmatch(column)
            if found is None or ("  " in found[2] and not column.startswith("-")):
                return None
            entries.append((found[1], found[2]))
    return entries


def _list(entries: list[tuple[str, str]]) -> Iterator[str]:
    yield from (".Pp", ".Bl -tag -width Ds -compact")
    for word, text in entries:
        if word.startswith("-"):
            yield f".It {_arguments(word.split(), ())}"
        else:
            yield f".It Ic {quoted(word)}"
        yield from _filled(" ".join(text.split()))
    yield ".El"


def synopsis(text: str, known: Collection[str]) -> Iterator[str]:
    """The forms of a command; `known` are the words of its own among what only stands for a word."""
    for form in text.splitlines():
        name, _, rest = form.partition(" ")
        yield f".Nm {name}"
        words: list[str] = []
        for token in _TOKEN.findall(rest):
            if token in ("[", "]"):
                if words:
                    yield "." + _arguments(words, known)
                words = []
                yield ".Oo" if token == "[" else ".Oc"
            else:
                words.append(token)
        if words:
            yield "." + _arguments(words, known)


def _arguments(words: Collection[str], known: Collection[str]) -> str:
    """Words as the arguments of a macro, each with what it is: an option, a word as it stands, or a placeholder."""
    parts = [("", "|") if word == "|" else _argument(word, known) for word in words]
    if parts[0][0] == "":
        parts[0] = ("No", parts[0][1])
    return " ".join(f"{macro} {word}" if macro else word for macro, word in parts)


def _argument(word: str, known: Collection[str]) -> tuple[str, str]:
    if word.startswith("-"):
        return "Fl", escape(word[1:]) or "\\&"
    if word in known:
        return "Cm", _harmless(word)
    return "Ar", _harmless(word)


def _harmless(word: str) -> str:
    """A word that is not taken for a macro, or for punctuation."""
    return f"\\&{escape(word)}" if len(word) <= _NARROW else escape(word)
