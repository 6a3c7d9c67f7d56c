"""The doors of the link layer: buses, Ethernets, bridges, VLANs, neighbours and ARP."""

from __future__ import annotations

from types import FrameType

from stack.addr import ETHER_BROADCAST, Ip4, Mac
from stack.header.arp import Arp as ArpHeader
from stack.header.ether import ETHERTYPE_ARP, ETHERTYPE_IP, ETHERTYPE_VLAN
from stack.kern.errors import strerror
from stack.mbuf import Mbuf
from stack.net.bridge import Bridge, Member
from stack.net.ethernet import Ethernet
from stack.net.ifnet import IFF_RUNNING, Ifnet
from stack.net.loopback import Loopback
from stack.net.neighbor import ND_STATE_NAMES, Neighbor, Neighbors
from stack.net.stp import Stp
from stack.net.stp_port import STATE_NAMES, Port
from stack.net.vlan import Vlan, Vlans
from stack.net.wire import Bus, Shmif
from stack.netinet.arp import Arp
from stack.trace.door import Facts, door

_TYPES = {ETHERTYPE_IP: "IP", ETHERTYPE_ARP: "ARP", ETHERTYPE_VLAN: "VLAN"}


def error_of(value: object) -> str:
    """The verdict of a function that returns an errno."""
    return strerror(value) if isinstance(value, int) and value else ""


def _lladdr(address: bytes) -> str:
    return "everybody" if address == ETHER_BROADCAST else str(Mac(address))


def _frame(frame: FrameType, facts: Facts) -> None:
    """The interface, and the link header of a packet that has one."""
    ifp: Ifnet = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    facts["if"] = ifp.name
    if len(m.link) >= 14:
        kind = int.from_bytes(m.link[12:14])
        facts["to"], facts["from"] = _lladdr(m.link[:6]), _lladdr(m.link[6:12])
        facts["type"] = _TYPES.get(kind, f"{kind:#06x}")


def _enqueue(frame: FrameType, facts: Facts) -> None:
    ifp: Ethernet = frame.f_locals["self"]
    facts["if"], facts["queue"] = ifp.name, len(ifp.inq)


def _output(frame: FrameType, facts: Facts) -> None:
    ifp: Ifnet = frame.f_locals["self"]
    facts["if"], facts["nexthop"] = ifp.name, str(Ip4(frame.f_locals["nexthop"]))


