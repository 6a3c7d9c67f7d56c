"""TCP's congestion window over time: samples of connections, and how they look in characters (tcpstat -g)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from stack.addr import Ip4
from stack.netinet.tcp_fsm import TCPS_LISTEN, TCPS_TIME_WAIT
from stack.netinet.tcp_var import Tcpcb

_MOST = 4000  # samples; of more, every second one is kept
_UNLIMITED = 1 << 30  # an ssthresh that says nothing yet
_WIDTH, _HEIGHT = 60, 10


class Sample(NamedTuple):
    """A connection at a time of the lab's; sizes are bytes, None while there was no loss yet."""

    time: float
    cwnd: int
    ssthresh: int | None
    flight: int


class Graph(NamedTuple):
    """What became of a connection's windows."""

    local: Ip4
    local_port: int
    foreign: Ip4
    foreign_port: int
    samples: tuple[Sample, ...]


def is_connection(tp: Tcpcb) -> bool:
    """Whether there is something to be seen: it does not listen, and is not over but for its name."""
    return tp.state not in (TCPS_LISTEN, TCPS_TIME_WAIT)


class Grapher:
    """Takes samples of connections, however many it sees."""

    def __init__(self) -> None:
        self.samples: dict[Tcpcb, list[Sample]] = {}

    def look(self, found: list[Tcpcb], now: float) -> None:
        """A sample of each connection."""
        for tp in found:
            if not is_connection(tp):
                continue
            ssthresh = tp.snd_ssthresh if tp.snd_ssthresh < _UNLIMITED else None
            samples = self.samples.setdefault(tp, [])
            samples.append(Sample(now, tp.snd_cwnd, ssthresh, tp.snd_max - tp.snd_una & 0xFFFFFFFF))
            if len(samples) > _MOST:
                del samples[1::2]

    def graphs(self) -> Iterator[Graph]:
        """A row a connection."""
        for tp, samples in self.samples.items():
            yield Graph(tp.laddr, tp.lport, tp.faddr, tp.fport, tuple(samples))


def title(row: Graph) -> str:
    """Whose windows they are."""
    return f"{row.local}.{row.local_port} -> {row.foreign}.{row.foreign_port}  snd_cwnd in bytes"


def show_graph(row: Graph) -> str:
    """A chart in characters: `*` is the window, `-` the threshold of slow start."""
    top = max(sample.cwnd for sample in row.samples)
    begin, end = row.samples[0].time, row.samples[-1].time
    grid = [[" "] * _WIDTH for _ in range(_HEIGHT)]
    for sample in row.samples:
        x = int((sample.time - begin) / (end - begin) * (_WIDTH - 1)) if end > begin else 0
        for value, mark in (sample.ssthresh, "-"), (sample.cwnd, "*"):
            if value is not None and value <= top:
                grid[_HEIGHT - 1 - int(value / top * (_HEIGHT - 1)) if top else 0][x] = mark
    lines = [f"{top if not at else '':>8} |{''.join(cells).rstrip()}" for at, cells in enumerate(grid)]
    foot = f"{'':10}{f'{begin:.3f} s':<{_WIDTH - 12}}{f'{end:.3f} s':>12}"
    return "\n".join([title(row), *lines, f"{0:>8} +{'-' * _WIDTH}", foot])
