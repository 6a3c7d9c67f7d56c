"""Forwarding while packets were never followed, are followed, and are not any more (python -m bench.trace)."""

from __future__ import annotations

import time

from bench.chains import chain, far_end
from bench.forward import BURST
from bench.measure import Figure, arguments, calibrate, figure, report
from stack.header.ether import ETHERTYPE_ARP
from stack.kern.sockbuf import RecordBuf
from stack.kern.socket import SOCK_DGRAM
from stack.lab import Lab
from stack.trace.recorder import Filter, Recorder

ROUTERS = 20


class Road:
    """A line of routers, warm, and the recorder of its lab."""

    def __init__(self) -> None:
        self.lab = Lab()
        hosts = chain(self.lab, ROUTERS + 2)
        sink = hosts[-1].socket(SOCK_DGRAM)
        sink.bind((0, 9))
        self.source = hosts[0].socket(SOCK_DGRAM)
        self.source.connect((far_end(hosts[-1]), 9))
        assert isinstance(sink.rcv, RecordBuf)
        self.buffer = sink.rcv
        self.buffer.hiwat = 1 << 30
        self.recorder = Recorder(self.lab)
        self.seconds(1)

    def seconds(self, bursts: int) -> float:
        """Send datagrams from end to end; how long it took."""
        callouts, data = self.lab.callouts, bytes(22)
        self.buffer.flush()
        begin = time.perf_counter()
        for _ in range(bursts):
            for _ in range(BURST):
                self.source.send(data)
            callouts.advance(callouts.now)
        elapsed = time.perf_counter() - begin
        callouts.advance(callouts.now + 1)  # what is not of the packets' own
        assert len(self.buffer.records) == bursts * BURST
        return elapsed

    def hops(self, bursts: int) -> float:
        """Hops a second."""
        return bursts * BURST * (ROUTERS + 1) / self.seconds(bursts)

    def watched(self, bursts: int, wanted: Filter | None = None, *, steps: bool = False) -> float:
        """Hops, or steps, a second while it is followed."""
        recorder, before = self.recorder, self.recorder.count
        recorder.start(wanted)
        elapsed = self.seconds(bursts)
        recorder.stop()
        return (recorder.count - before if steps else bursts * BURST * (ROUTERS + 1)) / elapsed


def _only_arp(frame: bytes) -> bool:
    return frame[12:14] == ETHERTYPE_ARP.to_bytes(2)


def percent(never: Road, off: Road, bursts: int) -> float:
    """How much slower the one is than the other, in turns, each at its best."""
    rounds = [(never.seconds(bursts), off.seconds(bursts)) for _ in range(9)]
    return (min(there for _, there in rounds) / min(here for here, _ in rounds) - 1) * 100


def main() -> None:
    """Measure them."""
    args = arguments(__doc__ or "", repeat=5, bursts=100, few=4)
    before = calibrate()
    never, off = Road(), Road()
    off.watched(1)
    figures: list[Figure] = [
        figure("never followed", lambda: never.hops(args.bursts), args.repeat, "hops/s"),
        figure("followed once, off again", lambda: off.hops(args.bursts), args.repeat, "hops/s"),
        figure("  slower by", lambda: percent(never, off, args.bursts), 3, "%", "2"),
        figure("on, with a filter that takes none", lambda: off.watched(args.few, _only_arp), args.repeat, "hops/s"),
        figure("on", lambda: off.watched(args.few), args.repeat, "hops/s"),
        figure("  steps", lambda: off.watched(args.few, steps=True), args.repeat, "steps/s", "20,000"),
    ]
    report("trace", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
