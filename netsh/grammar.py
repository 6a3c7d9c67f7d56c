"""The language of a line: a text becomes a tree of statements, and nothing is run yet (sh(1), "Shell Grammar").

    script    := statement ((";" | "&" | newline) statement)*
    statement := ["-"] (for | chain)
    for       := "for" NAME "in" WORD* "{" script "}"
    chain     := pipeline (("&&" | "||") pipeline)*
    pipeline  := NAME=WORD ... | WORD+ ("|" WORD+)* ("<" | ">" | ">>" WORD)*

A text that makes no sense raises GrammarError with its line and column; what is wrong is found before
anything of it has run.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from netsh.words import NAME, GrammarError, Word, scan

__all__ = ["Assign", "Chain", "For", "GrammarError", "Pipeline", "Redirect", "Script", "Statement", "parse"]

_OPERATORS = ("&&", "||", ">>", ";", "&", "|", "<", ">", "\n")  # the longer first
_DEPTH = 30
_FILTERS = 50  # behind one command


class Redirect(NamedTuple):
    """Where a line's input comes from (`<`) or its output goes (`>` whole, `>>` at the end)."""

    operator: str
    target: Word


class Pipeline(NamedTuple):
    """A command, the filters behind it, and its files."""

    words: tuple[Word, ...]
    filters: tuple[tuple[Word, ...], ...]
    redirects: tuple[Redirect, ...]
    line: int
    source: str


class Assign(NamedTuple):
    """`name=value`, several of them perhaps."""

    pairs: tuple[tuple[str, Word], ...]
    line: int


class Chain(NamedTuple):
    """Pipelines joined by `&&` and `||`; the operator before the first is empty."""

    links: tuple[tuple[str, Pipeline | Assign], ...]


class For(NamedTuple):
    """A loop over words."""

    name: str
    items: tuple[Word, ...]
    body: tuple[Statement, ...]
    line: int


class Statement(NamedTuple):
    """What runs at one go; a `tolerant` one may fail, a `background` one is not waited for."""

    node: Chain | For
    background: bool
    tolerant: bool
    line: int
    source: str


Script = tuple[Statement, ...]


class Token(NamedTuple):
    """An operator (`word` is None then) or a word; the end of the text is an operator of no length."""

    text: str
    word: Word | None
    start: int
    end: int


def parse(text: str) -> Script:
    """Read a whole text; GrammarError, its line and column set, when it makes no sense."""
    lines = [0, *(at + 1 for at, character in enumerate(text) if character == "\n")]
    try:
        return _Parser(text, lines).script(0)
    except GrammarError as error:
        error.line = bisect_right(lines, error.position)
        error.column = error.position - lines[error.line - 1] + 1
        raise


def tokenize(text: str) -> list[Token]:
    """Cut a text into words and operators; comments vanish."""
    tokens: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in " \t\r":
            at += 1
        elif text.startswith("\\\n", at):
            at += 2
        elif text[at] == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
        elif operator := next((known for known in _OPERATORS if text.startswith(known, at)), None):
            tokens.append(Token(operator, None, at, at + len(operator)))
            at += len(operator)
        else:
            word, end = scan(text, at)
            tokens.append(Token(word.source, word, at, end))
            at = end
    tokens.append(Token("", None, at, at))
    return tokens


