"""The doors of IP, ICMP, UDP and raw sockets."""

from __future__ import annotations

from types import FrameType

from stack.addr import Ip4
from stack.header.icmp import code_name, type_name
from stack.header.ip import IP_MF, IP_OFFMASK, IPPROTO_NAMES
from stack.kern.socket import Address, Socket
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.net.route import RTF_BROADCAST, RTF_LOCAL, RTF_MULTICAST, RouteTable, Rtentry
from stack.netinet.datagram import Datagrams
from stack.netinet.icmp import Icmp
from stack.netinet.igmp import Igmp
from stack.netinet.ip_input import Ip
from stack.netinet.ip_output import IpOutput
from stack.netinet.ip_reass import Reassembly
from stack.netinet.pcb import Inpcb
from stack.netinet.raw_ip import RawIp
from stack.netinet.udp import Udp
from stack.trace.door import Facts, door
from stack.trace.link import error_of

M32 = 0xFFFFFFFF
_MEANS = {RTF_LOCAL: "this host", RTF_BROADCAST: "everybody", RTF_MULTICAST: "a group"}


def route_facts(routes: RouteTable, rt: Rtentry | None, dst: int, facts: Facts) -> None:
    """The route that was chosen, and those it beat: they match too, but are less specific."""
    if rt is None:
        facts["route"] = "none"
        return
    means = next((word for flag, word in _MEANS.items() if rt.flags & flag), "")
    facts["route"] = means or destination(rt)
    if rt.nexthop:
        facts["via"] = str(rt.nexthop)
    facts["if"] = rt.ifp.name
    others = beaten(routes, rt, dst)
    if others and not means:
        facts["beats"] = " ".join(others)


def beaten(routes: RouteTable, rt: Rtentry, dst: int) -> list[str]:
    """The routes that match a destination, too, from the most specific on."""
    matching = [other for mask, table in routes.lengths if (other := table.get(dst & mask)) is not None]
    return [destination(other) for other in matching if other is not rt]


def destination(rt: Rtentry) -> str:
    """Where a route leads, as `route show` has it."""
    return str(rt.dst) if rt.dst.plen else "default"


def _header(m: Mbuf, facts: Facts) -> None:
    """What stands in an IP header, if it can be one."""
    net = m.net
    facts["len"] = m.len
    if len(net) < 20:
        return
    offset = int.from_bytes(net[6:8])
    facts["src"], facts["dst"] = str(Ip4.from_bytes(net[12:16])), str(Ip4.from_bytes(net[16:20]))
    facts["proto"], facts["ttl"] = IPPROTO_NAMES.get(net[9], str(net[9])), net[8]
    if offset & (IP_OFFMASK | IP_MF):
        facts["fragment"] = f"{m.len - len(net)}@{(offset & IP_OFFMASK) * 8}{'+' if offset & IP_MF else ''}"


