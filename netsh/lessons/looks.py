"""Checks that only look: at addresses, routes, ARP, bridges, sockets, counters, knobs, and at what was captured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from commands._netstat_sockets import port_number, sockets
from commands._netstat_stats import BLOCKS, protocol_of, statistics
from commands._tcpdump_filter import Filter, resolved
from commands._tcpdump_places import linktype_at, places_of
from commands.command import Failure
from netsh.lessons.bench import COMPARE, Bench, NotYet, Reading, Verdict, Words, wanted
from stack.addr import Ip4, Mac, Prefix
from stack.host import Host
from stack.net.bpf import Bpf
from stack.net.bridge import Bridge, Member
from stack.net.ifnet import IFF_UP, Ifnet
from stack.net.route import Rtentry
from stack.net.stp_port import (
    BSTP_IFSTATE_BLOCKING,
    BSTP_IFSTATE_DISABLED,
    BSTP_IFSTATE_FORWARDING,
    BSTP_IFSTATE_LEARNING,
    BSTP_IFSTATE_LISTENING,
)
from stack.netinet.tcp_fsm import TCP_STATES

_CAPTURE = 1 << 20  # bytes of captured frames that are kept; those beyond are counted all the same
_PORT_STATES = {
    "blocking": BSTP_IFSTATE_BLOCKING, "forwarding": BSTP_IFSTATE_FORWARDING, "learning": BSTP_IFSTATE_LEARNING,
    "listening": BSTP_IFSTATE_LISTENING, "disabled": BSTP_IFSTATE_DISABLED,
}  # fmt: skip


# -- address, arp, route ----------------------------------------------------------------------------------


def address(words: Words) -> Reading:
    """`address HOST [on INTERFACE] PREFIX`: a usable address in a network, or that very one (no length, or /32)."""
    name = words.host()
    ifname = words.take("an interface") if words.optional("on") else None
    text = words.take("an address or a network")
    try:
        wanted_prefix = Prefix.parse(text if "/" in text else f"{text}/32")
        exact = Ip4.parse(text.partition("/")[0])
    except ValueError:
        raise wanted("an address (10.0.0.9, 10.0.0.9/24) or a network (10.0.0.0/24)", text) from None
    network = "/" in text and wanted_prefix.plen < 32 and exact == wanted_prefix.net

    def look(bench: Bench) -> Verdict:
        seen = [ifa for ifp in _interfaces(bench, name, ifname) for ifa in ifp.addresses if ifa.ready]
        if network:
            found = [ifa for ifa in seen if wanted_prefix.has(ifa.address) and ifa.plen == wanted_prefix.plen]
        else:
            plens = [wanted_prefix.plen] if "/" in text else range(33)
            found = [ifa for ifa in seen if ifa.address == exact and ifa.plen in plens]
        return Verdict(bool(found), f"{name} has {_list(f'{ifa.address}/{ifa.plen}' for ifa in seen)}")

    return Reading(look)


def _interfaces(bench: Bench, name: str, ifname: str | None) -> list[Ifnet]:
    host = bench.host(name)
    if ifname is None:
        return [ifp for ifp in host.interfaces.values() if not ifp.is_loopback]
    if ifname not in host.interfaces:
        raise NotYet(f"{name} has no interface {ifname}")
    return [host.interfaces[ifname]]


def _list(items: Iterator[str]) -> str:
    return ", ".join(items) or "none"


def arp(words: Words) -> Reading:
    """`arp HOST NEIGHBOUR [at HOST|MAC]`: the neighbour's link-layer address is known (and is that one)."""
    name, neighbour = words.host(), words.take("a neighbour, by its name or address")
    at = words.take("a host or a link-layer address") if words.optional("at") else None

    def look(bench: Bench) -> Verdict:
        whom = bench.address(neighbour, name)
        for table in bench.host(name).arp.tables():
            entry = table.entries.get(whom)
            if entry is not None and entry.lladdr is not None:
                holds = at is None or str(entry.lladdr) in _lladdrs(bench, at)
                return Verdict(holds, f"{name} has {whom} at {entry.lladdr}")
        return Verdict(False, f"{name} does not know where {whom} is")

    return Reading(look)


def _lladdrs(bench: Bench, at: str) -> list[str]:
    try:
        return [str(Mac.parse(at))]
    except ValueError:
        return [str(ifp.lladdr) for ifp in bench.host(at).interfaces.values()]


def route(words: Words) -> Reading:
    """`route HOST DESTINATION [via GATEWAY] [on INTERFACE]`: the route that wins for a host, or that of a network."""
    name, destination = words.host(), words.take("a destination: a host, an address, a network, or default")
    gateway = words.take("a gateway") if words.optional("via") else None
    ifname = words.take("an interface") if words.optional("on") else None

    def look(bench: Bench) -> Verdict:
        rt = _route(bench, name, destination)
        if rt is None:
            return Verdict(False, f"{name} has no route to {destination}")
        holds = (gateway is None or _is_address_of(bench, rt.gateway, gateway)) and ifname in (None, rt.ifp.name)
        by = f"via {rt.gateway}" if rt.gateway is not None else "on its own link"
        return Verdict(holds, f"{name} goes to {destination} {by}, {rt.ifp.name}")

    return Reading(look)


