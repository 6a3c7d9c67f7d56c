"""Show the ARP table and change it: which link-layer address each neighbour has.

    -a  all       -n  no names       -s  enter       -d  forget       -f  from a file ("-": the input)       -v  say it

What -f reads is a line each as after -s.

Examples:

    arp -a                                   # all of it; -an without names
    arp -s 10.0.0.50 02:00:00:00:00:50       # enter one for good
    arp 10.0.0.50                            # one entry; a name does, too
    arp -s 10.0.0.51 02:00:00:00:00:51 temp  # for twenty minutes
    arp -s 10.0.0.52 auto pub proxy          # answer for it with our own address
    arp -d 10.0.0.50                         # forget one
    arp -d -a                                # forget all

See RFC 826, RFC 1122 2.3.2; arp(8).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

from commands._getopt import getopt, host, one_of, wrong
from commands._neighbors import ArpEntry, enter, entries, remove, table_for, tables
from commands.command import Command, Complaint, Context, Failure
from stack.addr import Ip4, Mac
from stack.kern.errors import strerror
from stack.net.neighbor import Neighbors

SYNOPSIS = """arp [-n] host
arp [-nv] -a
arp [-v] -d [-a | host [proxy]]
arp [-v] -s host lladdr [temp] [pub [proxy]]
arp [-v] -f file"""

WORDS = {
    "temp": "the entry lasts twenty minutes",
    "pub": "answer who asks for it",
    "proxy": "only answer, do not use it ourselves",
    "auto": "our own link-layer address",
}

TABLES: dict[type, str] = {ArpEntry: "ARP table"}

_TEMPORARY = 20 * 60.0  # seconds


class Setting(NamedTuple):
    """An entry to make; without a link-layer address it is our own."""

    host: str
    lladdr: Mac | None
    temporary: bool
    published: bool
    proxy: bool


class Args(NamedTuple):
    """What is asked: show, delete, set, file; of which host; and options by letter."""

    action: str
    options: dict[str, str]
    host: str = ""
    setting: Setting | None = None


class Done(NamedTuple):
    """An entry was added or deleted (-v)."""

    host: str
    address: str
    action: str


# --- parse ------------------------------------------------------------------------------------------


def parse(argv: list[str]) -> Args:
    """Options, a host, and words about it."""
    options, words = getopt("arp", argv, "adfnsv")
    asked = [letter for letter in "dsf" if letter in options]
    if len(asked) > 1:
        raise wrong(f"-{asked[0]} and -{asked[1]}: one at a time")
    if "s" in options:
        return Args("set", options, setting=_setting(words))
    if "f" in options:
        return Args("file", options, one_of(words, "the name of a file"))
    if "a" in options:
        if words:
            raise wrong(f"{words[0]}: -a takes no host")
        return Args("delete" if "d" in options else "show", options)
    if "d" in options and words[1:2] == ["proxy"]:
        return Args("delete", {**options, "proxy": ""}, host(one_of(words[:1] + words[2:], "a host")))
    return Args("delete" if "d" in options else "show", options, host(one_of(words, "a host (or -a for all)")))


def _setting(words: list[str]) -> Setting:
    if len(words) < 2:
        raise wrong("a host and its link-layer address are wanted: 10.0.0.50 02:00:00:00:00:50")
    more = words[2:]
    for word in more:
        if word not in ("temp", "pub", "proxy"):
            raise wrong(f"{word}: there are temp, pub and proxy")
    if "proxy" in more and "pub" not in more:
        raise wrong("proxy: goes with pub")
    if words[1] == "auto" and "pub" not in more:
        raise wrong("auto: goes with pub")
    return Setting(host(words[0]), _lladdr(words[1]), "temp" in more, "pub" in more, "proxy" in more)


def _lladdr(word: str) -> Mac | None:
    if word == "auto":
        return None
    try:
        lladdr = Mac.parse(word)
    except ValueError:
        raise wrong(f"invalid link-level address '{word}'; one is 02:00:00:00:00:50") from None
    if lladdr.is_multicast:
        raise wrong(f"{word}: the link-layer address of a group, not of a host")
    return lladdr


# --- run --------------------------------------------------------------------------------------------


async def run(ctx: Context, args: Args) -> AsyncIterator[ArpEntry | Done | Complaint]:
    """Show, enter or forget."""
    if args.action == "show":
        for entry in _show(ctx, args):
            yield entry
        return
    if args.action == "delete":
        work = _delete_all(ctx) if not args.host else _delete(ctx, args)
    elif args.setting is not None:
        work = _set(ctx, args.setting)
    else:
        work = _file(ctx, await _read(ctx, args.host))
    for row in work:
        if isinstance(row, Complaint):
            ctx.status = 1
        if isinstance(row, Complaint) or "v" in args.options:
            yield row


def _show(ctx: Context, args: Args) -> Iterator[ArpEntry]:
    found = entries(ctx, names="n" not in args.options)
    if not args.host:
        yield from found
        return
    address = ctx.resolve(args.host)
    mine = [entry for entry in found if entry.address == address]
    if not mine:
        raise Failure(f"{args.host} ({address}) -- no entry")
    yield from mine


def _set(ctx: Context, setting: Setting) -> Iterator[Done | Complaint]:
    """Enter one (SIOCSARP of old)."""
    address = ctx.resolve(setting.host)
    table = table_for(ctx.host, address)
    if table is None:
        yield Complaint(f"cannot intuit interface index and type for {setting.host}")
        return
    if ctx.host.control.local(address) is not None:
        yield Complaint(f"set: {setting.host} is our own address")
        return
    lladdr = setting.lladdr or table.ifp.lladdr or Mac(bytes(6))
    seconds = _TEMPORARY if setting.temporary else None
    try:
        enter(table, address, lladdr, published=setting.published, proxy=setting.proxy, seconds=seconds)
    except OSError as error:
        yield Complaint(f"writing to routing socket: {strerror(error.errno or 0)}")
        return
    yield Done(setting.host, str(lladdr), "added")


def _delete(ctx: Context, args: Args) -> Iterator[Done | Complaint]:
    address = ctx.resolve(args.host)
    proxy = "proxy" in args.options
    if not any(remove(table, address, proxy=proxy) for table in tables(ctx.host)):
        own = ctx.host.control.local(address) is not None
        cause = "Operation not permitted" if own else "No such file or directory"
        yield Complaint(f"writing to routing socket: {cause}")
        return
    yield Done(args.host, str(address), "deleted")


def _delete_all(ctx: Context) -> Iterator[Done]:
    for table in tables(ctx.host):
        for address in _addresses(table):
            remove(table, address)
            yield Done(str(address), str(address), "deleted")


def _addresses(table: Neighbors) -> list[Ip4]:
    return [Ip4(address) for address in [*table.entries, *(table.proxies or ())]]


async def _read(ctx: Context, path: str) -> list[str]:
    if path == "-":
        data = b""
        while more := await ctx.stdin.read():
            data += more
        return data.decode(errors="replace").splitlines()
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError as error:
        raise Failure(f"Cannot open {path}: {strerror(error.errno or 0)}") from None
    except UnicodeDecodeError:
        raise Failure(f"Cannot read {path}: not text") from None


def _file(ctx: Context, lines: list[str]) -> Iterator[Done | Complaint]:
    """Enter those of a file; a bad line is said and passed over."""
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        try:
            yield from _set(ctx, _setting(words))
        except Failure as bad:
            yield Complaint(f"line {number}: {bad}")


# --- show -------------------------------------------------------------------------------------------


def show(row: ArpEntry | Done) -> str:
    """As NetBSD's arp."""
    if isinstance(row, Done):
        return f"{row.host} ({row.address}) {row.action}"
    text = f"{row.host or '?'} ({row.address}) at {row.lladdr or '(incomplete)'} on {row.interface}"
    if row.permanent:
        text += " permanent"
    if row.proxy:
        text += " published (proxy only)"
    elif row.published:
        text += " published"
    return text


COMMAND = Command("arp", SYNOPSIS, parse, run, show)
