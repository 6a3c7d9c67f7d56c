"""A host's sockets mapped to the machine's own (rump/net/lib/libsockin/sockin.c).

`use` switches a host over, at any time: the sockets its programs open from then on are real ones of the machine
that runs us, with its addresses, its names and its errors, and no privileges are needed.  Above, nothing changes:
a `Socket` keeps its buffers, its verbs and its wait channels, and this is one more protocol below it.  Each has a
`Twin`, the machine's socket that does its work.  No interface, route or packet of the lab has a part in this, and
raw sockets are not to be had.
"""

from __future__ import annotations

import errno
import select
import socket
import time
from typing import cast

from stack.addr import Ip4
from stack.dev.twin import Datagram, Stream, Twin, bsd_words, ours, real_socket, theirs
from stack.header.ip import IPPROTO_TCP
from stack.host import Host
from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece
from stack.kern.socket import (
    SOCK_STREAM,
    SOL_SOCKET,
    SOMAXCONN,
    SS_ISCONNECTED,
    SS_ISCONNECTING,
    SS_NOFDREF,
    Address,
    Socket,
)
from stack.lab import Lab
from stack.netinet.in_ import (
    IP_ADD_MEMBERSHIP,
    IP_DROP_MEMBERSHIP,
    IP_MULTICAST_IF,
    IP_MULTICAST_LOOP,
    IP_MULTICAST_TTL,
    IP_TOS,
    IP_TTL,
    IPPROTO_IP,
    TCP_CONGCTL,
    TCP_INFO,
    TCP_KEEPCNT,
    TCP_KEEPIDLE,
    TCP_KEEPINTVL,
    TCP_MAXSEG,
    TCP_NODELAY,
)

_SPACE = 1 << 18  # bytes: each buffer of a socket; the machine's own come on top
_LINGER = 2.0  # seconds that a peer may take nothing while the lab ends
_LINGER_MOST = 10.0  # seconds that the end may take in all

IP_OPTIONS = {
    IP_TOS: socket.IP_TOS,
    IP_TTL: socket.IP_TTL,
    IP_MULTICAST_TTL: socket.IP_MULTICAST_TTL,
    IP_MULTICAST_LOOP: socket.IP_MULTICAST_LOOP,
}
TCP_OPTIONS = {
    TCP_NODELAY: socket.TCP_NODELAY,
    TCP_MAXSEG: socket.TCP_MAXSEG,
    TCP_KEEPIDLE: socket.TCP_KEEPIDLE,
    TCP_KEEPINTVL: socket.TCP_KEEPINTVL,
    TCP_KEEPCNT: socket.TCP_KEEPCNT,
}
_GROUP_OPTIONS = {IP_ADD_MEMBERSHIP: socket.IP_ADD_MEMBERSHIP, IP_DROP_MEMBERSHIP: socket.IP_DROP_MEMBERSHIP}


def use(lab: Lab, host: Host) -> None:
    """Let the programs of a host have the machine's sockets; `host.machine = None` undoes it."""
    if lab.machine is None:
        lab.machine = Sockin(lab)
    host.machine = lab.machine


class Sockin:
    """The machine's sockets, for one lab."""

    def __init__(self, lab: Lab) -> None:
        self.twins: set[Twin] = set()
        self.streams = Streams(lab, self.twins)
        self.datagrams = Datagrams(lab, self.twins)

    @property
    def busy(self) -> bool:
        """Whether a socket is open."""
        return bool(self.twins)

    def socket(self, kind: int, protocol: int) -> Socket:
        """A new socket, a stream or one of datagrams."""
        usrreqs = self.streams if kind == SOCK_STREAM else self.datagrams
        return Socket(kind, protocol, usrreqs, _SPACE, _SPACE)

    def resolve(self, name: str) -> Ip4:
        """The address of a name, as the machine knows it; OSError ENOENT when it knows none."""
        try:
            found = socket.getaddrinfo(name, None, socket.AF_INET, socket.SOCK_STREAM)
        except (OSError, ValueError):  # ValueError: it cannot be a name
            raise oserror(errno.ENOENT) from None
        return ours((str(found[0][4][0]), 0))[0]

    def name_of(self, address: int) -> str | None:
        """The name of an address; none but our own, since to ask for another could take long."""
        return "localhost" if address == 0x7F000001 else None

    def close(self) -> None:
        """The lab ends: what was to be sent has a last chance, then all sockets are closed."""
        deadline = time.monotonic() + _LINGER_MOST
        while time.monotonic() < deadline:
            waiting = {twin.fd: twin for twin in self.twins if twin.so.snd.cc and twin.so.state & SS_NOFDREF}
            poller = select.poll()
            for fd in waiting:
                poller.register(fd, select.POLLOUT)
            ready = poller.poll(_LINGER * 1000) if waiting else []
            if not ready:
                break
            for fd, _ in ready:
                waiting[fd].output()
        for twin in list(self.twins):
            twin.close()


