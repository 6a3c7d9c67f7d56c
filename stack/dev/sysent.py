"""The system calls of programs that run beside the lab (BSD kern/init_sysent.c, kern_descrip.c, uipc_syscalls.c).

A program names its descriptors itself, with numbers that it holds on the real machine, so that none is taken twice.
Options and flags have the real machine's numbers, as the program knows them.  What may have to wait has a `deadline`
in the lab's time: None waits for ever, `NOW` not at all; when it has passed, the answer is EAGAIN.
"""

from __future__ import annotations

import errno
import select
import socket
import struct
from collections.abc import Callable, Coroutine
from itertools import chain
from typing import Unpack, cast

from stack.addr import Ip4
from stack.dev.sockin import IP_OPTIONS, TCP_OPTIONS
from stack.dev.twin import FLAGS
from stack.host import Host
from stack.kern import syscalls
from stack.kern.errors import oserror
from stack.kern.proc import Channel, Nap, tsleep
from stack.kern.sockbuf import RecordBuf, StreamBuf
from stack.kern.socket import (
    SO_ACCEPTCONN,
    SO_ERROR,
    SO_LINGER,
    SO_OOBINLINE,
    SO_RCVBUF,
    SO_RCVLOWAT,
    SO_RCVTIMEO,
    SO_SNDBUF,
    SO_SNDLOWAT,
    SO_SNDTIMEO,
    SO_TYPE,
    SOCK_STREAM,
    SOL_SOCKET,
    SS_CANTRCVMORE,
    SS_CANTSENDMORE,
    SS_ISCONNECTED,
    SS_ISCONNECTING,
    Address,
    Socket,
)
from stack.lab import Lab
from stack.netinet.in_ import (
    IP_ADD_MEMBERSHIP,
    IP_DROP_MEMBERSHIP,
    IP_HDRINCL,
    IP_MULTICAST_IF,
    IPPROTO_IP,
    TCP_CONGCTL,
    TCP_INFO,
)
from stack.netinet.tcp_info import TcpInfo

_TCP_INFO = struct.Struct("=8B 24I 4Q 6I")  # struct tcp_info of Linux, as far as there is something to tell
_TCP_INFO_SIZE = 232
_STATES = (7, 10, 2, 3, 1, 8, 4, 11, 9, 5, 6)  # Linux's numbers for TCPS_CLOSED to TCPS_TIME_WAIT
_NEVER = (1 << 64) - 1
NOW = 0.0  # a deadline that has always passed
_FAMILIES = {socket.AF_INET}
_CHUNK = 65536
_JOINED = SS_ISCONNECTED | SS_ISCONNECTING

_SOCKET_OPTIONS = {
    **{theirs: ours for ours, theirs in FLAGS.items()},
    socket.SO_ACCEPTCONN: SO_ACCEPTCONN,
    socket.SO_ERROR: SO_ERROR,
    socket.SO_LINGER: SO_LINGER,
    socket.SO_OOBINLINE: SO_OOBINLINE,
    socket.SO_RCVBUF: SO_RCVBUF,
    socket.SO_RCVLOWAT: SO_RCVLOWAT,
    socket.SO_RCVTIMEO: SO_RCVTIMEO,
    socket.SO_SNDBUF: SO_SNDBUF,
    socket.SO_SNDLOWAT: SO_SNDLOWAT,
    socket.SO_SNDTIMEO: SO_SNDTIMEO,
    socket.SO_TYPE: SO_TYPE,
}
_FIXED = {(socket.SOL_SOCKET, socket.SO_DOMAIN): int(socket.AF_INET)}  # what is the same of all sockets
_STRUCTURES = {(socket.SOL_SOCKET, option) for option in (socket.SO_LINGER, socket.SO_RCVTIMEO, socket.SO_SNDTIMEO)}
_TIMEVAL = struct.Struct("@ll")
_MEMBERSHIPS = {socket.IP_ADD_MEMBERSHIP: IP_ADD_MEMBERSHIP, socket.IP_DROP_MEMBERSHIP: IP_DROP_MEMBERSHIP}
_IP = {theirs: ours for ours, theirs in IP_OPTIONS.items()} | {
    socket.IP_MULTICAST_IF: IP_MULTICAST_IF,
    getattr(socket, "IP_HDRINCL", 3): IP_HDRINCL,
}
_TCP = {theirs: ours for ours, theirs in TCP_OPTIONS.items()} | {
    getattr(socket, "TCP_CONGESTION", 13): TCP_CONGCTL,
    getattr(socket, "TCP_INFO", 11): TCP_INFO,
}

