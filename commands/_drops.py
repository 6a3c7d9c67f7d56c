"""The drops of a lab, explained: which reasons there are, which have occurred, and how often."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from commands._netstat_stats import BLOCKS, protocol_of
from commands._reasons import WHY
from stack.lab import Lab


class Drop(NamedTuple):
    """How often something was dropped; a bus counts for itself, and is called `bus:lan`."""

    host: str
    protocol: str
    reason: str
    count_: int
    sentence: str


def sentence(protocol: str, reason: str) -> str:
    """Why, in a sentence; "" for a reason that is not known here."""
    why = WHY.get(protocol, {}).get(reason)
    return why.sentence if why is not None else ""


def place(host: str, protocol: str) -> str:
    """Where a drop is counted: a host, or a bus."""
    return f"bus:{host}" if protocol == "bus" else host


def drops(lab: Lab, protocols: Collection[str] = WHY) -> Iterator[Drop]:
    """What the hosts and buses of a lab have dropped, of these protocols."""
    for host in lab.hosts.values():
        for name in BLOCKS:
            counter = protocol_of(host, name) if name in protocols else None
            if counter is not None:
                yield from _counted(host.name, name, counter.stat)
    if "bus" in protocols:
        for name, bus in lab.buses.items():
            yield from _counted(name, "bus", bus.stat)


def _counted(host: str, protocol: str, stat: Mapping[str, int]) -> Iterator[Drop]:
    """The drops among the counters of a protocol."""
    known = WHY[protocol]
    for reason in sorted(known.keys() & stat.keys()):
        if stat[reason]:
            yield Drop(place(host, protocol), protocol, reason, stat[reason], known[reason].sentence)


def named(name: str) -> list[tuple[str, str]]:
    """The drops of that name, each as its protocol and its reason: `badsum` is of several, `ip/badsum` of one."""
    protocol, slash, reason = name.rpartition("/")
    return [(each, reason) for each, known in WHY.items() if reason in known and (not slash or each == protocol)]
