"""A web server's inside: one process for each connection, h11 for the protocol (RFC 9112)."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from commands._pages import REASONS, Page, Question, Site, answer, problem
from commands._stream import Plain, Stream, TlsError, Truncated
from commands.command import Complaint, Context
from stack.addr import Ip4
from stack.kern.errors import oserror
from stack.kern.proc import SIGKILL, Channel, Nap, Proc
from stack.kern.socket import SHUT_WR, SO_LINGER, SOL_SOCKET, Socket
from stack.kern.syscalls import recv

_CHUNK = 65536  # bytes of a file in memory at a time
PATIENCE = 30.0  # seconds for a whole request to come, and for a client to take the next piece
_LINGER = 2.0  # seconds that a client has to read our last words
_CLIENTS = 256  # at once; more wait to be accepted
_HEAD = 16384  # bytes of a request's head


class Request(NamedTuple):
    """A request that was answered; `size` is of the body, bytes."""

    client: Ip4
    method: str
    target: str
    status: int
    size: int


Secure = Callable[[Socket], Awaitable[Stream]]  # agrees on TLS with a client, and gives what to talk over


class Server:
    """A listening socket and its clients, each a process of its own that dies with the server's."""

    def __init__(self, ctx: Context, so: Socket, site: Site, *, verbose: bool, secure: Secure | None) -> None:
        self.ctx = ctx
        self.so = so
        self.site = site
        self.verbose = verbose
        self.secure = secure
        self.children: set[Proc] = set()
        self.changed = Channel("httpd")  # there is something to say, or a client went
        self.said: deque[Request | Complaint] = deque()
        ctx.proc.closers.append(self.end)

    def accept(self) -> bool:
        """Take a client, if one waits and there is room."""
        if len(self.children) >= _CLIENTS:
            return False
        try:
            so, (address, _port) = self.so.accept()
        except BlockingIOError:
            return False
        except ConnectionAbortedError:
            return True
        client = Client(self, so, Ip4(address))
        argv = [self.ctx.proc.argv[0], f"({client.address})"]
        self.children.add(self.ctx.lab.spawn(self.ctx.host, argv, client.start))
        return True

    def say(self, row: Request | Complaint) -> None:
        """Something for the log."""
        if self.verbose or isinstance(row, Complaint):
            self.said.append(row)
            self.changed.wakeup()

    def forget(self, child: Proc) -> None:
        """A client has gone."""
        self.children.discard(child)
        self.changed.wakeup()

    def end(self) -> None:
        """Nobody is served any more."""
        for child in self.children:
            child.signal(SIGKILL)


class Client:
    """One connection, from its first request to its last."""

    def __init__(self, server: Server, so: Socket, address: Ip4) -> None:
        self.server = server
        self.so = so
        self.stream: Stream = Plain(so)
        self.address = address

    def start(self, proc: Proc) -> Coroutine[Nap, bool | None, int]:
        """Be the process of the connection."""
        proc.closers += (lambda: self.server.forget(proc), self.so.close)
        return self.run()

    async def run(self) -> int:
        """Answer until somebody has had enough; a client's faults are its own."""
        try:
            if self.server.secure is not None:
                self.stream = await self.server.secure(self.so)
            await self.serve()
        except BlockingIOError:  # it takes nothing, or does not go on
            self.abort()
        except OSError as error:  # it has gone, or TLS has a complaint
            if self.server.verbose and isinstance(error, TlsError) and not isinstance(error, Truncated):
                self.server.say(Complaint(f"{self.address}: {error}"))
        except Exception as defect:
            self.server.say(Complaint(f"internal error: {type(defect).__name__}: {defect}"))
            self.abort()
        return 0

    def abort(self) -> None:
        """Let go at once, with a reset."""
        with suppress(OSError):
            self.so.setsockopt(SOL_SOCKET, SO_LINGER, 0)

    async def serve(self) -> None:
        """Requests and answers in turn."""
        import h11

        self.conn = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        while True:
            try:
                request = await self.next_request()
                if request is None:
                    return
                await self.respond(request, answer(self.server.site, request))
            except h11.RemoteProtocolError as error:
                if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
                    await self.respond(self.question("-", "-"), problem(error.error_status_hint))
            if self.conn.our_state is not h11.DONE or self.conn.their_state is not h11.DONE:
                return await self.close()
            self.conn.start_next_cycle()

    async def next_request(self) -> Question | None:
        """The next request, the whole of it; None when no more come.  Slow ones are given up."""
        import h11

        deadline = self.server.ctx.now + PATIENCE
        found: Question | None = None
        while True:
            event = self.conn.next_event()
            if event is h11.NEED_DATA:
                if self.conn.they_are_waiting_for_100_continue:
                    return found  # we want no bodies
                try:
                    left = deadline - self.server.ctx.now
                    self.conn.receive_data(await self.stream.recv(_CHUNK, timeout=max(left, 0.0)))
                except BlockingIOError:
                    if not self.conn.trailing_data[0]:
                        return None  # it has nothing more to ask
                    raise h11.RemoteProtocolError("too slow", error_status_hint=408) from None
            elif isinstance(event, h11.Request):
                headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                found = self.question(event.method.decode(), event.target.decode("latin-1"), headers)
                if found.method not in ("GET", "HEAD"):
                    return found
            elif isinstance(event, h11.Data):
                continue
            elif isinstance(event, h11.EndOfMessage):
                return found
            else:  # the end of the connection, or the client sends on after `Connection: close`
                return None

    def question(self, method: str, target: str, headers: dict[str, str] | None = None) -> Question:
        """A request of this client."""
        return Question(method, target, headers or {}, self.address, Ip4(self.so.getsockname()[0]))

    async def respond(self, question: Question, page: Page) -> None:
        """Send an answer, a piece at a time."""
        import h11

        headers = [("Server", "netsh"), *page.headers]
        if page.status != 304 and page.size is not None:
            headers.append(("Content-Length", str(page.size)))
        wanted = question.method != "HEAD" and page.status != 304
        sent = 0
        try:
            reason = REASONS.get(page.status, "Error")
            data = self._bytes(h11.Response(status_code=page.status, reason=reason, headers=headers))
            for piece in self.pieces(page) if wanted else ():
                data += self._bytes(h11.Data(data=piece))
                await self.stream.sendall(data, PATIENCE)
                sent += len(piece)
                data = b""
            data += self._bytes(h11.EndOfMessage())
            if data:
                await self.stream.sendall(data, PATIENCE)
        finally:
            page.body.close()
            self.server.say(Request(self.address, question.method, question.target, page.status, sent))

    def pieces(self, page: Page) -> Iterator[bytes]:
        """The body of a page."""
        left = page.size
        while left is None or left:
            piece = page.body.read(_CHUNK if left is None else min(left, _CHUNK))
            if not piece and left is not None:
                raise oserror(errno.EIO)  # the file has shrunk: the client must see that it is not whole
            if not piece:
                return
            left = None if left is None else left - len(piece)
            yield piece

    def _bytes(self, event: Any) -> bytes:
        return bytes(self.conn.send(event) or b"")

    async def close(self) -> None:
        """The last word is said; let it be read before what still comes makes a reset of it (RFC 9112 9.6)."""
        self.stream.finish()
        self.so.shutdown(SHUT_WR)
        deadline = self.server.ctx.now + _LINGER
        with suppress(BlockingIOError):
            while (left := deadline - self.server.ctx.now) > 0 and await recv(self.so, _CHUNK, timeout=left):
                pass