Coro = Coroutine[Nap, bool | None, object]
Call = Callable[[Unpack[tuple[object, ...]]], Coro]


class Filedesc:
    """The descriptors of a program, and the calls on them.  A call that fails raises OSError."""

    def __init__(self, lab: Lab, host: Host) -> None:
        self.lab = lab
        self.host = host
        self.files: dict[int, Socket] = {}
        self.count: dict[Socket, int] = {}  # descriptors of each, in this and in all related tables (fp->f_count)

    def call(self, name: str, arguments: tuple[object, ...]) -> Coro:
        """A system call; EINVAL for one that there is not, or not with such arguments."""
        if name not in CALLS:
            raise oserror(errno.ENOSYS)
        function: Call = getattr(self, name)
        return function(*arguments)

    def fork(self) -> Filedesc:
        """A copy for a child (fdcopy)."""
        child = Filedesc(self.lab, self.host)
        child.count = self.count
        for fd, so in self.files.items():
            child._open(fd, so)
        return child

    def close_all(self) -> None:
        """The process is over (fdfree)."""
        while self.files:
            self._close(next(iter(self.files)))

    def _open(self, fd: int, so: Socket) -> None:
        if fd in self.files:
            self._close(fd)
        self.files[fd] = so
        self.count[so] = self.count.get(so, 0) + 1

    def _close(self, fd: int) -> Socket | None:
        """Close a descriptor; the socket, when it was the last one (closef)."""
        so = self._file(fd)
        del self.files[fd]
        self.count[so] -= 1
        if self.count[so]:
            return None
        del self.count[so]
        so.close()
        return so

    def _file(self, fd: int) -> Socket:
        so = self.files.get(fd)
        if so is None:
            raise oserror(errno.EBADF)
        return so

    def _by(self, deadline: float | None, buffer: StreamBuf | RecordBuf) -> float | None:
        """A deadline; who has none has what SO_RCVTIMEO and SO_SNDTIMEO say."""
        return self.lab.callouts.now + buffer.timeo if deadline is None and buffer.timeo is not None else deadline

    def _left(self, deadline: float | None) -> float | None:
        """The seconds until a deadline; EAGAIN when it has passed."""
        if deadline is None:
            return None
        left = deadline - self.lab.callouts.now
        if left <= 0:
            raise oserror(errno.EAGAIN)
        return left

    # --- sockets --------------------------------------------------------------------------------------

    async def socket(self, fd: int, family: int, kind: int, protocol: int) -> None:
        """A new socket."""
        if family not in _FAMILIES:
            raise oserror(errno.EAFNOSUPPORT)
        self._open(fd, self.host.socket(kind, protocol))

    async def dup(self, fd: int, new: int) -> None:
        """One more number for a descriptor."""
        so = self._file(fd)
        if new != fd:
            self._open(new, so)

    async def close(self, fd: int, block: bool) -> None:
        """A number less; SO_LINGER may have something to wait for."""
        so = self._close(fd)
        if so is not None and block:
            await syscalls.close(so)

    async def bind(self, fd: int, address: int, port: int) -> None:
        """Take a local address."""
        self._file(fd).bind((Ip4(address), port))

    async def listen(self, fd: int, backlog: int) -> None:
        """Accept connections."""
        self._file(fd).listen(backlog)

    async def connect(self, fd: int, address: int, port: int, deadline: float | None) -> None:
        """Connect; EINPROGRESS when that is not to be waited for."""
        so, peer = self._file(fd), (Ip4(address), port)
        if deadline == NOW or so.kind != SOCK_STREAM:
            return so.connect(peer)
        left = self._left(deadline)
        try:
            if so.state & SS_ISCONNECTING:  # a signal has interrupted it, and it is waited for again
                await self._until(lambda: not so.state & SS_ISCONNECTING, (so.snd.channel,), deadline)
                return so.raise_error()
            return await syscalls.connect(so, peer, left)
        except TimeoutError:
            self._left(deadline)
            raise

    async def accept(self, fd: int, new: int, deadline: float | None) -> tuple[int, int]:
        """The next connection, under a new number; its peer."""
        listener = self._file(fd)
        if listener.q is None:
            raise oserror(errno.EINVAL)
        await self._until(lambda: listener.readable, (listener.rcv.channel,), deadline)
        so, peer = await syscalls.accept(listener, NOW)
        self._open(new, so)
        return plain(peer)

    async def shutdown(self, fd: int, how: int) -> None:
        """Close one direction or both."""
        self._file(fd).shutdown(how)

    async def getsockname(self, fd: int) -> tuple[int, int]:
        """The local address."""
        return plain(self._file(fd).getsockname())

    async def getpeername(self, fd: int) -> tuple[int, int]:
        """The peer's address."""
        return plain(self._file(fd).getpeername())

    # --- bytes ----------------------------------------------------------------------------------------

    async def recv(self, fd: int, size: int, flags: int, deadline: float | None) -> bytes:
        """Bytes, or a datagram's first."""
        return (await self.recvfrom(fd, size, flags, deadline))[0]

    async def recvfrom(
        self, fd: int, size: int, flags: int, deadline: float | None
    ) -> tuple[bytes, tuple[int, int] | None]:
        """Bytes, and of a datagram who sent it."""
        so = self._file(fd)
        if size < 0:
            raise oserror(errno.EINVAL)
        if flags & socket.MSG_OOB:
            return so.recv(size, peek=bool(flags & socket.MSG_PEEK), oob=True), None
        deadline = self._by(deadline, so.rcv)
        if isinstance(so.rcv, RecordBuf):
            await self._until(lambda: so.readable, (so.rcv.channel,), deadline)
            record = so.recvmsg(peek=bool(flags & socket.MSG_PEEK))
            return bytes(record.data[:size]), plain(record.source)
        if size and (so.readable or deadline != NOW):
            await self._until(lambda: so.readable, (so.rcv.channel,), deadline, so)
        return so.recv(min(size, _CHUNK), peek=bool(flags & socket.MSG_PEEK)) if size else b"", None

    async def send(self, fd: int, data: bytes, flags: int, deadline: float | None) -> int:
        """Send some of the bytes, or a datagram to the peer; how many."""
        so = self._file(fd)
        deadline = self._by(deadline, so.snd)
        while True:
            try:
                return so.send(data, oob=bool(flags & socket.MSG_OOB))
            except BlockingIOError:
                await self._until(lambda: so.writable, (so.snd.channel,), deadline)

    async def sendto(self, fd: int, data: bytes, flags: int, address: int, port: int) -> int:
        """Send a datagram to somebody."""
        so = self._file(fd)
        return so.sendto(data, None if so.kind == SOCK_STREAM else (Ip4(address), port))

    async def _until(
        self, ready: Callable[[], bool], channels: tuple[Channel, ...], deadline: float | None, so: Socket | None = None
    ) -> None:
        """Sleep until something is so; EAGAIN at the deadline."""
        while not ready():
            if so is not None and so.kind == SOCK_STREAM and not so.state & _JOINED:
                return  # no bytes can come: the socket itself says why
            await tsleep(*channels, timeout=self._left(deadline))

    # --- readiness ------------------------------------------------------------------------------------

    async def poll(
        self, wanted: tuple[tuple[int, int], ...], deadline: float | None, more: tuple[Channel, ...] = ()
    ) -> tuple[tuple[int, int], ...]:
        """Which of the descriptors are ready for what, as poll(2); none at the deadline.

        One that is none gives POLLNVAL.  Somebody who wakes one of `more` channels ends it, too.
        """
        while True:
            ready = tuple((fd, events) for fd, mask in wanted if (events := self._events(fd, mask)))
            if ready or deadline == NOW:
                return ready
            left = None if deadline is None else deadline - self.lab.callouts.now
            if left is not None and left <= 0:
                return ()
            files = {self.files[fd] for fd, _ in wanted}
            channels = chain.from_iterable((so.rcv.channel, so.snd.channel) for so in files)
            woken = await tsleep(*channels, *more, timeout=left)
            if more and woken and not any(self._events(fd, mask) for fd, mask in wanted):
                return ()

    def _events(self, fd: int, mask: int) -> int:
        """What a descriptor is ready for (sopoll)."""
        so = self.files.get(fd)
        if so is None:
            return select.POLLNVAL
        events = 0
        if so.error:
            events |= select.POLLERR
        if so.readable:
            events |= select.POLLIN | select.POLLRDNORM
        if so.exceptional:
            events |= select.POLLPRI
        if so.writable and so.q is None:
            events |= select.POLLOUT | select.POLLWRNORM
        if so.state & SS_CANTRCVMORE:
            events |= select.POLLHUP if so.state & SS_CANTSENDMORE else 0
            events |= getattr(select, "POLLRDHUP", 0)
        return events & (mask | select.POLLERR | select.POLLHUP)

    # --- options --------------------------------------------------------------------------------------

    async def setsockopt(self, fd: int, level: int, option: int, value: int | bytes) -> None:
        """Set an option, called by the real machine's number."""
        so = self._file(fd)
        if (level, option) in _FIXED:
            return
        level_here, option_here = _option(level, option)
        if isinstance(value, bytes):
            so.setsockopt(level_here, option_here, _unpacked(level, option, value))
        elif (level, option) in _STRUCTURES:
            raise oserror(errno.EINVAL)
        else:
            so.setsockopt(level_here, option_here, value)

    async def getsockopt(self, fd: int, level: int, option: int) -> int | bytes:
        """Read an option: a number, or the bytes of a structure."""
        so = self._file(fd)
        if (level, option) in _FIXED:
            return _FIXED[level, option]
        if (level, option) == (socket.SOL_SOCKET, socket.SO_PROTOCOL):
            return so.protocol
        value = so.getsockopt(*_option(level, option))
        if (level, option) == (socket.SOL_SOCKET, socket.SO_LINGER):
            return struct.pack("ii", value is not None, int(cast(float | None, value) or 0))
        if (level, option) in _STRUCTURES:
            seconds = cast(float, value)
            return _TIMEVAL.pack(int(seconds), round(seconds % 1 * 1e6))
        if isinstance(value, TcpInfo):
            return _tcp_info(value)
        if isinstance(value, bytes):
            return value
        return value.encode() + b"\0" if isinstance(value, str) else int(cast(int, value))

    # --- names ----------------------------------------------------------------------------------------

    async def resolve(self, name: str) -> int:
        """The address of a name; ENOENT when nobody has it."""
        return int(self.lab.resolve(name, self.host))

    async def name_of(self, address: int) -> str | None:
        """The name of an address."""
        return self.lab.name_of(address, self.host)

    async def gethostname(self) -> str:
        """What the host calls itself."""
        return self.host.hostname

    async def sethostname(self, name: object) -> None:
        """Call it otherwise."""
        if not isinstance(name, str) or not 0 < len(name) < 256:
            raise oserror(errno.EINVAL)
        self.host.hostname = name

    async def interfaces(self) -> tuple[tuple[int, str], ...]:
        """The interfaces by index."""
        return tuple((ifp.index, ifp.name) for ifp in self.host.interfaces.values())


