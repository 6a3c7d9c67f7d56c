"""The machine's sockets, each doing the work of one of ours (rump/net/lib/libsockin/sockin.c, its worker).

What comes from the network is read into `so.rcv` while there is room, so a slow program slows its peer down; what
the machine does not take at once waits in `so.snd`.  The lab's driver watches the descriptors, and only those that
wait for something.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

from stack.addr import Ip4
from stack.kern.errors import oserror
from stack.kern.sockbuf import Record, RecordBuf, StreamBuf
from stack.kern.socket import (
    SO_BROADCAST,
    SO_DONTROUTE,
    SO_KEEPALIVE,
    SO_REUSEADDR,
    SO_REUSEPORT,
    SOCK_STREAM,
    SS_CANTRCVMORE,
    SS_ISCONNECTED,
    SS_ISCONNECTING,
    SS_ISDISCONNECTING,
    SS_NOFDREF,
    Address,
    Socket,
)
from stack.lab import Lab

_CHUNK = 1 << 16  # bytes read or written at once
_BURST = 4  # chunks, before everybody else has a turn
_DATAGRAMS = 64  # the same for datagrams
_LARGEST = 65536  # bytes: no datagram, with what is counted for its sender, is larger
_BREATHER = 0.1  # seconds until an accept is tried again when the machine has no descriptor left

FLAGS = {
    SO_KEEPALIVE: socket.SO_KEEPALIVE,
    SO_DONTROUTE: socket.SO_DONTROUTE,
    SO_BROADCAST: socket.SO_BROADCAST,
    SO_REUSEADDR: socket.SO_REUSEADDR,
    SO_REUSEPORT: socket.SO_REUSEPORT,
}
_EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}


class Twin:
    """A socket of the machine's that does the work of one of ours."""

    __slots__ = ("crowd", "fd", "lab", "open", "options", "real", "so")

    def __init__(self, lab: Lab, crowd: set[Twin], so: Socket, real: socket.socket) -> None:
        real.setblocking(False)
        self.lab = lab
        self.crowd = crowd  # all that are open
        self.so = so
        self.real = real
        self.fd = real.fileno()
        self.open = True
        self.options = 0  # those of so.options that the real one has
        crowd.add(self)

    def input(self) -> None:
        """The real one has something to be read."""
        raise NotImplementedError

    def output(self) -> None:
        """The real one takes more."""
        raise NotImplementedError

    def update(self) -> None:
        """Watch for what is wanted now."""
        raise NotImplementedError

    def watch(self, *, reading: bool, writing: bool) -> None:
        """Let the driver watch for so much, and no more."""
        lab = self.lab
        if reading:
            lab.readers[self.fd] = self.input
        else:
            lab.readers.pop(self.fd, None)
        if writing:
            lab.writers[self.fd] = self.output
        else:
            lab.writers.pop(self.fd, None)

    def set_options(self) -> None:
        """Give the real one the options that were set since the last time."""
        changed = (self.so.options ^ self.options) & self.usable
        for option, number in FLAGS.items() if changed else ():
            if changed & option:
                with bsd_words():
                    self.real.setsockopt(socket.SOL_SOCKET, number, int(bool(self.so.options & option)))
        self.options ^= changed

    @property
    def usable(self) -> int:
        """The options that mean the same to the machine.

        Linux lets SO_REUSEADDR alone give one UDP port to several sockets, the last of which gets everything; in
        BSD that takes SO_REUSEPORT.
        """
        every = SO_KEEPALIVE | SO_DONTROUTE | SO_BROADCAST | SO_REUSEADDR | SO_REUSEPORT
        return every if self.so.kind == SOCK_STREAM else every & ~SO_REUSEADDR

    @property
    def waits(self) -> bool:
        """Whether it has taken an address, and anybody may come to it."""
        raise NotImplementedError

    def exchange(self, real: socket.socket) -> None:
        """Go on with another real one, before anybody watches this one."""
        self.real.close()
        self.real = real
        self.fd = real.fileno()

    def close(self, *, reset: bool = False) -> None:
        """Let the real one go, in good order or by a reset; harmless when done before."""
        if not self.open:
            return
        self.open = False
        self.watch(reading=False, writing=False)
        self.crowd.discard(self)
        with suppress(OSError):
            if reset:
                self.real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with suppress(OSError):
            self.real.close()


