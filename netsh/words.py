"""Words of the shell's language: how sh quotes them and what `$` makes of them (sh(1), "Quoting", "Word Expansions").

A `Word` is read once and expanded each time its line runs.  `$name`, `${name}`, `${name:-default}`, `$1`,
`$#`, `$@`, `$?`, `$((1 + $i))` and `$(command)` are known; there are no globs.  What a `$(command)` says is put
in its place by netsh.interpreter before the word is expanded.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from netsh import arithmetic

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLAIN = re.compile(r"[^ \t\r\n'\"\\$`;&|<>]+")
_IN_QUOTES = re.compile(r"[^\"\\$`]+")
_PARAMETER = re.compile(r"\$(?:([A-Za-z_]\w*|[0-9?#@*])|\{([A-Za-z_]\w*|[0-9]+|[?#@*])(?::-([^}]*))?\})", re.ASCII)
_QUOTED = {"'": re.compile(r"'[^']*'"), '"': re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)}
CALL = re.compile(r"[A-Za-z_]\w*\((?!\)(?![ \t]*/))")  # `name()` may define a function, and needs no care
_IN_CALL = re.compile(r"[^'\"$()\n]+")
_GOES_ON = re.compile(r"[ \t]*/[ \t]*")
_ENDS_WORD = " \t\r\n;&|<>"
_ESCAPED_IN_QUOTES = '"\\$`'
_DEPTH = 20  # of $( in one another


class GrammarError(ValueError):
    """A line that makes no sense: the words, and where; `incomplete` when more text could still mend it."""

    def __init__(self, message: str, position: int, *, incomplete: bool = False) -> None:
        super().__init__(message.replace("\n", "\\n"))
        self.position = position  # an offset in the text
        self.incomplete = incomplete
        self.line = self.column = 1  # counted from 1; `grammar.parse` sets them


class ExpansionError(ValueError):
    """A word that cannot be expanded: a variable that is not set, a sum that cannot be done."""

    def __init__(self, message: str) -> None:
        super().__init__(message.replace("\n", "\\n"))


class Part(NamedTuple):
    """A piece of a word: its `kind` is text, parameter, sum, command, or output of a command."""

    kind: str
    text: str
    quoted: bool
    default: str | None = None


class Word(NamedTuple):
    """A word as it was typed; `position` is its offset in the text."""

    parts: tuple[Part, ...]
    source: str
    position: int

    @property
    def bare(self) -> str | None:
        """Its text when nothing in it is quoted or expanded, so that it may be a keyword; else None."""
        plain = len(self.parts) == 1 and self.parts[0].kind == "text" and not self.parts[0].quoted
        return self.parts[0].text if plain else None


class Scope:
    """What `$` finds: variables, a script's arguments, the last status."""

    def __init__(
        self, arguments: list[str] | None = None, variables: dict[str, str] | None = None, name: str = "netsh"
    ) -> None:
        self.name = name  # $0
        self.arguments = arguments or []
        self.variables = {} if variables is None else variables
        self.status = 0

    def value(self, part: Part) -> str:
        """What a parameter stands for; ExpansionError when it stands for nothing."""
        name = part.text
        if name == "?":
            return str(self.status)
        if name == "#":
            return str(len(self.arguments))
        if name in "@*":
            return " ".join(self.arguments)
        if name.isdigit():
            found = dict(enumerate([self.name, *self.arguments])).get(int(name))
        else:
            found = self.variables.get(name)
        if part.default is not None and not found:
            return part.default
        if found is None:
            cure = "the script was given too few arguments" if name.isdigit() else f"set it with {name}=value"
            raise ExpansionError(f"${name}: not set; {cure}")
        return found