def _failed(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return error_of(value)


# --- buses --------------------------------------------------------------------------------------


def _takers(bus: Bus, sender: Shmif, link: bytes) -> list[Shmif]:
    """Who takes a frame (see Bus.deliver)."""
    owner = bus.owners.get(link[:6])
    if link[0] & 1:
        takers = [port for port in bus.ports if port.flags & IFF_RUNNING]
    else:
        takers = [*bus.listeners, *([owner] if owner is not None else [])]
    return [port for port in takers if port is not sender]


def _bus(frame: FrameType, facts: Facts) -> None:
    bus: Bus = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    takers = _takers(bus, frame.f_locals["sender"], m.link)
    facts["to"] = " ".join(f"{port.ether.hostname}:{port.name}" for port in takers) or "nobody"
    if bus.ideal and len(takers) == 1:
        facts["queue"] = len(takers[0].inq)


def _fly(frame: FrameType, facts: Facts) -> None:
    bus: Bus = frame.f_locals["self"]
    facts["delay_ms"] = round((frame.f_locals["arrives"] - bus.callouts.now) * 1e3, 6)


# --- bridges and VLANs --------------------------------------------------------------------------


def _bridge_input(frame: FrameType, facts: Facts) -> None:
    member: Member = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    facts["bridge"], facts["if"], facts["port"] = member.bridge.name, member.ifp.name, STATE_NAMES[member.state]
    facts["to"], facts["from"] = _lladdr(m.link[:6]), _lladdr(m.link[6:12])


def _bridge_forward(frame: FrameType, facts: Facts) -> None:
    bridge: Bridge = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    node = None if m.link[0] & 1 else bridge.rtable.nodes.get(m.link[:6])
    facts["bridge"], facts["from"] = bridge.name, _lladdr(m.link[6:12])
    facts["to"] = node.member.ifp.name if node is not None else "all members"


def _tag(frame: FrameType, facts: Facts) -> None:
    ifp: Vlan = frame.f_locals["self"]
    facts["if"], facts["vid"] = ifp.name, ifp.vid
    if ifp.parent is not None:
        facts["parent"] = ifp.parent.name


def _untag(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    if isinstance(m.rcvif, Ifnet):
        facts["if"] = m.rcvif.name
    facts["vid"] = int.from_bytes(m.link[14:16] if len(m.link) > 14 else bytes(m.data[:2])) & 0xFFF


def _stp_state(frame: FrameType, facts: Facts) -> object:
    port: Port = frame.f_locals["port"]
    facts["port"] = port.name
    facts["state"] = f"{STATE_NAMES[port.state]}>{STATE_NAMES[frame.f_locals['state']]}"
    return None


# --- neighbours ---------------------------------------------------------------------------------


def _resolve(frame: FrameType, facts: Facts) -> None:
    table: Neighbors = frame.f_locals["self"]
    entry = table.entries.get(frame.f_locals["address"])
    facts["if"], facts["address"] = table.ifp.name, str(Ip4(frame.f_locals["address"]))
    facts["state"] = ND_STATE_NAMES[entry.state] if entry is not None else "unknown"
    if entry is not None and entry.lladdr is not None:
        facts["lladdr"] = str(entry.lladdr)


def _hold(frame: FrameType, facts: Facts) -> None:
    entry: Neighbor = frame.f_locals["entry"]
    facts["address"], facts["queue"] = str(Ip4(entry.address)), len(entry.hold or ()) + 1


def _holding(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return f"waits for {facts['address']}"


def _nd_timer(frame: FrameType, facts: Facts) -> None:
    entry: Neighbor = frame.f_locals["entry"]
    facts["address"], facts["state"], facts["asked"] = (
        str(Ip4(entry.address)),
        ND_STATE_NAMES[entry.state],
        entry.asked,
    )


def _learn(frame: FrameType, facts: Facts) -> object:
    table: Neighbors = frame.f_locals["self"]
    entry = table.entries.get(frame.f_locals["address"])
    facts["address"], facts["lladdr"] = str(Ip4(frame.f_locals["address"])), str(Mac(frame.f_locals["lladdr"]))
    return ND_STATE_NAMES[entry.state] if entry is not None else "unknown"


def _learned(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    if isinstance(value, Neighbor) and ND_STATE_NAMES[value.state] != before:
        facts["state"] = f"{before}>{ND_STATE_NAMES[value.state]}"
    return ""


def _arp_input(frame: FrameType, facts: Facts) -> None:
    m: Mbuf = frame.f_locals["m"]
    try:
        header = ArpHeader.parse(m.data)
    except ValueError:
        return
    facts["says"] = str(header)


def _taken(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return "taken"


def _arp_request(frame: FrameType, facts: Facts) -> None:
    ifp: Ifnet = frame.f_locals["ifp"]
    facts["if"], facts["tpa"], facts["spa"] = ifp.name, str(frame.f_locals["target"]), str(frame.f_locals["source"])


LINK = (
    door(
        Ethernet.input, "{if} takes in a frame[ from {from} to {to}, which bears {type}]. "
        "The type in its header says which protocol gets what is in it.", _frame, bsd="ether_input", rfc="RFC 894",
    ),
    door(
        Ethernet.ether_input, "{if} has a frame that is[ for {to}: it is] taken only if that means this host.", _frame,
        bsd="ether_input", rfc="RFC 894",
    ),
    door(Ethernet.enqueue, "The frame waits in the input queue of {if}; frames before it: {queue}.", _enqueue,
         file="net/if.c"),
    door(
        Ethernet.output, "{if} is to send the packet to the neighbour {nexthop}, so it needs a link header.",
        _output, _failed, rfc="RFC 894",
    ),
    door(
        Ethernet.transmit, "{if} sends the frame[ to {to}]: it is counted and shown to captures.", _frame, _failed,
        bsd="if_transmit", file="net/if.c",
    ),
    door(
        Shmif.transmit, "{if} puts the frame[ for {to}] on its bus: it is counted and shown to captures.", _frame,
        _failed, bsd="if_transmit", file="net/if.c",
    ),
    door(Bus.transmit, "The bus carries the frame; who takes it there: {to}.", _bus, _failed),
    door(Bus.deliver, "The frame arrives; each that takes it gets a copy: {to}.", _bus),
    door(Bus._fly, "The frame is on its way for {delay_ms} ms.", _fly),
    door(
        Loopback.output, "{if} sends to this host itself: what goes out comes in again, a moment later.", _output,
        _failed,
    ),
    door(
        Neighbors.resolve, "Which link-layer address has {address}? The neighbour table says {state}[: {lladdr}].",
        _resolve, _failed, bsd="arpresolve", rfc="RFC 826", file="netinet/if_arp.c",
    ),
    door(
        Neighbors._hold, "The answer is not known yet, so the packet waits for it (la_hold, {queue} in all).",
        _hold, _holding, bsd="la_hold", rfc="RFC 1122 2.3.2.2",
    ),
    door(
        Neighbors._timer, "The time of the neighbour {address} in the state {state} is up, after {asked} questions.",
        _nd_timer, bsd="nd_timer", rfc="RFC 1122 2.3.2.1",
    ),
    door(
        Neighbors.learn, "The neighbour {address} is at {lladdr}[: its entry goes {state}].", _learn, _learned,
        bsd="arp_check_update_lle", rfc="RFC 826", file="netinet/if_ether.c",
    ),
    door(Arp.nd_sent, "The answer has come[ (packet {reply})], and the packet that waited for it goes out."),
    door(Arp.nd_missed, "Nobody answered, so the packet that waited is given up, and its sender told.",
         rfc="RFC 1812 3.3.2"),
    door(Arp.input, "An ARP message[: {says}]. Who sent it is remembered if that is of use here; "
         "a request for an address of ours is answered.", _arp_input, _taken, bsd="in_arpinput", rfc="RFC 826"),
    door(Arp.request, "Everybody on the link of {if} is asked who has {tpa}.", _arp_request, bsd="arprequest",
         rfc="RFC 826"),
    door(Member.input, "{if} is a member of {bridge} ({port}): the bridge looks at the frame first.", _bridge_input,
         rfc="802.1D-1998 7.5"),
    door(Bridge._forward, "The bridge notes behind which member {from} is, and sends the frame to {to}.",
         _bridge_forward, rfc="802.1D-1998 7.7"),
    door(Vlans.input, "The frame bears the tag {vid}, so it belongs to the interface that has it.", _untag,
         rfc="802.1Q-1998 9"),
    door(Vlan.start, "The frame gets the tag {vid}[, and {parent} sends it].", _tag, _failed, rfc="802.1Q-1998 9"),
    door(Stp.set_port_state, "The spanning tree moves the port {port}: {state}.", _stp_state, rfc="802.1D-1998 8.4"),
)  # fmt: skip
