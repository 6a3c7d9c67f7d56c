"""Abbreviations, as routers' command lines know them: `rou sh` is `route show`, as long as it can mean nothing else.

Only what is typed at the prompt may be abbreviated, and only commands and their verbs: a script says what it means.
What ends or empties something is typed whole, since a slip of the finger should not.
"""

from __future__ import annotations

from collections.abc import Collection

from netsh.prompt.candidates import vocabulary
from netsh.prompt.complete import Vocabulary, argument
from netsh.prompt.nearest import beginning
from netsh.state import State

_WHOLE = {"exit", "halt", "kill", "load", "quit", "unalias"}
_WHOLE_VERBS = {"destroy", "flush", "flushall", "ideal"}
_KINDS = {"keyword"}  # beside which a word may stand for nothing else ...
_VERBS = {"ifconfig": {"keyword", "host"}}  # ... but here hosts are given by their addresses


class Ambiguous(Exception):
    """An abbreviation of several words, or of one that must be typed whole."""


def whole(words: list[str], state: State) -> list[str]:
    """The words that are meant by what was typed; Ambiguous when that is not clear."""
    hosts = state.lab.hosts
    at = int(len(words) > 1 and words[0] in hosts and not _known(words[0], state))
    name = words[at]
    if name not in hosts and not _known(name, state):
        name = _one(name, [*state.names(), *state.functions, *state.aliases], _WHOLE)
    if name in state.functions or name in state.aliases or not _known(name, state):
        return [*words[:at], name, *words[at + 1 :]]
    return [*words[:at], name, *_verbs(name, words[at + 1 :], vocabulary(state))]


def means_a_command(typed: str, state: State) -> bool:
    """Whether a word is the name of a command or is short for one."""
    try:
        return _known(_one(typed, [*state.names(), *state.functions, *state.aliases], _WHOLE), state)
    except Ambiguous:
        return False


def _known(name: str, state: State) -> bool:
    return name in state.functions or name in state.aliases or state.find(name) is not None


def _one(typed: str, known: Collection[str], whole: Collection[str]) -> str:
    """The one word that begins so, `route` and not `routed`; what was typed, when there is none."""
    found = beginning(typed, known)
    if not found:
        return typed
    if len(found) > 1:
        raise Ambiguous(f"{typed}: is it {', '.join(found[:-1])} or {found[-1]}?")
    if found[0] in whole:
        raise Ambiguous(f"{typed}: {found[0]} must be typed whole")
    return found[0]


def _verbs(command: str, words: list[str], vocabulary: Vocabulary) -> list[str]:
    """The arguments of a command, its verbs whole."""
    known, synopsis = vocabulary.words(command), vocabulary.synopsis(command) or ""
    done: list[str] = []
    for word in words:
        if word and not word.startswith("-") and word not in known:
            following = argument(command, done, "", synopsis, known)
            verbs = set(following.literals)
            if "keyword" in following.kinds:
                verbs |= {verb for verb in known if not verb.startswith("-")}
            if verbs and set(following.kinds) <= _VERBS.get(command, _KINDS):
                word = _one(word, verbs, _WHOLE_VERBS)
        done.append(word)
    return done
