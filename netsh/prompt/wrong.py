"""The words of a line that cannot be right, so that they turn red before Enter: commands, hosts, addresses.

A word that is still being typed is given the benefit of the doubt as long as something begins so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netsh.filters import FILTERS
from netsh.grammar import KEYWORDS, GrammarError, Token, tokenize
from netsh.prompt.abbreviations import means_a_command
from netsh.prompt.candidates import vocabulary
from netsh.prompt.complete import Vocabulary, argument
from netsh.state import State
from stack.addr import Ip4, Prefix

_LONGEST = 4000  # letters of a line that is looked at
_NUMBERS = re.compile(r"\d+(\.\d+){3}(/\d*)?")
_NEW_HOSTS = {"host", "link"}  # commands that make them
_LEAVING = ("return", "break", "continue")
_BEFORE_COMMANDS = {"{", "}", "if", "elif", "while", "else", "!", "-"}


class Span(NamedTuple):
    """A wrong word: where it begins, and where the next letter stands."""

    start: int
    end: int


def wrong_words(text: str, state: State) -> list[Span]:
    """The words that cannot be right; none in a text that cannot be read yet."""
    if len(text) > _LONGEST:
        return []
    try:
        tokens = tokenize(text)
    except GrammarError:
        return []
    judge = _Judge(state, vocabulary(state), len(text))
    return [Span(token.start, token.end) for command in _commands(tokens) for token in judge.wrong(command)]


def _commands(tokens: list[Token]) -> Iterator[tuple[str, list[Token]]]:
    """The words of each command, and the operator before it."""
    operator, words = "", list[Token]()
    for token in tokens:
        bare = token.word.bare if token.word is not None else None
        if token.word is not None and not (bare in ("{", "}") or (not words and bare in _BEFORE_COMMANDS)):
            words.append(token)
            continue
        if words:
            yield operator, words
        operator, words = token.text, []


class _Judge:
    """Says which words of a command are wrong."""

    def __init__(self, state: State, vocabulary: Vocabulary, end: int) -> None:
        self.state = state
        self.vocabulary = vocabulary
        self.end = end

    def wrong(self, command: tuple[str, list[Token]]) -> Iterator[Token]:
        """Those of one command."""
        operator, words = command
        first = words[0].word
        assert first is not None
        if operator in ("<", ">", ">>") or first.bare in (None, "for", *_LEAVING) or "=" in first.source:
            return
        if first.bare.endswith("()"):
            return
        if operator == "|":
            if not first.source.startswith("!") and not self._begins(words[0], FILTERS):
                yield words[0]
            return
        yield from self._command(words)

    def _command(self, words: list[Token]) -> Iterator[Token]:
        names = [token.text for token in words]
        names[0] = names[0].removeprefix("-")
        hosts = self.state.lab.hosts
        at = int(len(words) > 1 and names[0] in hosts and self.vocabulary.synopsis(names[0]) is None)
        name = names[at]
        known = [*self.state.names(), *self.state.functions, *self.state.aliases, *KEYWORDS]
        word = words[at].word
        if not (at == 0 and name in hosts) and name not in known:
            typing = self._begins(words[at], [*known, *([] if at else hosts)])
            if word is not None and word.bare is not None and not typing and not means_a_command(name, self.state):
                yield words[at]
            return
        yield from self._arguments(name, words[at + 1 :])

    def _arguments(self, name: str, tokens: list[Token]) -> Iterator[Token]:
        synopsis = self.vocabulary.synopsis(name)
        known = self.vocabulary.words(name)
        before: list[str] = []
        for token in tokens:
            bare = "" if token.word is None else token.word.bare or ""
            if _NUMBERS.fullmatch(bare) and not _is_address(bare):
                yield token
            elif synopsis is not None and name not in _NEW_HOSTS and bare and bare[0] != "-" and bare not in known:
                kinds = set(argument(name, before, "", synopsis, known).kinds)
                if "host" in kinds and kinds <= {"host", "route"} and not self._is_host(token):
                    yield token
            before.append(token.text)

    def _is_host(self, token: Token) -> bool:
        """Whether it may be a host's name or address; one with dots may be anywhere."""
        return "." in token.text or _is_address(token.text) or self._begins(token, self.state.lab.hosts)

    def _begins(self, token: Token, known: Iterable[str]) -> bool:
        """Whether it is one of some words, or the beginning of one at the end of the line."""
        return any(word == token.text or (token.end == self.end and word.startswith(token.text)) for word in known)


def _is_address(text: str) -> bool:
    try:
        (Prefix if "/" in text else Ip4).parse(text)
    except ValueError:
        return False
    return True
