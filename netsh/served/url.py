"""Where a lab is served: unix://PATH, meant from the current directory, or tcp://HOST:PORT."""

from __future__ import annotations

import socket
from typing import NamedTuple


class Url(NamedTuple):
    """A place to listen at or to connect to: a path, or a host and a port."""

    text: str
    path: str = ""
    host: str = ""
    port: int = 0

    @property
    def family(self) -> socket.AddressFamily:
        """Of its sockets."""
        if self.path:
            return socket.AF_UNIX
        return socket.AF_INET6 if ":" in self.host else socket.AF_INET

    @property
    def address(self) -> str | tuple[str, int]:
        """As bind(2) and connect(2) want it."""
        return self.path or (self.host, self.port)


def parse(text: str) -> Url:
    """Read a URL; ValueError, in words, when it is none."""
    scheme, _, rest = text.partition("://")
    if scheme == "unix" and rest and "\0" not in rest:
        return Url(text, path=rest)
    if scheme == "tcp":
        host, _, port = rest.removesuffix("/").rpartition(":")
        host = host[1:-1] if host.startswith("[") and host.endswith("]") else host
        if host and port.isascii() and port.isdigit() and int(port) < 65536:
            return Url(text, host=host, port=int(port))
    raise ValueError(f"{text}: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT")
