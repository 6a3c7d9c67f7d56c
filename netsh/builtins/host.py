"""List the hosts, or go to one.

One whose name is new is made; `host -d NAME` removes one with all it has.

    -d  remove the host of that name
    -q  only the names, for a loop over all hosts

Examples:

    host             # all of them
    host gw          # the prompt goes there
    host new         # a new one
    host -d new
    for h in $(host -q) { $h sysctl -q -w net.link.gso=0 }

See hostname, link, lab.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure, Usage
from netsh.builtins import builtin
from netsh.grammar import KEYWORDS
from netsh.shell import ShellContext
from netsh.state import State
from stack.addr import Ip4
from stack.host import Host

SYNOPSIS = "host [name]\nhost -d name\nhost -q"


class Args(NamedTuple):
    """A host, to be gone to or deleted; None to list them."""

    name: str | None
    delete: bool = False
    quiet: bool = False


class HostRow(NamedTuple):
    """A host of the lab."""

    host: str
    here: bool
    interfaces: int
    addresses: tuple[Ip4, ...]


class HostName(NamedTuple):
    """A host of the lab, by its name alone."""

    host: str


TABLES: dict[type, str] = {HostRow: "Hosts"}


def parse(argv: list[str]) -> Args:
    """A name, or none."""
    if argv[:1] == ["-d"]:
        if len(argv) != 2:
            raise Usage("the name of one host is wanted")
        return Args(argv[1], True)
    if argv[:1] == ["-q"]:
        if len(argv) > 1:
            raise Usage(f"{argv[1]}: -q is of all hosts")
        return Args(None, quiet=True)
    if len(argv) > 1:
        raise Usage(f"{argv[1]}: one host is wanted; to run a command on {argv[0]}: {' '.join(argv)}")
    if argv and argv[0].startswith("-"):
        raise Usage(f"{argv[0]}: unknown option ('help host' says what there is)")
    return Args(argv[0] if argv else None)


def refusal(session: State, name: str) -> str | None:
    """Why no host can be called so, though letters and digits it is; None when one can."""
    if name in KEYWORDS or session.find(name) is not None:
        return f"{name}: a command is called so; a host of that name could not be spoken to"
    return None


def refuse_taken_word(ctx: ShellContext, name: str) -> None:
    """A new host must not be called like a word that a line may begin with."""
    if (why := refusal(ctx.session, name)) is not None:
        raise Failure(why)


async def run(ctx: ShellContext, args: Args) -> AsyncIterator[HostRow | HostName]:
    """Do it."""
    session = ctx.session
    hosts = session.lab.hosts
    if args.name is None:
        for host in hosts.values():
            yield HostName(host.name) if args.quiet else row_of(host, host is session.host)
    elif args.delete:
        _remove(ctx, args.name)
    elif args.name in hosts:
        session.host = hosts[args.name]
    else:
        refuse_taken_word(ctx, args.name)
        try:
            session.host = session.lab.add_host(args.name)
        except ValueError as error:
            raise Failure(str(error)) from None


def _remove(ctx: ShellContext, name: str) -> None:
    if name not in ctx.session.lab.hosts:
        raise Failure(f"{name}: no such host; 'host' lists them")
    ctx.session.world.remove_host(name, ctx.session)


def row_of(host: Host, here: bool) -> HostRow:
    """A host as a row."""
    interfaces = [ifp for ifp in host.interfaces.values() if not ifp.is_loopback]
    addresses = tuple(ifa.address for ifp in interfaces for ifa in ifp.addresses)
    return HostRow(host.name, here, len(interfaces), addresses)


def show(row: HostRow | HostName) -> str:
    """Its name, a mark at the one the prompt is on, its addresses."""
    if isinstance(row, HostName):
        return row.host
    return f"{'*' if row.here else ' '} {row.host:<11} {' '.join(map(str, row.addresses))}".rstrip()


COMMAND = builtin("host", SYNOPSIS, parse, run, show)
