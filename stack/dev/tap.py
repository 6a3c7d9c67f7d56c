"""virtN: an Ethernet interface on the machine's TAP device tapN (rump/net/lib/libvirtif/if_virt.c; Linux tuntap.txt).

The machine's kernel is the other end of the wire: what we send it receives on `tapN`, what it sends
there we receive.  A TAP that exists is attached to and left as it was; one that does not is made, brought
up on the kernel's side, and gone when its descriptor is closed.  Addresses, routes and the MTU of that
side are for the user to set:

    ifconfig virt0 create                       ip addr add 10.9.0.1/24 dev tap0
    ifconfig virt0 inet 10.9.0.2/24

Where the device can, each frame has a header before it (vnet.py) by which either side leaves sums and the cutting of
super-segments to the other; `ifconfig virt0 -tso4 -lro` and its like switch that off.  Else frames pass as they
are on a wire, with every checksum in place, and segments that came in one burst are joined here (net/gro.py).
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from stack.addr import Mac
from stack.dev import vnet
from stack.dev.cluster import Clusters
from stack.host import Host
from stack.kern.errors import oserror
from stack.lab import Lab
from stack.mbuf import ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import Ether, Ethernet, m_devget
from stack.net.gro import join
from stack.net.gso import send_segments
from stack.net.ifnet import IFCAP_LRO, IFF_RUNNING, IFF_UP

BURST = 64  # frames taken in a row before everybody else has a turn,
BURST_BYTES = 1 << 19  # and bytes, about
_FRAME_MAX = ETHER_HDR_LEN + 4 + 65535  # a VLAN tag may come with the largest
_LEAST = vnet.HEADER_LEN + ETHER_HDR_LEN  # of a frame with its header
_NAME_MAX = 15  # IFNAMSIZ with its NUL


class Device(Protocol):
    """What we want of a pytun.TunTapDevice."""

    def fileno(self) -> int:
        """Its descriptor."""

    def up(self) -> None:
        """Bring the kernel's side up."""

    def close(self) -> None:
        """Let it go; the kernel removes it unless it was made to persist."""


class _Refusal(NamedTuple):
    """Why the kernel would not take a frame."""

    reason: str  # the drop's name
    error: int  # what the sender is told


_FULL = _Refusal("tapfull", errno.ENOBUFS)
_REFUSALS = {
    errno.EAGAIN: _FULL,
    errno.ENOBUFS: _FULL,
    errno.ENOMEM: _FULL,
    errno.EIO: _Refusal("tapdown", errno.ENETDOWN),  # the kernel's side is down
}
_GONE = _Refusal("taperror", errno.ENETDOWN)


def register(lab: Lab) -> None:
    """Let the hosts of a lab create virtN."""

    def create(host: Host, name: str, index: int) -> Virt:
        return Virt(name, index, host.new_lladdr(name), host.ether, lab)

    lab.cloners["virt"] = create


def virts(lab: Lab) -> Iterator[Virt]:
    """All such interfaces of a lab."""
    for host in lab.hosts.values():
        yield from (ifp for ifp in host.interfaces.values() if isinstance(ifp, Virt))


def settle(lab: Lab) -> None:
    """Another lab, which had the same TAPs, has ended: say again what their frames may be."""
    for ifp in virts(lab):
        ifp.init()


class Shared:
    """A TAP that the lab whose place we take has, too, until it ends."""

    def __init__(self, device: Device) -> None:
        self.fd = os.dup(device.fileno())

    def fileno(self) -> int:
        """Its descriptor."""
        return self.fd

    def up(self) -> None:
        """It is."""

    def close(self) -> None:
        """Let it go."""
        os.close(self.fd)