def _ip_input(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    if isinstance(m.rcvif, Ifnet):
        facts["if"] = m.rcvif.name
    _header(m, facts)


def _rtalloc(frame: FrameType, facts: Facts) -> object:
    routes: RouteTable = frame.f_locals["self"]
    facts["dst"] = str(Ip4(frame.f_locals["dst"]))
    return frame.f_locals["dst"] in routes.cache


def _rtallocated(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    routes: RouteTable = frame.f_locals["self"]
    route_facts(routes, value if isinstance(value, Rtentry) else None, frame.f_locals["dst"], facts)
    facts["cached"] = "yes" if before else "no"
    return "" if value is not None else "no route"


def _forward(frame: FrameType, facts: Facts) -> None:
    ip: Ip = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    x: int = frame.f_locals["x"]
    facts["ttl"] = m.net[8]
    route_facts(ip.routes, frame.f_locals["rt"], x & M32, facts)


def _forwarded(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    m: Mbuf = frame.f_locals["m"]
    if m.net[8] != facts["ttl"]:
        facts["ttl"] = f"{facts['ttl']}>{m.net[8]}"
    return ""


def _ip_output(frame: FrameType, facts: Facts) -> None:
    ip: IpOutput = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    template: int = frame.f_locals["template"]
    dst = template & M32
    facts["len"] = m.len + 20
    if template >> 32 & M32:
        facts["src"] = str(Ip4(template >> 32 & M32))
    facts["dst"] = str(Ip4(dst))
    facts["proto"] = IPPROTO_NAMES.get(template >> 80 & 0xFF, str(template >> 80 & 0xFF))
    facts["ttl"] = template >> 88 & 0xFF
    route_facts(ip.routes, ip.routes.cache.get(dst) or ip.routes.unicast(dst), dst, facts)


def _failed(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return error_of(value)


def _fragment(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    facts["len"], facts["mtu"] = m.len, frame.f_locals["mtu"]


def _fragmented(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    pieces: list[Mbuf] = frame.f_locals.get("fragments", [])
    facts["fragments"] = len(pieces)
    return error_of(value)


def _reass(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    x: int = frame.f_locals["x"]
    facts["offset"], facts["size"] = (x >> 96 & IP_OFFMASK) * 8, m.len - len(m.net)
    facts["more"] = "yes" if x >> 96 & IP_MF else "no"


def _reassembled(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    packet = frame.f_locals.get("packet")
    have = getattr(packet, "have", 0)
    facts["have"] = have
    if isinstance(value, Mbuf):
        return "whole"
    kept = getattr(packet, "pieces", {}).values()
    return "waits for the rest" if frame.f_locals["m"] in kept else ""


def _deliver(frame: FrameType, facts: Facts) -> None:
    ip: Ip = frame.f_locals["self"]
    x: int = frame.f_locals["x"]
    proto = x >> 80 & 0xFF
    facts["proto"] = IPPROTO_NAMES.get(proto, str(proto))
    facts["known"] = "yes" if proto in ip.protosw else "no"


# --- ICMP ---------------------------------------------------------------------------------------


def _icmp_input(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    head = m.transport or bytes(m.data[:8])
    if len(head) >= 8:
        _icmp_words(head[0], head[1], facts)


def _icmp_words(kind: int, code: int, facts: Facts) -> None:
    facts["type"] = type_name(kind)
    name = code_name(kind, code)
    if not name.startswith("#"):
        facts["code"] = name


def _icmp_error(frame: FrameType, facts: Facts) -> None:
    _icmp_words(frame.f_locals["kind"], frame.f_locals["code"], facts)
    m: Mbuf = frame.f_locals["m"]
    if len(m.net) >= 20:
        facts["to"] = str(Ip4.from_bytes(m.net[12:16]))


def _reflect(frame: FrameType, facts: Facts) -> None:
    x: int = frame.f_locals["x"]
    facts["to"] = str(Ip4(x >> 32 & M32))


def _answered(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return "answered"


def _taken(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return "taken"


def _redirected(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    facts["gateway"] = str(Ip4.from_bytes(m.transport[4:8]))


def _error_came(frame: FrameType, facts: Facts) -> None:
    _icmp_words(frame.f_locals["kind"], frame.f_locals["code"], facts)
    m: Mbuf = frame.f_locals["m"]
    if len(m.data) >= 20:
        facts["about"] = f"{Ip4.from_bytes(bytes(m.data[12:16]))} > {Ip4.from_bytes(bytes(m.data[16:20]))}"


# --- sockets of datagrams -----------------------------------------------------------------------


def end(address: int, port: int) -> str:
    """One end of a conversation, as netstat has it: `10.0.0.1.80`, `*.53`."""
    return f"{Ip4(address) if address else '*'}.{port or '*'}"


def socket_name(kind: str, inp: Inpcb) -> str:
    """A socket as netstat tells it: `udp *.9 < 10.0.0.1.1024`."""
    peer = f" < {end(inp.faddr, inp.fport)}" if inp.fport else ""
    return f"{kind} {end(inp.laddr, inp.lport)}{peer}"


def _udp_input(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    head = m.transport or bytes(m.data[:8])
    facts["sport"], facts["dport"] = int.from_bytes(head[:2]), int.from_bytes(head[2:4])
    facts["data"] = max(len(m.transport) + len(m.data) - 8, 0)


def _sendup(frame: FrameType, facts: Facts) -> object:
    owner: Datagrams = frame.f_locals["self"]
    inp: Inpcb = frame.f_locals["inp"]
    facts["socket"], facts["data"] = socket_name(owner.name, inp), len(frame.f_locals["data"])
    return inp.so.rcv.cc


def _sent_up(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    inp: Inpcb = frame.f_locals["inp"]
    return f"delivered to {facts['socket']}" if inp.so.rcv.cc != before else ""


def _send(frame: FrameType, facts: Facts) -> None:
    owner: Datagrams = frame.f_locals["self"]
    so: Socket = frame.f_locals["so"]
    address: Address | None = frame.f_locals["address"]
    inp = so.pcb
    if isinstance(inp, Inpcb):
        facts["socket"] = socket_name(owner.name, inp)
    if address is not None:
        facts["to"] = end(*address) if address[1] else str(Ip4(address[0]))
    facts["data"] = len(frame.f_locals["data"])


IP = (
    door(
        Ip.input, "IP checks the header[: from {src} to {dst}, {proto}, {len} bytes, and {ttl} hops left]. Then the "
        "route to its destination says whether it is for us, or for somebody else.", _ip_input, rfc="RFC 1122 3.2.1",
    ),
    door(
        RouteTable.lookup, "The route to {dst} is {route}[, by {via}][; it is more specific than {beats}].", _rtalloc,
        _rtallocated, rfc="RFC 1812 5.2.4.3",
    ),
    door(
        Ip.forward, "The packet is for somebody else, and goes on by {if}[ to the router {via}]: that is the route "
        "{route}[, more specific than {beats}]. A hop costs one of its time to live: {ttl}.", _forward, _forwarded,
    ),
    door(
        IpOutput.output, "IP is to send {len} bytes of {proto} to {dst}. The route is {route}[, by way of {via}]"
        "[, more specific than {beats}].", _ip_output, _failed, rfc="RFC 1122 3.3.1",
    ),
    door(
        IpOutput.send_fragments, "{len} bytes do not fit into an MTU of {mtu}, so the packet is cut[ into {fragments} "
        "fragments].", _fragment, _fragmented, rfc="RFC 791 3.2",
    ),
    door(
        Reassembly.input, "A fragment, {size} bytes from {offset} on. [{have} bytes of the packet are here now.]",
        _reass, _reassembled, rfc="RFC 1122 3.3.2",
    ),
    door(Ip.deliver, "The packet is for this host: its protocol, {proto}, gets it.", _deliver, rfc="RFC 1122 3.2.1.8"),
    door(Icmp.input, "An ICMP message[: {type}][, {code}].", _icmp_input, rfc="RFC 1122 3.2.2"),
    door(
        Icmp.error, "The sender[, {to},] is told with an ICMP error: {type}[, {code}].", _icmp_error,
        rfc="RFC 1812 4.3.2",
    ),
    door(Icmp._reflect, "The answer goes back to {to}.", _reflect, _answered, rfc="RFC 1122 3.2.2.6"),
    door(
        Icmp._redirected, "A router says that {gateway} is the better way.", _redirected, _taken,
        rfc="RFC 1122 3.2.2.2",
    ),
    door(
        Icmp._error_came, "An error[, {type}][ {code}][ about the packet {about}]: the protocol that sent it is told.",
        _error_came, _taken, bsd="pr_ctlinput", rfc="RFC 1122 3.2.2",
    ),
    door(Igmp.input, "A message about groups.", None, _taken, rfc="RFC 2236"),
    door(
        Udp.input, "A datagram from port {sport} for port {dport}, with {data} bytes: which socket has that port?",
        _udp_input, rfc="RFC 768",
    ),
    door(
        Udp.send, "A program sends {data} bytes[ to {to}][ from its socket {socket}].", _send, bsd="udp_output",
        rfc="RFC 768",
    ),
    door(RawIp.input, "Raw sockets get a copy if they want this protocol.", rfc="RFC 1122 3.2.1.8"),
    door(RawIp.send, "A program sends {data} bytes[ to {to}] through a raw socket.", _send),
    door(
        Datagrams.deliver, "The {data} bytes are put into the buffer of the socket {socket}; who reads there wakes.",
        _sendup, _sent_up, bsd="sbappendaddr", file="kern/uipc_socket2.c",
    ),
)  # fmt: skip
