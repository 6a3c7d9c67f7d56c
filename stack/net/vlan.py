"""VLANs: an Ethernet inside another, told apart by a tag (BSD net/if_vlan.c; IEEE 802.1Q-1998 9).

A tag stands in the link header of a packet (`m.link` has 18 bytes then), so that what follows keeps its parts.
Frames from outside have it at the front of their data, and are put right here.
"""

from __future__ import annotations

import errno

from stack.addr import Mac
from stack.header.dot1q import VLAN_MAX, VLAN_MIN, Dot1q
from stack.header.ether import ETHERTYPE_VLAN
from stack.kern.errors import oserror
from stack.mbuf import CSUM_NONE, ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import ETHERMTU, Ether, Ethernet, m_devget
from stack.net.gso import send_segments
from stack.net.ifnet import IFF_PROMISC, IFF_RUNNING, IFF_UP, Ifnet
from stack.probe import Probes, Protocol

_VLAN = ETHERTYPE_VLAN.to_bytes(2)


class Vlans(Protocol):
    """The VLANs of a host: which interface has which tag on which parent (ifv_hash)."""

    name = "vlan"

    def __init__(self, hostname: str, probes: Probes) -> None:
        super().__init__(hostname, probes)
        self.table: dict[tuple[Ifnet, int], Vlan] = {}

    def input(self, m: Mbuf) -> None:
        """A tagged frame has come (vlan_input)."""
        parent = m.rcvif
        assert isinstance(parent, Ethernet)
        try:
            tag = untag(m)
        except ValueError:
            return self.drop("tooshort", m)
        if not tag.vid and tag.type != ETHERTYPE_VLAN:  # 802.1Q 9.3.2.3: a priority, and no VLAN
            return parent.ether_input(m)
        ifp = self.table.get((parent, tag.vid))
        if ifp is None:
            return self.drop("novlan", m)
        if not ifp.flags & IFF_UP:
            return self.drop("ifdown", m)
        (ifp.input if ifp.bridge is None else ifp.bridge.input)(m)

    def ifdetach(self, parent: Ifnet) -> None:
        """An interface goes away: those on it lose their parent (vlan_ifdetach)."""
        for ifp in [ifp for (under, _), ifp in self.table.items() if under is parent]:
            ifp.unconfigure()


def untag(m: Mbuf) -> Dot1q:
    """Take the outermost tag off; ValueError for a frame that ends in it."""
    link = m.link
    if len(link) > ETHER_HDR_LEN:
        m.link = link[:12] + link[16:]
        return Dot1q.parse(link[14:18])
    whole = m.net + m.payload()
    tag = Dot1q.parse(whole)
    inner = m_devget(link[:12] + whole[2:])
    m.link, m.net, m.transport, m.data, m.len = inner.link, inner.net, inner.transport, inner.data, inner.len
    m.csum, m.gso_size = CSUM_NONE, 0
    return tag


class Vlan(Ethernet):
    """vlanN: the frames of another interface that bear a tag."""

    kind = "vlan"
    __slots__ = ("inherits", "listens", "parent", "vid", "vlans")

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether, vlans: Vlans) -> None:
        super().__init__(name, index, lladdr, ether)
        self.vlans = vlans
        self.lladdr = None  # the parent's, when there is one
        self.parent: Ethernet | None = None
        self.vid = 0
        self.inherits = True  # our link-layer address is the parent's
        self.listens = False  # and if not, it must hear all for us

    def configure(self, parent: Ifnet, vid: int) -> None:
        """Take the frames with a tag from a parent (vlan_config).

        OSError EINVAL for a tag that is none or a parent that is on ours, EBUSY when there is a parent already, EEXIST
        when another interface has that tag there, EPROTONOSUPPORT for a parent that can have no tags.
        """
        if not VLAN_MIN <= vid <= VLAN_MAX:
            raise oserror(errno.EINVAL)
        if self.parent is not None:
            raise oserror(errno.EBUSY)
        if not isinstance(parent, Ethernet) or parent.kind == "bridge" or parent.lladdr is None:
            raise oserror(errno.EPROTONOSUPPORT)
        under: Ethernet | None = parent
        while isinstance(under, Vlan):
            if under is self:
                raise oserror(errno.EINVAL)
            under = under.parent
        if (parent, vid) in self.vlans.table:
            raise oserror(errno.EEXIST)
        self.parent, self.vid = parent, vid
        self.vlans.table[parent, vid] = self
        parent.watchers += (self.parent_changed,)
        self.lladdr, self.inherits = parent.lladdr, True
        if self.bridge is None:
            self.mtu = parent.mtu
        self.flags |= parent.flags & IFF_UP
        self.changed()

    def unconfigure(self) -> None:
        """Leave the parent, if there is one (vlan_unconfig)."""
        parent = self.parent
        if parent is None:
            return
        self.down()
        if self.listens:
            self.listens = False
            parent.promisc(False)
        parent.watchers = tuple(each for each in parent.watchers if each != self.parent_changed)
        del self.vlans.table[parent, self.vid]
        self.parent, self.vid, self.lladdr = None, 0, None
        if self.bridge is None:
            self.mtu = ETHERMTU
        if self.arptab is not None:
            self.arptab.flush()
        self.changed()

    def parent_changed(self, parent: Ifnet) -> None:
        """The parent's flags, MTU or address changed."""
        before = (self.lladdr, self.mtu, self.runs)
        if self.inherits:
            self.lladdr = parent.lladdr
        if self.bridge is None:
            self.mtu = min(self.mtu, parent.mtu)
        if before != (self.lladdr, self.mtu, bool(self.flags & IFF_UP) and parent.runs):
            self.changed()
            if before[0] != self.lladdr and self.arptab is not None:
                self.arptab.relink()

    def init(self) -> None:
        """It runs when it is up and its parent runs."""
        parent = self.parent
        if parent is None or not parent.runs or not self.flags & IFF_UP:
            self.flags &= ~IFF_RUNNING
        else:
            self.flags |= IFF_RUNNING
        listens = parent is not None and (self.lladdr != parent.lladdr or bool(self.flags & IFF_PROMISC))
        if parent is not None and listens is not self.listens:
            self.listens = listens
            parent.promisc(listens)

    def set_mtu(self, mtu: int) -> None:
        """Set the MTU; EINVAL when it is larger than the parent's, or there is none."""
        if self.parent is None or mtu > self.parent.mtu:
            raise oserror(errno.EINVAL)
        super().set_mtu(mtu)

    def set_lladdr(self, lladdr: Mac) -> None:
        """Set the link-layer address, which then follows the parent's no more."""
        if self.lladdr is None or lladdr.is_multicast:
            raise oserror(errno.EINVAL)
        self.inherits = False
        super().set_lladdr(lladdr)

    def start(self, m: Mbuf) -> int:
        """Tag a frame, and let the parent send it, past its bridge (vlan_transmit)."""
        parent = self.parent
        if parent is None or not parent.runs:
            self.oerrors += 1
            self.vlans.drop("ifdown", m)
            return errno.ENETDOWN
        if m.gso_size:
            return send_segments(m, self.start)
        m.link = b"".join((m.link[:12], _VLAN, self.vid.to_bytes(2), m.link[12:]))
        parent.obytes += 4
        return parent.transmit(m)

    def destroy(self) -> None:
        """Leave the parent and go."""
        self.unconfigure()
        self.down()

    @property
    def link_state(self) -> int:
        """The parent's."""
        return super().link_state if self.parent is None else self.parent.link_state

    @property
    def baudrate(self) -> float:
        """The parent's."""
        return 0.0 if self.parent is None else self.parent.baudrate