class _Parser:
    """Tokens, read from left to right; one method a rule of the grammar."""

    def __init__(self, text: str, lines: list[int]) -> None:
        self.text = text
        self.lines = lines
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def operator(self) -> str | None:
        """The operator that comes next, or a lone brace; None when a word does."""
        word = self.token.word
        return self.token.text if word is None else word.bare if word.bare in ("{", "}") else None

    def line_of(self, token: Token) -> int:
        return bisect_right(self.lines, token.start)

    def script(self, depth: int) -> Script:
        """Statements up to the end of the text, or up to the `}` that closes the body of a loop."""
        self.depth = depth
        statements: list[Statement] = []
        tolerant = False  # the line began with "-"
        fresh = True  # at the beginning of a line
        while True:
            operator = self.operator
            if operator == "\n":
                self.at += 1
                fresh, tolerant = True, False
            elif operator == "" or (operator == "}" and depth):
                return tuple(statements)
            else:
                dashed = self._dash()
                tolerant = tolerant or (dashed and fresh)
                statements.append(self._statement(tolerant or dashed))
                fresh = False

    def _dash(self) -> bool:
        """Take the `-` off the front of a statement whose failure does not matter."""
        token = self.token
        word = token.word
        if word is None or not word.parts:
            return False
        first = word.parts[0]
        if first.quoted or first.kind != "text" or not first.text.startswith("-"):
            return False
        if word.source == "-":
            self.at += 1
        else:
            head = (first._replace(text=first.text[1:]),) if len(first.text) > 1 else ()
            rest = Word(head + word.parts[1:], word.source[1:], word.position + 1)
            self.tokens[self.at] = Token(rest.source, rest, token.start + 1, token.end)
        return True

    def _statement(self, tolerant: bool) -> Statement:
        begin = self.token
        word = begin.word
        node = self._for() if word is not None and word.bare == "for" else self._chain()
        source = self.text[begin.start : self.tokens[self.at - 1].end]
        operator = self.operator
        if operator in (";", "&"):
            self.at += 1
        elif operator not in ("\n", "", "}"):
            raise self._unexpected("a ; or a new line")
        return Statement(node, operator == "&", tolerant, self.line_of(begin), source)

    def _for(self) -> For:
        begin = self.token
        depth = self.depth
        if depth >= _DEPTH:
            raise GrammarError("loops too deep in one another", begin.start)
        self.at += 1
        name = self.token.word
        if name is None or name.bare is None or NAME.fullmatch(name.bare) is None:
            raise self._unexpected("after for, a name")
        self.at += 1
        if self.token.word is None or self.token.word.bare != "in":
            raise self._unexpected(f"after for {name.bare}, in")
        self.at += 1
        items = self._words()
        while self.operator == "\n":
            self.at += 1
        if self.operator != "{":
            raise self._unexpected("after the words of for, {")
        self.at += 1
        body = self.script(depth + 1)
        self.depth = depth
        if self.operator != "}":
            raise GrammarError("the { of this for is not closed", begin.start, incomplete=True)
        self.at += 1
        return For(name.bare, items, body, self.line_of(begin))

    def _chain(self) -> Chain:
        links = [("", self._pipeline())]
        while (operator := self.operator) in ("&&", "||"):
            self.at += 1
            self._newlines()
            links.append((operator, self._pipeline()))
        return Chain(tuple(links))

    def _pipeline(self) -> Pipeline | Assign:
        begin = self.token
        words = self._command_words()
        if (assign := self._assign(words, begin)) is not None:
            return assign
        filters: list[tuple[Word, ...]] = []
        redirects: list[Redirect] = []
        while (operator := self.operator) in ("|", "<", ">", ">>"):
            self.at += 1
            if operator == "|":
                if any(redirect.operator != "<" for redirect in redirects):
                    raise GrammarError("> stands behind the last filter", self.tokens[self.at - 1].start)
                self._newlines()
                if len(filters) == _FILTERS:
                    raise GrammarError(f"more than {_FILTERS} filters", self.tokens[self.at - 1].start)
                filters.append(self._command_words())
            else:
                redirects.append(self._redirect(operator, filters, redirects))
                if (extra := self.token.word) is not None and extra.bare != "}":
                    raise GrammarError(f"{extra.source}: words stand before {operator}", extra.position)
        source = self.text[begin.start : self.tokens[self.at - 1].end]
        return Pipeline(words, tuple(filters), tuple(redirects), self.line_of(begin), source)

    def _redirect(self, operator: str, filters: list[tuple[Word, ...]], redirects: list[Redirect]) -> Redirect:
        mark = self.tokens[self.at - 1]
        before = self.tokens[self.at - 2]
        if operator != "<" and before.end == mark.start and before.text.isdigit():
            raise GrammarError(f"{before.text}>: only the output proper can go to a file", before.start)
        if any((redirect.operator == "<") == (operator == "<") for redirect in redirects):
            raise GrammarError(f"{operator} a second time", mark.start)
        if operator == "<" and filters:
            raise GrammarError("< belongs to the command, before the first |", mark.start)
        target = self.token.word
        if target is None:
            raise self._unexpected(f"after {operator}, a file's name")
        self.at += 1
        return Redirect(operator, target)

    def _assign(self, words: tuple[Word, ...], begin: Token) -> Assign | None:
        """Read `name=value`s; None when the line does not begin with one."""
        pairs: list[tuple[str, Word]] = []
        for word in words:
            first = word.parts[0]
            name, equals, rest = first.text.partition("=")
            if not equals or first.quoted or first.kind != "text" or NAME.fullmatch(name) is None:
                if not pairs:
                    return None
                raise GrammarError(f"{word.source}: after {pairs[-1][0]}=, a ; or a new line is missing", word.position)
            pairs.append((name, word._replace(parts=(first._replace(text=rest), *word.parts[1:]))))
        if self.operator in ("|", "<", ">", ">>"):
            raise self._unexpected("after an assignment, a ; or a new line")
        return Assign(tuple(pairs), self.line_of(begin))

    def _command_words(self) -> tuple[Word, ...]:
        """The words of a command or a filter: one at least."""
        if self.token.word is None or self.operator is not None:
            raise self._unexpected("a command")
        return self._words()

    def _words(self) -> tuple[Word, ...]:
        """Words up to an operator or a lone brace."""
        words: list[Word] = []
        while (word := self.token.word) is not None:
            if word.bare in ("{", "}"):
                break
            words.append(word)
            self.at += 1
        return tuple(words)

    def _newlines(self) -> None:
        """A line goes on behind `|`, `&&` and `||`."""
        while self.operator == "\n":
            self.at += 1

    def _unexpected(self, wanted: str) -> GrammarError:
        token = self.token
        ends = token.text == ""
        found = "the end" if ends else "a new line" if token.text == "\n" else token.text
        return GrammarError(f"{wanted} is expected, not {found}", token.start, incomplete=ends)
