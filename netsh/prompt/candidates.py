"""The words that may stand at the cursor, from the live session; what kind they are says netsh.prompt.complete."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module

import commands
import netsh.builtins
from netsh.filters import FILTERS
from netsh.grammar import KEYWORDS
from netsh.lessons import where
from netsh.live import live
from netsh.prompt.complete import Candidate, Next, Vocabulary, options_of, what_comes_next
from netsh.prompt.nearest import beginning
from netsh.settings import TABLES
from netsh.state import State
from netsh.summaries import summary
from netsh.words import CALL
from stack.addr import Prefix
from stack.host import Host
from stack.net.bridge import Bridge
from stack.net.route import RTF_GATEWAY, RTF_LOCAL
from stack.netinet.tcp_fsm import TCP_STATES
from stack.trace.recorder import Recorder

_PACKETS = 40  # of a trace that are offered
_ENOUGH = 1000  # a menu of more is no help
_IN_LOOPS = {"break": "leave the loop", "continue": "go on with its next turn"}
_LOOSE = 20  # of those that only have the letters
_LONGEST = 10_000  # what is longer was pasted
_OPTION_HELP = re.compile(r"(?:^| ) +(-\w)(?: \S+){0,2}  +(\S.*?)(?= {2,}-\w|; -\w|$)", re.MULTILINE)  # in a docstring


class Loose(str):
    """A piece of a word whose letters may be anywhere in the word, in their order."""


def fits(name: str, typed: str) -> bool:
    """Whether a word may be meant by what is typed of it."""
    if not isinstance(typed, Loose):
        return name.startswith(typed)
    letters = iter(name)
    return all(letter in letters for letter in typed)


def candidates(line: str, state: State, cursor: int | None = None) -> Iterator[Candidate]:
    """What may be typed at the cursor, or at the end of a line, best first: what begins so, else what has the letters.

    What follows the cursor does not matter.
    """
    line = line[:cursor]
    if len(line) > _LONGEST:
        return
    following = what_comes_next(line, len(line), vocabulary(state))
    quote = following.word[:1] if following.word[:1] in ("'", '"') else ""
    prefix = following.word[len(quote) :]
    seen: set[str] = set()
    for text, help in _all(following, prefix, state):
        if text.startswith(prefix) and text not in seen:
            seen.add(text)
            if text != prefix:
                yield Candidate(f"{quote}{text}" if quote else _quoted(text), help, len(following.word))
            if len(seen) == _ENOUGH:
                return
    if not seen and len(prefix) > 1:
        for text, help in _loosely(following, prefix, state):
            yield Candidate(f"{quote}{text}" if quote else _quoted(text), help, len(following.word))


def _loosely(following: Next, prefix: str, state: State) -> list[tuple[str, str]]:
    """What has the letters typed so far in their order, the closest together first."""
    loose = Loose(prefix)
    found = [pair for pair in _all(following, loose, state) if fits(pair[0], loose)]
    found.sort(key=lambda pair: (_spread(pair[0], prefix), len(pair[0])))
    return found[:_LOOSE]


def _spread(name: str, letters: str) -> int:
    """Between how many letters of a name those that were typed stand; each is the first that can be."""
    begin = at = name.index(letters[0])
    for letter in letters[1:]:
        at = name.index(letter, at + 1)
    return at - begin


def vocabulary(state: State) -> Vocabulary:
    """What the session knows of hosts and commands."""

    def synopsis(name: str) -> str | None:
        command = state.find(name)
        return None if command is None else command.synopsis

    def aliased(name: str) -> list[str]:
        alias = state.aliases.get(name)
        if alias is not None:
            return [word.bare or "" for word in alias.words]
        if name in state.functions or state.find(name) is not None:
            return []
        meant = beginning(name, state.names())
        return meant if len(meant) == 1 else []

    return Vocabulary(state.lab.hosts, synopsis, lambda name: words_of(name, state), aliased, state.functions)


def words_of(name: str, state: State) -> Mapping[str, str]:
    """The keywords of a command, each with a word of help: its module's WORDS."""
    command = state.find(name)
    found: Mapping[str, str] = {} if command is None else command.run.__globals__.get("WORDS", {})
    return found


def _all(following: Next, prefix: str, state: State) -> Iterator[tuple[str, str]]:
    known = words_of(following.command, state)
    for literal in following.literals:
        yield literal, known.get(literal, "")
    for kind in following.kinds:
        yield from KINDS[kind](state, following, prefix)


def _quoted(text: str) -> str:
    """A word as it must be typed; variables, options and URLs are not quoted."""
    if CALL.match(text):
        return text
    return shlex.quote(text) if re.search(r"[\s'\"\\;&|<>#]", text) else text


