"""Bridges: several Ethernets made one (BSD net/if_bridge.c; IEEE 802.1D-1998 clause 7).

A member shows every frame that it receives to its bridge, which notes on which side the sender is, and sends the frame
on where the receiver is, or everywhere.  Frames for the addresses of the host that bridges go up its stack, whichever
member they came to; what the host itself sends from a member leaves by the member that leads there.  A bridge
may have an IP address of its own, too: then it is one more Ethernet interface of the host, behind all of its members.

Addresses age when somebody looks, so an idle bridge needs no timer.
"""

from __future__ import annotations

import errno

from stack.addr import Mac
from stack.callout import Callout
from stack.header.bpdu import BSTP_ETHERADDR
from stack.header.ether import ETHERTYPE_VLAN
from stack.header.ether import Ether as EtherHeader
from stack.kern.errors import oserror
from stack.mbuf import ETHER_HDR_LEN, Mbuf
from stack.net.bridge_rt import Rtable
from stack.net.ethernet import Ether, Ethernet
from stack.net.gso import fits
from stack.net.ifnet import (
    IFF_BROADCAST,
    IFF_MULTICAST,
    IFF_RUNNING,
    IFF_SIMPLEX,
    IFF_UP,
    IFQ_MAXLEN,
    LINK_STATE_DOWN,
    LINK_STATE_UP,
    Ifnet,
)
from stack.net.stp import Stp
from stack.net.stp_port import (
    BSTP_IFSTATE_BLOCKING,
    BSTP_IFSTATE_DISABLED,
    BSTP_IFSTATE_FORWARDING,
    BSTP_IFSTATE_LEARNING,
    BSTP_IFSTATE_LISTENING,
    Port,
)
from stack.probe import Protocol

# Member.flags (net/if_bridgevar.h)
IFBIF_LEARNING = 0x01
IFBIF_DISCOVER = 0x02
IFBIF_STP = 0x04
IFBIF_PROTECTED = 0x08
IFBIF_NAMES = {
    IFBIF_LEARNING: "LEARNING", IFBIF_DISCOVER: "DISCOVER", IFBIF_STP: "STP", IFBIF_PROTECTED: "PROTECTED",
}  # fmt: skip

BSTP_DEFAULT_PATH_COST = 55

# 802.1D table 8-5: what a path through a link of that many bits a second costs
PATH_COSTS = ((10e9, 2), (1e9, 4), (100e6, 19), (16e6, 62), (10e6, 100), (4e6, 250))

# More frames than that at one moment go round in a loop without delay, most likely.  The rest waits for a while, so
# that time goes on: on ideal wires a bridge forwards 25,600 frames a second, 300 Mbit/s.
FORWARD_BURST = 256
FORWARD_PAUSE = 0.01  # seconds

_DEAF = (BSTP_IFSTATE_DISABLED, BSTP_IFSTATE_LISTENING, BSTP_IFSTATE_BLOCKING)
_RESERVED = BSTP_ETHERADDR[:5]  # 802.1D table 7-10: what is sent to these sixteen stays on its link
_VLAN = ETHERTYPE_VLAN.to_bytes(2)
_NOBODY = bytes(6)


class Bridging(Protocol):
    """What the bridges of a host count."""

    name = "bridge"