class Virt(Ethernet):
    """An interface on a TAP device, which the lab's driver waits for."""

    kind = "virt"
    mtu_high = 65535 - ETHER_HDR_LEN  # drivers/net/tun.c
    capusual = vnet.CAPABILITIES
    immediate = True
    __slots__ = ("clusters", "device", "fd", "lab", "vnet")

    def __init__(self, name: str, index: int, lladdr: Mac, ether: Ether, lab: Lab) -> None:
        super().__init__(name, index, lladdr, ether)
        self.lab = lab
        self.device: Device | None = None
        self.fd = -1
        self.vnet = False  # frames have a header
        self.clusters = Clusters(vnet.HEADER_LEN + _FRAME_MAX)
        self.set_linkstr(f"tap{name.removeprefix(self.kind)}")

    def set_linkstr(self, linkstr: str | None) -> None:
        """Go over to the TAP of that name, or let go of the one it has (None); OSError with what is wrong."""
        if linkstr == self.linkstr:
            if linkstr is None:
                raise oserror(errno.ENOTCONN)
            return
        device = _device(self.lab, linkstr) if linkstr is not None else None
        self._detach()
        if device is not None:
            self.device = device
            self.fd = device.fileno()
            self.vnet = vnet.has_header(self.fd)
            self.lab.readers[self.fd] = self.receive
        self.linkstr = linkstr
        self.changed()


    def _detach(self) -> None:
        if self.device is not None:
            del self.lab.readers[self.fd]
            if self.vnet:
                vnet.set_offload(self.fd, 0)  # one that stays is as it was
            self.device.close()
            self.device = None
            self.fd = -1
            self.vnet = False

    @property
    def capabilities(self) -> int:
        """What the kernel does for us, when the device's frames have room to say so."""
        return vnet.CAPABILITIES if self.vnet else IFCAP_LRO

    def init(self) -> None:
        """It runs when it is up and has a device."""
        if self.flags & IFF_UP and self.device is not None:
            self.flags |= IFF_RUNNING
        else:
            self.flags &= ~IFF_RUNNING
        if self.vnet:
            vnet.set_offload(self.fd, self.capenable)

    def destroy(self) -> None:
        """Let the device go."""
        self.down()
        self._detach()
        self.linkstr = None

    def receive(self) -> None:
        """Frames wait at the device: take a burst of them."""
        burst: list[Mbuf] = []
        try:
            (self._read_vnet if self.vnet else self._read)(burst)
        except BlockingIOError:
            pass
        except OSError as error:  # somebody has deleted the device
            self.ether.log(f"{self.name}: {self.linkstr}: {error.strerror}; detached")
            self._detach()
            self.linkstr = None
            self.changed()
        if len(burst) > 1 and self.capenable & IFCAP_LRO:
            burst = join(burst)
        for m in burst:
            self.arrive(m)

    def _read(self, burst: list[Mbuf]) -> None:
        """Frames as on a wire; BlockingIOError when there are no more."""
        for _ in range(BURST):
            frame = os.read(self.fd, _FRAME_MAX)
            if len(frame) < ETHER_HDR_LEN:
                self._bad(Mbuf(frame))
            else:
                burst.append(m_devget(frame))

    def _read_vnet(self, burst: list[Mbuf]) -> None:
        """Frames with a header; BlockingIOError when there are no more."""
        fd, clusters, room = self.fd, self.clusters, BURST_BYTES
        cluster = clusters.get()
        for _ in range(BURST):
            size = os.readv(fd, (cluster,))
            view = memoryview(cluster)[:size]
            if _LEAST <= size < vnet.LENT_FROM and not (cluster[0] or cluster[1]):
                burst.append(m_devget(bytes(view[vnet.HEADER_LEN :])))  # as on a wire
                continue
            try:
                burst += vnet.packets(view, self.capenable)
            except ValueError:
                self._bad(Mbuf(bytes(view[vnet.HEADER_LEN :])))
            if size >= vnet.LENT_FROM:
                clusters.lend(cluster)
                cluster = clusters.get()
                room -= size
                if room < 0:
                    return

    def arrive(self, m: Mbuf) -> None:
        """The kernel has sent a frame (virtif_receiver)."""
        self.enqueue(m)

    def _bad(self, m: Mbuf) -> None:
        """What is no frame."""
        self.ierrors += 1
        self.ether.drop("tooshort" if m.len < ETHER_HDR_LEN else "badvnet", m)

    def start(self, m: Mbuf) -> int:
        """Give a frame to the kernel, which receives it before this returns (virtif_start)."""
        if m.gso_size and not (self.vnet and vnet.cuts(self.capenable)):
            return send_segments(m, self.start)
        try:
            if not self.vnet:
                os.write(self.fd, m.frame())
            elif len(m.data) < (vnet.MUCH if m.csum else vnet.LENT_FROM) and not m.gso_size:
                # one small piece is written sooner than five
                os.write(self.fd, b"".join((vnet.PLAIN, m.link, m.net, m.summed(), m.data)))
            else:
                os.writev(self.fd, vnet.parts(m, self.capenable))
        except OSError as error:
            refusal = _REFUSALS.get(error.errno or 0, _GONE)
            if refusal is _FULL:
                self.odrops += 1
            else:
                self.oerrors += 1
            self.ether.drop(refusal.reason, m)
            return refusal.error
        return 0