def _host_of(state: State, following: Next) -> Host | None:
    return state.lab.hosts.get(following.host) or state.host


def _commands(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    own = state.companion.commands if state.companion is not None else {}
    for name in state.names():
        yield name, (own[name].run.__doc__ or "").rstrip(".") if name in own else help_of(name)
    for name in state.functions:
        yield name, "a function"
    yield from _aliases(state, following, _prefix)
    if not following.command and "host" in following.kinds:
        yield from KEYWORDS.items()
        yield from _IN_LOOPS.items()


def _aliases(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for name, alias in state.aliases.items():
        yield name, alias.source


@cache
def help_of(name: str) -> str:
    """What a command is for, in a line; its module is read, not run."""
    for folder in (netsh.builtins.__path__[0], commands.__path__[0]):
        if text := summary(os.path.join(folder, f"{name}.py")):
            return re.sub(r" \([^()]*\)$", "", text.removeprefix(f"{name}: "))
    return ""


def _hosts(state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    by_number = prefix[:1].isdigit() and not isinstance(prefix, Loose)
    for name, host in state.lab.hosts.items():
        if by_number or fits(name, prefix):  # there may be ten thousand
            addresses = [str(ifa.address) for ifp in host.interfaces.values() for ifa in ifp.addresses]
            yield name, ", ".join(address for address in addresses if not address.startswith("127."))
            if by_number:
                yield from ((address, name) for address in addresses if address.startswith(prefix))


def _addresses(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    host = _host_of(state, following)
    for name, ifp in host.interfaces.items() if host is not None else ():
        for ifa in ifp.addresses:
            yield str(ifa.address), name


def _routes(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    """The destinations in the routing table, neighbours and our own addresses apart."""
    host = _host_of(state, following)
    for rt in host.routes if host is not None else ():
        if not rt.flags & RTF_LOCAL:
            yield _typed(rt.dst), f"by {rt.nexthop if rt.flags & RTF_GATEWAY else rt.ifp.name}"


def _typed(destination: Prefix) -> str:
    """A destination as it is typed."""
    return "default" if not destination.plen else str(destination)


def _interfaces(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    host = _host_of(state, following)
    for name, ifp in host.interfaces.items() if host is not None else ():
        yield name, ", ".join(f"{ifa.address}/{ifa.plen}" for ifa in ifp.addresses)


def _bridges(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    host = _host_of(state, following)
    for name, ifp in host.interfaces.items() if host is not None else ():
        if isinstance(ifp, Bridge):
            yield name, " ".join(member.ifp.name for member in ifp.members)


def _places(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    """Where packets can be seen: interfaces of this host and of others, and buses."""
    yield from _interfaces(state, following, prefix)
    yield "any", "all interfaces of this host"
    for name, help in _buses(state, following, ""):
        yield f"bus:{name}", help
    for name, host in state.lab.hosts.items():
        if isinstance(prefix, Loose) or name.startswith(prefix[: len(name)]):  # there may be ten thousand
            for ifname, ifp in host.interfaces.items():
                yield f"{name}:{ifname}", ", ".join(f"{ifa.address}/{ifa.plen}" for ifa in ifp.addresses)


def _keywords(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    return words_of(following.command, state).items()


def _options(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    command = state.find(following.command)
    if command is None:
        return
    known = words_of(following.command, state)
    told = dict(_OPTION_HELP.findall(command.run.__globals__.get("__doc__") or ""))
    options = options_of(command.synopsis, known)
    for option, value in options.items():
        yield option, f"{value}  {told.get(option) or known.get(option, '')}".strip()
    for word, help in known.items():
        if word.startswith("-") and word not in options:
            yield word, help
    if prefix.startswith("--") and live(command, []) is not None:
        yield "--live", "again and again, drawn in its place"


def _buses(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    for name, bus in state.lab.buses.items():
        yield name, f"{len(bus.ports)} ports"
    if "/" in prefix:  # a bus in a file
        yield from _files(state, following, prefix)


def _processes(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for pid, proc in state.lab.procs.items():
        yield str(pid), " ".join(proc.argv)


def _jobs(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for job in state.jobs.running():
        yield f"%{job.number}", job.line


def _sysctls(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    host = _host_of(state, following)
    for name in host.sysctl.walk() if host is not None else ():
        if fits(name, prefix) and host is not None:
            yield name, f"{host.sysctl.get(name)}, {host.sysctl.variable(name).help}"


def _variables(state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    brace = "{" if prefix.startswith("${") else ""
    for name, value in state.scope.variables.items():
        yield f"${brace}{name}{'}' if brace else ''}", value


def _filters(_state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for name, filter in FILTERS.items():
        yield name, filter.synopsis


def _urls(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    scheme = "https" if prefix.startswith("https") else "http"
    for name, help in _hosts(state, following, ""):
        yield f"{scheme}://{name}/", help


def _reasons(state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    """The names of drops, and what they mean; `ip/` completes those of one protocol."""
    drops = state.find("drops")
    tables: Mapping[str, Mapping[str, tuple[str, ...]]] = drops.run.__globals__["WHY"] if drops is not None else {}
    meant: dict[str, list[str]] = {}
    for protocol, known in tables.items():
        for name, why in known.items():
            meant.setdefault(name, []).append(why[0])
            if "/" in prefix:
                yield f"{protocol}/{name}", why[0]
    for name, sentences in sorted(meant.items()):
        yield name, "; ".join(dict.fromkeys(sentences))
    for protocol in tables:
        yield protocol, f"those of {protocol}"


def _serials(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    """Packets of the trace, the newest first."""
    recorder = state.lab.trace
    packets = list(recorder.packets.values())[:-_PACKETS:-1] if isinstance(recorder, Recorder) else ()
    for packet in packets:
        if packet.wanted and packet.count:
            yield str(packet.serial), f"{packet.time:.6f} {packet.host}  {packet.fate}"


def _filter_words(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    """What a filter of packets is made of, beside hosts."""
    return [(word, help) for word, help in words_of("tcpdump", state).items() if not word.startswith("-")]


def _functions(_state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    """Functions and classes of the stack; methods once their class is typed."""
    index = import_module("netsh.textbook").index()  # it takes 40 ms: only when it is wanted
    for name in index.names():
        if name.startswith(prefix or name) and not name.startswith("_") and ("." not in name or "." in prefix):
            places = index.bsd.get(name) or index.places[name]
            yield name, f"{places[0].path}:{places[0].line}"


def _states(_state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for state in TCP_STATES:
        yield state, ""


def _primitives(state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    """The words of filters."""
    return words_of("tcpdump", state).items()


def _files(_state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    folder, slash, start = prefix.rpartition("/")
    try:
        with os.scandir(os.path.expanduser(folder + slash) or ".") as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    for name, is_folder in found:
        if not name.startswith(".") or start.startswith("."):
            yield f"{folder}{slash}{name}{'/' if is_folder else ''}", ""


_OPEN = re.compile(r"(\w*)\(|(\))|'[^'\n]*('?)|\"[^\"\n]*(\"?)")
_TAIL = re.compile(r"\w*$")


def _layers(state: State, following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    """Layers of a packet that is being written, the fields of one, and in quotes the hosts."""
    command = state.find(following.command)
    layers: Mapping[str, tuple[str, tuple[str, ...]]] = command.run.__globals__["LAYERS"] if command is not None else {}
    tail = _TAIL.search(prefix)
    head = prefix[: tail.start()] if tail is not None else prefix
    inside: list[str] = []
    quoted = False
    for found in _OPEN.finditer(prefix):
        quoted = found[0][0] in "'\"" and not (found[3] or found[4])
        if found[0].endswith("("):
            inside.append(found[1])
        elif found[2] and inside:
            inside.pop()
    if quoted:
        for name, help in _hosts(state, following, ""):
            yield f"{head}{name}", help
    elif inside and head[-1:] in "(, ":
        for field in layers.get(inside[-1], ("", ()))[1]:
            yield f"{head}{field}=", f"of {inside[-1]}"
    elif not head or head.rstrip()[-1:] in ("/", "["):
        for name, (help, _) in layers.items():
            yield f"{head}{name}(", help


def _settings(_state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for name, help in TABLES.items():
        yield f"{name}.", help


def _among(**words: str) -> Finder:
    """One of a few words."""
    return lambda _state, _following, _prefix: words.items()


Finder = Callable[[State, Next, str], Iterable[tuple[str, str]]]

def _lessons(_state: State, _following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for name in where.names():
        yield name, where.title_of(name)


KINDS: dict[str, Finder] = {
    "command": _commands, "host": _hosts, "interface": _interfaces, "keyword": _keywords, "option": _options,
    "bus": _buses, "process": _processes, "job": _jobs, "sysctl": _sysctls, "variable": _variables,
    "filter": _filters, "url": _urls, "file": _files, "reason": _reasons, "function": _functions,
    "setting": _settings, "edit": _among(emacs="", vi=""), "theme": _among(auto="", dark="", light=""),
    "mode": _among(real="follows the wall clock", fast="jumps to the next event"), "flag": _among(true="", false=""),
    "serial": _serials, "filterword": _filter_words,
    "bridge": _bridges, "place": _places, "alias": _aliases, "address": _addresses, "route": _routes,
    "layer": _layers, "state": _states, "primitive": _primitives, "lesson": _lessons,
}  # fmt: skip
