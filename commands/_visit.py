"""One request to a web server and its answer (RFC 9110, 9112)."""

from __future__ import annotations

import errno
import re
from collections.abc import AsyncGenerator
from typing import Any, NamedTuple

from commands._coding import ACCEPTED, decoder
from commands._stream import BadCertificate, Plain, Secured, Stream, TlsError
from commands._url import Url
from commands.command import Context, Failure
from stack.kern.errors import reason
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import connect

_CHUNK = 65536
_TOO_LONG = 431  # what h11 calls headers that never end (RFC 6585 5)
_MOST_HINTS = 100  # answers before the answer (1xx): one that sends them for ever has none
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-(\d{1,18})|\*)/(\d{1,18}|\*)", re.ASCII)
_TLS_RECORDS = (b"\x15\x03", b"\x16\x03")  # an alert, a handshake


class Line(NamedTuple):
    """A line of the exchange: `>` is ours, `<` the server's."""

    direction: str
    text: str


class Status(NamedTuple):
    """How an answer begins."""

    version: str
    status: int
    reason: str

    @property
    def text(self) -> str:
        """The line as the server sent it."""
        return f"HTTP/{self.version} {self.status} {self.reason}".rstrip()


class Header(NamedTuple):
    """A header of an answer."""

    name: str
    value: str


class Trust(NamedTuple):
    """Whom to take for whom he says he is."""

    ca_cert: str | None = None  # who signs certificates; the machine's authorities when it is None
    verify_peer: bool = True
    verify_hostname: bool = True


class Wishes(NamedTuple):
    """How a page is asked for."""

    method: str = "GET"
    timeout: float = 60.0
    trust: Trust = Trust()
    codings: str = ACCEPTED
    headers: tuple[tuple[str, str], ...] = ()


