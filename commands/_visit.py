"""One request to a web server and its answer (RFC 9110, 9112)."""

from __future__ import annotations

import errno
from typing import Any, NamedTuple

from commands.command import Context, Failure
from stack.kern.errors import reason
from stack.kern.socket import SOCK_STREAM
from stack.kern.syscalls import connect, recv, sendall

_CHUNK = 65536
_SAFE = "/%:@!$&'()*+,;=~-._?"  # in a path or a query, left as they are typed


class Url(NamedTuple):
    """Where something is: a host, a port, and what to ask for there."""

    text: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as it is named to the server."""
        return self.host if self.port == 80 else f"{self.host}:{self.port}"


class Line(NamedTuple):
    """A line of the exchange: `>` is ours, `<` the server's."""

    direction: str
    text: str


def read_url(text: str) -> Url:
    """Take a URL apart; without a scheme it is http.  Failure for what is none, or none that we speak."""
    from urllib.parse import quote, urlsplit

    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:
        raise Failure(f"{text}: not a URL") from None
    if parts.scheme == "https":
        raise Failure(f"{text}: https is not spoken here yet, only http")
    if parts.scheme != "http":
        raise Failure(f"{text}: only http is spoken here")
    if "@" in parts.netloc:
        raise Failure(f"{text}: names and passwords in URLs are not understood")
    if "[" in parts.netloc:
        raise Failure(f"{text}: there is no IPv6 yet")
    host, colon, port = parts.netloc.partition(":")
    if not host:
        raise Failure(f"{text}: there is no host in it")
    if not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536) and (port or colon):
        raise Failure(f"{text}: a port is between 1 and 65535")
    target = quote(parts.path or "/", safe=_SAFE, errors="surrogateescape")
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE, errors="surrogateescape")
    return Url(f"http://{parts.netloc}{target}", host, int(port or "80"), target)


def joined(base: Url, location: str) -> Url:
    """Where a redirection leads."""
    from urllib.parse import urljoin

    try:
        return read_url(urljoin(base.text, location))
    except ValueError:
        raise Failure(f"{base.text}: redirected to what is no URL") from None


class Visit:
    """One connection with one question: `ask`, `hear`, then `piece` until it is b""."""

    def __init__(self, ctx: Context, url: Url, timeout: float) -> None:
        import h11

        self.ctx = ctx
        self.url = url
        self.timeout = timeout
        self.so = ctx.socket(SOCK_STREAM)
        self.conn = h11.Connection(h11.CLIENT)
        self.status = 0
        self.reason = ""
        self.headers: dict[str, str] = {}
        self.total: int | None = None  # bytes of the body, if the server says so
        self.received = 0
        self.begun = b""  # the first bytes that the server said

    async def ask(self) -> list[Line]:
        """Connect and send the request; its lines."""
        import h11

        url = self.url
        try:
            address = self.ctx.lab.resolve(url.host, self.ctx.host)
        except OSError:
            raise Failure(f"{url.text}: Host name lookup failure") from None
        headers = [("Host", url.authority), ("User-Agent", "netsh"), ("Accept", "*/*"), ("Connection", "close")]
        request = h11.Request(method="GET", target=url.target, headers=headers)
        data = (self.conn.send(request) or b"") + (self.conn.send(h11.EndOfMessage()) or b"")
        try:
            await connect(self.so, (address, url.port), self.timeout)
            await sendall(self.so, data, self.timeout)
        except OSError as error:
            raise self.failure(error) from None
        return [Line(">", line) for line in data.decode("latin-1").split("\r\n")[:-1]]

    async def hear(self) -> list[Line]:
        """Wait for the head of the answer; its lines."""
        import h11

        lines: list[Line] = []
        while True:
            event = await self._event()
            if isinstance(event, h11.InformationalResponse | h11.Response):
                version = event.http_version.decode()
                text = [f"HTTP/{version} {event.status_code} {event.reason.decode('latin-1')}".rstrip()]
                text += [
                    f"{name.decode('latin-1')}: {value.decode('latin-1')}" for name, value in event.headers.raw_items()
                ]
                lines += [Line("<", line) for line in [*text, ""]]
            if isinstance(event, h11.Response):
                self._take_head(event)
                return lines

    def _take_head(self, event: Any) -> None:
        self.status = event.status_code
        self.reason = bytes(event.reason).decode("latin-1")
        self.headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        length = self.headers.get("content-length", "")
        self.total = int(length) if length.isdecimal() and "transfer-encoding" not in self.headers else None

    async def piece(self) -> bytes:
        """More of the body; b"" at its end."""
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
                data = await recv(self.so, _CHUNK, timeout=self.timeout)
                self.begun = self.begun or data[:5]
                if not b"HTTP/".startswith(self.begun):  # no need to wait for an end of it
                    raise Failure(f"{self.url.text}: not an HTTP answer")
                self.conn.receive_data(data)
        except OSError as error:
            raise self.failure(error) from None
        except h11.RemoteProtocolError:
            if data == b"":
                raise self.failure(None) from None
            raise Failure(f"{self.url.text}: not an HTTP answer") from None
        if isinstance(event, h11.ConnectionClosed):
            raise self.failure(None)
        return event

    def failure(self, error: OSError | None) -> Failure:
        """What went wrong (None: the server closed), and how much had come by then."""
        if error is None:
            why = "Connection closed" if self.status else "Connection closed without an answer"
        else:
            why = reason(OSError(errno.ETIMEDOUT, "") if error.errno == errno.EAGAIN else error)
        if self.status:
            whole = "" if self.total is None else f" of {self.total}"
            why += f", got {self.received}{whole} bytes"
        return Failure(f"{self.url.text}: {why}")

    def close(self) -> None:
        """Let the connection go."""
        self.so.close()