def _device(lab: Lab, name: str) -> Device:
    """The TAP of that name: that of the lab whose place we take, or a new descriptor."""
    before = lab.predecessor
    if before is not None and all(ifp.linkstr != name for ifp in virts(lab)):
        held = (ifp.device for ifp in virts(before) if ifp.linkstr == name)
        shared = next((Shared(device) for device in held if device is not None), None)
        if shared is not None:
            return shared
    return open_tap(name, vnet.IFF_VNET_HDR)


def open_tap(name: str, wished: int = 0) -> Device:
    """Attach to the TAP of that name, or make it; OSError in words that say what is wrong, and the cure.

    `wished` flags are had if they can be: one that exists may be of another kind.
    """
    if not (0 < len(name) <= _NAME_MAX and name.isascii() and all(char.isalnum() or char in "-_." for char in name)):
        raise OSError(f"{name}: a TAP's name has 1 to {_NAME_MAX} letters and digits")
    try:
        from pytun import IFF_NO_PI, IFF_TAP, TunTapDevice
    except ImportError:
        raise OSError("python-pytun is not installed: pip install 'netsh[tap]'") from None
    existed = _exists(name)
    sys.audit("open", "/dev/net/tun", "r+", os.O_RDWR)  # C opens it without telling who may object
    kinds = (wished, wished | vnet.IFF_MULTI_QUEUE, 0) if wished else (0, vnet.IFF_MULTI_QUEUE)
    for flags in kinds:
        try:
            device: Device = TunTapDevice(name=name, flags=IFF_TAP | IFF_NO_PI | flags)
            break
        except OSError as error:
            if error.errno != errno.EINVAL or not existed or flags == kinds[-1]:
                raise OSError(f"{name}: {_cure(name, error, existed)}") from None
    os.set_blocking(device.fileno(), False)
    os.set_inheritable(device.fileno(), False)
    if not existed:
        device.up()
    return device


def _exists(name: str) -> bool:
    """Whether the machine has an interface of that name (in this network namespace)."""
    import socket

    return name in (known for _, known in socket.if_nameindex())


def _cure(name: str, error: OSError, existed: bool) -> str:
    """Why a TAP cannot be had, and what to do about it."""
    match error.errno:
        case errno.ENOENT | errno.ENODEV | errno.ENXIO:
            return "this machine has no /dev/net/tun: modprobe tun"
        case errno.EPERM | errno.EACCES:
            return f"not permitted: be root, or let root make it: ip tuntap add {name} mode tap user $USER"
        case errno.EBUSY:
            return "somebody else is attached to it already"
        case errno.EINVAL if existed:
            return "it exists and is no TAP"
    return error.strerror or str(error)