class Provider:
    """The verbs that streams and datagrams have in common."""

    def __init__(self, lab: Lab, crowd: set[Twin]) -> None:
        self.lab = lab
        self.crowd = crowd

    def twin(self, so: Socket) -> Twin:
        """The twin of a socket of ours; ENOTCONN when its connection is over."""
        twin = cast(Twin | None, so.pcb)
        if twin is None or not twin.open:
            raise oserror(errno.ENOTCONN)
        return twin

    def detach(self, so: Socket) -> None:
        """The socket goes away."""
        twin = cast(Twin | None, so.pcb)
        if twin is not None:
            twin.close()
            so.pcb = None

    def abort(self, so: Socket) -> None:
        """The socket goes away, and with it the connection, by a reset."""
        twin = cast(Twin | None, so.pcb)
        if twin is not None:
            twin.close(reset=True)
            so.pcb = None

    def bind(self, so: Socket, address: Address) -> None:
        """Take a local address and port."""
        twin = self.twin(so)
        twin.set_options()
        with bsd_words():
            try:
                twin.real.bind(theirs(address))
            except OSError as error:
                held = self._held(so.kind, address) if error.errno == errno.EADDRINUSE else None
                if held is None:
                    raise
                twin.exchange(held.real.dup())

    def _held(self, kind: int, address: Address) -> Twin | None:
        """Who waits at an address in the lab whose place ours takes, and ends then."""
        before = self.lab.predecessor.machine if self.lab.predecessor is not None else None
        twins = before.twins if isinstance(before, Sockin) else ()
        there = (twin for twin in twins if twin.waits and twin.so.kind == kind)
        return next((twin for twin in there if ours(twin.real.getsockname()) == address), None)

    def rcvd(self, so: Socket) -> None:
        """The program has read: there is room for more."""
        twin = cast(Twin | None, so.pcb)
        if twin is not None:
            twin.update()

    def sendoob(self, so: Socket, data: Piece) -> None:
        """What a twin reads, it reads early, and so past any mark: urgent data is for our own stack."""
        raise oserror(errno.EOPNOTSUPP)

    def rcvoob(self, so: Socket, *, peek: bool) -> bytes:
        """Nor is it received."""
        raise oserror(errno.EOPNOTSUPP)

    def sockaddr(self, so: Socket) -> Address:
        """The local address and port."""
        twin = cast(Twin | None, so.pcb)
        if twin is None or not twin.open:
            raise oserror(errno.EINVAL)
        return ours(twin.real.getsockname())

    def peeraddr(self, so: Socket) -> Address:
        """The peer's address and port."""
        with bsd_words():
            return ours(self.twin(so).real.getpeername())

    def setopt(self, so: Socket, level: int, option: int, value: object) -> None:
        """Set an option of the machine's, called by BSD's number."""
        twin = self.twin(so)
        if level == SOL_SOCKET:
            return twin.set_options()
        with bsd_words():
            if level == IPPROTO_IP and option in _GROUP_OPTIONS:
                return twin.real.setsockopt(socket.IPPROTO_IP, _GROUP_OPTIONS[option], _membership(value))
            if isinstance(value, str) and (level, option) == (IPPROTO_TCP, TCP_CONGCTL) and so.kind == SOCK_STREAM:
                return twin.real.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, value.encode())
            if not isinstance(value, int):
                raise oserror(errno.EINVAL)
            if level == IPPROTO_IP and option == IP_MULTICAST_IF:
                return twin.real.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, value.to_bytes(4))
            return twin.real.setsockopt(*_option(so, level, option), int(value))

    def getopt(self, so: Socket, level: int, option: int) -> object:
        """Read one."""
        with bsd_words():
            real = self.twin(so).real
            if (level, option) == (IPPROTO_TCP, TCP_CONGCTL) and so.kind == SOCK_STREAM:
                return real.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
            if (level, option) == (IPPROTO_TCP, TCP_INFO) and so.kind == SOCK_STREAM:
                return real.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            return real.getsockopt(*_option(so, level, option))


