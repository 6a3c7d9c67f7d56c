"""Where pages are: URLs of the web (RFC 3986, RFC 9110 4.2)."""

from __future__ import annotations

from typing import NamedTuple

from commands.command import Failure

_SAFE = "/%:@!$&'()*+,;=~-._?"  # in a path or a query, left as they are typed
_PORTS = {"http": 80, "https": 443}
_NAMELESS = "fetch.out"  # what fetch(1) calls a file of which the URL names only the folder


class Url(NamedTuple):
    """Where something is: a host, a port, and what to ask for there."""

    text: str
    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as it is named to the server."""
        return self.host if self.port == _PORTS[self.scheme] else f"{self.host}:{self.port}"

    @property
    def is_secure(self) -> bool:
        """Whether TLS is asked for."""
        return self.scheme == "https"

    @property
    def file_name(self) -> str:
        """What a file from there is called: the last part of the path."""
        from urllib.parse import unquote

        quoted = self.target.partition("?")[0].rpartition("/")[2]
        name = unquote(quoted, errors="surrogateescape")
        if "/" in name or "\0" in name:
            name = quoted
        return name if name not in ("", ".", "..") else _NAMELESS


def read_url(text: str) -> Url:
    """Take a URL apart; without a scheme it is http.  Failure for what is none, or none that we speak."""
    from urllib.parse import quote, urlsplit

    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
    except ValueError:
        raise Failure(f"{text}: not a URL") from None
    if parts.scheme not in _PORTS:
        raise Failure(f"{text}: only http and https are spoken here")
    if "@" in parts.netloc:
        raise Failure(f"{text}: names and passwords in URLs are not understood")
    if "[" in parts.netloc:
        raise Failure(f"{text}: there is no IPv6 yet")
    host, colon, port = parts.netloc.partition(":")
    if not host:
        raise Failure(f"{text}: there is no host in it")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()  # RFC 5890: as the name service knows it
        except UnicodeError:
            raise Failure(f"{text}: not a URL") from None
    # RFC 3986 3.2.3: it may be left out, and the colon stay
    if port and not (port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536):
        raise Failure(f"{text}: a port is between 1 and 65535")
    target = quote(parts.path or "/", safe=_SAFE, errors="surrogateescape")
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE, errors="surrogateescape")
    number = int(port) if port else _PORTS[parts.scheme]
    return Url(f"{parts.scheme}://{host}{colon}{port}{target}", parts.scheme, host, number, target)


def joined(base: Url, location: str) -> Url:
    """Where a redirection leads."""
    from urllib.parse import urljoin

    try:
        return read_url(urljoin(base.text, location))
    except ValueError:
        raise Failure(f"{base.text}: redirected to what is no URL") from None
