"""Sockets: BSD's verbs, non-blocking, and what a protocol tells them (BSD kern/uipc_socket.c, uipc_socket2.c).

A verb that would have to wait raises BlockingIOError (EWOULDBLOCK); `rcv.channel` and `snd.channel` are
woken when it is worth another try, and stack.kern.syscalls waits there.  Below, a protocol is a
`Usrreqs` (BSD's pr_usrreqs), registered by the host; sockets know nothing of protocols.
"""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable
from typing import Protocol

from stack.kern.errors import oserror
from stack.kern.sockbuf import Piece, Record, RecordBuf, StreamBuf

SOCK_STREAM, SOCK_DGRAM, SOCK_RAW = 1, 2, 3
SHUT_RD, SHUT_WR, SHUT_RDWR = 0, 1, 2
SOMAXCONN = 128

SOL_SOCKET = 0xFFFF
SO_ACCEPTCONN = 0x0002
SO_REUSEADDR = 0x0004
SO_KEEPALIVE = 0x0008
SO_DONTROUTE = 0x0010
SO_BROADCAST = 0x0020
SO_LINGER = 0x0080
SO_OOBINLINE = 0x0100
SO_REUSEPORT = 0x0200
SO_SNDBUF = 0x1001
SO_RCVBUF = 0x1002
SO_SNDLOWAT = 0x1003
SO_RCVLOWAT = 0x1004
SO_ERROR = 0x1007
SO_TYPE = 0x1008
SO_SNDTIMEO = 0x100B
SO_RCVTIMEO = 0x100C
_FLAGS = SO_REUSEADDR | SO_KEEPALIVE | SO_DONTROUTE | SO_BROADCAST | SO_OOBINLINE | SO_REUSEPORT
_OOB_ROOM = 1024  # bytes: urgent data may go that far beyond the size of the send buffer
_SB_MAX = 16 << 20  # bytes; kern.sbmax

SS_ISCONNECTED = 0x002
SS_ISCONNECTING = 0x004
SS_ISDISCONNECTING = 0x008
SS_CANTSENDMORE = 0x010
SS_CANTRCVMORE = 0x020
SS_ISDISCONNECTED = 0x800
SS_OOBEXPECTED = 0x1000  # urgent data was announced and has not come: its byte is to be taken out of the stream
SS_NOFDREF = 0x001  # closed by its owner: only the protocol still holds it

Address = tuple[int, int]  # an address (Ip4) and a port


class Usrreqs(Protocol):
    """What a protocol does for its sockets (BSD's struct pr_usrreqs)."""

    def attach(self, so: Socket) -> None: ...
    def detach(self, so: Socket) -> None: ...
    def bind(self, so: Socket, address: Address) -> None: ...
    def listen(self, so: Socket) -> None: ...
    def connect(self, so: Socket, address: Address) -> None: ...
    def disconnect(self, so: Socket) -> None: ...
    def shutdown(self, so: Socket) -> None: ...
    def abort(self, so: Socket) -> None: ...
    def rcvd(self, so: Socket) -> None: ...
    def send(self, so: Socket, data: Piece, address: Address | None) -> None: ...
    def sendoob(self, so: Socket, data: Piece) -> None: ...
    def rcvoob(self, so: Socket, *, peek: bool) -> bytes: ...
    def sockaddr(self, so: Socket) -> Address: ...
    def peeraddr(self, so: Socket) -> Address: ...
    def setopt(self, so: Socket, level: int, option: int, value: object) -> None: ...
    def getopt(self, so: Socket, level: int, option: int) -> object: ...


