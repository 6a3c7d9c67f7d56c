"""The words of `route add`, `change`, `delete` and `get`: keywords, destinations, gateways (route.c, keywords.sh)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from commands._getopt import number, wrong
from commands._ifconfig_words import class_of, mask, plen
from stack.addr import Ip4, Mac, Prefix
from stack.lab import is_name
from stack.net.route import (
    RTF_BLACKHOLE,
    RTF_CONNECTED,
    RTF_PROTO1,
    RTF_PROTO2,
    RTF_REJECT,
    RTF_STATIC,
)

WORDS: dict[str, str] = {
    "add": "add a route",
    "delete": "delete a route",
    "change": "change the gateway, the flags or the MTU of a route",
    "get": "the route that a destination has",
    "show": "print the table",
    "flush": "delete all routes through gateways",
    "flushall": "delete all routes but those to our own addresses",
    "monitor": "print what happens to routes, addresses and interfaces",
    "default": "the destination 0/0",
    "-net": "the destination is a network",
    "-host": "the destination is a host",
    "-inet": "addresses are IPv4's",
    "-netmask": "the mask of the destination: 255.255.0.0",
    "-prefixlen": "the same as a number of bits",
    "-dst": "the destination",
    "-gateway": "the gateway",
    "-iface": "no gateway: the destination is on this interface (or on that of this address)",
    "-interface": "the same",
    "-ifp": "the interface to use",
    "-ifa": "our address to use",
    "-link": "the gateway is a link-layer address: enter a neighbour",
    "-proxy": "publish that neighbour",
    "-reject": "answer with ICMP unreachable",
    "-noreject": "do not",
    "-blackhole": "drop silently",
    "-noblackhole": "do not",
    "-cloning": "mark it as a route to a link",
    "-connected": "the same",
    "-nocloning": "do not",
    "-noconnected": "do not",
    "-static": "entered by hand (as all are)",
    "-nostatic": "not so marked",
    "-proto1": "set a flag of routing daemons",
    "-proto2": "set the other",
    "-mtu": "the largest packet on this route, in bytes",
}

_ON = {
    "reject": RTF_REJECT,
    "blackhole": RTF_BLACKHOLE,
    "cloning": RTF_CONNECTED,
    "connected": RTF_CONNECTED,
    "static": RTF_STATIC,
    "proto1": RTF_PROTO1,
    "proto2": RTF_PROTO2,
}
_OFF = {f"no{word}": flag for word, flag in _ON.items()}


class Wanted(NamedTuple):
    """What a line says of a route; names of hosts are looked up when the command runs."""

    destination: str = ""  # as it was typed, without its length
    prefix: Prefix | None = None  # None: `destination` is a host's name
    is_host: bool = False
    gateway: str = ""
    lladdr: Mac | None = None
    is_interface: bool = False
    ifp: str = ""
    ifa: str = ""
    on: int = RTF_STATIC
    off: int = 0
    mtu: int | None = None
    proxy: bool = False


class _Reader:
    """Collects the words of one line."""

    def __init__(self) -> None:
        self.wanted = Wanted()
        self.word = ""
        self.net = self.host = self.link = False
        self.length: int | None = None

    def positional(self, word: str) -> None:
        if not self.word:
            self.word = word
        elif not self.wanted.gateway:
            self.wanted = self.wanted._replace(gateway=word)
        elif self.length is None:
            self.length = mask(word)
        else:
            raise wrong(f"{word}: one word too many")

    def finish(self, command: str) -> Wanted:
        if not self.word:
            raise wrong("missing destination specification")
        if command == "add" and not self.wanted.gateway:
            raise wrong("missing gateway specification")
        if self.host and self.net:
            raise wrong("-host and -net conflict")
        wanted = self._destination()
        if wanted.gateway and self.link:
            wanted = _link(wanted)
        elif wanted.gateway and not wanted.is_interface and not is_name(wanted.gateway):
            _address(wanted.gateway)
        if wanted.ifa and not is_name(wanted.ifa):
            _address(wanted.ifa)
        return wanted

    def _destination(self) -> Wanted:
        word, slash, bits = self.word.partition("/")
        length = plen(bits) if slash else self.length
        if self.word == "default":
            return self.wanted._replace(destination="default", prefix=Prefix(Ip4(0), 0))
        if is_name(word):
            if slash or self.net:
                raise wrong(f"{self.word}: the name of a host, and no network")
            return self.wanted._replace(destination=word, is_host=True)
        if slash and self.host:
            raise wrong("-host and -net conflict")
        prefix = network(word, length, short=bool(slash) or self.net)
        is_net = self.net or (not self.host and prefix.plen < 32)
        if self.host:
            prefix = Prefix(_address(word), 32)
        return self.wanted._replace(destination=word, prefix=prefix, is_host=not is_net)


def network(word: str, length: int | None, *, short: bool) -> Prefix:
    """A network with its length, or with the one that classes gave it (inet_makenetandmask)."""
    octets = word.split(".")
    if len(octets) < 4 and short:
        word = ".".join([*octets, *["0"] * (4 - len(octets))])
    address = _address(word)
    if length is None:
        length = _classful(address, len(octets))
    return Prefix.of(address, length)


def _classful(address: Ip4, octets: int) -> int:
    if octets < 4:
        return max(8 * octets, class_of(address))
    if not address & (0xFFFFFFFF >> class_of(address)):
        return next(length for length in (8, 16, 24) if not address & (0xFFFFFFFF >> length))
    return 32


def _address(word: str) -> Ip4:
    try:
        return Ip4.parse(word)
    except ValueError:
        raise wrong(f"{word}: bad value: an address (10.0.0.1), a network (10.9/16), default, or a host") from None


def _link(wanted: Wanted) -> Wanted:
    """The gateway of a -link: a link-layer address, or an interface by its name or as link#2."""
    if ":" not in wanted.gateway:
        return wanted._replace(is_interface=True, gateway=wanted.gateway.removeprefix("link#"))
    try:
        return wanted._replace(lladdr=Mac.parse(wanted.gateway))
    except ValueError:
        raise wrong(f"{wanted.gateway}: bad value: a link-layer address is 02:00:00:00:00:01") from None


