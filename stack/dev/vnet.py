"""The header that Linux puts before the frames of a TAP: sums still to be made, segments still to be cut.

Linux if_tun.h and virtio_net.h, virtio 1.2 5.1.6.  Ten bytes, in the machine's own order:

    flags   gso_type   hdr_len   gso_size   csum_start   csum_offset
    1       1          2         2          2            2

With NEEDS_CSUM the bytes from `csum_start` on are still to be summed, and the sum belongs `csum_offset` behind that,
where the pseudo-header's sum stands now.  With a gso_type the frame is a super-segment.
"""

from __future__ import annotations

import fcntl
from contextlib import suppress
from struct import Struct

from stack.header.checksum import checksum, partial, pseudo4
from stack.header.ip import IPPROTO_TCP, IPPROTO_UDP
from stack.header.tcp import TH_CWR
from stack.mbuf import CSUM_TCP, CSUM_UDP, ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import m_devget
from stack.net.gso import segments
from stack.net.ifnet import (
    IFCAP_GSO,
    IFCAP_LRO,
    IFCAP_TSO4,
    IFCAP_CSUM_IPv4_Rx,
    IFCAP_CSUM_IPv4_Tx,
    IFCAP_CSUM_TCPv4_Rx,
    IFCAP_CSUM_TCPv4_Tx,
    IFCAP_CSUM_UDPv4_Rx,
    IFCAP_CSUM_UDPv4_Tx,
)

NEEDS_CSUM, DATA_VALID = 1, 2  # flags
GSO_NONE, GSO_TCPV4, GSO_ECN = 0, 1, 0x80  # gso_type

_HEADER = Struct("=BBHHHH")
HEADER_LEN = _HEADER.size
PLAIN = bytes(HEADER_LEN)  # the header of a frame that is as on a wire

CAPABILITIES = (
    IFCAP_GSO | IFCAP_CSUM_IPv4_Rx | IFCAP_CSUM_IPv4_Tx
    | IFCAP_CSUM_TCPv4_Rx | IFCAP_CSUM_TCPv4_Tx | IFCAP_CSUM_UDPv4_Rx | IFCAP_CSUM_UDPv4_Tx
)  # fmt: skip
_RX = {IPPROTO_TCP: IFCAP_CSUM_TCPv4_Rx, IPPROTO_UDP: IFCAP_CSUM_UDPv4_Rx}
_TX = {CSUM_TCP: IFCAP_CSUM_TCPv4_Tx, CSUM_UDP: IFCAP_CSUM_UDPv4_Tx}
_TSO = IFCAP_TSO4 | IFCAP_CSUM_IPv4_Tx | IFCAP_CSUM_TCPv4_Tx  # who cuts segments sums them, and their IP headers too
_PLACES = {IPPROTO_TCP: CSUM_TCP, IPPROTO_UDP: CSUM_UDP}

# if_tun.h
IFF_VNET_HDR, IFF_MULTI_QUEUE = 0x4000, 0x0100
_TUNSETOFFLOAD, _TUNGETIFF, _TUNSETVNETHDRSZ = 0x400454D0, 0x800454D2, 0x400454D8
_TUN_F_CSUM, _TUN_F_TSO4, _TUN_F_TSO_ECN = 0x01, 0x02, 0x08
_IFREQ = Struct("16sH22x")

_HEADERS_MOST = HEADER_LEN + ETHER_HDR_LEN + 60 + 60  # as much as may stand before a segment's data
MUCH = 256  # bytes to sum: less is summed here, and looks well in the kernel's captures and quotations
LENT_FROM = 4096  # bytes of a frame whose data stay where they are; of a smaller one they are sooner copied
_IP, _VLAN = b"\x08\x00", b"\x81\x00"


def has_header(fd: int) -> bool:
    """Whether a device's frames have this header; then from now on they have just these ten bytes."""
    with suppress(OSError):  # ENOTTY: no TAP at all
        told = fcntl.ioctl(fd, _TUNGETIFF, bytes(_IFREQ.size))
        if _IFREQ.unpack(told)[1] & IFF_VNET_HDR:
            fcntl.ioctl(fd, _TUNSETVNETHDRSZ, HEADER_LEN.to_bytes(4, "little"))
            return True
    return False


def set_offload(fd: int, capenable: int) -> None:
    """Tell the kernel what it may leave to us."""
    wanted = _TUN_F_CSUM if capenable & (IFCAP_CSUM_TCPv4_Rx | IFCAP_CSUM_UDPv4_Rx) else 0
    if capenable & IFCAP_LRO:
        wanted |= _TUN_F_CSUM | _TUN_F_TSO4 | _TUN_F_TSO_ECN
    with suppress(OSError):  # one that has no such thing, or is gone, gives us frames as they are
        fcntl.ioctl(fd, _TUNSETOFFLOAD, wanted)


# --- what the kernel gives us -----------------------------------------------------------------------


