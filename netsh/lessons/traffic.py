"""Checks that must send something to know: can it be reached, which way, how fast, and what does it serve."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from commands._pinger import PingStatistics
from commands._tester import Transfer
from commands._visit import Line
from commands.command import Data
from commands.traceroute import Hop
from netsh import units
from netsh.lessons.bench import COMPARE, Bench, Reading, Verdict, Words, text_of, wanted
from netsh.words import quote
from stack.kern.proc import Proc

_PORT = 55001  # where our transfers go; nobody else uses it
_BUFFER = 8192  # bytes that ttcp writes at a time
_LOADED = 100000  # buffers that keep a wire busy for as long as it takes
_STATUS = re.compile(r"HTTP/[\d.]+ (\d+)")


def reachable(words: Words) -> Reading:
    """`reachable A B`: one of ten pings is answered."""
    name, target = words.host(), words.take("a host or an address")

    def look(bench: Bench) -> Verdict:
        bench.address(target, name)
        patience = "-c 10 -w 12" if bench.copyable else "-c 3 -w 3"  # the learner waits for it
        found = _ping(bench, name, f"ping -q -o {patience} {target}")
        holds = found is not None and found.received > 0
        return Verdict(holds, f"{name} {'reaches' if holds else 'does not reach'} {target}")

    return Reading(look)


def _ping(bench: Bench, name: str, line: str) -> PingStatistics | None:
    return next((row for row in bench.rows(name, line) if isinstance(row, PingStatistics)), None)


def path(words: Words) -> Reading:
    """`path A B via R1 R2 ...`: the routers on the way, in order; `direct` for none."""
    name, target = words.host(), words.take("a host or an address")
    via: list[str] = []
    if not words.optional("direct"):
        if not words.optional("via"):
            raise wanted("via and the routers in order, or direct", words.take("via and the routers, or direct"))
        via = [words.host("the routers on the way")]
        while words.words:
            via.append(words.host("a router"))

    def look(bench: Bench) -> Verdict:
        whom = bench.address(target, name)
        hops = bench.rows(name, f"traceroute -n -q 1 -w 2 -m {len(via) + 2} {target}")
        answers = [row.probes[0].from_ for row in hops if isinstance(row, Hop)]
        seen = ["*" if each is None else bench.lab.name_of(each) or str(each) for each in answers]
        there = bench.lab.name_of(whom) or str(whom)
        return Verdict(seen == [*via, there], f"{name} goes to {target} by {' '.join(seen) or 'no way'}")

    return Reading(look)


def http(words: Words) -> Reading:
    """`http A URL [STATUS] [body TEXT]`: what A gets there: 200 unless it is said, with that text in the body."""
    name, url = words.host(), words.take("a URL")
    if not url.startswith(("http://", "https://")):
        raise wanted("a URL (http://www/)", url)
    status = words.number("a status, such as 200") if words.words and words.words[0] != "body" else 200
    body = words.take("a text that is in the body") if words.optional("body") else ""

    def look(bench: Bench) -> Verdict:
        rows = bench.rows(name, f"fetch -v -q -T 30 --no-verify-peer {quote(url)}")
        heads = [found for row in rows if isinstance(row, Line) and (found := _STATUS.match(row.text))]
        got = int(heads[-1][1]) if heads else None
        text = b"".join(row.data for row in rows if isinstance(row, Data)).decode(errors="replace")
        seen = f"{name} gets {got or 'nothing'} from {url}"
        if got == status and body and body not in text:
            return Verdict(False, f"{seen}, without {body!r} in it")
        return Verdict(got == status, seen)

    return Reading(look)


class Load(NamedTuple):
    """How a transfer is made."""

    buffers: int
    algorithm: str
    window: int | None

    def begin(self, bench: Bench, name: str, target: str) -> tuple[list[Any], list[Proc]]:
        """Start it; the rows of who sends, and both processes."""
        bench.address(target, name)
        size = "" if self.window is None else f" -b {self.window}"
        _, receiver = bench.start(_named(bench, target), f"ttcp -r -s -p {_PORT}{size}")
        rows, sender = bench.start(
            name, f"ttcp -t -s -n {self.buffers} -p {_PORT} -C {self.algorithm}{size} {target}"
        )
        return rows, [sender, receiver]


def _named(bench: Bench, target: str) -> str:
    """The host behind a name or an address."""
    if target in bench.lab.hosts:
        return target
    return bench.lab.name_of(bench.address(target, next(iter(bench.lab.hosts)))) or target


def _load(words: Words, buffers: int) -> Load:
    """`[N buffers] [reno|cubic] [window BYTES]`"""
    algorithm, window = "reno", None
    while words.words:
        word = words.take("")
        if word in ("reno", "cubic"):
            algorithm = word
        elif word == "window":
            window = words.number("the bytes of a socket's buffer")
        elif word == "buffers":
            buffers = words.number("a number of buffers")
        else:
            raise wanted("buffers N, reno, cubic, or window BYTES", word)
    return Load(buffers, algorithm, window)


def throughput(words: Words) -> Reading:
    """`throughput A B >= RATE [buffers N] [reno|cubic] [window BYTES]`: of a transfer of N times 8192 bytes (200)."""
    name, target = words.host(), words.host("a host to send to")
    sign, rate = words.compare(), units.parse(units.RATE, words.take("a rate, such as 10Mbit/s"))
    load = _load(words, 200)

    def look(bench: Bench) -> Verdict:
        rows, procs = load.begin(bench, name, target)
        bench.finish(procs[0])
        bench.end(procs[1])
        done = next((row for row in rows if isinstance(row, Transfer)), None)
        whole = done is not None and done.bytes >= load.buffers * _BUFFER
        got = (done.lab_rate or 0.0) * 8 if done is not None and whole else 0.0
        return Verdict(COMPARE[sign](got, rate), f"{name} sends to {target} at {got / 1e6:.2f} Mbit/s")

    return Reading(look)


def latency(words: Words) -> Reading:
    """`latency A B <= TIME [min|avg|max] [loaded ...]`: round trips of pings, ARP done; beside a transfer, perhaps."""
    name, target = words.host(), words.take("a host or an address")
    sign, seconds = words.compare(), units.parse(units.DURATION, words.take("a time, such as 10ms"))
    which = next((word for word in ("min", "avg", "max") if words.optional(word)), "avg")
    load = _load(words, _LOADED) if words.optional("loaded") else None

    def look(bench: Bench) -> Verdict:
        bench.address(target, name)
        _ping(bench, name, f"ping -q -o -c 2 -w 6 {target}")
        procs = load.begin(bench, name, target)[1] if load is not None else []
        found = _ping(bench, name, f"ping -q -c 12 -i 0.5 -w 15 {target}" if load else f"ping -q -c 3 -w 10 {target}")
        for proc in procs:
            bench.end(proc)
        value = {"min": found.min, "avg": found.avg, "max": found.max}[which] if found is not None else None
        if value is None:
            return Verdict(False, f"{name} does not reach {target}")
        return Verdict(COMPARE[sign](value / 1000, seconds), f"{name} to {target} takes {value:.6g} ms ({which})")

    return Reading(look)


def says(words: Words) -> Reading:
    """`says HOST 'COMMAND' 'TEXT'`: a command there prints that text; for what no other check knows."""
    name, line, text = words.host(), words.take("a command, in quotes"), words.take("a text, in quotes")

    def look(bench: Bench) -> Verdict:
        said = text_of(line, bench.rows(name, line))
        return Verdict(text in said, f"'{line}' on {name} says {'so' if text in said else 'something else'}")

    return Reading(look)


TRAFFIC: dict[str, tuple[str, Callable[[Words], Reading]]] = {
    "reachable": ("reachable A B", reachable),
    "path": ("path A B via ROUTER ... | path A B direct", path),
    "http": ("http A URL [STATUS] [body 'TEXT']", http),
    "throughput": ("throughput A B >=|<=|... RATE [buffers N] [reno|cubic] [window BYTES]", throughput),
    "latency": ("latency A B <=|>=|... TIME [min|avg|max] [loaded [reno|cubic] [window BYTES]]", latency),
    "says": ("says HOST 'COMMAND' 'TEXT'", says),
}
