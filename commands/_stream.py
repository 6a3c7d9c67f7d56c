"""A connection as web programs see it: bytes out, bytes in, whether TLS lies between or not."""

from __future__ import annotations

from typing import Protocol

from stack.kern.socket import Socket
from stack.kern.syscalls import recv, sendall


class Stream(Protocol):
    """What `Plain` and `Tls` have in common; `timeout` is of each wait, and EAGAIN when it has passed."""

    async def recv(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for bytes; b"" at the end."""

    async def sendall(self, data: bytes, timeout: float | None = None) -> None:
        """Send all of the bytes."""

    def finish(self) -> None:
        """No more will be sent: say so, if the protocol has words for it, without waiting."""


class Secured(Stream, Protocol):
    """TLS, which begins with a handshake."""

    async def handshake(self, timeout: float | None = None) -> None:
        """Agree on keys and see the certificates; TlsError when that fails."""


class TlsError(OSError):
    """TLS failed; its text is for the user (it has no errno)."""


class Truncated(TlsError):
    """The connection has ended, and nobody has said goodbye: more may have been meant."""


class BadCertificate(TlsError):
    """The peer's certificate is not to be trusted; `unknown` is whether because of who has signed it."""

    def __init__(self, text: str, *, unknown: bool) -> None:
        super().__init__(text)
        self.unknown = unknown


class Plain:
    """A connected socket as it is."""

    def __init__(self, so: Socket) -> None:
        self.so = so

    async def recv(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for bytes; b"" at the end."""
        return await recv(self.so, size, timeout)

    async def sendall(self, data: bytes, timeout: float | None = None) -> None:
        """Send all of the bytes."""
        await sendall(self.so, data, timeout)

    def finish(self) -> None:
        """TCP has its FIN for that."""
