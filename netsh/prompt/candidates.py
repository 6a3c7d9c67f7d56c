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
from netsh.prompt.complete import Candidate, Next, Vocabulary, options_of, what_comes_next
from netsh.state import State
from netsh.summaries import summary
from stack.host import Host
from stack.net.bridge import Bridge

_ENOUGH = 1000  # a menu of more is no help
_OPTION_HELP = re.compile(r"(?:^| ) +(-\w)(?: \S+){0,2}  +(\S.*?)(?= {2,}-\w|; -\w|$)", re.MULTILINE)  # in a docstring


def candidates(line: str, state: State) -> Iterator[Candidate]:
    """What may be typed at the end of a line, best first."""
    following = what_comes_next(line, len(line), vocabulary(state))
    quote = following.word[:1] if following.word[:1] in ("'", '"') else ""
    prefix = following.word[len(quote) :]
    found = 0
    for text, help in _all(following, prefix, state):
        if text.startswith(prefix) and text != prefix:
            yield Candidate(f"{quote}{text}" if quote else _quoted(text), help, len(following.word))
            found += 1
            if found == _ENOUGH:
                return


def vocabulary(state: State) -> Vocabulary:
    """What the session knows of hosts and commands."""

    def synopsis(name: str) -> str | None:
        command = state.find(name)
        return None if command is None else command.synopsis

    return Vocabulary(state.lab.hosts, synopsis, lambda name: words_of(name, state))


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
    return shlex.quote(text) if re.search(r"[\s'\"\\;&|<>#]", text) else text


def _host_of(state: State, following: Next) -> Host | None:
    return state.lab.hosts.get(following.host) or state.host


def _commands(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    for name in state.names():
        yield name, help_of(name)
    if not following.command and not following.host:
        yield "for", "do it for each of some words"


@cache
def help_of(name: str) -> str:
    """What a command is for, in a line; its module is read, not run."""
    for folder in (netsh.builtins.__path__[0], commands.__path__[0]):
        if text := summary(os.path.join(folder, f"{name}.py")):
            return re.sub(r" \([^()]*\)$", "", text.removeprefix(f"{name}: "))
    return ""


def _hosts(state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    for name, host in state.lab.hosts.items():
        if not name.startswith(prefix):  # there may be ten thousand
            continue
        addresses = (str(ifa.address) for ifp in host.interfaces.values() for ifa in ifp.addresses)
        yield name, ", ".join(address for address in addresses if not address.startswith("127."))


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
        if name.startswith(prefix[: len(name)]):  # there may be ten thousand
            for ifname, ifp in host.interfaces.items():
                yield f"{name}:{ifname}", ", ".join(f"{ifa.address}/{ifa.plen}" for ifa in ifp.addresses)


def _keywords(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    return words_of(following.command, state).items()


def _options(state: State, following: Next, _prefix: str) -> Iterable[tuple[str, str]]:
    command = state.find(following.command)
    if command is None:
        return
    known = words_of(following.command, state)
    told = dict(_OPTION_HELP.findall(command.run.__globals__.get("__doc__") or ""))
    for option, value in options_of(command.synopsis, known).items():
        yield option, f"{value}  {told.get(option) or known.get(option, '')}".strip()
    for word, help in known.items():
        if word.startswith("-") and len(word) > 2:
            yield word, help


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
        if name.startswith(prefix) and host is not None:
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


def _functions(_state: State, _following: Next, prefix: str) -> Iterable[tuple[str, str]]:
    """Functions and classes of the stack; methods once their class is typed."""
    index = import_module("netsh.textbook").index()  # it takes 40 ms: only when it is wanted
    for name in index.names():
        if name.startswith(prefix or name) and not name.startswith("_") and ("." not in name or "." in prefix):
            places = index.bsd.get(name) or index.places[name]
            yield name, f"{places[0].path}:{places[0].line}"


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


Finder = Callable[[State, Next, str], Iterable[tuple[str, str]]]

KINDS: dict[str, Finder] = {
    "command": _commands, "host": _hosts, "interface": _interfaces, "keyword": _keywords, "option": _options,
    "bus": _buses, "process": _processes, "job": _jobs, "sysctl": _sysctls, "variable": _variables,
    "filter": _filters, "url": _urls, "file": _files, "reason": _reasons, "function": _functions,
    "bridge": _bridges, "place": _places,
}  # fmt: skip
