"""virtN: an Ethernet interface on the machine's TAP device tapN (rump/net/lib/libvirtif/if_virt.c; Linux tuntap.txt).

The machine's kernel is the other end of the wire: what we send it receives on `tapN`, what it sends
there we receive.  A TAP that exists is attached to and left as it was; one that does not is made, brought
up on the kernel's side, and gone when its descriptor is closed.  Addresses, routes and the MTU of that
side are for the user to set:

    ifconfig virt0 create                       ip addr add 10.9.0.1/24 dev tap0
    ifconfig virt0 inet 10.9.0.2/24

Frames pass as they are on a wire, with every checksum in place.  Headers that leave sums and the
cutting of long segments to the kernel (IFF_VNET_HDR) belong in `open_tap`, `receive` and `start`.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from typing import NamedTuple, Protocol

from stack.addr import Mac
from stack.host import Host
from stack.kern.errors import oserror
from stack.lab import Lab
from stack.mbuf import ETHER_HDR_LEN, Mbuf
from stack.net.ethernet import Ether, Ethernet
from stack.net.ifnet import IFF_RUNNING, IFF_UP

BURST = 64  # frames taken in a row before everybody else has a turn
_FRAME_MAX = ETHER_HDR_LEN + 4 + 65535  # a VLAN tag may come with the largest
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
        return Virt(name, index, host.new_lladdr(name), host.ether, lab.readers)

    lab.cloners["virt"] = create


class Virt(Ethernet):
    """An interface on a TAP device; `readers` are the descriptors that the lab's driver waits for."""

    kind = "virt"
    mtu_high = 65535 - ETHER_HDR_LEN  # drivers/net/tun.c
    __slots__ = ("device", "fd", "readers")

    def __init__(
        self, name: str, index: int, lladdr: Mac, ether: Ether, readers: dict[int, Callable[[], None]]
    ) -> None:
        super().__init__(name, index, lladdr, ether)
        self.readers = readers
        self.device: Device | None = None
        self.fd = -1
        self.set_linkstr(f"tap{name.removeprefix(self.kind)}")

    def set_linkstr(self, linkstr: str | None) -> None:
        """Go over to the TAP of that name, or let go of the one it has (None); OSError with what is wrong."""
        if linkstr == self.linkstr:
            if linkstr is None:
                raise oserror(errno.ENOTCONN)
            return
        device = open_tap(linkstr) if linkstr is not None else None
        self._detach()
        if device is not None:
            self.device = device
            self.fd = device.fileno()
            self.readers[self.fd] = self.receive
        self.linkstr = linkstr
        self.changed()

    def _detach(self) -> None:
        if self.device is not None:
            del self.readers[self.fd]
            self.device.close()
            self.device = None
            self.fd = -1

    def init(self) -> None:
        """It runs when it is up and has a device."""
        if self.flags & IFF_UP and self.device is not None:
            self.flags |= IFF_RUNNING
        else:
            self.flags &= ~IFF_RUNNING

    def destroy(self) -> None:
        """Let the device go."""
        self.down()
        self._detach()
        self.linkstr = None

    def receive(self) -> None:
        """Frames wait at the device: take a burst of them."""
        fd, take = self.fd, self.input_frame
        try:
            for _ in range(BURST):
                take(os.read(fd, _FRAME_MAX))
        except BlockingIOError:
            pass
        except OSError as error:  # somebody has deleted the device
            self.ether.log(f"{self.name}: {self.linkstr}: {error.strerror}; detached")
            self._detach()
            self.linkstr = None
            self.changed()

    def start(self, m: Mbuf) -> int:
        """Give a frame to the kernel, which receives it before this returns."""
        try:
            os.write(self.fd, m.frame())
        except OSError as error:
            refusal = _REFUSALS.get(error.errno or 0, _GONE)
            if refusal is _FULL:
                self.odrops += 1
            else:
                self.oerrors += 1
            self.ether.drop(refusal.reason, m)
            return refusal.error
        return 0


def open_tap(name: str) -> Device:
    """Attach to the TAP of that name, or make it; OSError in words that say what is wrong, and the cure."""
    if not (0 < len(name) <= _NAME_MAX and name.isascii() and all(char.isalnum() or char in "-_." for char in name)):
        raise OSError(f"{name}: a TAP's name has 1 to {_NAME_MAX} letters and digits")
    try:
        from pytun import IFF_NO_PI, IFF_TAP, TunTapDevice
    except ImportError:
        raise OSError("python-pytun is not installed: pip install 'netsh[tap]'") from None
    existed = _exists(name)
    sys.audit("open", "/dev/net/tun", "r+", os.O_RDWR)  # C opens it without telling who may object
    try:
        device: Device = TunTapDevice(name=name, flags=IFF_TAP | IFF_NO_PI)
    except OSError as error:
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
