"""Breakpoints: where a lab is to stop in mid-air, and the packet that is in hand then.

There are three kinds: a function of the stack is entered, a packet dies, a connection changes its state.  Functions
get a trap (netsh.trap), the others are seen by the probes that the stack has.  `follow` is a fourth, which a step
needs: any door of the stack is passed by one packet, or by any at all.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from types import CodeType, FrameType, FunctionType
from typing import Any, NamedTuple, TypeVar

from commands._tcpdump_filter import Filter
from netsh import hand, trap
from netsh.deaths import ROOT
from netsh.drive import Drive
from netsh.textbook import Place
from netsh.trap import Call
from netsh.world import World
from stack.dev.doors import DOORS
from stack.lab import Lab, Stop
from stack.mbuf import Mbuf
from stack.net.bpf import DLT_EN10MB
from stack.net.bpf_filter import bpf_filter
from stack.net.wire import Bus
from stack.netinet import ip_output
from stack.netinet.ip_reass import Reassembly
from stack.probe import Protocol
from stack.trace.door import packet_of
from stack.trace.doors import DROP

DLT_RAW = 12  # libpcap's own number for packets without a link header
ANY = ("*", "any")
_COUNTERS = ("_bad", "_changed", "_dropped", "drop", "set_state", "trace_state")  # between a probe and its cause
_ARRIVALS = ("ether_input", "ip_input", "bridge_input")  # a frame has come
_BRACKETS = re.compile(r" \((?:[a-z]+_\w+|RFC)[^()]*\)")
_MAKERS = tuple(  # of one packet another
    each for each in (Mbuf.copy, ip_output.fragment, Bus._corrupted, Reassembly.input) if isinstance(each, FunctionType)
)


class Breakpoint:
    """Where to stop: `kind` is function, drop or state, `what` is how it was typed."""

    def __init__(self, number: int, kind: str, host: str, what: str, filter: Filter | None) -> None:
        self.number = number
        self.kind = kind
        self.host = host  # ANY of them perhaps; with :PORT for a state
        self.what = what
        self.filter = filter
        self.exact = filter is not None and "[" in filter.text  # it may look at sums: tcp[16:2]
        self.hits = 0
        self.functions: tuple[FunctionType, ...] = ()
        self.drops: frozenset[tuple[str, str]] = frozenset()
        self.last: tuple[int, int, object] = 0, 0, None  # the event, the packet and the function of the last stop

    def takes(self, m: Mbuf | None) -> bool:
        """Whether a packet is one that it is for."""
        if self.filter is None:
            return True
        if m is None:
            return False
        data, linktype = hand.bytes_of(m, summed=self.exact)
        program = self.filter.program(linktype if linktype == DLT_EN10MB else DLT_RAW)
        return program is None or bool(bpf_filter(program, data, len(data)))


class Stopped(NamedTuple):
    """Where the lab has stopped, why, and what packet is in hand, as tcpdump shows it."""

    time: float
    why: str
    what: str
    host: str
    function: str
    file: str
    line: int
    packet: str
    alive: bool  # it can still be changed


class Breaks:
    """The breakpoints of a lab, and the stop that one of them has made."""

    def __init__(self, lab: Lab, drive: Drive) -> None:
        self.lab = lab
        self.drive = drive
        self.table: dict[int, Breakpoint] = {}
        self.call: Call | None = None  # which was stopped
        self.followed: list[Mbuf] | None = None  # the packet that a step follows, and what was made of it
        self.following: tuple[FunctionType, ...] = ()

    # -- the table ------------------------------------------------------------------------------------

    def add(self, kind: str, host: str, what: str, filter: Filter | None = None) -> Breakpoint:
        """A new one, which is not set yet."""
        number = max(self.table, default=0) + 1
        return Breakpoint(number, kind, host, what, filter)

    def set(self, point: Breakpoint) -> None:
        """Stop there from now on."""
        self.table[point.number] = point
        self._trap(point.functions)
        self._listen()

    def remove(self, numbers: Iterable[int]) -> None:
        """Stop there no more."""
        for number in list(numbers):
            self._trap(self.table.pop(number).functions)
        self._listen()

    def _trap(self, functions: Iterable[FunctionType]) -> None:
        """Listen to functions, if there are breakpoints for them."""
        for function in functions:
            trap.ignore(function, self._entered)
            points = [point for point in self.table.values() if function in point.functions]
            if points:
                trap.listen(function, self._entered, quiet=_quiet(function, points))

    def clear(self) -> None:
        """Stop nowhere."""
        self.unfollow()
        self.remove(self.table)
        self.call = None

    def _listen(self) -> None:
        """Hear of what there are breakpoints for, and of nothing else."""
        kinds = {point.kind for point in self.table.values()}
        probes = self.lab.probes
        probes.drop = _with(probes.drop, self._dropped, "drop" in kinds or self.followed is not None)
        probes.state = _with(probes.state, self._changed, "state" in kinds)
        slow = "function" in kinds or self.followed is not None
        probes.receive = _with(probes.receive, self._received, slow)
        self.drive.arm(bool(kinds) or self.followed is not None)

    def _received(self, _host: str, _protocol: str, _m: Mbuf) -> None:
        """There only so that no packet goes a faster way, past the functions."""

    # -- something happens ----------------------------------------------------------------------------

    def _entered(self, call: Call) -> None:
        """A function with a breakpoint is entered."""
        if not self.drive.can_stop:
            return
        owner = hand.protocol_of(call.args[0] if call.args else None)
        if owner is not None and owner.probes is not self.lab.probes:
            return
        place = _place(owner)
        m = hand.packet_of(call)
        seen = None if m is None else hand.whole(call, m)
        for point in list(self.table.values()):
            if call.trapped in point.functions and self._is_for(point, place, seen):
                now = self.lab.callouts.events, id(m), call.trapped
                again = point.last[:2] == now[:2] and point.last[2] is not call.trapped and m is not None
                point.last = now
                if not again:  # ether_input is two functions, one of which calls the other
                    self._stop(point, place, point.what, call, m)

    def _is_for(self, point: Breakpoint, place: str, m: Mbuf | None) -> bool:
        return (point.host in ANY or point.host == place) and point.takes(m)

    def _stop(self, point: Breakpoint, place: str, function: str, call: Call, m: Mbuf | None) -> None:
        point.hits += 1
        self._stand(f"break {point.number}", place, function, call, m)

    def _stand(self, why: str, place: str, function: str, call: Call, m: Mbuf | None) -> None:
        """Stop in a function that has just been entered, until somebody says `go`."""
        code = call.function.__code__
        seen = None if m is None else hand.whole(call, m)
        self.call = call
        path, line = path_of(code.co_filename), code.co_firstlineno
        self.drive.stop(Stop(place, function, path, line, m, why, "", _about(code), seen))
        if self.call is call:
            self.call = None

    def _dropped(self, host: str, protocol: str, reason: str, m: Mbuf | None) -> None:
        """A packet dies."""
        if not self.drive.can_stop:
            return
        place = f"bus:{host}" if protocol == "bus" else host
        if self.followed is not None and m is not None and self._is_followed(m):
            return self._stand_here("step", place, f"dropped: {protocol}/{reason}", m)
        for point in list(self.table.values()):
            if (protocol, reason) in point.drops and self._is_for(point, place, m):
                point.hits += 1
                return self._stand_here(f"break {point.number}", place, f"dropped: {protocol}/{reason}", m)

    def _changed(self, host: str, protocol: str, which: str, old: str, new: str) -> None:
        """A connection changes its state."""
        if not self.drive.can_stop:
            return
        ports = {end.rpartition(".")[2] for end in which.split()}
        for point in list(self.table.values()):
            name, _, port = point.host.rpartition(":")
            if point.kind == "state" and point.what == new and name in (*ANY, host) and port in (*ANY, *ports):
                point.hits += 1
                return self._stand_here(f"break {point.number}", host, f"{protocol} {which}: {old} -> {new}", None)

    def _stand_here(self, why: str, place: str, what: str, m: Mbuf | None) -> None:
        """Stop in a function of the stack that is at work: the first that has more to say than `drop`."""
        frame = _frame()
        code = frame.f_code
        self.call = None
        function = next((door.bsd for known, door in DOORS.items() if known is code), code.co_qualname)
        m = m or next((found for each in _outwards(frame) if (found := packet_of(each)) is not None), None)
        path = path_of(code.co_filename)
        self.drive.stop(Stop(place, function, path, frame.f_lineno, m, why, what, _about(code), m))

    # -- one packet, step by step ---------------------------------------------------------------------

    def follow(self, m: Mbuf | None) -> None:
        """Stop at the next door that a packet passes, or at the next that any does on its way in."""
        self.followed = [] if m is None else [m]
        doors = [door for door in DOORS.values() if m is not None or door.bsd in _ARRIVALS]
        found = (function_of(Place(door.name, *door.place)) for door in doors if door is not DROP)
        self.following = tuple(each for each in found if each is not None and has_packet(each) and trap.can_trap(each))
        for function in self.following:
            trap.listen(function, self._passed)
        for maker in _MAKERS:
            trap.listen(maker, after=self._made)
        self._listen()

    def unfollow(self) -> None:
        """No longer."""
        for function in self.following:
            trap.ignore(function, self._passed)
        for maker in _MAKERS:
            trap.ignore(maker, after=self._made)
        self.following, self.followed = (), None
        self._listen()

    def gone(self) -> bool:
        """Whether the packet that is followed is nowhere any more."""
        followed = self.followed
        if not followed or self.drive.flight is not None:
            return False
        self.call = None
        return all(sys.getrefcount(followed[at]) <= 2 for at in range(len(followed)))

    def _is_followed(self, m: Mbuf) -> bool:
        return self.followed == [] or any(each is m for each in self.followed or ())

    def _passed(self, call: Call) -> None:
        """A door is passed."""
        m = hand.packet_of(call)
        if m is None or not self._is_followed(m) or not self.drive.can_stop:
            return
        owner = hand.protocol_of(call.args[0])
        if owner is None or owner.probes is self.lab.probes:
            door = next(door for door in DOORS.values() if door.name == call.function.__qualname__)
            self._stand("step", _place(owner), door.bsd, call, m)

    def _made(self, call: Call, value: object) -> None:
        """Out of one packet others are made: they are followed as well."""
        followed = self.followed
        if followed and any(arg is each for arg in call.args for each in followed):
            made = value if isinstance(value, list) else [value]
            followed += [each for each in made if isinstance(each, Mbuf) and not self._is_followed(each)]

    # -- what is in hand ------------------------------------------------------------------------------

    def row(self, stop: Stop) -> Stopped:
        """A stop in words."""
        packet = "" if stop.seen is None else hand.line_of(stop.seen)
        now, alive = self.lab.callouts.now, self.call is not None
        return Stopped(now, stop.why, stop.what, stop.host, stop.function, stop.path, stop.line, packet, alive)

    def change(self, data: bytes) -> None:
        """Let the packet in hand have other bytes; ValueError with the reason when it cannot."""
        stop, call = self.lab.stopped, self.call
        assert stop is not None and stop.m is not None and call is not None
        hand.change(call, data)
        self.lab.stopped = stop._replace(seen=hand.whole(call, stop.m))

    def take_out(self) -> None:
        """Let the packet in hand die; ValueError where its sender waits for more than whether it was sent."""
        stop, call = self.lab.stopped, self.call
        assert stop is not None and stop.m is not None and call is not None
        returns = call.function.__annotations__.get("return")
        if returns not in ("None", "int") or stop.host not in self.lab.hosts:
            raise ValueError(f"not in {stop.function}; 'step' goes to the next function")
        call.taken, call.value = True, 0 if returns == "int" else None
        self.call = None
        self.lab.hosts[stop.host].take_out(stop.m)
        self.lab.stopped = stop._replace(m=None, seen=None)


def breaks_of(world: World) -> Breaks:
    """The breakpoints of a world, made when they are first asked for."""
    if not isinstance(world.breaks, Breaks):
        world.breaks = Breaks(world.lab, world.clock.drive)
    return world.breaks


_Probe = TypeVar("_Probe", bound=Callable[..., None])


def _with(listeners: tuple[_Probe, ...], one: _Probe, wanted: bool) -> tuple[_Probe, ...]:
    """Those who listen, and one more or not."""
    others = tuple(each for each in listeners if each != one)
    return (*others, one) if wanted else others


def _place(owner: Protocol | None) -> str:
    if owner is None:
        return ""
    return f"bus:{owner.hostname}" if isinstance(owner, Bus) else owner.hostname


def path_of(file: str) -> str:
    """A file of ours, below the project's root."""
    return file.removeprefix(f"{ROOT}/")


