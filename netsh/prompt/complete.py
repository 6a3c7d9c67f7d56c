"""What may come next on a line, and which words of that kind there are.

`what_comes_next` is a pure function from a line to kinds of things (litecli's `suggest_type`), so that
completion is tested without a terminal; `candidates` looks the kinds up in the live session.  What a command
takes is read from its synopsis: the placeholder `host` in `ping [-c count] host` says it all.  A command
module lists its keywords, with a word of help each, in WORDS.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Container, Mapping
from typing import NamedTuple

from netsh.words import CALL, GrammarError, scan


class Candidate(NamedTuple):
    """A word that fits, and what it is; it takes the place of the `replaced` characters before the cursor."""

    text: str
    help: str = ""
    replaced: int = 0


class Vocabulary(NamedTuple):
    """What must be known of a session to tell what comes next."""

    hosts: Collection[str]
    synopsis: Callable[[str], str | None]  # of a command; None when there is none of that name
    words: Callable[[str], Mapping[str, str]]  # WORDS of a command
    aliases: Callable[[str], list[str]] = lambda name: []  # the words that a name stands for
    functions: Container[str] = ()


class Next(NamedTuple):
    """What may stand at the cursor: kinds of things, and `literals`, words that are meant as they are."""

    kinds: tuple[str, ...]
    word: str = ""  # what is typed of it
    command: str = ""  # whose argument it is
    host: str = ""  # the host before the command, if one is named
    literals: tuple[str, ...] = ()


# The placeholders of a synopsis, in lower case, and the kinds of things they stand for.
PLACEHOLDERS: dict[str, tuple[str, ...]] = {
    "host": ("host",), "hostname": ("host",), "a": ("host",), "b": ("host",), "gateway": ("host",),
    "destination": ("route", "host"), "dest": ("host",), "dst": ("host",), "address": ("host",), "addr": ("host",),
    "laddr": ("host",), "faddr": ("host",),
    "src_addr": ("host",), "src": ("host",), "source": ("host",), "asker": ("host",),
    "interface": ("interface",), "iface": ("interface",), "ifname": ("interface",), "place": ("place",),
    "file": ("file",), "folder": ("file",), "directory": ("file",), "script": ("file",),
    "cert": ("file",), "key": ("file",),
    "url": ("url",), "bus": ("bus",), "pid": ("process",), "job": ("job",), "command": ("command",),
    "topic": ("command", "keyword"),
    "lesson": ("lesson",),
    "variable": ("sysctl",), "mib": ("sysctl",), "keyword": ("keyword",), "parameters": ("keyword",),
    "reason": ("reason",), "function": ("function",), "state": ("state",), "field": ("keyword",),
    "serial": ("serial",), "filter": ("filterword", "host"),
    "alias": ("alias",), "name": ("alias",), "%job": ("job",),
    "modifiers": ("keyword",), "protocol": ("keyword",), "congctl": ("keyword",),
}  # fmt: skip

# Where the synopsis says too little: the kinds of each operand in turn; the last goes on for ever.
OPERANDS: dict[str, tuple[tuple[str, ...], ...]] = {
    "ifconfig": (("interface",), ("keyword", "host")),
    "brconfig": (("bridge",), ("keyword",)),
    "bus": (("bus",), ("keyword",)),
    "link": (("host", "bus"), ("host", "keyword"), ("keyword",)),
    **dict.fromkeys(("chain", "ring", "star"), ((), ("keyword",))),
    **dict.fromkeys(("tree", "grid", "matrix", "random"), ((), (), ("keyword",))),
    "host": (("host",),),
    "option": (("keyword", "setting"), ()),
    "sysctl": (("sysctl",),),
    "send": (("layer", "place"), ("layer",)),
    **dict.fromkeys(("tcpdump", "ladder"), (("keyword", "host"),)),
    "replay": (("file",), ("keyword", "host")),
    "kill": (("process", "job"),),
    "load": (("file",), ()),
    "save": (("file",), ()),
    "shmif_dumpbus": (("file",), ()),
}

_FILTERED = ("tcpdump", "ladder", "replay", "trace")  # they take filters of packets

# What follows a keyword, whatever command it belongs to, or of one command.
VALUES: dict[str, tuple[str, ...]] = {
    "linkstr": ("bus",), "broadcast": ("host",), "vlanif": ("interface",), "-vlanif": ("interface",), "vlan": (),
    **dict.fromkeys(("brconfig add", "brconfig delete", "learn", "-learn", "discover", "-discover"), ("interface",)),
    **dict.fromkeys(("protect", "-protect", "stp", "-stp", "static", "ifpriority", "ifpathcost"), ("interface",)),
    **dict.fromkeys(("maxaddr", "timeout", "deladdr", "priority", "hellotime", "fwddelay", "maxage"), ()),
    **{f"option {name}": (name,) for name in ("edit", "theme")}, "option clock": ("mode",),
    **dict.fromkeys(("option menu", "option suggest", "option abbreviate"), ("flag",)),
    **dict.fromkeys(("option history", "option pager"), ()),
    **dict.fromkeys(("ifconfig delete", "ifconfig -alias"), ("address",)),
    **dict.fromkeys(("-iface", "-interface", "-ifp"), ("interface",)),
    **dict.fromkeys(("-dst", "-gateway", "-ifa"), ("host",)),
    **dict.fromkeys(("-netmask", "-prefixlen", "-mtu"), ()),
    **dict.fromkeys(("mtu", "metric", "netmask", "prefixlen", "link", "media", "mediaopt"), ()),
    "--border": (), "--processes": ("file",),
    **dict.fromkeys(("tutorial new", "tutorial record", "tutorial --html"), ("file",)),
    **{f"{name} {word}": ("host", "keyword") for name in _FILTERED for word in ("host", "src", "dst")},
    **{f"{name} {word}": () for name in _FILTERED for word in ("port", "portrange", "net", "less", "greater")},
    **dict.fromkeys(("delay", "rate", "loss", "duplicate", "reorder", "corrupt", "queue", "ecn", "seed"), ()),
}  # fmt: skip

_BEFORE_COMMANDS = ("if", "elif", "while", "!")  # what stands before a command and is none
_TOKEN = re.compile(
    r"""[ \t\r]*(?:
    (?P<comment>\#[^\n]*)
  | (?P<operator>&&|\|\||>>|<<<|[;&|<>\n])
  | (?P<word>(?:[^\s;&|<>'"\\]|\\.|\\$|'[^']*(?:'|$)|"(?:[^"\\]|\\.)*(?:"|\\?$))+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_REQUIRED = re.compile(r"(?<![\[|\w-])(?<!\| )(-\w)(?= |$)")
_VARIABLE = re.compile(r"\$\{?\w*$")
_OPTION = re.compile(r"\[-(\w+)(?:[ ]([^][\s|]+(?: \w+)*))?\]|(?<![\w-])-(\w)\b")


class _Line(NamedTuple):
    """The command that the cursor stands in: what led to it, its words, and the piece of a word at the cursor.

    `block` is the word before the `{` that it stands behind.
    """

    operator: str
    words: list[str]
    word: str
    comment: bool
    block: str


def what_comes_next(line: str, cursor: int, vocabulary: Vocabulary) -> Next:
    """The kinds of things that may stand at the cursor; what follows the cursor does not matter."""
    inner = _innermost(line[:cursor])
    here = _scan(inner)
    if here.comment:
        return Next(())
    if (variable := _VARIABLE.search(here.word)) is not None and not here.word.startswith("'"):
        return Next(("variable",), variable[0])
    if here.operator in ("<", ">", ">>"):
        return Next(() if here.words else ("file",), here.word)
    if here.operator == "|":
        return Next(() if here.words else ("filter",), here.word)
    if here.words[:1] == ["for"]:
        return _for(here)
    found = _command(here, vocabulary)
    block = here.block or _scan(line[: cursor - len(inner)]).block
    return found if found.host or block not in vocabulary.hosts else found._replace(host=block)


def _innermost(text: str) -> str:
    """What is typed of the command in a word, `$(`, that the cursor stands in; else all."""
    begins = [0]
    quote = ""
    for at, letter in enumerate(text):
        if letter == quote == "'" or (letter == quote == '"'):
            quote = ""
        elif quote != "'" and letter == "(" and text[at - 1 : at] == "$":
            begins.append(at + 1)
        elif quote:
            continue
        elif letter in "'\"":
            quote = letter
        elif letter == ")" and len(begins) > 1:
            begins.pop()
    return text[begins[-1] :]


def _scan(text: str) -> _Line:
    """Find the command at the end of a text, however unfinished the text is."""
    words: list[str] = []
    operator, end, comment = "", 0, False
    blocks: list[str] = []
    while (token := _TOKEN.match(text, end)) is not None:
        comment = token["comment"] is not None
        end = token.end()
        if token["word"] and CALL.match(text, token.start("word")):  # IP(dst="www", ttl=1)/TCP() is one word
            end = _end_of_call(text, token.start("word"))
            words.append(text[token.start("word") : end])
        elif token["operator"] or token["word"] in ("{", "}"):
            if token["word"] == "{":
                around = blocks[-1] if blocks else ""
                blocks.append(words[0].removeprefix("-") if len(words) == 1 and words != ["else"] else around)
            elif token["word"]:
                del blocks[-1:]
            operator, words = token["operator"] or ";", []
        elif token["word"]:
            words.append(token["word"])
    touches = bool(words) and end == len(text)
    while words[: len(words) - touches] and words[0] in _BEFORE_COMMANDS:
        del words[0]
    block = blocks[-1] if blocks else ""
    return _Line(operator, words[:-1] if touches else words, words[-1] if touches else "", comment, block)


def _end_of_call(text: str, start: int) -> int:
    """Where an expression ends; perhaps it is not typed to its end yet."""
    try:
        return scan(text, start)[1]
    except GrammarError:
        return len(text)


def _for(here: _Line) -> Next:
    """`for NAME in WORD ... {`"""
    if len(here.words) == 2:
        return Next((), here.word, literals=("in",))
    return Next(("host",) if len(here.words) > 2 else (), here.word)


def _command(here: _Line, vocabulary: Vocabulary) -> Next:
    """A command: `[-][HOST] COMMAND ARGUMENT ...`"""
    words, word, host = here.words, here.word, ""
    if words[:1] == ["-"]:
        words = words[1:]
    if words:
        words = [words[0].removeprefix("-"), *words[1:]]
    elif not here.words:
        word = word.removeprefix("-")
    if words and words[0] in vocabulary.hosts and vocabulary.synopsis(words[0]) is None:
        host, words = words[0], words[1:]
    if not words:
        return Next(("command",) if host else ("command", "host"), word, host=host)
    words = [*(vocabulary.aliases(words[0]) or words[:1]), *words[1:]]
    if words[0] == "watch" and not word.startswith("-") and (inner := _watched(words[1:])) is not None:
        found = _command(here._replace(words=inner, word=word), vocabulary)
        return found if found.host else found._replace(host=host)
    synopsis = vocabulary.synopsis(words[0])
    if words[0] in vocabulary.functions:
        return Next(("host",), word, words[0], host)
    if synopsis is None:
        return Next((), word, words[0], host)
    return argument(words[0], words[1:], word, synopsis, vocabulary.words(words[0]))._replace(host=host)


def _watched(words: list[str]) -> list[str] | None:
    """The words of a command behind `watch` and its options; None where the value of one is expected."""
    while words and words[0].startswith("-"):
        if words[0] in ("-n", "-c"):
            if len(words) == 1:
                return None
            words = words[1:]
        words = words[1:]
    return words


def argument(command: str, before: list[str], word: str, synopsis: str, known: Mapping[str, str]) -> Next:
    """An argument: an option, the value of one, or an operand."""
    options = options_of(synopsis, known)
    if word.startswith("--") and "=" in word:
        name, _, word = word.partition("=")
        return Next(PLACEHOLDERS.get(_long_value(synopsis, name), ()), word, command)
    if word.startswith("-"):
        return Next(("option",), word, command)
    operands: list[str] = []
    typed: set[str] = set()
    values: list[str] = []  # the placeholders of the option before, which wants a value, or two
    for text in before:
        if values:
            values.pop(0)
        elif text.startswith("--"):
            values = _long_value(synopsis, text).split()
        elif text.startswith("-"):
            typed |= set() if text in known else {f"-{letter}" for letter in text[1:]} & options.keys()
            values = [] if text in known else options.get(f"-{text[-1]}", "").split()
        else:
            operands.append(text)
    if values:
        return Next(PLACEHOLDERS.get(values[0].lower(), ()), word, command)
    if command == "break" and "if" in before:
        return Next(("primitive", "host"), word, command)
    if before and before[-1] in known:
        kinds = VALUES.get(f"{command} {before[-1]}", VALUES.get(before[-1]))
        if kinds is not None:
            return Next(kinds, word, command)
    if command in OPERANDS:
        slots = OPERANDS[command]
        return Next(slots[min(len(operands), len(slots) - 1)], word, command)
    return _operand(command, operands, typed, word, synopsis, known)


def _long_value(synopsis: str, name: str) -> str:
    """The placeholder of a long option's value: `file` of --ca-cert=file; "" when it has none."""
    found = re.search(rf"{re.escape(name)}=(\w+)", synopsis)
    return found[1] if found is not None else ""


def options_of(synopsis: str, known: Container[str] = ()) -> dict[str, str]:
    """The one-letter options of a synopsis, each with the placeholder of its value, "" when it has none.

    `[-net]` is three of them unless -net is a `known` keyword.
    """
    options: dict[str, str] = {}
    for letters, value, alone in _OPTION.findall(synopsis):
        if f"-{letters}" in known:
            continue
        for letter in alone or letters:
            options.setdefault(f"-{letter}", "")
        if value:
            options[f"-{letters[-1]}"] = value
    return options


def _operand(
    command: str, operands: list[str], typed: set[str], word: str, synopsis: str, known: Mapping[str, str]
) -> Next:
    """The operand that follows `operands`, in every form of the synopsis that they and the options fit."""
    kinds: dict[str, None] = {}
    literals: dict[str, None] = {}
    for form in _forms(synopsis, typed, known):
        slots = _slots(form)
        if not all(_fits(text, slots[at], known) for at, text in enumerate(operands[: len(slots)])):
            continue
        at = min(len(operands), len(slots) - 1)
        if at < 0 or (len(operands) >= len(slots) and "..." not in form):
            continue
        for alternative in slots[at]:
            if alternative in known:
                literals[alternative] = None
            else:
                kinds |= dict.fromkeys(PLACEHOLDERS.get(alternative.lower(), ()))
            if alternative == "destination" and "default" in known:
                literals["default"] = None
    return Next(tuple(kinds), word, command, literals=tuple(literals))


def _forms(synopsis: str, typed: set[str], known: Mapping[str, str]) -> list[str]:
    """The forms that have the options typed so far, and ask for no others."""
    forms = synopsis.splitlines()
    fitting = [form for form in forms if set(_REQUIRED.findall(form)) <= typed <= set(options_of(form, known))]
    return fitting or forms


def _slots(form: str) -> list[list[str]]:
    """The operands of one form, each as its alternatives: `cmd [-n] add|delete host ...` has two."""
    rest = re.sub(r"\[-[-\w]+(?:[ =][^][|]+)?\]", " ", form.partition(" ")[2])
    rest = re.sub(r"\s*\|\s*", "|", rest.translate(dict.fromkeys(map(ord, "[]{}()"), " ")))
    words = [[each for each in text.split("|") if not each.startswith("-")] for text in rest.split() if text != "..."]
    return [[re.split("[/:=]", each)[0] for each in alternatives] for alternatives in words if alternatives]


def _fits(text: str, alternatives: list[str], known: Mapping[str, str]) -> bool:
    """Whether a word can stand where these alternatives do: a keyword must be met by itself."""
    return text in alternatives or not all(alternative in known for alternative in alternatives)
