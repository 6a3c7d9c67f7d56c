"""Stations on a bus file, each a process, that send rounds of frames and see whether everyone's arrive.

    python -m tests.stack.dev.stations BUS STATIONS [--rumps 1] [--rounds 100 | --seconds 20] [--burst 8] [--size 1514]

Every station sends its next round when it has seen the round before of all others, so that nobody can be overrun;
whoever sees a frame twice, out of order, or changed, says so and fails.  The first --rumps of them are peers as NetBSD
has them (tests/stack/dev/rump.py), which know the lock word only.  A line of JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import select
import struct
import sys
import time

from stack.dev import libc
from stack.dev.busfile import BusFile
from stack.dev.busring import BUS_SIZE, LOCK_AT
from tests.stack.dev.rump import Peer

_HEAD = struct.Struct("!6s6sHHIHB")  # to, from, type, station, round, number in it, whether it is the last round
_PATIENCE = 30.0  # seconds without a frame


class Rump:
    """A peer on a bus file, with BusFile's face."""

    def __init__(self, path: str) -> None:
        self.fd = os.open(path, os.O_RDWR)
        self.memory = mmap.mmap(self.fd, BUS_SIZE)
        self.word = libc.Word(libc.address_of(self.memory) + LOCK_AT)
        self.watcher = libc.watch(self.fd)
        self.lock()
        self.peer = Peer(self.memory, int.from_bytes(os.urandom(8)))
        self.word.release()
        self.overruns = 0

    def lock(self) -> None:
        spins = 0
        while not self.word.take():
            spins += 1
            if spins > 1001:
                time.sleep(0.001)
                spins = 0

    def send(self, frames: list[bytes]) -> None:
        for frame in frames:
            self.lock()
            self.peer.send(frame)
            self.word.release()
        os.pwrite(self.fd, b"\3\0\0\0", 4)

    def receive(self) -> list[bytes]:
        self.lock()
        frames = self.peer.receive()
        self.word.release()
        self.overruns = self.peer.overruns
        return frames


class Ours:
    """BusFile, waiting where it would have others do something else first."""

    def __init__(self, path: str) -> None:
        self.file = BusFile(path)
        self.watcher = self.file.watcher
        self.overruns = 0

    def send(self, frames: list[bytes]) -> None:
        while frames:
            count = self.file.write(frames)
            frames = frames[count:]
            if not count:
                os.sched_yield()

    def receive(self) -> list[bytes]:
        self.file.woken()
        found: list[bytes] = []
        while True:
            reading = self.file.read()
            found += reading.frames
            self.overruns += reading.overrun
            if not reading.more:
                return found
            if reading.busy:
                os.sched_yield()


class Station:
    """One of them."""

    def __init__(self, bus: Ours | Rump, number: int, args: argparse.Namespace) -> None:
        self.bus = bus
        self.number = number
        self.args = args
        self.others = [other for other in range(args.stations) if other != number]
        self.next = dict.fromkeys(self.others, (0, 0))  # the round and the number in it that come next
        self.last = dict.fromkeys(self.others, False)
        self.seen = 0

    def frame(self, round: int, number: int, last: bool) -> bytes:
        head = _HEAD.pack(b"\xff" * 6, bytes(6), 0x1234, self.number, round, number, last)
        size: int = self.args.size
        return head + bytes([(self.number + round + number) % 256]) * (size - len(head))

    def run(self) -> None:
        begin = time.monotonic()
        round = 0
        while True:
            late = time.monotonic() - begin > self.args.seconds if self.args.seconds else round + 1 >= self.args.rounds
            last = late or any(self.last.values())
            self.bus.send([self.frame(round, number, last) for number in range(self.args.burst)])
            round += 1
            while not all(self.last[other] or self.next[other][0] >= round for other in self.others):
                self.wait()
            if last:
                break
        while not all(self.last[other] and self.next[other][1] == 0 for other in self.others):
            self.wait()

    def wait(self) -> None:
        frames = self.bus.receive()
        if not frames:
            poller = select.poll()
            poller.register(self.bus.watcher, select.POLLIN)
            if not poller.poll(_PATIENCE * 1000):
                raise SystemExit(f"station {self.number}: nothing comes; next would be {self.next}")
            if isinstance(self.bus, Rump):
                os.read(self.bus.watcher, 4096)
        for frame in frames:
            self.see(frame)

    def see(self, frame: bytes) -> None:
        _, _, _, sender, round, number, last = _HEAD.unpack_from(frame)
        if (round, number) != self.next[sender]:
            raise SystemExit(f"station {self.number}: {round}.{number} of {sender}, not {self.next[sender]}")
        if frame[_HEAD.size :].count((sender + round + number) % 256) != self.args.size - _HEAD.size:
            raise SystemExit(f"station {self.number}: {round}.{number} of {sender} is spoilt")
        self.next[sender] = (round, number + 1) if number + 1 < self.args.burst else (round + 1, 0)
        self.last[sender] = bool(last)
        self.seen += 1


def be(number: int, args: argparse.Namespace, ready: int, go: int, report: int) -> None:
    """A station, in its own process."""
    bus = Rump(args.bus) if number < args.rumps else Ours(args.bus)
    os.write(ready, b"x")
    os.read(go, 1)
    station = Station(bus, number, args)
    station.run()
    broken = bus.file.lock.broken if isinstance(bus, Ours) else 0
    os.write(report, json.dumps([station.seen, bus.overruns, broken]).encode() + b"\n")


def main() -> int:
    """Start them all at once, and add up."""
    parser = argparse.ArgumentParser()
    parser.add_argument("bus")
    parser.add_argument("stations", type=int)
    for name, value in (("rumps", 0), ("rounds", 100), ("seconds", 0), ("burst", 8), ("size", 1514)):
        parser.add_argument(f"--{name}", type=int, default=value)
    args = parser.parse_args()
    keeper = BusFile(args.bus)  # there is a bus until all have gone
    pipes = [os.pipe() for _ in range(3)]
    (ready, _), (_, go), (report, _) = pipes
    children = []
    for number in range(args.stations):
        child = os.fork()
        if child == 0:
            os.close(go)
            be(number, args, pipes[0][1], pipes[1][0], pipes[2][1])
            os._exit(0)
        children.append(child)
    for _, writer in (pipes[0], pipes[2]):
        os.close(writer)
    there = 0
    while there < args.stations and (came := os.read(ready, 100)):
        there += len(came)
    begin = time.monotonic()
    os.close(go)
    bad = [status for child in children if (status := os.waitpid(child, 0)[1])]
    seconds = time.monotonic() - begin
    with open(report) as lines:
        seen, overruns, broken = (sum(each) for each in zip(*map(json.loads, lines), strict=True))
    sent = seen // (args.stations - 1)
    print(json.dumps({"sent": sent, "overruns": overruns, "broken": broken, "seconds": seconds, "bad": bad}))
    keeper.close()
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