class Streams(Provider):
    """TCP of the machine."""

    arrived: socket.socket | None = None  # what the socket that is being made is to be the twin of

    def attach(self, so: Socket) -> None:
        """A new socket."""
        so.pcb = Stream(self.lab, self.crowd, so, self.arrived or real_socket(socket.SOCK_STREAM))

    def stream(self, so: Socket) -> Stream:
        """The twin of a socket of ours."""
        return cast(Stream, self.twin(so))

    def arrive(self, listener: Stream, real: socket.socket) -> None:
        """A connection has come: let it wait to be accepted."""
        self.arrived = real
        try:
            so = listener.so.newconn()
        finally:
            self.arrived = None
        if so is None:
            return real.close()
        twin = self.stream(so)
        twin.listener = listener
        so.isconnected()
        return twin.update()

    def listen(self, so: Socket) -> None:
        """Wait for connections."""
        twin = self.stream(so)
        twin.set_options()
        with bsd_words():
            twin.real.listen(SOMAXCONN)
        twin.arrive = self.arrive
        twin.update()

    def connect(self, so: Socket, address: Address) -> None:
        """Begin the handshake."""
        twin = self.stream(so)
        twin.set_options()
        try:
            with bsd_words():
                twin.real.connect(theirs(address))
            so.isconnected()
        except BlockingIOError:
            so.isconnecting()
        twin.update()

    def disconnect(self, so: Socket) -> None:
        """The socket is closed: our side ends in good order, after all that is buffered."""
        twin = cast(Stream, so.pcb)
        if so.state & SS_ISCONNECTING:
            return twin.close()
        unread = so.rcv.cc
        so.isdisconnecting()
        so.rcv.flush()
        if so.snd.cc and not unread:
            return twin.update()
        return twin.close(reset=bool(unread))  # RFC 1122 4.2.2.13: data was lost, so the peer must learn it

    def shutdown(self, so: Socket) -> None:
        """No more will be sent, but all that is buffered."""
        twin = self.stream(so)
        so.cantsendmore()
        if so.snd.cc:
            twin.finishing = True
        else:
            with bsd_words():
                twin.real.shutdown(socket.SHUT_WR)

    def send(self, so: Socket, data: Piece, address: Address | None) -> None:
        """Send bytes: what the machine does not take now waits."""
        twin = self.stream(so)
        if not so.snd.cc:
            try:
                data = memoryview(data)[twin.real.send(data) :]
            except BlockingIOError:
                pass
            except OSError as error:
                twin.broken()
                raise oserror(error.errno or errno.EIO) from None
        if data:
            so.snd.append(data)
            twin.update()

    def peeraddr(self, so: Socket) -> Address:
        """The peer's address and port.  Who accepts asks for it, so the listener looks for the next one then."""
        twin = cast(Stream | None, so.pcb)
        if twin is not None and twin.listener is not None and so.head is None:
            twin.listener.update()
            twin.listener = None
        return super().peeraddr(so)


class Datagrams(Provider):
    """UDP of the machine."""

    def attach(self, so: Socket) -> None:
        """A new socket."""
        so.pcb = Datagram(self.lab, self.crowd, so, real_socket(socket.SOCK_DGRAM))

    def bind(self, so: Socket, address: Address) -> None:
        """Take a local address and port; from now on datagrams may come."""
        super().bind(so, address)
        twin = cast(Datagram, self.twin(so))
        twin.bound = True
        twin.update()

    def listen(self, so: Socket) -> None:
        """There is nothing to accept."""
        raise oserror(errno.EOPNOTSUPP)

    def connect(self, so: Socket, address: Address) -> None:
        """Take a peer; a second one replaces the first, and (0, 0) dissolves."""
        if not address[0] and not address[1]:
            return self.disconnect(so)
        twin = self.twin(so)
        twin.set_options()
        with bsd_words():
            twin.real.connect(theirs(address))
        so.isconnected()
        return twin.update()

    def disconnect(self, so: Socket) -> None:
        """Give up the peer."""
        if so.state & SS_ISCONNECTED:
            twin = cast(Datagram, self.twin(so))
            so.state &= ~SS_ISCONNECTED
            twin.renew()
            twin.update()

    def shutdown(self, so: Socket) -> None:
        """No more will be sent."""
        so.cantsendmore()

    def send(self, so: Socket, data: Piece, address: Address | None) -> None:
        """Send a datagram."""
        twin = self.twin(so)
        twin.set_options()
        if address is not None and so.state & SS_ISCONNECTED:
            raise oserror(errno.EISCONN)
        try:
            with bsd_words():
                if address is None:
                    twin.real.send(data)
                else:
                    twin.real.sendto(data, theirs(address))
        except BlockingIOError:
            raise oserror(errno.ENOBUFS) from None  # BSD's datagrams do not wait
        twin.update()


def _membership(value: object) -> bytes:
    """A group and an interface's address as struct ip_mreq."""
    match value:
        case (int(group), int(interface)):
            return group.to_bytes(4) + interface.to_bytes(4)
    raise oserror(errno.EINVAL)


def _option(so: Socket, level: int, option: int) -> tuple[int, int]:
    """What the machine calls an option; ENOPROTOOPT when it has none of the kind."""
    if level == IPPROTO_IP and option in IP_OPTIONS:
        return socket.IPPROTO_IP, IP_OPTIONS[option]
    if level == IPPROTO_TCP and option in TCP_OPTIONS and so.kind == SOCK_STREAM:
        return socket.IPPROTO_TCP, TCP_OPTIONS[option]
    raise oserror(errno.ENOPROTOOPT)
