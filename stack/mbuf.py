"""Mbuf: a packet on its way through the stack (BSD sys/mbuf.h).

A packet is four parts, one a layer, so that no layer copies what another wrote:

    link        14 bytes of Ethernet header, or b"" where there is no link layer
    net         the IP header with its options
    transport   the UDP, TCP or ICMP header; b"" where it still stands at the front of `data`
    data        the rest: bytes, or a memoryview of a larger buffer

A part is never changed, only replaced: a router that takes one off the TTL makes 20 new bytes
and leaves the payload alone.  So copies of a packet may share their parts, and a packet on a bus
may be handed from one host to the next without being copied at all.

A transport checksum is a capability of the road, as with BSD's `tcp4csum`: inside a lab a sum that
the sender would have got right need not be computed at all.  Such a packet has a `csum` that says
where the sum belongs; whoever needs the real bytes (a capture, a TAP) calls `frame()`.

A packet with a `gso_size` is a super-segment: so many bytes of data belong into each of the TCP segments that it
stands for, whose common header it bears (virtio's gso_size, Linux's skb_shinfo).  It is as large as it is on its
way, but judged by its segments: they must fit the MTU, and are cut where a road wants wire frames (net/gso.py).
"""

from __future__ import annotations

from stack.header.checksum import partial, pseudo4

# Mbuf.flags: how the link layer brought it (sys/mbuf.h)
M_BCAST = 0x0100
M_MCAST = 0x0200
M_PROMISC = 0x0400  # not for this interface: only a bridge or a capture wants it
M_LOOP = 0x0800  # looped back by this host itself

# Mbuf.csum: the transport checksum still to be filled in, by its place in the transport header
CSUM_NONE = 0  # the sum in the packet stands as it is, and wants to be verified
CSUM_UDP = 6
CSUM_TCP = 16

ETHER_HDR_LEN = 14


class Mbuf:
    """One packet; see the module's docstring for its parts."""

    __slots__ = ("cause", "csum", "data", "flags", "gso_size", "len", "link", "net", "rcvif", "serial", "transport")

    # which packet it is, and which one it is because of; only those that a trace has seen have them
    serial: int
    cause: int

    def __init__(
        self, data: bytes | memoryview, transport: bytes = b"", net: bytes = b"", link: bytes = b""
    ) -> None:
        self.data = data
        self.transport = transport
        self.net = net
        self.link = link
        self.len = len(net) + len(transport) + len(data)  # m_pkthdr.len: bytes above the link layer
        self.flags = 0
        self.csum = CSUM_NONE
        self.gso_size = 0
        self.rcvif: object | None = None

    def copy(self) -> Mbuf:
        """Another packet with the same parts (m_copypacket)."""
        m = Mbuf(self.data, self.transport, self.net, self.link)
        m.flags = self.flags
        m.csum = self.csum
        m.gso_size = self.gso_size
        m.rcvif = self.rcvif
        return m

    def frame(self) -> bytes:
        """The bytes as they go over a real wire, with every checksum in place."""
        return b"".join((self.link, self.net, self.summed() if self.csum else self.transport, self.data))

    def payload(self) -> bytes:
        """What follows the IP header, as one piece, with its checksum in place."""
        return b"".join((self.summed(), self.data))

    def summed(self) -> bytes:
        """The transport header with its checksum filled in (in_undefer_cksum)."""
        at = self.csum
        header = self.transport
        if not at:
            return header
        addresses = int.from_bytes(self.net[12:16]) + int.from_bytes(self.net[16:20])
        length = len(header) + len(self.data)
        total = pseudo4(addresses, 0, self.net[9], length) + partial(header) + partial(self.data)
        return header[:at] + (0xFFFF - total % 0xFFFF).to_bytes(2) + header[at + 2 :]

    def pullup(self, size: int) -> bool:
        """See to it that `transport` has just `size` bytes; False when there are not as many (m_pullup)."""
        if len(self.transport) == size:
            return True
        whole = self.payload() if self.transport else bytes(self.data)  # which are these bytes, if they are bytes
        self.csum, self.gso_size = CSUM_NONE, 0
        if len(whole) < size:
            self.transport, self.data = b"", whole
            return False
        self.transport, self.data = whole[:size], whole[size:]
        return True
