"""A door: a function of the stack that is worth telling about, and what can be read off its frame.

Most of it is read from the function itself: BSD's name for it stands in brackets in its docstring, the RFC there
too, and BSD's file at the head of its module.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from types import CodeType, FrameType, FunctionType
from typing import NamedTuple

from stack.mbuf import Mbuf
from stack.net.bridge import Member
from stack.net.ethernet import Ethernet
from stack.net.loopback import Loopback
from stack.net.neighbor import Neighbor, Neighbors
from stack.net.stp import Stp
from stack.net.wire import Bus
from stack.netinet.ip_reass import Reassembly
from stack.netinet.tcp_segment import Segment
from stack.netinet.tcp_var import Tcpcb
from stack.probe import Protocol

Fact = str | int | float
Facts = dict[str, Fact]

Look = Callable[[FrameType, Facts], object]  # at the call: note facts; what it returns is given to `Seen`
Seen = Callable[[FrameType, object, Facts, object], str]  # at the return: its value, and what was noted; the verdict

_BSD_NAME = re.compile(r"[a-z]\w*_\w+|(?:arp|bridge|if|in|lo|net|rt|sb|so)[a-z0-9]{3,}")
_BRACKETS = re.compile(r"\(([^()]*)\)")
_BSD_FILE = re.compile(r"\b(?:[a-z0-9]+/)?\w+\.[ch]\b")
_CHANGE = re.compile(r"(\S+)>(\S+)")
_PART, _FIELD = re.compile(r"\[([^\]]*)\]"), re.compile(r"{(\w+)}")
_RFC = re.compile(r"RFC \d+(?: [\d.]*\d)?|802\.1[DQ] [\d.]*\d")


class Door(NamedTuple):
    """A function of the stack."""

    code: CodeType
    name: str  # as `source` knows it: Ip.forward
    bsd: str  # ip_forward; ours where BSD has none
    rfc: str  # what to read; "" when no RFC says anything of it
    file: str  # BSD's: netinet/ip_input.c; "" where BSD has none
    tell: str  # what happens here, as a template for `sentence`
    look: Look | None = None
    seen: Seen | None = None

    @property
    def place(self) -> tuple[str, int]:
        """The file of ours, below the project's root, and the line where it begins."""
        return path_of(self.code), self.code.co_firstlineno


def door(
    function: object, tell: str, look: Look | None = None, seen: Seen | None = None, *, bsd: str = "", rfc: str = "",
    file: str = "",
) -> Door:  # fmt: skip
    """The door that a function is; what its docstrings do not say can be given."""
    assert isinstance(function, FunctionType)
    said = (function.__doc__ or "").partition("\n")[0]
    head = (sys.modules[function.__module__].__doc__ or "").partition("\n\n")[0]
    bsd = bsd or next(iter(bsd_names(said)), function.__qualname__)
    if not rfc and (found := _RFC.search(said)):
        rfc = found[0]
    if not file and (found := _BSD_FILE.search(head)):
        file = found[0]
    return Door(function.__code__, function.__qualname__, bsd, rfc, file, tell, look, seen)


def bsd_names(said: str) -> list[str]:
    """The names in brackets in a line of a docstring."""
    words = [word.strip() for inner in _BRACKETS.findall(said) for word in re.split("[,;:]", inner)]
    return [word for word in words if _BSD_NAME.fullmatch(word)]


def sentence(tell: str, facts: Facts) -> str:
    """A template with its facts; what stands in [brackets] is said only when all of its facts are known.

    What has changed and is not in the template is told behind it.
    """
    words = _Unknown({name: _CHANGE.sub(r"from \1 to \2", str(fact)) for name, fact in facts.items()})

    def part(found: re.Match[str]) -> str:
        return found[1].format_map(words) if all(name in facts for name in _FIELD.findall(found[1])) else ""

    text = _PART.sub(part, tell).format_map(words)
    said = _FIELD.findall(tell)
    changed = [f"{name} {words[name]}" for name in facts if name not in said and words[name].startswith("from ")]
    return f"{text} It changes {', '.join(changed)}." if changed else text


class _Unknown(dict[str, str]):
    """Facts in words, and a question mark for those that are missing."""

    def __missing__(self, name: str) -> str:
        return "?"


def path_of(code: CodeType) -> str:
    """The file that a function stands in: stack/netinet/ip_input.py."""
    _, folder, rest = code.co_filename.rpartition("/stack/")
    return f"stack/{rest}" if folder else code.co_filename


def packet_of(frame: FrameType) -> Mbuf | None:
    """The packet that a function was called with, or that waits for what it does."""
    here = frame.f_locals
    m = here.get("m")
    if isinstance(m, Mbuf):
        return m
    segment = here.get("seg")
    if isinstance(segment, Segment):
        return segment.m
    entry = here.get("entry")
    return entry.hold[0] if isinstance(entry, Neighbor) and entry.hold else None


def protocol_of(frame: FrameType) -> Protocol | None:
    """The protocol whose function it is, which knows its host and its lab; None when the function does not say."""
    here = frame.f_locals
    return _protocol(here.get("self", here.get("tp", here.get("tcp"))))


def _protocol(owner: object) -> Protocol | None:
    if isinstance(owner, Protocol):
        return owner
    if isinstance(owner, Ethernet):
        return owner.ether
    if isinstance(owner, Tcpcb):
        return owner.tcp
    if isinstance(owner, Loopback):
        return _protocol(owner.inet)
    if isinstance(owner, Neighbors | Member):
        return _protocol(owner.ifp)
    if isinstance(owner, Reassembly):
        return _protocol(owner.ip)
    return owner.protocol if isinstance(owner, Stp) else None


def host_of(frame: FrameType) -> str:
    """The host on which a function works, by its name in the lab, or the bus: `bus:lan`; "" when it does not say."""
    protocol = protocol_of(frame)
    return "" if protocol is None else place_of(protocol)


def place_of(protocol: Protocol) -> str:
    """The host that a protocol belongs to, or the bus that it is."""
    return f"bus:{protocol.hostname}" if isinstance(protocol, Bus) else protocol.hostname