class Socket:
    """One end of a conversation.  Every error is an OSError with BSD's errno."""

    __slots__ = (
        "error", "head", "kind", "linger", "oobmark", "options", "pcb", "protocol", "q", "qlimit", "rcv", "snd",
        "state", "usrreqs",
    )  # fmt: skip

    def __init__(self, kind: int, protocol: int, usrreqs: Usrreqs, sendspace: int, recvspace: int) -> None:
        self.kind = kind
        self.protocol = protocol
        self.usrreqs = usrreqs
        self.options = 0
        self.linger: float | None = None  # seconds, as SO_LINGER
        self.state = 0
        self.error = 0
        self.oobmark: int | None = None  # bytes that may be read before the urgent one (so_oobmark)
        self.rcv: StreamBuf | RecordBuf
        if kind == SOCK_STREAM:
            self.rcv = StreamBuf(recvspace, "netio")
        else:
            self.rcv = RecordBuf(recvspace, "netio")
        self.snd = StreamBuf(sendspace, "netio", 2048)
        self.pcb: object | None = None
        self.head: Socket | None = None  # the listener it came from, until it is accepted
        self.q: deque[Socket] | None = None  # connections that may be accepted
        self.qlimit = 0
        usrreqs.attach(self)

    # --- what programs call -------------------------------------------------------------------

    def bind(self, address: Address) -> None:
        """Give it a local address and port; 0 in either lets the stack choose (sobind)."""
        self._check_open()
        self.usrreqs.bind(self, address)

    def listen(self, backlog: int = SOMAXCONN) -> None:
        """Accept connections, at most `backlog` waiting (solisten)."""
        self._check_open()
        if self.state & (SS_ISCONNECTED | SS_ISCONNECTING | SS_ISDISCONNECTING):
            raise oserror(errno.EINVAL)
        self.usrreqs.listen(self)
        if self.q is None:
            self.q = deque()
        self.options |= SO_ACCEPTCONN
        self.qlimit = min(max(backlog, 0), SOMAXCONN)

    def connect(self, address: Address) -> None:
        """Begin to connect; a stream raises EINPROGRESS and wakes `snd.channel` when it is done (soconnect)."""
        self._check_open()
        if self.options & SO_ACCEPTCONN:
            raise oserror(errno.EOPNOTSUPP)
        if self.kind == SOCK_STREAM:
            if self.state & SS_ISCONNECTED:
                raise oserror(errno.EISCONN)
            if self.state & SS_ISCONNECTING:
                raise oserror(errno.EALREADY)
            if self.state & SS_ISDISCONNECTED:
                raise oserror(errno.EINVAL)
        self.raise_error()
        self.usrreqs.connect(self, address)
        if self.state & SS_ISCONNECTING:
            raise oserror(errno.EINPROGRESS)

    def accept(self) -> tuple[Socket, Address]:
        """The next connection and who it is from (soaccept)."""
        self._check_open()
        if self.q is None:
            raise oserror(errno.EINVAL)
        if not self.q:
            self.raise_error()
            raise oserror(errno.EAGAIN)
        so = self.q.popleft()
        so.head = None
        try:
            return so, so.usrreqs.peeraddr(so)
        except OSError:  # it was reset while it waited
            so.close()
            raise oserror(errno.ECONNABORTED) from None

    def send(self, data: bytes | bytearray | memoryview, *, oob: bool = False) -> int:
        """Send bytes to the peer; returns how many were taken, which for a datagram is all.

        With `oob` the last byte taken is urgent (MSG_OOB).
        """
        return self.sendto(data, None, oob=oob)

    def sendto(self, data: bytes | bytearray | memoryview, address: Address | None, *, oob: bool = False) -> int:
        """Send bytes to an address (None: to the peer) (sosend)."""
        self._check_open()
        if self.state & SS_CANTSENDMORE:
            raise oserror(errno.EPIPE)
        self.raise_error()
        if self.kind == SOCK_STREAM:
            return self._send_stream(data, oob=oob)
        if oob:
            raise oserror(errno.EOPNOTSUPP)
        if not self.state & SS_ISCONNECTED and address is None:
            raise oserror(errno.EDESTADDRREQ)
        if len(data) > self.snd.hiwat:
            raise oserror(errno.EMSGSIZE)
        self.usrreqs.send(self, bytes(data), address)
        return len(data)

    def _send_stream(self, data: bytes | bytearray | memoryview, *, oob: bool) -> int:
        if not self.state & SS_ISCONNECTED:
            raise oserror(errno.EAGAIN if self.state & SS_ISCONNECTING else errno.ENOTCONN)
        room = self.snd.hiwat - self.snd.cc + (_OOB_ROOM if oob else 0)
        if room <= 0 or (room < len(data) and room < self.snd.lowat <= self.snd.hiwat and self.snd.cc):
            raise oserror(errno.EAGAIN)
        if len(data) > room:
            data = memoryview(data)[:room]
        if oob and data:
            self.usrreqs.sendoob(self, _unchanging(data))
        else:
            self.usrreqs.send(self, _unchanging(data), None)
        return len(data)

    def recv(self, size: int, *, peek: bool = False, oob: bool = False) -> bytes:
        """Receive at most `size` bytes; b"" when the peer has closed.  The rest of a datagram is lost (soreceive).

        With `oob` it is the urgent byte, beside the stream (MSG_OOB), and that never waits.  Else no read goes
        beyond the place where that byte was (or is, with SO_OOBINLINE): the next one begins there.
        """
        self._check_open()
        if oob:
            return self.usrreqs.rcvoob(self, peek=peek)[:size]
        if not isinstance(self.rcv, StreamBuf):
            return self.recvmsg(peek=peek).data[:size]
        if not self.rcv.cc:
            self._nothing_to_read()
            return b""
        mark = self.oobmark
        if mark:
            size = min(size, mark)
        if peek:
            return bytes(self.rcv.copy(0, min(size, self.rcv.cc)))
        data = self.rcv.take(size)
        if mark is not None and data:
            self.oobmark = mark - len(data) if mark else None
        self.usrreqs.rcvd(self)
        return data

    def sockatmark(self) -> bool:
        """Whether the next byte to be read is the urgent one, or comes after it (SIOCATMARK)."""
        self._check_open()
        return self.oobmark == 0

    @property
    def exceptional(self) -> bool:
        """Whether there is urgent data that was not read past: what select's third set is for."""
        return self.oobmark is not None

    def recvfrom(self, size: int) -> tuple[bytes, Address]:
        """As `recv`, and who sent it."""
        if isinstance(self.rcv, StreamBuf):
            return self.recv(size), self.getpeername()
        record = self.recvmsg()
        return record.data[:size], record.source

    def recvmsg(self, *, peek: bool = False) -> Record:
        """A datagram with all that is known of it; an empty one from nowhere after shutdown."""
        self._check_open()
        assert isinstance(self.rcv, RecordBuf)
        if not self.rcv.records:
            self._nothing_to_read()
            return Record(b"", (0, 0), 0, 0)
        if peek:
            return self.rcv.records[0]
        record = self.rcv.take()
        self.usrreqs.rcvd(self)
        return record

    def _nothing_to_read(self) -> None:
        """Raise what a read of an empty buffer raises; return at the end of the stream."""
        self.raise_error()
        if self.state & SS_CANTRCVMORE:
            return
        if self.kind == SOCK_STREAM and not self.state & (SS_ISCONNECTED | SS_ISCONNECTING):
            raise oserror(errno.ENOTCONN)
        raise oserror(errno.EAGAIN)

    def shutdown(self, how: int) -> None:
        """Close one direction or both (soshutdown)."""
        self._check_open()
        if how not in (SHUT_RD, SHUT_WR, SHUT_RDWR):
            raise oserror(errno.EINVAL)
        if not self.state & (SS_ISCONNECTED | SS_ISDISCONNECTING):
            raise oserror(errno.ENOTCONN)
        if how != SHUT_WR:
            self.cantrcvmore()
            self.rcv.flush()
            self.oobmark = None
            self.usrreqs.rcvd(self)
        if how != SHUT_RD:
            self.usrreqs.shutdown(self)

    def close(self) -> None:
        """Let it go; a stream closes in good order by itself, later.  Harmless when done before (soclose)."""
        if self.state & SS_NOFDREF:
            return
        for so in self.q or ():
            so.head = None
            so.state |= SS_NOFDREF
            so.usrreqs.abort(so)
        if self.q:
            self.q.clear()
        self.state |= SS_NOFDREF
        if self.pcb is not None:
            if self.linger == 0:
                self.usrreqs.abort(self)
            elif self.kind == SOCK_STREAM and self.state & (SS_ISCONNECTED | SS_ISCONNECTING):
                self.usrreqs.disconnect(self)
            elif not self.state & SS_ISDISCONNECTING:
                self.usrreqs.detach(self)
        self.rcv.channel.wakeup()
        self.snd.channel.wakeup()

    def getsockname(self) -> Address:
        """The local address and port."""
        self._check_open()
        return self.usrreqs.sockaddr(self)

    def getpeername(self) -> Address:
        """The peer's address and port; ENOTCONN when there is none."""
        self._check_open()
        return self.usrreqs.peeraddr(self)

    def setsockopt(self, level: int, option: int, value: object) -> None:
        """Set an option: ints, for SO_LINGER seconds or None, for SO_RCVTIMEO and SO_SNDTIMEO seconds, 0 for ever."""
        self._check_open()
        if level != SOL_SOCKET:
            return self.usrreqs.setopt(self, level, option, value)
        if option == SO_LINGER:
            if value is not None and not isinstance(value, (int, float)):
                raise oserror(errno.EINVAL)
            self.linger = value
        elif option in (SO_SNDTIMEO, SO_RCVTIMEO):
            if not isinstance(value, (int, float)) or value < 0:
                raise oserror(errno.EINVAL)
            (self.snd if option == SO_SNDTIMEO else self.rcv).timeo = value or None
        elif not isinstance(value, int):
            raise oserror(errno.EINVAL)
        elif option & _FLAGS == option and option.bit_count() == 1:
            self.options = self.options | option if value else self.options & ~option
            if option == SO_KEEPALIVE and self.kind == SOCK_STREAM and self.pcb is not None:
                self.usrreqs.setopt(self, level, option, value)
        elif option in _SIZES:
            if value <= 0:
                raise oserror(errno.EINVAL)
            if value > _SB_MAX:
                raise oserror(errno.ENOBUFS)
            _SIZES[option](self, value)
        else:
            raise oserror(errno.ENOPROTOOPT)
        return None

    def getsockopt(self, level: int, option: int) -> object:
        """Read an option; SO_ERROR also clears the error."""
        self._check_open()
        if level != SOL_SOCKET:
            return self.usrreqs.getopt(self, level, option)
        if option == SO_ERROR:
            error, self.error = self.error, 0
            return error
        if option == SO_LINGER:
            return self.linger
        if option & (_FLAGS | SO_ACCEPTCONN) == option and option.bit_count() == 1:
            return int(bool(self.options & option))
        values = {
            SO_SNDBUF: self.snd.hiwat,
            SO_RCVBUF: self.rcv.hiwat,
            SO_SNDLOWAT: self.snd.lowat,
            SO_RCVLOWAT: self.rcv.lowat,
            SO_TYPE: self.kind,
            SO_SNDTIMEO: self.snd.timeo or 0.0,
            SO_RCVTIMEO: self.rcv.timeo or 0.0,
        }
        if option not in values:
            raise oserror(errno.ENOPROTOOPT)
        return values[option]

    @property
    def readable(self) -> bool:
        """Whether a read (or an accept) would not wait (soreadable)."""
        if self.q is not None:
            return bool(self.q) or bool(self.error)
        if isinstance(self.rcv, RecordBuf):
            waiting = bool(self.rcv.records)
        else:
            waiting = self.rcv.cc >= self.rcv.lowat
        return waiting or bool(self.error) or bool(self.state & (SS_CANTRCVMORE | SS_NOFDREF))

    @property
    def writable(self) -> bool:
        """Whether a write would not wait (sowritable)."""
        if self.error or self.state & (SS_CANTSENDMORE | SS_NOFDREF):
            return True
        if self.kind != SOCK_STREAM:
            return True
        low = min(self.snd.lowat, self.snd.hiwat)
        return bool(self.state & SS_ISCONNECTED) and self.snd.hiwat - self.snd.cc >= low

    def raise_error(self) -> None:
        """Raise the error a protocol left here, once."""
        if self.error:
            error, self.error = self.error, 0
            raise oserror(error)

    def _check_open(self) -> None:
        if self.state & SS_NOFDREF:
            raise oserror(errno.EBADF)

    # --- what protocols call ------------------------------------------------------------------

    def isconnecting(self) -> None:
        """A handshake has begun (soisconnecting)."""
        self.state = self.state & ~(SS_ISCONNECTED | SS_ISDISCONNECTING) | SS_ISCONNECTING

    def isconnected(self) -> None:
        """The handshake is done; a listener's child may now be accepted (soisconnected)."""
        self.state = self.state & ~(SS_ISCONNECTING | SS_ISDISCONNECTING) | SS_ISCONNECTED
        head = self.head
        if head is not None and head.q is not None and self not in head.q:
            head.q.append(self)
            head.rcv.channel.wakeup()
        self.rcv.channel.wakeup()
        self.snd.channel.wakeup()

    def isdisconnecting(self) -> None:
        """Our side closes both ways (soisdisconnecting)."""
        self.state = self.state & ~SS_ISCONNECTING | SS_ISDISCONNECTING | SS_CANTRCVMORE | SS_CANTSENDMORE
        self.rcv.channel.wakeup()
        self.snd.channel.wakeup()

    def isdisconnected(self) -> None:
        """It is over (soisdisconnected); bytes already received may still be read."""
        self.state &= ~(SS_ISCONNECTING | SS_ISCONNECTED | SS_ISDISCONNECTING)
        self.state |= SS_CANTRCVMORE | SS_CANTSENDMORE | SS_ISDISCONNECTED
        self.snd.flush()
        self.rcv.channel.wakeup()
        self.snd.channel.wakeup()

    @property
    def has_room(self) -> bool:
        """Whether a listener would begin another handshake; what is in one already may still find room (newconn)."""
        return self.q is not None and len(self.q) <= self.qlimit

    def newconn(self) -> Socket | None:
        """A child of this listener, whose queue it joins when connected; None when that is full (sonewconn)."""
        if self.q is None or len(self.q) > 3 * self.qlimit // 2:
            return None
        so = Socket(self.kind, self.protocol, self.usrreqs, self.snd.hiwat, self.rcv.hiwat)
        so.options = self.options & ~SO_ACCEPTCONN
        so.linger = self.linger
        so.snd.lowat, so.rcv.lowat = self.snd.lowat, self.rcv.lowat
        so.snd.timeo, so.rcv.timeo = self.snd.timeo, self.rcv.timeo
        so.snd.auto = self.snd.auto
        if isinstance(so.rcv, StreamBuf) and isinstance(self.rcv, StreamBuf):
            so.rcv.auto = self.rcv.auto
        so.head = self
        return so

    def hasoutofband(self, mark: int) -> None:
        """Urgent data was announced, that many bytes ahead of the reader (sohasoutofband)."""
        self.oobmark = mark
        self.state |= SS_OOBEXPECTED
        self.rcv.channel.wakeup()

    def cantsendmore(self) -> None:
        """No more may be sent (socantsendmore)."""
        self.state |= SS_CANTSENDMORE
        self.snd.channel.wakeup()

    def cantrcvmore(self) -> None:
        """No more will come (socantrcvmore)."""
        self.state |= SS_CANTRCVMORE
        self.rcv.channel.wakeup()

    def fail(self, error: int) -> None:
        """Leave an errno for the next call, and wake who waits."""
        self.error = error
        self.rcv.channel.wakeup()
        self.snd.channel.wakeup()


def _unchanging(data: bytes | bytearray | memoryview) -> Piece:
    """The same bytes, which nobody will change while they wait to be sent; a copy only where it must be."""
    if isinstance(data, bytes) or (isinstance(data, memoryview) and isinstance(data.obj, bytes)):
        return data
    return bytes(data)


def _set_sndbuf(so: Socket, value: int) -> None:
    so.snd.hiwat = value
    so.snd.auto = False
    so.snd.lowat = min(so.snd.lowat, value)


def _set_rcvbuf(so: Socket, value: int) -> None:
    so.rcv.hiwat = value
    if isinstance(so.rcv, StreamBuf):
        so.rcv.auto = False


def _set_sndlowat(so: Socket, value: int) -> None:
    so.snd.lowat = min(value, so.snd.hiwat)


def _set_rcvlowat(so: Socket, value: int) -> None:
    so.rcv.lowat = min(value, so.rcv.hiwat)


_SIZES: dict[int, Callable[[Socket, int], None]] = {
    SO_SNDBUF: _set_sndbuf,
    SO_RCVBUF: _set_rcvbuf,
    SO_SNDLOWAT: _set_sndlowat,
    SO_RCVLOWAT: _set_rcvlowat,
}
