"""TLS over a connected socket of a lab (RFC 8446, 5246): OpenSSL does the records, the socket carries them.

    tls = Tls(so, client_context(), server_hostname="www")
    await tls.handshake(timeout=60)
    await tls.sendall(b"...")

`ssl` has no socket here, only two buffers in memory (ssl.MemoryBIO), so it works with any provider of
sockets, on the lab's clock, and waits for nothing but the socket.  Two things are not the lab's: OpenSSL
draws its own random numbers, so no two handshakes are the same bytes, and whether a certificate has
expired it asks the machine's own calendar.

Heavy: import it where it is needed.
"""

from __future__ import annotations

import ssl
from contextlib import suppress

from commands._stream import BadCertificate, TlsError, Truncated
from stack.kern.errors import reason
from stack.kern.socket import Socket
from stack.kern.syscalls import recv, sendall

_CHUNK = 65536
_HTTP = ["http/1.1"]

# What OpenSSL says, by its own short names, and what it means to a person.
_WORDS = {
    "WRONG_VERSION_NUMBER": "what came is not TLS",
    "HTTP_REQUEST": "what came is plain HTTP, not TLS",
    "HTTPS_PROXY_REQUEST": "what came is plain HTTP, not TLS",
    "UNKNOWN_PROTOCOL": "what came is not TLS",
    "BAD_RECORD_TYPE": "what came is not TLS",
    "RECORD_LAYER_FAILURE": "what came is not TLS",
    "PACKET_LENGTH_TOO_LONG": "what came is not TLS",
    "UNSUPPORTED_PROTOCOL": "the peer speaks only versions of TLS that are not safe",
    "NO_SHARED_CIPHER": "the peer and we have no cipher in common",
    "DECRYPTION_FAILED_OR_BAD_RECORD_MAC": "a record was damaged on its way",
    "NO_CERTIFICATE_OR_CRL_FOUND": "there is no certificate in it",
    "NO_START_LINE": "there is no certificate in it",
    "PEM_LIB": "it is not a certificate and its key, in PEM",
    "KEY_VALUES_MISMATCH": "the key is not that of the certificate",
}


class Tls:
    """One end of a TLS connection; the socket stays its owner's to close."""

    def __init__(
        self, so: Socket, context: ssl.SSLContext, *, server_side: bool = False, server_hostname: str | None = None
    ) -> None:
        self.so = so
        self.incoming = ssl.MemoryBIO()
        self.outgoing = ssl.MemoryBIO()
        self.agreed = False
        try:
            self.ssl = context.wrap_bio(self.incoming, self.outgoing, server_side, server_hostname)
        except ValueError:  # such as "", or a name with a dot at its front
            raise TlsError(f"{server_hostname}: no certificate can have that name") from None

    async def handshake(self, timeout: float | None = None) -> None:
        """Agree on keys and see the certificates; TlsError when that fails."""
        while True:
            try:
                self.ssl.do_handshake()
                self.agreed = True
                return await self._flush(timeout)
            except ssl.SSLWantReadError:
                await self._exchange(timeout)
            except ssl.SSLError as error:
                raise self._failed(error) from None

    async def recv(self, size: int, timeout: float | None = None) -> bytes:
        """Wait for bytes; b"" when the peer has said goodbye, TlsError when it went without (RFC 8446 6.1)."""
        while True:
            try:
                return self.ssl.read(size)
            except ssl.SSLWantReadError:
                await self._exchange(timeout)
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLError as error:
                raise self._failed(error) from None

    async def sendall(self, data: bytes, timeout: float | None = None) -> None:
        """Send all of the bytes."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[self.ssl.write(rest[:_CHUNK]) :]
            except ssl.SSLWantReadError:
                await self._exchange(timeout)
            except ssl.SSLError as error:
                raise self._failed(error) from None
            await self._flush(timeout)

    def finish(self) -> None:
        """Say that no more will be sent, if that can be said without waiting."""
        with suppress(OSError, ValueError):  # it would wait for the peer's own goodbye, which need not come
            self.ssl.unwrap()
        self._push()

    async def _exchange(self, timeout: float | None) -> None:
        """Send what is to be sent, and wait for more to come."""
        await self._flush(timeout)
        data = await recv(self.so, _CHUNK, timeout)
        if data:
            self.incoming.write(data)
        else:
            self.incoming.write_eof()

    async def _flush(self, timeout: float | None) -> None:
        if self.outgoing.pending:
            await sendall(self.so, self.outgoing.read(), timeout)

    def _push(self) -> None:
        """Send what is to be sent, as far as there is room for it."""
        with suppress(OSError):
            if self.outgoing.pending:
                self.so.send(self.outgoing.read())

    def _failed(self, error: ssl.SSLError) -> TlsError:
        """What went wrong; the peer is told why, where TLS has an alert for it."""
        self._push()
        if isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING":
            return Truncated(f"Connection closed without TLS's {'goodbye' if self.agreed else 'handshake'}")
        if isinstance(error, ssl.SSLCertVerificationError):
            text = error.verify_message.rstrip(".")
            unknown = error.verify_code in _UNKNOWN
            return BadCertificate(f"the certificate is not to be trusted: {text}", unknown=unknown)
        return TlsError(f"TLS: {words_of(error)}")


# OpenSSL's X509_V_ERR_...: whoever has signed it, we do not know him
_UNKNOWN = {2, 18, 19, 20, 21}


def words_of(error: OSError | ValueError) -> str:
    """Why a file of certificates or a handshake is no good, in a few words."""
    if not isinstance(error, ssl.SSLError):
        return reason(error)
    name = error.reason or ("PEM_LIB" if "PEM lib" in str(error) else str(error))
    if name in _WORDS:
        return _WORDS[name]
    if "ALERT_" in name:
        alert = name.partition("ALERT_")[2]
        return f"the peer refuses: {alert.lower().replace('_', ' ')}"
    return name.lower().replace("_", " ")


def client_context(ca_cert: str | None = None, *, peer: bool = True, hostname: bool = True) -> ssl.SSLContext:
    """How a client takes servers: trusted are the machine's authorities, or those in `ca_cert` alone.

    `peer` and `hostname` say whether the server's certificate is looked at, and whether the name in it is.

    OSError or ValueError (`words_of` has the words) when that file is no good.
    """
    context = ssl.create_default_context(cafile=ca_cert)
    context.check_hostname = hostname and peer
    context.verify_mode = ssl.CERT_REQUIRED if peer else ssl.CERT_NONE
    context.set_alpn_protocols(_HTTP)
    return context


def server_context(cert: str, key: str) -> ssl.SSLContext:
    """How a server shows itself: its certificate (with those that lead to its authority) and its key, PEM files.

    OSError or ValueError (`words_of` has the words) when they are no good.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key, password=_locked)
    context.set_alpn_protocols(_HTTP)
    return context


def _locked() -> str:
    """OpenSSL wants a password; left alone, it would ask for it at the terminal."""
    raise ValueError("the key is locked with a password")