class Member(Port):
    """An interface in a bridge (struct bridge_iflist)."""

    __slots__ = ("bridge", "flags", "ifp")

    def __init__(self, bridge: Bridge, ifp: Ethernet, number: int) -> None:
        super().__init__(number)
        self.bridge = bridge
        self.ifp = ifp
        self.flags = IFBIF_LEARNING | IFBIF_DISCOVER
        self.state = BSTP_IFSTATE_FORWARDING  # until it takes part in the spanning tree

    @property
    def mtu(self) -> int:
        """The bridge's."""
        return self.bridge.mtu

    @property
    def name(self) -> str:
        """Its own, behind the bridge's."""
        return f"{self.bridge.name} {self.ifp.name}"

    @property
    def runs(self) -> bool:
        """Whether its link is up."""
        return self.ifp.runs

    @property
    def path_cost(self) -> int:
        """What a user has set; else by the rate of the link, where it has one."""
        if self.cost is not None:
            return self.cost
        rate = self.ifp.baudrate
        slow = min(65535, round(1e9 / rate)) if rate else BSTP_DEFAULT_PATH_COST
        return next((cost for least, cost in PATH_COSTS if rate >= least), slow)

    def leave(self) -> None:
        """The interface goes away (bridge_ifdetach)."""
        self.bridge.delete(self.ifp)

    def link_changed(self, _ifp: Ifnet) -> None:
        """The interface went up or down, or has another address."""
        bridge = self.bridge
        bridge.refresh()
        if not self.runs:
            bridge.rtable.delete_behind(self, static=False)  # the stations behind it may turn up elsewhere
        if self.flags & IFBIF_STP:
            bridge.stp.link_changed(self)

    def send_bpdu(self, data: bytes) -> None:
        """Send a message of the spanning tree's (bstp_send_config_bpdu)."""
        ifp = self.ifp
        if ifp.runs and ifp.lladdr is not None:
            ifp.omcasts += 1
            ifp.transmit(Mbuf(data, link=EtherHeader(BSTP_ETHERADDR, ifp.lladdr, len(data)).pack()))

    def input(self, m: Mbuf) -> None:
        """A frame has come: to the spanning tree, to the host, or on its way (bridge_input)."""
        ifp, bridge, link = self.ifp, self.bridge, m.link
        ifp.ipackets += 1
        ifp.ibytes += m.len + ETHER_HDR_LEN
        for tap in ifp.taps:
            tap(ifp, m, False)
        if not bridge.flags & IFF_RUNNING:
            return ifp.ether_input(m)
        deaf = self.state in _DEAF
        if not deaf:
            if link[6:12] in bridge.own:
                return bridge.bridging.drop("ownframe", m)  # one that we sent has come round
            local = bridge.own.get(link[:6])
            if local is not None:
                return self._take(local, m)
        if link[:5] == _RESERVED and link[5] < 16 and (link[5] or self.flags & IFBIF_STP):
            return self._reserved(m)
        if deaf:
            if link[0] & 1 or link[:6] == ifp.lladdr:
                return ifp.ether_input(m)  # the host hears on all its interfaces, as it would without the bridge
            return bridge.bridging.drop("blocked", m)
        bridge.forward(self, m)

    def _take(self, ifp: Ethernet, m: Mbuf) -> None:
        """A frame is for an interface of the host's, perhaps another one."""
        bridge = self.bridge
        if self.flags & IFBIF_LEARNING:
            bridge.learn(self, m.link)
        if ifp is bridge:
            bridge.arrived(m)
        ifp.ether_input(m)

    def _reserved(self, m: Mbuf) -> None:
        """802.1D 7.12.6: such a frame is not relayed."""
        bridge, length = self.bridge, int.from_bytes(m.link[12:14])
        if m.link[5]:
            return bridge.bridging.drop("reserved", m)
        self.ifp.imcasts += 1
        reason = bridge.stp.input(self, (m.net + m.payload())[:length])
        if reason:
            bridge.bridging.drop(reason, m)

    def output(self, m: Mbuf) -> int:
        """The host sends a frame from here (bridge_output)."""
        bridge = self.bridge
        return bridge.output_frame(m) if bridge.flags & IFF_RUNNING else self.ifp.transmit(m)