def _route(bench: Bench, name: str, destination: str) -> Rtentry | None:
    routes = bench.host(name).routes
    if destination == "default" or "/" in destination:
        try:
            return routes.exact(Prefix.parse(destination))
        except ValueError as error:
            raise NotYet(str(error)) from None
    return routes.unicast(bench.address(destination, name))


def _is_address_of(bench: Bench, found: Ip4 | None, name: str) -> bool:
    """Whether an address is that one, or one of that host."""
    if found is None:
        return False
    host = bench.lab.hosts.get(name)
    if host is None:
        return str(found) == name
    return any(ifp.find(found) is not None for ifp in host.interfaces.values())


# -- bridges ----------------------------------------------------------------------------------------------


def bridge(words: Words) -> Reading:
    """`bridge HOST [BRIDGE] root`, or `member|forwarding|blocking|learning|listening|disabled INTERFACE`."""
    name = words.host()
    expected = f"root, member, {', '.join(_PORT_STATES)}, or a bridge before that"
    word = words.take(expected)
    bridgename = None
    if word not in ("root", "member", *_PORT_STATES):
        bridgename, word = word, words.take(expected)
    if word not in ("root", "member", *_PORT_STATES):
        raise wanted(expected, word)
    ifname = words.take("an interface") if word != "root" else ""

    def look(bench: Bench) -> Verdict:
        bridges = list(_bridges(bench.host(name), bridgename))
        if not bridges:
            raise NotYet(f"{name} has no {bridgename or 'bridge'}")
        if word == "root":
            roots = [found for found in bridges if _has_tree(found) and found.stp.root_bridge]
            return Verdict(bool(roots), f"{name} is {'' if roots else 'not '}the root")
        for member in (member for found in bridges for member in found.members if member.ifp.name == ifname):
            holds = word == "member" or member.state == _PORT_STATES[word]
            return Verdict(holds, f"{name} {ifname} is {_state(member)}")
        return Verdict(False, f"{name} {ifname} is in no bridge")

    return Reading(look)


def _bridges(host: Host, name: str | None) -> Iterator[Bridge]:
    for ifp in host.interfaces.values():
        if isinstance(ifp, Bridge) and name in (None, ifp.name):
            yield ifp


def _has_tree(found: Bridge) -> bool:
    """Whether it takes part in the spanning tree at all."""
    return bool(found.flags & IFF_UP and found.stp.ports)


def _state(member: Member) -> str:
    return next(word for word, state in _PORT_STATES.items() if state == member.state)


# -- sockets ----------------------------------------------------------------------------------------------


def port(words: Words) -> Reading:
    """`port HOST [tcp|udp] PORT`: somebody listens there."""
    name = words.host()
    udp = words.optional("udp")
    if not udp:
        words.optional("tcp")
    number = _port(words.take("a port"))

    def look(bench: Bench) -> Verdict:
        context = bench.context(bench.host(name))
        rows = [row for row in sockets(context, servers=True, numeric=True) if row.proto == ("udp" if udp else "tcp")]
        heard = {row.local_port for row in rows if row.state == "LISTEN" or (udp and not row.foreign_port)}
        return Verdict(number in heard, f"{name} listens at {_list(str(each) for each in sorted(heard))}")

    return Reading(look)


def _port(word: str) -> int:
    try:
        return port_number(word)
    except Exception:
        raise wanted("a port's number or its service", word) from None


def connection(words: Words) -> Reading:
    """`connection HOST [to HOST[:PORT]] STATE`: a TCP connection in that state."""
    name, peer, number = words.host(), None, None
    if words.optional("to"):
        peer, colon, text = words.take("the other end").partition(":")
        number = _port(text) if colon else None
    state = words.take(f"a state: {' '.join(TCP_STATES)}")
    if state not in TCP_STATES:
        raise wanted(f"a state: {' '.join(TCP_STATES)}", state)

    def look(bench: Bench) -> Verdict:
        context = bench.context(bench.host(name))
        rows = [row for row in sockets(context, servers=True, numeric=True) if row.proto == "tcp"]
        if peer is not None:
            rows = [row for row in rows if _is_address_of(bench, row.foreign, peer)]
        if number is not None:
            rows = [row for row in rows if row.foreign_port == number]
        return Verdict(any(row.state == state for row in rows), f"{name} has {_list(row.state or '' for row in rows)}")

    return Reading(look)


# -- numbers ----------------------------------------------------------------------------------------------


