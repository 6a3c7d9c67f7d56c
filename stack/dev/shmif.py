"""Buses in files: a lab's part of an Ethernet that other processes share (rump/net/lib/libshmif/if_shmem.c).

    ifconfig shmif0 linkstr ./bus1      a name with a `/` is a file

To the lab it is a bus like any other, of which the file is one more port: frames of the lab's own interfaces
go to each other as ever and into the file once, frames from the file go to all of them.  What is sent in one
go goes into the file in one go, when all else that runs now has run.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from functools import partial

from stack.addr import Mac
from stack.callout import Callout
from stack.dev.busfile import BusFile
from stack.dev.buslock import BusLost
from stack.lab import Lab
from stack.mbuf import Mbuf
from stack.net.ethernet import m_devget
from stack.net.gso import send_segments
from stack.net.ifnet import IFF_RUNNING, IFQ_MAXLEN
from stack.net.wire import Bus, Shmif

_RETRY, _RETRY_MOST = 0.0005, 0.01  # seconds, when somebody else has the bus: twice as long each time
_BURST = 32  # frames that go into the file while there are more to come
_LAST_WORDS = 8  # tries to send what still waits when the last interface leaves


def register(lab: Lab) -> None:
    """Let the hosts of a lab be on buses in files: a file is one bus, by whatever names."""

    def open_bus(name: str) -> Bus:
        path = os.path.realpath(name)
        known = (bus for bus in lab.buses.values() if isinstance(bus, FileBus) and bus.path == path)
        return next(known, None) or FileBus(path if name in lab.buses else name, path, lab)

    lab.open_bus = open_bus


class FileBus(Bus):
    """A bus in a file, which is open while any interface is on it."""

    def __init__(self, name: str, path: str, lab: Lab) -> None:
        super().__init__(name, lab.callouts, lab.probes, lab.seed)
        self.path = path
        self.lab = lab
        self.carrier = False
        self.file: BusFile | None = None
        self.out: list[bytes] = []
        self.retry: Callout | None = None
        self.delay = _RETRY
        self.receiving = False  # we will look again anyway

    # --- on and off ---------------------------------------------------------------------------------

    def attach(self, port: Shmif) -> None:
        """An interface joins; OSError, in words, when the file cannot be had."""
        if self.file is None:
            self._open()
        host = self.lab.hosts[port.ether.hostname]
        if port.lladdr == host.new_lladdr(port.name):  # every lab has the same, and they meet here
            port.set_lladdr(Mac(port.lladdr[:2] + os.urandom(4)))
        super().attach(port)

    def detach(self, port: Shmif) -> None:
        """An interface leaves, and the last one closes the file."""
        super().detach(port)
        if not self.ports:
            for _ in range(_LAST_WORDS):
                self.flush()
            self._close(keep=False)
            del self.lab.buses[self.label]

    def _open(self) -> None:
        try:
            self.file = file = BusFile(self.path)
        except OSError as error:
            if not self.ports:
                del self.lab.buses[self.label]
            raise OSError(f"{self.label}: {error}") from None
        self.lab.readers[file.watcher] = self._look
        self.set_carrier(True)

    def _close(self, *, keep: bool) -> None:
        self.out.clear()
        if self.retry is not None:
            self.retry.stop()
        if self.file is not None:
            del self.lab.readers[self.file.watcher]
            self.file.close(keep=keep)
            self.file = None

    def _lose(self, lost: BusLost) -> None:
        """The file is no bus any more: say so once, and leave it as it is."""
        self._close(keep=True)
        self.carrier = False
        self.callouts.soon(lambda: self.set_carrier(self.file is not None))  # who sends just now does not expect it
        self.log(f"{lost}; its interfaces have lost their link, '-linkstr' leaves it")

    def set_carrier(self, carrier: bool) -> None:
        """Cut the wire, or mend it, if there is one."""
        super().set_carrier(carrier and self.file is not None)

    # --- frames -------------------------------------------------------------------------------------

    def transmit(self, sender: Shmif, m: Mbuf) -> int:
        """A frame goes out; ENOBUFS when too many wait already (shmif_start)."""
        if m.gso_size:
            return send_segments(m, partial(self.transmit, sender))
        if not self.carrier or self.file is None:
            sender.oerrors += 1
            sender.ether.drop("ifdown", m)
            return errno.ENETDOWN
        out = self.out
        if not out:
            self.callouts.ready.append(self.flush)
        elif len(out) >= IFQ_MAXLEN:
            sender.odrops += 1
            sender.ether.drop("busfull", m)
            return errno.ENOBUFS
        frame = m.frame()
        if len(self.ports) > 1:
            for port in self.takers(frame[:6]):
                if port is not sender:
                    port.enqueue(m.copy())
        out.append(frame)
        if len(out) == _BURST:  # others can work on it while we make more
            self._write()
        return 0

    def flush(self) -> None:
        """Put into the file what waits."""
        if self.file is None or not self.out:
            return
        if not self._write():
            self.retry = self._later(self.flush)
        elif self.out:
            self.callouts.soon(self.flush)
        else:
            self._look()  # now, or we would be woken by what we have written ourselves

    def _write(self) -> int:
        """Put some of what waits into the file; how much, 0 when that is busy."""
        assert self.file is not None
        try:
            count = self.file.write(self.out)
        except BusLost as lost:
            self._lose(lost)
            return 0
        del self.out[:count]
        if count:
            self.delay = _RETRY
        return count

    def _later(self, function: Callable[[], None]) -> Callout:
        """The bus is busy: try again in a moment."""
        callout = self.callouts.schedule(self.delay, function)
        self.delay = min(self.delay * 2, _RETRY_MOST)
        return callout

    def _look(self) -> None:
        """Somebody has written to the file: take it in at once, for who sleeps in poll(2) has waited long enough."""
        assert self.file is not None
        try:
            news = self.file.woken()
        except BusLost as lost:
            return self._lose(lost)
        if news and not self.receiving:
            self.receive()

    def receive(self) -> None:
        """Take a burst of frames from the file."""
        self.receiving = False
        if self.file is None:
            return
        try:
            frames, more, overrun, busy = self.file.read()
        except BusLost as lost:
            return self._lose(lost)
        if not busy:
            self.delay = _RETRY
        if overrun:
            for port in self.ports:
                port.ierrors += 1
                port.ether.drop("overrun")
        for frame in frames:
            for tap in self.taps:  # of whoever sent it elsewhere, to a capture here
                tap(self.ports[0], m_devget(frame), True)
            owner = self.owners.get(frame[:6])
            if owner is not None and not self.listeners:  # `takers`, written out: this is most frames
                self.arrive(owner, m_devget(frame))
                continue
            for port in self.takers(frame[:6]):
                self.arrive(port, m_devget(frame))
        self.receiving = more or busy
        if busy:
            self._later(self.receive)
        elif more:
            self.callouts.soon(self.receive)

    def arrive(self, port: Shmif, m: Mbuf) -> None:
        """A frame that another process has sent (shmif_rcv)."""
        port.enqueue(m)

    def takers(self, to: bytes) -> list[Shmif]:
        """Who of us takes a frame to that address."""
        if to[0] & 1:
            return [port for port in self.ports if port.flags & IFF_RUNNING]
        owner = self.owners.get(to)
        if owner is None:
            return self.listeners
        return [*self.listeners, owner]