def scan(text: str, start: int) -> tuple[Word, int]:
    """Read the word that begins at `start`; returns it and where it ends."""
    parts: list[Part] = []
    at = start
    if CALL.match(text, at):
        return _scan_calls(text, at)
    while at < len(text) and text[at] not in _ENDS_WORD:
        match text[at]:
            case "'":
                end = text.find("'", at + 1)
                if end < 0:
                    raise GrammarError("the quote ' is not closed", at, incomplete=True)
                parts.append(Part("text", text[at + 1 : end], True))
                at = end + 1
            case '"':
                at = _scan_quotes(text, at, parts)
            case "\\":
                at = _scan_backslash(text, at, parts)
            case "$":
                at = _scan_dollar(text, at, parts, False)
            case "`":
                raise GrammarError("` is not in the language; quote it", at)
            case _:
                found = _PLAIN.match(text, at)
                assert found is not None
                parts.append(Part("text", found[0], False))
                at = found.end()
    return Word(tuple(parts), text[start:at], start), at


def _scan_calls(text: str, start: int) -> tuple[Word, int]:
    """Read an expression: calls, and texts in quotes, with slashes between them."""
    parts: list[Part] = []
    at = start
    while True:
        begin = at
        while at < len(text) and text[at] not in _ENDS_WORD and text[at] not in "('\"$/":
            at += 1
        _literal(parts, text[begin:at])
        if text[at : at + 1] in ("'", '"'):
            at = _scan_string(text, at, parts)
        elif text[at : at + 1] == "(":
            at = _scan_call(text, at, parts)
        goes_on = _GOES_ON.match(text, at)
        if goes_on is None:
            break
        _literal(parts, goes_on[0])
        at = goes_on.end()
    begin = at
    while at < len(text) and text[at] not in _ENDS_WORD:  # what makes no sense there is for who reads it
        at += 1
    _literal(parts, text[begin:at])
    return Word(tuple(parts), text[start:at], start), at


def _scan_call(text: str, start: int, parts: list[Part]) -> int:
    """Read up to the parenthesis that closes the one at `start`."""
    at, depth = start, 0
    while at < len(text) and text[at] != "\n":
        here = text[at]
        if here in "'\"":
            at = _scan_string(text, at, parts)
        elif here == "$":
            at = _scan_dollar(text, at, parts, True)
        else:
            depth += (here == "(") - (here == ")")
            found = _IN_CALL.match(text, at + 1)
            end = found.end() if found is not None and depth else at + 1
            _literal(parts, text[at:end])
            at = end
            if not depth:
                return at
    raise GrammarError("the parenthesis ( is not closed", start, incomplete=at == len(text))


def _scan_string(text: str, start: int, parts: list[Part]) -> int:
    """Read a text in quotes with its quotes, as Python has it; `$` has its meaning in double ones."""
    quote, at = text[start], start + 1
    begin = start
    while at < len(text) and text[at] not in (quote, "\n"):
        if text[at] == "$" and quote == '"':
            _literal(parts, text[begin:at])
            begin = at = _scan_dollar(text, at, parts, True)
        else:
            at += 1 + (text[at] == "\\")
    if at >= len(text) or text[at] == "\n":
        raise GrammarError(f"the quote {quote} is not closed", start, incomplete=at >= len(text))
    _literal(parts, text[begin : at + 1])
    return at + 1


def _literal(parts: list[Part], text: str) -> None:
    """Text as it is, together with what stands before it."""
    if not text:
        return
    if parts and parts[-1].kind == "text":
        text = parts.pop().text + text
    parts.append(Part("text", text, True))


def _scan_backslash(text: str, at: int, parts: list[Part]) -> int:
    if at + 1 == len(text):
        raise GrammarError("nothing follows the \\", at, incomplete=True)
    if text[at + 1] != "\n":
        parts.append(Part("text", text[at + 1], True))
    return at + 2


def _scan_quotes(text: str, start: int, parts: list[Part]) -> int:
    """Read what stands between double quotes, in which `$` and some backslashes keep their meaning."""
    parts.append(Part("text", "", True))  # "" is a word, too
    at = start + 1
    while at < len(text) and text[at] != '"':
        here = text[at]
        if here == "$":
            at = _scan_dollar(text, at, parts, True)
        elif here == "`":
            raise GrammarError("` is not in the language; put a \\ before it", at)
        elif here == "\\" and text[at + 1 : at + 2] == "\n":
            at += 2
        elif here == "\\":
            escaped = text[at + 1 : at + 2]
            parts.append(Part("text", escaped if escaped in _ESCAPED_IN_QUOTES else here + escaped, True))
            at += 2
        else:
            found = _IN_QUOTES.match(text, at)
            assert found is not None
            parts.append(Part("text", found[0], True))
            at = found.end()
    if at >= len(text):
        raise GrammarError('the quote " is not closed', start, incomplete=True)
    return at + 1