class Comparison(NamedTuple):
    """A comparison with a number that is fixed."""

    sign: str
    value: int

    def verdict(self, value: int, what: str) -> Verdict:
        """Whether a number fits."""
        return Verdict(COMPARE[self.sign](value, self.value), f"{what} is {value}; wanted {self.sign} {self.value}")


def counter(words: Words) -> Reading:
    """`counter HOST PROTOCOL NAME > N`: what it has counted since the task began; names as in `netstat -s | json`."""
    name = words.host()
    protocol = words.take(f"a protocol: {' '.join(BLOCKS)}")
    if protocol not in BLOCKS:
        raise wanted(f"a protocol: {' '.join(BLOCKS)}", protocol)
    which = words.take("a counter's name")
    comparison = Comparison(words.compare(), words.number("a whole number"))
    key = ("counter", name, protocol, which)

    def now(bench: Bench) -> int:
        host = bench.lab.hosts.get(name)
        if host is None or (found := protocol_of(host, protocol)) is None:
            return 0
        shown = statistics(host, protocol)
        return {**found.stat, **shown.others, **shown.counters}.get(which, 0)

    def begin(bench: Bench) -> None:
        bench.counted[key] = now(bench)

    def look(bench: Bench) -> Verdict:
        bench.host(name)
        return comparison.verdict(now(bench) - bench.counted.get(key, 0), f"{name} {protocol} {which}")

    return Reading(look, begin)


def sysctl(words: Words) -> Reading:
    """`sysctl HOST NAME = VALUE`: a knob; < and > are for numbers."""
    name, knob = words.host(), words.take("a sysctl variable")
    sign, value = words.compare(), words.take("a value")
    if sign not in ("=", "!=") and not value.lstrip("-").isdigit():
        raise wanted(f"a whole number behind {sign}", value)

    def look(bench: Bench) -> Verdict:
        try:
            now = bench.host(name).sysctl.get(knob)
        except OSError:
            raise NotYet(f"{name} has no {knob}") from None
        seen = f"{name} {knob} is {now}"
        if sign in ("=", "!="):
            return Verdict((str(now) == value) is (sign == "="), seen)
        return Verdict(isinstance(now, int) and COMPARE[sign](now, int(value)), seen)

    return Reading(look)


def capture(words: Words) -> Reading:
    """`capture PLACE FILTER >= N`: frames seen since the task began; PLACE as after `tcpdump -i`, or `lab`."""
    place, text = words.take("a place: HOST:INTERFACE, HOST:any, bus:NAME or lab"), words.take("a filter, in quotes")
    comparison = Comparison(words.compare(), words.number("a whole number"))
    key = ("capture", place, text)

    def begin(bench: Bench) -> None:
        bpf = Bpf(lambda: bench.lab.callouts.now, _CAPTURE, 1)
        if _attach(bpf, bench, place, text):
            bench.captures[key] = bpf

    def look(bench: Bench) -> Verdict:
        if key not in bench.captures:
            begin(bench)
        if key not in bench.captures:
            raise NotYet(f"nothing can be captured at {place} with '{text}'")
        bpf = bench.captures[key]
        return comparison.verdict(len(bpf.frames) + bpf.dropped, f"'{text}' at {place}")

    return Reading(look, begin)


def _attach(bpf: Bpf, bench: Bench, word: str, text: str) -> bool:
    """Capture at a place what a filter takes; False when there is no such place, or it cannot be said there."""
    attached = False
    for first in list(bench.lab.hosts.values())[:1]:
        context = bench.context(first)
        with suppress(Failure):
            found = Filter(resolved(context, text), 1 << 16)
            for hostname, each in places_of(context, word, lab=word == "lab"):
                with suppress(Failure):  # `arp` makes no sense on a loopback, but on all others of the lab
                    program = found.program(linktype_at(each))
                    if isinstance(each, Ifnet):
                        bpf.attach(each, hostname, program)
                    else:
                        bpf.attach_bus(each, program)
                    attached = True
    return attached


LOOKS: dict[str, tuple[str, Callable[[Words], Reading]]] = {
    "address": ("address HOST [on INTERFACE] ADDRESS|NETWORK", address),
    "arp": ("arp HOST NEIGHBOUR [at HOST|MAC]", arp),
    "route": ("route HOST DESTINATION [via GATEWAY] [on INTERFACE]", route),
    "bridge": ("bridge HOST [BRIDGE] root | member|blocking|forwarding|learning|listening|disabled INTERFACE", bridge),
    "port": ("port HOST [tcp|udp] PORT", port),
    "connection": ("connection HOST [to HOST[:PORT]] STATE", connection),
    "counter": ("counter HOST PROTOCOL NAME >|>=|=|... NUMBER", counter),
    "sysctl": ("sysctl HOST VARIABLE =|!=|>|... VALUE", sysctl),
    "capture": ("capture PLACE 'FILTER' >|>=|=|... NUMBER", capture),
}
