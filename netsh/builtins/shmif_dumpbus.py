"""List what a bus file holds, or convert it to a capture.

    -h  only the header        -p FILE  write a capture; - is standard output

The bus is not joined: its other users see nothing of this.

Examples:

    ifconfig shmif1 create linkstr ./bus1 10.7.0.1/24; ping -c 1 -w 1 10.7.0.2 || true
    shmif_dumpbus ./bus1                           # its header, and its packets, the oldest first
    shmif_dumpbus -h ./bus1                        # its header
    shmif_dumpbus -p bus1.pcap ./bus1              # the frames for tcpdump and Wireshark as well
    shmif_dumpbus -p - ./bus1 | !tcpdump -r -      # the same to standard output, and nothing else

See ifconfig, tcpdump.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands._getopt import getopt, too_many, wrong
from commands.command import Data, Failure
from netsh.builtins import builtin
from netsh.shell import ShellContext
from stack.dev import busfile, busring, pcap
from stack.dev.files import write_whole
from stack.kern.errors import reason
from stack.net.bpf import Captured

SYNOPSIS = "shmif_dumpbus [-h] [-p file] bus"


class Args(NamedTuple):
    """What is asked: of which bus, only its header perhaps, a capture to which file perhaps."""

    bus: str
    header: bool
    capture: str | None


class Header(NamedTuple):
    """The head of a bus."""

    version: int
    lock: int
    generation: int
    firstoff: int
    lastoff: int


class Packet(NamedTuple):
    """A packet on it; the offset is that of its frame."""

    packet: int
    offset: int
    length: int
    seconds: int
    microseconds: int
    sender: str


TABLES: dict[type, str] = {Packet: "Packets"}


def parse(argv: list[str]) -> Args:
    """Options and a file."""
    options, words = getopt("shmif_dumpbus", argv, "hp:")
    if not words or not words[0]:
        raise wrong("the name of a bus file is wanted")
    if len(words) > 1:
        raise too_many(words[1])
    return Args(words[0], "h" in options, options.get("p"))


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[Header | Packet | Data]:
    """Read it, show it."""
    try:
        header, packets = busfile.look(args.bus, packets=not args.header)
    except OSError as error:
        raise Failure(f"{args.bus}: {reason(error)}") from None
    except ValueError as error:
        raise Failure(f"{args.bus}: {error}") from None
    if args.capture is not None and not args.header:
        capture = b"".join([pcap.header(), *map(record, packets)])
        if args.capture == "-":
            yield Data(capture)
            return
        _write(args.capture, capture)
    yield Header(header.version, header.lock, header.generation, header.first, header.last)
    for number, packet in enumerate(packets):
        yield Packet(number, *packet[:4], f"{packet.sender:016x}")


def record(packet: busring.Packet) -> bytes:
    """A packet as a capture has it."""
    return pcap.record(Captured(packet.microseconds / 1e6, "", False, packet.frame), packet.seconds)


def _write(path: str, capture: bytes) -> None:
    try:
        write_whole(path, capture)
    except (OSError, ValueError) as error:
        raise Failure(f"{path}: {reason(error)}") from None


def show(row: Header | Packet) -> str:
    """As the tool of the rump kernel."""
    if isinstance(row, Packet):
        when = f"{row.seconds}/{row.microseconds:06}"
        return f"packet {row.packet}, offset {row.offset:#06x}, length {row.length:#06x}, ts {when}"
    return (
        f"bus version {row.version}, lock: {row.lock}, generation: {row.generation}, "
        f"firstoff: {row.firstoff:#06x}, lastoff: {row.lastoff:#06x}"
    )


COMMAND = builtin("shmif_dumpbus", SYNOPSIS, parse, run, show)
