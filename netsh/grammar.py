"""The language of a line: a text becomes a tree of statements, and nothing is run yet (sh(1), "Shell Grammar").

    script    := statement ((";" | "&" | newline) statement)*
    statement := ["-"] chain
    chain     := link (("&&" | "||") link)*
    link      := NAME=WORD ... | NAME "()" "{" script "}" | "break" | "continue" | "return" [WORD]
               | ["!"] (compound | WORD+) ("|" WORD+)* ("<" | "<<<" | ">" | ">>" WORD)*
    compound  := "for" NAME "in" WORD* "{" script "}"
               | "while" chain "{" script "}"
               | "if" chain "{" script "}" ("elif" chain "{" script "}")* ["else" "{" script "}"]
               | [HOST] "{" script "}"

HOST is one word, and whether it is a host's the lab knows; behind `if`, `elif` and `while` a word alone is what is
asked, and the `{` theirs.  `break` and `continue` mean a loop only alone and in the body of one; anywhere else they
are commands.  A text that makes no sense raises GrammarError with its line and column; what is wrong is found
before anything of it has run.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import NamedTuple

from netsh.syntax import (
    Assign,
    Chain,
    Compound,
    Define,
    For,
    Group,
    If,
    Leave,
    Link,
    Node,
    Not,
    On,
    Pipeline,
    Redirect,
    Script,
    Statement,
    While,
)  # fmt: skip
from netsh.words import NAME, GrammarError, Word, scan

__all__ = ["KEYWORDS", "GrammarError", "describe", "parse", "tokenize"]

KEYWORDS = {
    "for": "do it for each of some words",
    "while": "do it again as long as a command succeeds",
    "if": "do it if a command succeeds",
    "elif": "else, if another command succeeds",
    "else": "do it if none did",
    "return": "leave a function or a script",
}
_OPERATORS = ("<<<", "&&", "||", ">>", ";", "&", "|", "<", ">", "\n")  # the longer first
_STARTS = frozenset(";&|<>\n")
_INPUTS = ("<", "<<<")  # from a file, or the word itself as a line
_DEPTH = 30
_FILTERS = 50  # behind one command


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
        return _Parser(text, lines).script("")
    except GrammarError as error:
        error.line = bisect_right(lines, error.position)
        error.column = error.position - lines[error.line - 1] + 1
        raise


def describe(error: GrammarError, text: str, source: str) -> tuple[str, str]:
    """Who complains of a text that makes no sense, and in which words."""
    if source != "-":
        return f"{source}:{error.line}", f"column {error.column}: {error}"
    where = f"line {error.line}, column {error.column}" if "\n" in text.rstrip("\n") else f"column {error.column}"
    return "netsh", f"{where}: {error}"


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
        elif text[at] in _STARTS:
            operator = next(known for known in _OPERATORS if text.startswith(known, at))
            tokens.append(Token(operator, None, at, at + len(operator)))
            at += len(operator)
        else:
            word, end = scan(text, at)
            _check(word)
            tokens.append(Token(word.source, word, at, end))
            at = end
    tokens.append(Token("", None, at, at))
    return tokens


def _check(word: Word) -> None:
    """See that the commands in a word make sense."""
    for part in word.parts:
        if part.kind == "command":
            try:
                parse(part.text)
            except GrammarError as error:
                raise GrammarError(f"$({part.text}): {error}", word.position) from None


class _Parser:
    """Tokens, read from left to right; one method a rule of the grammar."""

    def __init__(self, text: str, lines: list[int]) -> None:
        self.text = text
        self.lines = lines
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0
        self.loops = 0  # how many bodies of loops we are in
        self.asks = False  # in a condition, before the `{` of what is asked for
        self.compounds: dict[str, Callable[[], Node]] = {
            "for": self._for,
            "while": self._while,
            "if": self._if,
            "{": self._group,
        }

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    @property
    def operator(self) -> str | None:
        """The operator that comes next, or a lone brace; None when a word does."""
        word = self.token.word
        return self.token.text if word is None else word.bare if word.bare in ("{", "}") else None

    @property
    def bare(self) -> str | None:
        """The word that comes next, when it may be a keyword."""
        word = self.token.word
        return None if word is None else word.bare

    def line_of(self, token: Token) -> int:
        return bisect_right(self.lines, token.start)

    # -- statements -----------------------------------------------------------------------------------

    def script(self, closes: str) -> Script:
        """Statements up to the end of the text, or up to the `}` that closes a body."""
        statements: list[Statement] = []
        tolerant = False  # the line began with "-"
        fresh = True  # at the beginning of a line
        while True:
            operator = self.operator
            if operator == "\n":
                self.at += 1
                fresh, tolerant = True, False
            elif operator == "" or (operator == "}" and closes):
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
        node = self._chain()
        source = self.text[begin.start : self.tokens[self.at - 1].end]
        operator = self.operator
        if operator in (";", "&"):
            self.at += 1
        elif operator not in ("\n", "", "}"):
            raise self._unexpected("a ; or a new line")
        return Statement(node, operator == "&", tolerant, self.line_of(begin), source)

    def _chain(self) -> Chain:
        links = [("", self._link())]
        while (operator := self.operator) in ("&&", "||"):
            self.at += 1
            self._newlines()
            links.append((operator, self._link()))
        return Chain(tuple(links))

    def _link(self) -> Link:
        begin, bare = self.token, self.bare
        if bare == "!":
            self.at += 1
            inner = self._command()
            if isinstance(inner, Assign):
                raise GrammarError("! is for commands", begin.start)
            return Not(inner, self.line_of(begin))
        if bare in ("elif", "else"):
            raise GrammarError(f"{bare} stands behind the }} of an if", begin.start)
        if bare == "return" or (bare in ("break", "continue") and self.loops and self._ends(self.at + 1)):
            return self._leave(bare)
        if (name := self._function_name()) is not None:
            return self._define(name)
        return self._command()

    def _ends(self, at: int) -> bool:
        """Whether a command is over before the token there."""
        token = self.tokens[at]
        return token.word is None or token.word.bare == "}"

    def _leave(self, kind: str) -> Leave:
        begin = self.token
        self.at += 1
        status = None
        if kind == "return" and not self._ends(self.at):
            status = self.token.word
            self.at += 1
        return Leave(kind, status, self.line_of(begin))

    # -- what has a body ------------------------------------------------------------------------------

    def _body(self, what: str, begin: Token, *, loop: bool | None = None) -> Script:
        """`{`, statements, and `}`; `loop` is whether this body is one's, None as around it."""
        loops, self.loops = self.loops, self.loops if loop is None else self.loops + 1 if loop else 0
        asks, self.asks = self.asks, False
        if self.depth >= _DEPTH:
            raise GrammarError("{ too deep in one another", begin.start)
        self.depth += 1
        self._newlines()
        if self.operator != "{":
            raise self._unexpected(f"{what}, {{")
        self.at += 1
        body = self.script("}")
        if self.operator != "}":
            whose = "" if begin.text == "{" else f" of this {begin.text}"
            raise GrammarError(f"the {{{whose} is not closed", begin.start, incomplete=True)
        self.at += 1
        self.depth -= 1
        self.loops, self.asks = loops, asks
        return body

    def _condition(self) -> Chain:
        asks, self.asks = self.asks, True
        condition = self._chain()
        self.asks = asks
        return condition

    def _for(self) -> For:
        begin = self.token
        self.at += 1
        name = self.bare
        if name is None or NAME.fullmatch(name) is None:
            raise self._unexpected("after for, a name")
        self.at += 1
        if self.bare != "in":
            raise self._unexpected(f"after for {name}, in")
        self.at += 1
        items = self._words()
        return For(name, items, self._body("after the words of for", begin, loop=True), self.line_of(begin))

    def _while(self) -> While:
        begin = self.token
        self.at += 1
        condition = self._condition()
        body = self._body("after the command of while", begin, loop=True)
        return While(condition, body, self.line_of(begin))

    def _if(self) -> If:
        begin = self.token
        arms: list[tuple[Chain | None, Script]] = []
        while True:
            arm = self.token
            self.at += 1
            condition = None if arm.text == "else" else self._condition()
            what = "after else" if condition is None else f"after the command of {arm.text}"
            arms.append((condition, self._body(what, arm)))
            ahead = next(at for at in range(self.at, len(self.tokens)) if self.tokens[at].text != "\n")
            word = self.tokens[ahead].word
            if condition is None or word is None or word.bare not in ("elif", "else"):
                return If(tuple(arms), self.line_of(begin))
            self.at = ahead

    def _group(self) -> Group:
        begin = self.token
        return Group(self._body("", begin), self.line_of(begin))

    def _has_block(self) -> bool:
        """Whether the word that comes next is a host's, on which what stands in the { } behind it runs."""
        if self.asks or self.token.word is None or "=" in self.token.text:
            return False
        after = self.tokens[self.at + 1].word
        return after is not None and after.bare == "{"

    def _on(self) -> On:
        begin = self.token
        assert begin.word is not None
        self.at += 1
        return On(begin.word, self._body("", begin), self.line_of(begin))

    def _function_name(self) -> str | None:
        """The name of the function that is defined here: `name()` or `name ()`."""
        word = self.bare
        if word is None:
            return None
        after = self.tokens[self.at + 1].word
        name = word.removesuffix("()")
        if name == word and (after is None or after.bare != "()"):
            return None
        if NAME.fullmatch(name) is None or name in KEYWORDS:
            raise GrammarError(f"{name}: no name for a function", self.token.start)
        return name

    def _define(self, name: str) -> Define:
        begin = self.token
        self.at += 1 if begin.text.endswith("()") else 2
        return Define(name, self._body(f"after {name}()", begin, loop=False), self.line_of(begin))

    # -- commands -------------------------------------------------------------------------------------

    def _command(self) -> Pipeline | Compound | Assign:
        begin = self.token
        words: tuple[Word, ...] = ()
        read = self.compounds.get(self.bare or "") or (self._on if self._has_block() else None)
        node = None
        if read is not None:
            node = read()
        else:
            words = self._command_words()
            if (assign := self._assign(words, begin)) is not None:
                return assign
        filters, redirects = self._tail(node is not None)
        source = self.text[begin.start : self.tokens[self.at - 1].end]
        line = self.line_of(begin)
        if node is not None:
            return Compound(node, filters, redirects, line, source)
        return Pipeline(words, filters, redirects, line, source)

    def _tail(self, compound: bool) -> tuple[tuple[tuple[Word, ...], ...], tuple[Redirect, ...]]:
        """The filters and the files behind a command."""
        filters: list[tuple[Word, ...]] = []
        redirects: list[Redirect] = []
        while (operator := self.operator) in ("|", *_INPUTS, ">", ">>"):
            if operator in _INPUTS and compound:
                raise GrammarError(f"{operator} belongs to a command, not to a {{ }}", self.token.start)
            self.at += 1
            if operator == "|":
                if any(redirect.operator not in _INPUTS for redirect in redirects):
                    raise GrammarError("> stands behind the last filter", self.tokens[self.at - 1].start)
                self._newlines()
                if len(filters) == _FILTERS:
                    raise GrammarError(f"more than {_FILTERS} filters", self.tokens[self.at - 1].start)
                filters.append(self._command_words())
            else:
                redirects.append(self._redirect(operator, filters, redirects))
                if (extra := self.token.word) is not None and extra.bare not in ("{", "}"):
                    raise GrammarError(f"{extra.source}: words stand before {operator}", extra.position)
        return tuple(filters), tuple(redirects)

    def _redirect(self, operator: str, filters: list[tuple[Word, ...]], redirects: list[Redirect]) -> Redirect:
        mark = self.tokens[self.at - 1]
        before = self.tokens[self.at - 2]
        if operator not in _INPUTS and before.end == mark.start and before.text.isdigit():
            raise GrammarError(f"{before.text}>: only the output proper can go to a file", before.start)
        if any((redirect.operator in _INPUTS) == (operator in _INPUTS) for redirect in redirects):
            raise GrammarError(f"{operator} a second time", mark.start)
        if operator in _INPUTS and filters:
            raise GrammarError(f"{operator} belongs to the command, before the first |", mark.start)
        target = self.token.word
        if target is None:
            what = "a word" if operator == "<<<" else "a file's name"
            raise self._unexpected(f"after {operator}, {what}")
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
        if self.operator in ("|", *_INPUTS, ">", ">>"):
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