CALLS = frozenset({
    "accept", "bind", "close", "connect", "dup", "gethostname", "getpeername", "getsockname", "getsockopt",
    "interfaces", "listen", "name_of", "poll", "recv", "recvfrom", "resolve", "send", "sendto", "sethostname",
    "setsockopt", "shutdown", "socket",
})  # fmt: skip


def plain(address: Address) -> tuple[int, int]:
    """An address in numbers that marshal takes."""
    return int(address[0]), address[1]


def _option(level: int, option: int) -> tuple[int, int]:
    """What the stack calls an option of the real machine's; ENOPROTOOPT when it has none of the kind."""
    found: int | None = None
    if level == socket.SOL_SOCKET:
        found = _SOCKET_OPTIONS.get(option)
        level = SOL_SOCKET
    elif level == socket.IPPROTO_IP:
        found = _MEMBERSHIPS.get(option) or _IP.get(option)
    elif level == socket.IPPROTO_TCP:
        found = _TCP.get(option)
    if found is None:
        raise oserror(errno.ENOPROTOOPT)
    return level, found


def _unpacked(level: int, option: int, value: bytes) -> object:
    """A value that is a structure: struct linger, struct ip_mreq, an int."""
    if level == socket.SOL_SOCKET and option == socket.SO_LINGER:
        if len(value) < 8:
            raise oserror(errno.EINVAL)
        on, seconds = struct.unpack_from("ii", value)
        return float(seconds) if on else None
    if (level, option) in _STRUCTURES:
        if len(value) < _TIMEVAL.size:
            raise oserror(errno.EINVAL)
        seconds, microseconds = _TIMEVAL.unpack_from(value)
        if not 0 <= microseconds < 1_000_000:
            raise oserror(errno.EDOM)
        return max(seconds + microseconds / 1e6, 0.0)
    if level == socket.IPPROTO_IP and option in _MEMBERSHIPS:
        if len(value) < 8:
            raise oserror(errno.EINVAL)
        return Ip4(int.from_bytes(value[:4])), Ip4(int.from_bytes(value[4:8]))
    if level == IPPROTO_IP and option == socket.IP_MULTICAST_IF:
        return int.from_bytes(value[-4:] if len(value) >= 12 else value[:4])
    if level == socket.IPPROTO_TCP and _TCP.get(option) == TCP_CONGCTL:
        return value.rstrip(b"\0").decode("ascii", "replace")
    if len(value) < 4:
        return int.from_bytes(value, "little") if value else 0
    return int(struct.unpack_from("i", value)[0])


def _tcp_info(info: TcpInfo) -> bytes:
    """It, as Linux lays it out: who reads it has been built there."""
    data = _TCP_INFO.pack(
        _STATES[info.state], info.ca_state, info.retransmits, info.probes, info.backoff, info.options,
        info.snd_wscale | info.rcv_wscale << 4, 0,
        info.rto, info.ato, info.snd_mss, info.rcv_mss, info.unacked, info.sacked, 0, info.retrans, 0,
        0, 0, info.last_data_recv, info.last_data_recv, info.pmtu, info.rcv_ssthresh, info.rtt, info.rttvar,
        info.snd_ssthresh, info.snd_cwnd, info.advmss, info.reordering, 0, info.rcv_space, info.total_retrans,
        _NEVER, _NEVER, info.bytes_acked, info.bytes_received,
        0, 0, info.notsent_bytes, 0, 0, 0,
    )  # fmt: skip
    return data.ljust(_TCP_INFO_SIZE, b"\0")