def parse_words(command: str, words: list[str]) -> Wanted:
    """What a line wants, after its command."""
    reader = _Reader()
    rest = iter(words)
    for word in rest:
        if not word.startswith("-"):
            reader.positional(word)
        elif word[1:] in _KEYWORDS:
            _KEYWORDS[word[1:]](reader, rest)
        elif word[1:] in _ON:
            flag = _ON[word[1:]]
            reader.wanted = reader.wanted._replace(on=reader.wanted.on | flag, off=reader.wanted.off & ~flag)
        elif word[1:] in _OFF:
            flag = _OFF[word[1:]]
            reader.wanted = reader.wanted._replace(on=reader.wanted.on & ~flag, off=reader.wanted.off | flag)
        elif word == "-inet6":
            raise wrong("-inet6: there is no IPv6 yet")
        else:
            raise wrong(f"botched keyword: {word[1:]} ('help route' lists them)")
    return reader.finish(command)


def _next(rest: Iterator[str], keyword: str) -> str:
    value = next(rest, None)
    if value is None:
        raise wrong(f"-{keyword}: a value is missing")
    return value


def _set(**fields: bool) -> Callable[[_Reader, Iterator[str]], None]:
    def act(reader: _Reader, _rest: Iterator[str]) -> None:
        reader.wanted = reader.wanted._replace(**fields)  # type: ignore[arg-type]  # all of them are bools

    return act


def _mark(name: str) -> Callable[[_Reader, Iterator[str]], None]:
    def act(reader: _Reader, _rest: Iterator[str]) -> None:
        setattr(reader, name, True)

    return act


def _netmask(reader: _Reader, rest: Iterator[str]) -> None:
    reader.length = mask(_next(rest, "netmask"))
    reader.net = True


def _prefixlen(reader: _Reader, rest: Iterator[str]) -> None:
    reader.length = plen(_next(rest, "prefixlen"))


def _dst(reader: _Reader, rest: Iterator[str]) -> None:
    reader.word = _next(rest, "dst")


def _gateway(reader: _Reader, rest: Iterator[str]) -> None:
    reader.wanted = reader.wanted._replace(gateway=_next(rest, "gateway"))


def _ifp(reader: _Reader, rest: Iterator[str]) -> None:
    reader.wanted = reader.wanted._replace(ifp=_next(rest, "ifp"))


def _ifa(reader: _Reader, rest: Iterator[str]) -> None:
    reader.wanted = reader.wanted._replace(ifa=_next(rest, "ifa"))


def _mtu(reader: _Reader, rest: Iterator[str]) -> None:
    value = number(_next(rest, "mtu"), "an MTU in bytes (0: the interface's)", 0, 65535)
    if 0 < value < 68:
        raise wrong(f"{value}: every link carries 68 bytes")  # RFC 791 3.2
    reader.wanted = reader.wanted._replace(mtu=value)


def _nothing(_reader: _Reader, _rest: Iterator[str]) -> None:
    """It is so anyway."""


_KEYWORDS: dict[str, Callable[[_Reader, Iterator[str]], None]] = {
    "net": _mark("net"),
    "host": _mark("host"),
    "link": _mark("link"),
    "inet": _nothing,
    "iface": _set(is_interface=True),
    "interface": _set(is_interface=True),
    "proxy": _set(proxy=True),
    "netmask": _netmask,
    "prefixlen": _prefixlen,
    "dst": _dst,
    "gateway": _gateway,
    "ifp": _ifp,
    "ifa": _ifa,
    "mtu": _mtu,
}