def _scan_dollar(text: str, at: int, parts: list[Part], quoted: bool) -> int:
    if text.startswith("$((", at):
        end = _end_of_sum(text, at + 3)
        parts.append(Part("sum", text[at + 3 : end], quoted))
        return end + 2
    if text.startswith("$(", at):
        end = _end_of_command(text, at)
        parts.append(Part("command", text[at + 2 : end], quoted))
        return end + 1
    found = _PARAMETER.match(text, at)
    if found is not None:
        parts.append(Part("parameter", found[1] or found[2], quoted, found[3]))
        return found.end()
    if text.startswith("${", at):
        raise GrammarError("${ is not followed by NAME} or NAME:-DEFAULT}", at, incomplete="}" not in text[at:])
    parts.append(Part("text", "$", quoted))
    return at + 1


def _end_of_sum(text: str, start: int) -> int:
    """Where the `))` stands that closes a sum."""
    depth = 0
    for at in range(start, len(text)):
        if text[at] == "(":
            depth += 1
        elif text[at] == ")" and depth:
            depth -= 1
        elif text.startswith("))", at):
            return at
    raise GrammarError("$(( is not closed by ))", start - 3, incomplete=True)


def _end_of_command(text: str, start: int) -> int:
    """Where the `)` stands that closes a `$(`; quotes and other `$(` in it are whole."""
    at, depth = start + 2, 1
    while at < len(text):
        match text[at]:
            case "\\":
                at += 1
            case "'" | '"' as mark:
                found = _QUOTED[mark].match(text, at)
                if found is None:
                    raise GrammarError(f"the quote {mark} is not closed", at, incomplete=True)
                at = found.end() - 1
            case "(":
                depth += 1
                if depth > _DEPTH:
                    raise GrammarError("too many ( in one another", at)
            case ")":
                depth -= 1
                if not depth:
                    return at
        at += 1
    raise GrammarError("$( is not closed by )", start, incomplete=True)


def expand(word: Word, scope: Scope) -> list[str]:
    """The words that a word becomes: one, or as many as an unquoted `$` yields, perhaps none."""
    words: list[str] = []
    current: str | None = None
    for part in word.parts:
        if part.kind == "parameter" and part.text == "@" and part.quoted:
            fields, value = list(scope.arguments), ""
            current = None if not fields and not current else current  # "$@" of nothing is nothing
        elif part.kind == "text" or part.quoted:
            current = (current or "") + _value(part, scope)
            continue
        else:
            value = _value(part, scope)
            fields = value.split()
            if current is not None and value[:1].isspace():
                words.append(current)
                current = None
        if fields:
            words.extend([(current or "") + fields[0], *fields[1:]])
            current = words.pop()
        if fields and not part.quoted and value[-1:].isspace():
            words.append(current or "")
            current = None
    return words if current is None else [*words, current]


def expand_all(words: tuple[Word, ...], scope: Scope) -> list[str]:
    """The words of a whole line."""
    return [text for word in words for text in expand(word, scope)]


def expand_one(word: Word, scope: Scope) -> str:
    """A word that stays one, as in an assignment or a file's name."""
    return "".join(_value(part, scope) for part in word.parts)


def _value(part: Part, scope: Scope) -> str:
    if part.kind in ("text", "output"):
        return part.text
    if part.kind == "command":
        raise ExpansionError(f"$({part.text}): no command can run here")
    if part.kind == "parameter":
        return scope.value(part)

    def replace(found: re.Match[str]) -> str:
        return scope.value(Part("parameter", found[1] or found[2], True, found[3]))

    inner = _PARAMETER.sub(replace, part.text)
    try:
        return str(arithmetic.evaluate(inner, scope.variables))
    except ValueError as error:
        raise ExpansionError(f"$(({part.text})): {error}") from None


_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./][-A-Za-z0-9_@%+=:,./]*")


def quote(text: str) -> str:
    """A text as a word that reads back to it."""
    return text if _SAFE.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"