class Stream(Twin):
    """The twin of a stream."""

    __slots__ = ("arrive", "ended", "finishing", "listener")

    def __init__(self, lab: Lab, crowd: set[Twin], so: Socket, real: socket.socket) -> None:
        super().__init__(lab, crowd, so, real)
        self.ended = False  # the peer sends no more
        self.finishing = False  # we send no more than what is in so.snd
        self.arrive: Callable[[Stream, socket.socket], None] | None = None  # a listener's: somebody has come
        self.listener: Stream | None = None  # whom it came from, until it is accepted

    @property
    def waits(self) -> bool:
        """A listener does."""
        return self.arrive is not None

    def update(self) -> None:
        """A listener looks for one connection at a time: the others are better off in the machine's own queue."""
        so = self.so
        if not self.open:
            return
        if self.arrive is not None:
            return self.watch(reading=not so.q, writing=False)
        joined = so.state & (SS_ISCONNECTED | SS_ISDISCONNECTING) and not self.ended
        room = so.state & SS_CANTRCVMORE or cast(StreamBuf, so.rcv).space
        return self.watch(reading=bool(joined and room), writing=bool(so.state & SS_ISCONNECTING or so.snd.cc))

    def input(self) -> None:
        """A connection waits, or bytes, or their end, or an error."""
        if self.arrive is not None:
            self._accept(self.arrive)
        else:
            self._receive()
            self.so.rcv.channel.wakeup()
            self.update()

    def _accept(self, arrive: Callable[[Stream, socket.socket], None]) -> None:
        """Take a connection; when the machine has no descriptor for it now, later."""
        try:
            real, _ = self.real.accept()
        except OSError as error:  # or it was reset
            if error.errno in _EXHAUSTED:
                self.watch(reading=False, writing=False)
                self.lab.callouts.schedule(_BREATHER, self.update)
            return
        arrive(self, real)
        self.update()

    def _receive(self) -> None:
        """Read while there is room; a program that wants no more hears nothing of it, and the peer neither."""
        so, rcv = self.so, cast(StreamBuf, self.so.rcv)
        for _ in range(_BURST):
            deaf = so.state & SS_CANTRCVMORE
            size = _CHUNK if deaf else min(rcv.space, _CHUNK)
            if not size:
                return
            try:
                data = self.real.recv(size)
            except BlockingIOError:
                return
            except OSError as error:
                return self.drop(error.errno or errno.EIO)
            if not data:
                self.ended = True
                return so.cantrcvmore()
            if not deaf:
                rcv.append(data)
            if len(data) < size:
                return

    def output(self) -> None:
        """The handshake is over, or bytes may go out."""
        if self.so.state & SS_ISCONNECTING:
            self._connected()
        else:
            self._send()
        self.update()

    def _connected(self) -> None:
        code = self.real.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            return self.drop(code)
        with suppress(OSError):  # ENOTCONN: a false alarm, it still tries
            self.real.getpeername()
            self.so.isconnected()

    def _send(self) -> None:
        """Send what waits; after the last of it, what was to come then."""
        so, snd = self.so, self.so.snd
        try:
            while snd.cc:
                snd.drop(self.real.send(snd.copy(0, min(snd.cc, _CHUNK))))
        except BlockingIOError:
            pass
        except OSError as error:
            self.broken()
            so.error = error.errno or errno.EIO
        so.snd.channel.wakeup()
        if snd.cc:
            return
        if so.state & SS_NOFDREF:
            self.close()
        elif self.finishing:
            self.finishing = False
            with suppress(OSError):
                self.real.shutdown(socket.SHUT_WR)

    def broken(self) -> None:
        """The peer takes no more; what it has sent may still be read."""
        self.so.snd.flush()
        self.so.cantsendmore()
        self.so.rcv.channel.wakeup()

    def drop(self, code: int) -> None:
        """The connection is over, and this is why (tcp_drop)."""
        self.so.error = code
        self.close()
        self.so.isdisconnected()


class Datagram(Twin):
    """The twin of a datagram socket."""

    __slots__ = ("bound",)

    def __init__(self, lab: Lab, crowd: set[Twin], so: Socket, real: socket.socket) -> None:
        super().__init__(lab, crowd, so, real)
        self.bound = False  # by its owner

    @property
    def waits(self) -> bool:
        """Once it is bound."""
        return self.bound

    @property
    def room(self) -> bool:
        """Whether any datagram would fit; into an empty buffer that is too small none ever will, and it is lost."""
        rcv = self.so.rcv
        return bool(self.so.state & SS_CANTRCVMORE) or not rcv.cc or rcv.hiwat - rcv.cc >= _LARGEST

    def update(self) -> None:
        """Watch for datagrams while there is room; the machine keeps the others, as long as it can."""
        if self.open:
            self.watch(reading=self.room, writing=False)

    def input(self) -> None:
        """Datagrams wait, or the news that one of ours did not arrive."""
        so, rcv = self.so, cast(RecordBuf, self.so.rcv)
        try:
            here = ours(self.real.getsockname())[0]
            for _ in range(_DATAGRAMS):
                if not self.room:
                    break
                data, source = self.real.recvfrom(_LARGEST)
                if not so.state & SS_CANTRCVMORE:
                    rcv.append(Record(data, ours(source), here, 0))
        except BlockingIOError:
            pass
        except OSError as error:
            so.fail(error.errno or errno.EIO)
        rcv.channel.wakeup()
        self.update()

    def renew(self) -> None:
        """Give up the peer: the machine's own way to that is closed to Python, so another takes its place."""
        here = self.real.getsockname()
        self.watch(reading=False, writing=False)
        self.real.close()
        self.real = real_socket(socket.SOCK_DGRAM)
        self.real.setblocking(False)
        self.fd = self.real.fileno()
        self.options = 0
        self.set_options()
        if self.bound:
            with bsd_words():
                self.real.bind(here)


def real_socket(kind: int) -> socket.socket:
    """A new socket of the machine's."""
    with bsd_words():
        return socket.socket(socket.AF_INET, kind)


@contextmanager
def bsd_words() -> Iterator[None]:
    """What goes wrong is said in BSD's words."""
    try:
        yield
    except OSError as error:
        raise oserror(error.errno or errno.EIO) from None


def theirs(address: Address) -> tuple[str, int]:
    """An address as the machine's sockets take it; EADDRNOTAVAIL when the port is none."""
    if not 0 <= address[1] <= 65535:
        raise oserror(errno.EADDRNOTAVAIL)
    return str(Ip4(address[0])), address[1]


def ours(address: tuple[str, int]) -> tuple[Ip4, int]:
    """An address as our sockets have it."""
    return Ip4(int.from_bytes(socket.inet_aton(address[0]))), address[1]