class Bridge(Ethernet):
    """bridgeN."""

    kind = "bridge"
    __slots__ = (
        "bridging", "credit", "fwdq", "instant", "members", "own", "own_lladdr", "rest", "rtable", "stp",
    )  # fmt: skip

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether, bridging: Bridging) -> None:
        super().__init__(name, index, lladdr, ether)
        self.own_lladdr = lladdr
        self.lladdr = None  # until it has an IP address, it is no station
        self.flags = 0
        self.bridging = bridging
        self.members: list[Member] = []
        self.own: dict[bytes, Ethernet] = {}  # the addresses of this host
        self.stp = Stp(bridging, ether.callouts, lambda: self.rtable.age())
        self.rtable: Rtable[Member] = Rtable(ether.callouts, self.stp)
        self.instant = -1.0  # when `credit` was given
        self.credit = 0  # frames that may still be forwarded at that moment
        self.fwdq: list[tuple[Member, Mbuf]] = []
        self.rest: Callout | None = None

    # --- as an interface ----------------------------------------------------------------------

    def init_address(self) -> None:
        """It gets an IP address: from now on it is a station, with a link-layer address."""
        if self.lladdr is None:
            self.lladdr = self.own_lladdr
            self.flags |= IFF_BROADCAST | IFF_SIMPLEX | IFF_MULTICAST
            self.refresh()

    def set_lladdr(self, lladdr: Mac) -> None:
        """Set its own link-layer address."""
        if lladdr.is_multicast:
            raise oserror(errno.EINVAL)
        self.init_address()
        super().set_lladdr(lladdr)
        self.refresh()

    def set_mtu(self, mtu: int) -> None:
        """Set the MTU, of the members too; EINVAL when one of them cannot, and nothing has changed."""
        old = self.mtu
        super().set_mtu(mtu)
        try:
            for member in self.members:
                member.ifp.set_mtu(mtu)
        except OSError:
            super().set_mtu(old)
            for member in self.members:
                member.ifp.set_mtu(old)
            raise

    def init(self) -> None:
        """It runs when it is up (bridge_init, bridge_stop)."""
        if self.flags & (IFF_UP | IFF_RUNNING) == IFF_UP:
            self.flags |= IFF_RUNNING
            self.stp.start(self._bridge_address())
        elif self.flags & (IFF_UP | IFF_RUNNING) == IFF_RUNNING:
            self.flags &= ~IFF_RUNNING
            self.stp.stop()
            self.rtable.flush()
            self._forget([m for _, m in self.fwdq], "ifdown")

    @property
    def link_state(self) -> int:
        """Up if one of the members is (bridge_calc_link_state)."""
        return LINK_STATE_UP if any(member.runs for member in self.members) else LINK_STATE_DOWN

    def transmit(self, m: Mbuf) -> int:
        """The host sends a frame from the bridge itself."""
        for tap in self.taps:
            tap(self, m, True)
        return self.output_frame(m)

    def destroy(self) -> None:
        """Let the members go."""
        self.down()
        for member in list(self.members):
            self.delete(member.ifp)

    # --- members ------------------------------------------------------------------------------

    def member(self, ifp: Ifnet) -> Member:
        """What the bridge knows of a member; OSError ENOENT when it is none (bridge_lookup_member)."""
        found = next((member for member in self.members if member.ifp is ifp), None)
        if found is None:
            raise oserror(errno.ENOENT)
        return found

    def add(self, ifp: Ifnet) -> None:
        """A new member (bridge_ioctl_add).

        OSError EEXIST, EBUSY when it is in another bridge, EINVAL when it is no Ethernet or has another MTU.
        """
        if not isinstance(ifp, Ethernet) or isinstance(ifp, Bridge) or ifp.lladdr is None:
            raise oserror(errno.EINVAL)
        if ifp.bridge is not None:
            raise oserror(errno.EEXIST if any(member is ifp.bridge for member in self.members) else errno.EBUSY)
        if ifp.mtu != self.mtu:
            raise oserror(errno.EINVAL)
        numbers = {member.number for member in self.members}
        number = ifp.index & 0xFF  # as BSD numbers them; but two ports must not have one number
        while number in numbers and len(numbers) < 256:
            number = number + 1 & 0xFF
        member = Member(self, ifp, number)
        self.members.insert(0, member)  # BSD lists the newest first
        ifp.bridge = member
        ifp.watchers += (member.link_changed,)
        ifp.promisc(True)
        self.refresh()

    def delete(self, ifp: Ifnet) -> None:
        """A member leaves; OSError ENOENT when it is none (bridge_ioctl_del)."""
        member = self.member(ifp)
        self.set_member_flags(member, member.flags & ~IFBIF_STP)
        self.members.remove(member)
        member.ifp.bridge = None
        ifp.watchers = tuple(each for each in ifp.watchers if each != member.link_changed)
        ifp.promisc(False)
        self.rtable.delete_behind(member)
        self._forget([m for source, m in self.fwdq if source is member], "notmember")
        self.refresh()

    def _forget(self, packets: list[Mbuf], reason: str) -> None:
        """Frames that waited to be forwarded cannot be."""
        self.fwdq = [(source, m) for source, m in self.fwdq if m not in packets]
        for m in packets:
            self.bridging.drop(reason, m)

    def set_member_flags(self, member: Member, flags: int) -> None:
        """Set a member's flags; with STP it begins or ends to take part in the spanning tree."""
        changed = member.flags ^ flags
        member.flags = flags
        if not changed & IFBIF_STP:
            return
        stp = self.stp
        if flags & IFBIF_STP:
            stp.attach(member)
            if self.flags & IFF_RUNNING and not stp.running:
                return stp.start(self._bridge_address())
        else:
            stp.detach(member)
            stp.set_port_state(member, BSTP_IFSTATE_FORWARDING)
            if not stp.ports:
                return stp.stop()
        stp.set_bridge_id(self._bridge_address())
        if flags & IFBIF_STP:
            stp.link_changed(member)

    def set_priority(self, priority: int) -> None:
        """Set the bridge's priority in the spanning tree."""
        self.stp.priority = priority
        if self.stp.ports:
            self.stp.set_bridge_id(self._bridge_address())

    def _bridge_address(self) -> bytes:
        """The lowest address of those that take part is the bridge's (bstp_initialization)."""
        addresses = (member.ifp.lladdr for member in self.members if member.flags & IFBIF_STP)
        return min((lladdr for lladdr in addresses if lladdr is not None), default=_NOBODY)

    def refresh(self) -> None:
        """A member came or went, or an address changed: see anew which are ours."""
        self.own = {ifp.lladdr: ifp for ifp in (self, *(member.ifp for member in self.members)) if ifp.lladdr}
        for lladdr in self.own:
            self.rtable.nodes.pop(lladdr, None)
        if self.stp.running:
            self.stp.set_bridge_id(self._bridge_address())

    # --- frames -------------------------------------------------------------------------------

    def arrived(self, m: Mbuf) -> None:
        """Count a frame that came to the bridge, and show it to taps."""
        self.ipackets += 1
        self.ibytes += m.len + ETHER_HDR_LEN
        for tap in self.taps:
            tap(self, m, False)

    def forward(self, member: Member, m: Mbuf) -> None:
        """Send a frame on, now or when we may."""
        now = self.ether.callouts.now
        if now != self.instant:
            self.instant, self.credit = now, FORWARD_BURST
        if self.credit and not self.fwdq:
            self.credit -= 1
            self._forward(member, m)
        elif len(self.fwdq) >= IFQ_MAXLEN:
            self.iqdrops += 1
            self.bridging.drop("fwdqfull", m)
        else:
            self.fwdq.append((member, m))
            if self.rest is None:
                self.rest = self.ether.callouts.schedule(FORWARD_PAUSE, self._rested)

    def _rested(self) -> None:
        """What had to wait goes on."""
        self.rest = None
        queue, self.fwdq = self.fwdq, []
        for member, m in queue:
            self.forward(member, m)

    def _forward(self, member: Member, m: Mbuf) -> None:
        """The forwarding function of the bridge (bridge_forward)."""
        self.arrived(m)
        bridging, link = self.bridging, m.link
        if member.flags & IFBIF_LEARNING:
            self.learn(member, link)
        if member.state == BSTP_IFSTATE_LEARNING:
            return bridging.drop("learning", m)
        room = self.mtu + 4 if link[12:] == _VLAN else self.mtu  # one from outside has its tag in `data`
        if m.len > room and not fits(m, room):
            return bridging.drop("toobig", m)
        if link[0] & 1:
            self._hear(member, m)
            return self._flood(member, m)
        node = self.rtable.lookup(link[:6])
        if node is None:
            return self._flood(member, m)
        to = node.member
        if to is member:
            return bridging.drop("samesegment", m)
        if to.flags & member.flags & IFBIF_PROTECTED:
            return bridging.drop("protected", m)
        self.enqueue_to(to, m)

    def _flood(self, member: Member | None, m: Mbuf) -> None:
        """Send a frame to all members but the one where it came from (bridge_broadcast)."""
        group = m.link[0] & 1
        protected = IFBIF_PROTECTED if member is not None and member.flags & IFBIF_PROTECTED else 0
        takers = [
            to
            for to in self.members
            if to is not member
            and to.state == BSTP_IFSTATE_FORWARDING
            and (group or to.flags & IFBIF_DISCOVER)
            and not to.flags & protected
            and to.runs
        ]
        for to in takers:
            self.enqueue_to(to, m.copy())
        if not takers:
            self.bridging.drop("nobody", m)

    def _hear(self, member: Member, m: Mbuf) -> None:
        """The host hears what is for everybody: on each interface that has an address, else where it came to."""
        self.imcasts += 1
        hearers = [member.ifp]
        if m.link[12:14] != _VLAN:
            hearers = [ifp for ifp in self.own.values() if ifp.addresses] or hearers
        for ifp in hearers:
            ifp.ether_input(m.copy())

    def enqueue_to(self, to: Member, m: Mbuf) -> int:
        """Let a member send a frame (bridge_enqueue)."""
        if to.state != BSTP_IFSTATE_FORWARDING:
            self.bridging.drop("blocked", m)
            return 0
        if not to.runs:
            self.bridging.drop("ifdown", m)
            return errno.ENETDOWN
        length, group = m.len + ETHER_HDR_LEN, m.link[0] & 1
        error = to.ifp.transmit(m)
        if error:
            self.oerrors += 1
            return error
        self.opackets += 1
        self.obytes += length
        self.omcasts += group
        to.ifp.omcasts += group
        return 0

    def output_frame(self, m: Mbuf) -> int:
        """The host itself sends a frame: to where its receiver is, or to all (bridge_output)."""
        node = None if m.link[0] & 1 else self.rtable.lookup(m.link[:6])
        if node is not None:
            return self.enqueue_to(node.member, m)
        self._flood(None, m)
        return 0

    # --- addresses ----------------------------------------------------------------------------

    def learn(self, member: Member, link: bytes) -> None:
        """Note on which side the sender of a frame is, if it can be one."""
        source = link[6:12]
        if not source[0] & 1 and source != _NOBODY and not self.rtable.update(source, member):
            self.bridging.stat["cachefull"] += 1

    def set_static(self, ifp: Ifnet, lladdr: Mac) -> None:
        """Enter an address for good; OSError EINVAL for a group's or our own, ENOENT, ENOSPC (bridge_ioctl_saddr)."""
        member = self.member(ifp)
        if lladdr.is_multicast or lladdr in self.own or lladdr == _NOBODY:
            raise oserror(errno.EINVAL)
        if not self.rtable.update(lladdr, member, static=True):
            raise oserror(errno.ENOSPC)
