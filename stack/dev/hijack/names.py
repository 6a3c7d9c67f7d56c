"""The functions of `_socket`: names, numbers and interfaces of the lab; and the module itself, put together."""

from __future__ import annotations

import _socket
import errno
import os
from contextlib import suppress
from types import ModuleType
from typing import cast

from stack.dev.hijack.door import Door
from stack.dev.hijack.sockets import AF_INET, AF_UNIX, Socket, lookup, shown, timeout_of

_LOOPBACK = 0x7F000001
_FAMILIES = (0, AF_INET)
_KINDS = ((1, 6), (2, 17), (3, 0))  # types of sockets, and the protocol of each


class Names:
    """The functions of one program."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def getaddrinfo(
        self, host: str | bytes | None, port: str | bytes | int | None, family: int = 0, type: int = 0,
        proto: int = 0, flags: int = 0,
    ) -> list[tuple[int, int, int, str, tuple[str, int]]]:  # fmt: skip
        """What a client may connect to, or a server listen on."""
        if host is None and port is None:
            raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
        if family not in _FAMILIES:
            raise _socket.gaierror(_socket.EAI_ADDRFAMILY, "Address family for hostname not supported")
        if host is None or host in ("", b""):
            address = 0 if flags & int(_socket.AI_PASSIVE) else _LOOPBACK
        elif flags & int(_socket.AI_NUMERICHOST) and not _is_number(host):
            raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
        else:
            address = lookup(self.door, host)
        kinds = [kind for kind in _KINDS if type in (0, kind[0]) and (not proto or not kind[1] or proto == kind[1])]
        if not kinds:
            raise _socket.gaierror(_socket.EAI_SOCKTYPE, "ai_socktype not supported")
        canon = str(host or "") if flags & int(_socket.AI_CANONNAME) else ""
        found: list[tuple[int, int, int, str, tuple[str, int]]] = []
        for kind, usual in kinds:
            number = _port(port, usual)
            if number is not None:
                name = "" if found else canon
                found.append((AF_INET, kind, usual or proto, name, shown((address, number))))
        if not found:
            raise _socket.gaierror(_socket.EAI_SERVICE, "Servname not supported for ai_socktype")
        return found

    def gethostbyname(self, name: str) -> str:
        """The address of a name."""
        return shown((lookup(self.door, name), 0))[0]

    def gethostbyname_ex(self, name: str) -> tuple[str, list[str], list[str]]:
        """The address of a name, with all there is to know."""
        return name, [], [self.gethostbyname(name)]

    def gethostbyaddr(self, address: str) -> tuple[str, list[str], list[str]]:
        """The name of an address."""
        number = lookup(self.door, address)
        name = cast(str | None, self.door.call("name_of", number))
        if name is None:
            raise _socket.herror(1, "Unknown host")
        return name, [], [shown((number, 0))[0]]

    def getnameinfo(self, sockaddr: tuple[str, int], flags: int) -> tuple[str, str]:
        """The name and the service of an address."""
        if not isinstance(sockaddr, tuple):
            raise TypeError("getnameinfo() argument 1 must be a tuple")
        host, port = sockaddr[:2]
        number = lookup(self.door, host)
        name = None if flags & int(_socket.NI_NUMERICHOST) else cast(str | None, self.door.call("name_of", number))
        if name is None and flags & int(_socket.NI_NAMEREQD):
            raise _socket.gaierror(_socket.EAI_NONAME, "Name or service not known")
        service = str(port)
        if not flags & int(_socket.NI_NUMERICSERV):
            with suppress(OSError):
                service = _socket.getservbyport(port, "udp" if flags & int(_socket.NI_DGRAM) else "tcp")
        return name or shown((number, 0))[0], service

    def gethostname(self) -> str:
        """What the host calls itself."""
        return cast(str, self.door.call("gethostname"))

    def sethostname(self, name: str | bytes) -> None:
        """Call it otherwise."""
        self.door.call("sethostname", name.decode() if isinstance(name, bytes) else name)

    def if_nameindex(self) -> list[tuple[int, str]]:
        """The interfaces by index."""
        return list(cast(tuple[tuple[int, str], ...], self.door.call("interfaces")))

    def if_nametoindex(self, name: str) -> int:
        """The index of an interface."""
        if not isinstance(name, str):
            raise TypeError(f"if_nametoindex() argument 1 must be str, not {type(name).__name__}")
        for index, found in self.if_nameindex():
            if found == name:
                return index
        raise OSError("no interface with this name")

    def if_indextoname(self, index: int) -> str:
        """The name of an interface."""
        if not isinstance(index, int):
            raise TypeError(f"{type(index).__name__!r} object cannot be interpreted as an integer")
        if not 0 <= index <= 0xFFFFFFFF:
            raise OverflowError("Python int too large to convert to C int")
        for found, name in self.if_nameindex():
            if found == index:
                return name
        raise OSError(errno.ENXIO, os.strerror(errno.ENXIO))

    def dup(self, fd: int) -> int:
        """One more descriptor for the same socket."""
        return _socket.dup(fd) if fd not in self.door.kinds else self.door.dup(fd)

    def close(self, fd: int) -> None:
        """Close a socket by its descriptor."""
        if fd not in self.door.kinds:
            return _socket.close(fd)
        return self.door.close(fd)

    def socketpair(self, family: int = AF_UNIX, type: int = 1, proto: int = 0) -> tuple[Socket, Socket]:
        """Two sockets of the machine's that are joined: threads of a program wake each other by such."""
        pair = _socket.socketpair(family, type, proto)
        fds = [real.detach() for real in pair]
        self.door.inner.update(fds)
        kind = self.module.socket
        return kind(fileno=fds[0]), kind(fileno=fds[1])

    def getdefaulttimeout(self) -> float | None:
        """The time-out of new sockets."""
        return self.door.timeout

    def setdefaulttimeout(self, timeout: float | None) -> None:
        """The time-out of new sockets."""
        self.door.timeout = timeout_of(timeout)

    def build(self) -> ModuleType:
        """The module `_socket`."""
        module = self.module = ModuleType("_socket", _socket.__doc__)
        constants = {name: value for name, value in vars(_socket).items() if not name.startswith("__")}
        functions = {name: getattr(self, name) for name in vars(Names) if not name.startswith("_") and name != "build"}
        kind = type("socket", (Socket,), {"door": self.door, "__slots__": ()})
        vars(module).update({**constants, **functions, "socket": kind, "SocketType": kind, "has_ipv6": False})
        return module


def _is_number(host: str | bytes) -> bool:
    try:
        _socket.inet_aton(host.decode() if isinstance(host, bytes) else host)
    except OSError:
        return False
    return True


def _port(port: str | bytes | int | None, protocol: int) -> int | None:
    """A port by number, or by the name of a service; None when the protocol has none of that name."""
    if isinstance(port, bytes):
        port = port.decode()
    if not isinstance(port, str):
        return (port or 0) & 0xFFFF
    if port.isdecimal():
        return int(port) & 0xFFFF
    with suppress(OSError):
        return _socket.getservbyname(port, {6: "tcp", 17: "udp"}.get(protocol, "none"))
    return None
