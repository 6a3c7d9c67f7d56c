"""`netsh router` and `netsh bridge`: this machine's TAPs joined by one host of ours, and nothing else.

The words become lines of the shell's own language, run on an empty lab; so whatever they can do, the prompt can.
"""

from __future__ import annotations

import re

from netsh.options import BadOption, Options
from stack.addr import Ip4

USAGE = """\
usage: netsh router [-i] [-q] [-w seconds] [--route network gateway] ... interface address/length ...
       netsh bridge [-i] [-q] [-w seconds] [--stp] interface interface ... [address/length]
"""
HELP = """\
A router, or a bridge, between interfaces of this machine: virtN is on the TAP device tapN, which is made if it is new.
What the kernel's side of a TAP is called and does, `ip` says: ip addr add 192.168.1.2/24 dev tap0

  interface     virtN; or shmifN=FILE, on a bus file that other processes are on
  -i            be at its prompt; else it shows what its interfaces carry, until Ctrl-C or SIGTERM
  -q            show nothing
  -w seconds    a line every so many seconds, as of 'netstat -w', also where there is no terminal
  --route N G   a route to a network, by a gateway; the network may be 'default'
  --stp         the bridge takes part in the spanning tree
"""
KINDS = ("router", "bridge")
_INTERFACE = re.compile(r"(virt[0-9]{1,4})|(shmif[0-9]{1,4})=([^\s]*/[^\s]*)", re.ASCII)


def parse(kind: str, words: list[str], *, terminal: bool = False) -> Options:
    """Read what stands behind `router` or `bridge`; BadOption, with words, when it makes no sense.

    On a `terminal` its counters are drawn in place.
    """
    reader = _Reader(kind, words)
    reader.read()
    options = Options()
    if reader.help:
        options.show = USAGE + "\n" + HELP
        return options
    lines = [f"host {kind}", "sysctl -q -w net.inet.ip.dad_count=0"]
    lines += _router(reader) if kind == "router" else _bridge(reader)
    made = [line.split()[1] for line in lines if " create" in line]
    for name in made:
        if made.count(name) > 1:
            raise BadOption(f"{kind}: {name}: named twice")
    options.lab = "none"
    options.clock = "real"
    options.lines = " && ".join(lines)
    options.stay = reader.stay
    if not reader.stay:
        options.watch = _watch(reader, terminal)
    return options


class _Reader:
    """The words, taken apart."""

    def __init__(self, kind: str, words: list[str]) -> None:
        self.kind = kind
        self.words = list(words)
        self.stay = self.quiet = self.stp = self.help = False
        self.wait: str | None = None
        self.routes: list[tuple[str, str]] = []
        self.rest: list[str] = []  # interfaces and addresses

    def read(self) -> None:
        """Sort the words."""
        while self.words:
            word = self.words.pop(0)
            match word:
                case "-i":
                    self.stay = True
                case "-q":
                    self.quiet = True
                case "-w":
                    self.wait = self._number(self._value(word))
                case "-h" | "--help":
                    self.help = True
                case "--route" if self.kind == "router":
                    self.routes.append((self._value(word), self._value(word)))
                case "--stp" if self.kind == "bridge":
                    self.stp = True
                case _ if word.startswith("-"):
                    raise BadOption(f"{self.kind}: {word}: unknown option; 'netsh {self.kind} --help' lists them")
                case _:
                    self.rest.append(word)

    def _value(self, word: str) -> str:
        if not self.words:
            raise BadOption(f"{self.kind}: {word}: its value is missing")
        return self.words.pop(0)

    def _number(self, text: str) -> str:
        try:
            seconds = float(text)
        except ValueError:
            seconds = -1.0
        if not 0.001 <= seconds <= 86400:
            raise BadOption(f"{self.kind}: -w {text}: a number of seconds is wanted")
        return text


def _router(reader: _Reader) -> list[str]:
    """Interfaces with their addresses, then the routes."""
    rest, lines = list(reader.rest), []
    while rest:
        create = _create("router", rest.pop(0))
        if not rest:
            raise BadOption(f"router: {create.split()[1]}: its address is missing, such as 192.168.1.1/24")
        lines.append(f"{create} {_address('router', rest.pop(0))}")
    if len(lines) < 2:
        raise BadOption("router: two interfaces are wanted at least: netsh router virt0 192.168.1.1/24 virt1 ...")
    for network, gateway in reader.routes:
        plain = network == "default" or _is_prefix(network)
        if not (plain and _is_address(gateway)):
            raise BadOption(f"router: --route {network} {gateway}: a network and a gateway's address are wanted")
        lines.append(f"route -q add {network} {gateway}")
    return lines


def _bridge(reader: _Reader) -> list[str]:
    """A bridge, its members, and perhaps an address of its own."""
    rest = list(reader.rest)
    address = _address("bridge", rest.pop()) if rest and "/" in rest[-1] and "=" not in rest[-1] else None
    creates = [_create("bridge", word) for word in rest]
    if len(creates) < 2:
        raise BadOption("bridge: two interfaces are wanted at least: netsh bridge virt0 virt1")
    names = [create.split()[1] for create in creates]
    lines = [f"{create} up" for create in creates]
    lines += ["ifconfig bridge0 create", "brconfig bridge0 " + " ".join(f"add {name}" for name in names) + " up"]
    if reader.stp:
        lines.append("brconfig bridge0 " + " ".join(f"stp {name}" for name in names))
    if address is not None:
        lines.append(f"ifconfig bridge0 {address}")
    return lines


def _create(kind: str, word: str) -> str:
    """The line that makes an interface."""
    found = _INTERFACE.fullmatch(word)
    if found is None:
        raise BadOption(f"{kind}: {word}: no interface; it is virtN, or shmifN=FILE")
    if found[1] is not None:
        return f"ifconfig {found[1]} create"
    path = found[3].replace("'", r"'\''")
    return f"ifconfig {found[2]} create linkstr '{path}'"


def _address(kind: str, word: str) -> str:
    if not _is_prefix(word):
        raise BadOption(f"{kind}: {word}: no address with its prefix length, such as 192.168.1.1/24")
    return word


def _is_prefix(text: str) -> bool:
    address, slash, length = text.partition("/")
    return bool(slash) and _is_address(address) and length.isascii() and length.isdigit() and int(length) <= 32


def _is_address(text: str) -> bool:
    try:
        Ip4.parse(text)
    except ValueError:
        return False
    return True


def _watch(reader: _Reader, terminal: bool) -> list[str]:
    """The command that runs until somebody ends it."""
    if reader.quiet:
        return ["sleep", "1000000000"]
    if terminal and reader.wait is None:
        return ["ifconfig", "-a", "--live"]
    return ["netstat", "-w", reader.wait or "1", "-bd"]