class Visit:
    """One connection with one question: `ask`, `hear`, then the `pieces` of the body."""

    def __init__(self, ctx: Context, url: Url, wishes: Wishes) -> None:
        import h11

        self.ctx = ctx
        self.url = url
        self.wishes = wishes
        self.timeout = wishes.timeout
        self.so = ctx.socket(SOCK_STREAM)
        self.stream: Stream = Plain(self.so)
        self.conn = h11.Connection(h11.CLIENT)
        self.head = Status("", 0, "")
        self.lines: list[Header] = []  # the headers, as they came
        self.headers: dict[str, str] = {}  # the same by name, in lower case
        self.total: int | None = None  # bytes of the body, if the server says so
        self.received = 0
        self.begun = b""  # the first bytes that the server said
        self.makes_sense = True

    @property
    def status(self) -> int:
        """The number of the answer; 0 before there is one."""
        return self.head.status

    async def ask(self) -> list[Line]:
        """Connect and send the request; its lines."""
        import h11

        url, wishes = self.url, self.wishes
        headers = [("Host", url.authority), ("User-Agent", "netsh"), ("Accept", "*/*")]
        headers += [("Accept-Encoding", wishes.codings), *wishes.headers, ("Connection", "close")]
        try:
            request = h11.Request(method=wishes.method, target=url.target, headers=headers)
        except h11.LocalProtocolError:  # a name that no header can hold
            raise Failure(f"{url.text}: not a URL") from None
        data = (self.conn.send(request) or b"") + (self.conn.send(h11.EndOfMessage()) or b"")
        tls = self._tls() if url.is_secure else None
        try:
            address = self.ctx.lab.resolve(url.host, self.ctx.host)
        except OSError:
            raise Failure(f"{url.text}: Host name lookup failure") from None
        try:
            await connect(self.so, (address, url.port), self.timeout)
            if tls is not None:
                await tls.handshake(self.timeout)
                self.stream = tls
            await self.stream.sendall(data, self.timeout)
        except OSError as error:
            raise self.failure(error) from None
        return [Line(">", line) for line in data.decode("latin-1").split("\r\n")[:-1]]

    def _tls(self) -> Secured:
        """TLS for this connection; Failure when the file of authorities is no good."""
        from commands._tls import Tls, client_context, words_of

        trust = self.wishes.trust
        try:
            context = client_context(trust.ca_cert, peer=trust.verify_peer, hostname=trust.verify_hostname)
            return Tls(self.so, context, server_hostname=self.url.host)
        except TlsError as error:
            raise self.failure(error) from None
        except (OSError, ValueError) as error:
            raise Failure(f"--ca-cert={trust.ca_cert}: {words_of(error)}") from None

    async def hear(self) -> list[Line]:
        """Wait for the head of the answer; its lines."""
        import h11

        lines: list[Line] = []
        for _ in range(_MOST_HINTS):
            event = await self._event()
            if not isinstance(event, h11.InformationalResponse | h11.Response):
                continue
            head = Status(event.http_version.decode(), event.status_code, event.reason.decode("latin-1"))
            headers = [Header(n.decode("latin-1"), v.decode("latin-1")) for n, v in event.headers.raw_items()]
            lines += [Line("<", text) for text in (head.text, *(f"{n}: {v}" for n, v in headers), "")]
            if isinstance(event, h11.Response):
                self._take_head(head, headers)
                return lines
        raise Failure(f"{self.url.text}: {_MOST_HINTS} answers that announce another, and no other")

    def _take_head(self, head: Status, headers: list[Header]) -> None:
        self.head, self.lines = head, headers
        self.headers = {name.lower(): value for name, value in headers}
        length = self.headers.get("content-length", "")
        self.total = int(length) if length.isdecimal() and "transfer-encoding" not in self.headers else None

    def expect_good(self) -> None:
        """Failure for an answer that is not the page, the whole of it."""
        if self.status == 206 and not self.wishes.headers:
            raise Failure(f"{self.url.text}: only a part came, and the whole was asked for")
        if not 200 <= self.status < 300:
            raise Failure(f"{self.url.text}: {self.status} {self.head.reason}".rstrip())

    @property
    def coding(self) -> str:
        """What the body is compressed with; empty when it is not."""
        coding = self.headers.get("content-encoding", "").strip().lower()
        return "" if coding == "identity" else coding

    @property
    def content_range(self) -> tuple[int | None, int | None]:
        """What a 206 or a 416 says of itself: its first byte, and the size of the whole, where it tells them."""
        found = _CONTENT_RANGE.fullmatch(self.headers.get("content-range", "").strip())
        if found is None:
            return None, None
        return int(found[1]) if found[1] else None, int(found[3]) if found[3] != "*" else None

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """The body, the coding that it came in undone; Failure when it is not whole."""
        try:
            inflate = decoder(self.coding)
            while data := await self._piece():
                for piece in (data,) if inflate is None else inflate.feed(data):
                    yield piece
            if inflate is not None:
                inflate.end()
        except ValueError as error:
            raise self.broken(str(error)) from None

    async def _piece(self) -> bytes:
        """More of the body as it comes; b"" at its end."""
        import h11

        while True:
            event = await self._event()
            if isinstance(event, h11.Data):
                self.received += len(event.data)
                return bytes(event.data)
            if isinstance(event, h11.EndOfMessage):
                return b""

    async def _event(self) -> Any:
        """The next thing the server says; Failure when that is nothing, or nonsense."""
        import h11

        data: bytes | None = None
        try:
            while (event := self.conn.next_event()) is h11.NEED_DATA:
                data = await self.stream.recv(_CHUNK, timeout=self.timeout)
                self.begun = self.begun or data[:5]
                if not b"HTTP/".startswith(self.begun):  # no need to wait for an end of it
                    cure = " but TLS (https:// asks for that)" if self.begun.startswith(_TLS_RECORDS) else ""
                    raise Failure(f"{self.url.text}: not an HTTP answer{cure}")
                self.conn.receive_data(data)
        except OSError as error:
            raise self.failure(error) from None
        except h11.RemoteProtocolError as error:
            if data == b"":
                raise self.closed() from None
            self.makes_sense = False
            if error.error_status_hint == _TOO_LONG and not self.status:
                raise self.broken("headers without an end") from None
            raise self.broken("broken chunks" if self.status else "not an HTTP answer") from None
        if isinstance(event, h11.ConnectionClosed):
            raise self.closed()
        return event

    def failure(self, error: OSError) -> Failure:
        """What the sockets have to say."""
        why = reason(OSError(errno.ETIMEDOUT, "") if error.errno == errno.EAGAIN else error)
        if isinstance(error, BadCertificate) and error.unknown:
            why += " (--ca-cert=FILE says whom to trust)"
        return self.broken(why)

    def closed(self) -> Failure:
        """The server has closed too early."""
        if self.status:
            return self.broken("Connection closed")
        cure = " (https:// is what port 443 is for)" if self.url.port == 443 and not self.url.is_secure else ""
        return self.broken(f"Connection closed without an answer{cure}")

    def broken(self, why: str) -> Failure:
        """What went wrong, and how much had come by then."""
        if self.status:
            whole = "" if self.total is None else f" of {self.total}"
            why += f", got {self.received}{whole} bytes"
        return Failure(f"{self.url.text}: {why}")

    def close(self) -> None:
        """Let the connection go."""
        self.stream.finish()
        self.so.close()