def packets(view: memoryview, capenable: int) -> list[Mbuf]:
    """What a read has brought, mostly one packet; ValueError for what no kernel sends."""
    if len(view) < HEADER_LEN + ETHER_HDR_LEN:
        raise ValueError("no frame at all")
    flags, kind, _, gso_size, start, offset = _HEADER.unpack_from(view)
    if kind & ~GSO_ECN == GSO_NONE:
        m = _devget(view)
        if flags & NEEDS_CSUM and not _unsummed(m, start, offset, capenable):
            return [m_devget(_finished(bytes(view[HEADER_LEN:]), start, offset))]
        if flags & DATA_VALID and len(m.net) >= 20 and m.net[9] == IPPROTO_TCP and m.transport:
            m.transport, m.csum = _unset(m.transport, CSUM_TCP), CSUM_TCP  # it need not be verified again
        return [m]
    if kind & ~GSO_ECN != GSO_TCPV4 or not gso_size or not flags & NEEDS_CSUM:
        raise ValueError("a super-segment that is none")
    head = bytes(view[HEADER_LEN:_HEADERS_MOST])
    if head[12:14] == _VLAN:
        return _tagged(view, gso_size)
    m = _super_segment(head, view, HEADER_LEN, gso_size)
    return [m] if capenable & IFCAP_LRO else segments(m)


def _devget(view: memoryview) -> Mbuf:
    """A frame as a packet of parts."""
    if len(view) < LENT_FROM:
        return m_devget(bytes(view[HEADER_LEN:]))
    m = m_devget(bytes(view[HEADER_LEN:_HEADERS_MOST]))
    return Mbuf(view[_HEADERS_MOST - len(m.data) :], m.transport, m.net, m.link)


def _super_segment(head: bytes, view: memoryview, before: int, gso_size: int) -> Mbuf:
    """A frame that begins with `head`, `before` bytes into the view."""
    length = len(view) - before - ETHER_HDR_LEN
    if len(head) < 54 or head[12:14] != _IP or not 0x45 <= head[14] <= 0x4F or head[23] != IPPROTO_TCP:
        raise ValueError("a super-segment that is none")
    if int.from_bytes(head[16:18]) != length or head[20] & 0x3F or head[21]:
        raise ValueError("a super-segment that is not whole")
    start = ETHER_HDR_LEN + ((head[14] & 15) << 2)
    end = start + (head[start + 12] >> 4 << 2)
    if end < start + 20 or before + end >= len(view):
        raise ValueError("a super-segment without data")
    data: bytes | memoryview = view[before + end :]
    data = data if len(view) >= LENT_FROM else bytes(data)
    m = Mbuf(data, _unset(head[start:end], CSUM_TCP), head[14:start], head[:14])
    m.csum, m.gso_size = CSUM_TCP, gso_size
    return m


def _tagged(view: memoryview, gso_size: int) -> list[Mbuf]:
    """A super-segment of a VLAN: cut here, for a tag is not understood before the frame is in."""
    whole = bytes(view[HEADER_LEN:])
    inner = memoryview(whole[:12] + whole[16:])
    return [
        m_devget(b"".join((whole[:16], segment.frame()[12:])))
        for segment in segments(_super_segment(bytes(inner[:_HEADERS_MOST]), inner, 0, gso_size))
    ]


def _unset(header: bytes, at: int) -> bytes:
    """A transport header whose sum is still to be made."""
    return b"".join((header[:at], b"\0\0", header[at + 2 :]))


def _unsummed(m: Mbuf, start: int, offset: int, capenable: int) -> bool:
    """Let a packet's sum stay unmade; False for one of which that cannot be said."""
    if start != ETHER_HDR_LEN + len(m.net) or len(m.net) < 20 or _PLACES.get(m.net[9]) != offset:
        return False
    if not capenable & _RX[m.net[9]] or not _split(m):
        return False
    m.transport, m.csum = _unset(m.transport, offset), offset
    return True


def _split(m: Mbuf) -> bool:
    """See to it that a packet's transport header stands alone."""
    if m.transport:
        return True
    size = 8 if m.net[9] == IPPROTO_UDP else m.data[12] >> 4 << 2 if len(m.data) > 12 else 0
    return size >= 8 and m.pullup(size)


def _finished(frame: bytes, start: int, offset: int) -> bytes:
    """A frame of any protocol with its sum in place."""
    at = start + offset
    if at + 2 > len(frame):
        raise ValueError("a sum beyond the frame")
    return b"".join((frame[:at], checksum(frame[start:]).to_bytes(2), frame[at + 2 :]))


# --- what we give to the kernel ---------------------------------------------------------------------


def cuts(capenable: int) -> bool:
    """Whether the kernel may cut our super-segments."""
    return capenable & _TSO == _TSO


def parts(m: Mbuf, capenable: int) -> tuple[bytes | memoryview, ...]:
    """A packet as what a write takes; a sum is left to the kernel if that may be, and if there is much to sum."""
    at, size = m.csum, m.gso_size
    if not at or len(m.data) < MUCH and not size or not capenable & _TX[at]:
        return PLAIN, m.link, m.net, m.summed(), m.data
    header = m.transport
    start = len(m.link) + len(m.net)
    kind = GSO_NONE if not size else GSO_TCPV4 | GSO_ECN if header[13] & TH_CWR else GSO_TCPV4
    vnet = _HEADER.pack(NEEDS_CSUM, kind, start + len(header), size, start, at)
    addresses = partial(m.net[12:20])
    pseudo = pseudo4(addresses, 0, m.net[9], len(header) + len(m.data)) % 0xFFFF
    return vnet, m.link, m.net, b"".join((header[:at], pseudo.to_bytes(2), header[at + 2 :])), m.data