def _about(code: CodeType) -> str:
    """The first paragraph of a function's docstring, without BSD's name for it and the RFC in brackets."""
    said = code.co_consts[0] if code.co_consts else None
    return _BRACKETS.sub("", " ".join(said.partition("\n\n")[0].split())) if isinstance(said, str) else ""


def _frame() -> FrameType:
    """The function of the stack that dropped a packet, or changed a state: not what counts it."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_code.co_name in _COUNTERS:
        frame = frame.f_back
    return frame


def _outwards(frame: FrameType | None) -> Iterable[FrameType]:
    """A frame, and those that have called it."""
    while frame is not None:
        yield frame
        frame = frame.f_back


def _quiet(function: FunctionType, points: list[Breakpoint]) -> trap.Quiet:
    """How to see quickly that none of its breakpoints is for a call: each call of a busy function is looked at."""
    anywhere = any(point.host in ANY for point in points)
    places = {point.host.removeprefix("bus:") for point in points}
    names = trap.code_of(function).co_varnames[: trap.code_of(function).co_argcount]
    at = names.index("m") if "m" in names and all(point.filter is not None for point in points) else None

    def quiet(args: tuple[Any, ...]) -> bool:
        if not anywhere and args:
            place = getattr(args[0], "hostname", None)
            if place is not None and place not in places:
                return True
        m = args[at] if at is not None and at < len(args) else None
        return isinstance(m, Mbuf) and bool(m.net) and not any(point.takes(m) for point in points)

    return quiet


def has_packet(function: FunctionType) -> bool:
    """Whether a packet is among its arguments."""
    code = trap.code_of(function)
    return bool({"m", "seg"} & {*code.co_varnames[: code.co_argcount]})


def function_of(place: Place) -> FunctionType | None:
    """The function that stands somewhere in the stack; None for what is none, such as a class."""
    module = import_module(place.path.removesuffix(".py").replace("/", "."))
    found: object = module
    for name in place.name.split("."):
        found = vars(found).get(name) if isinstance(found, type) else getattr(found, name, None)
    found = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
    return found if isinstance(found, FunctionType) else None
