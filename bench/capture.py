"""Packets a second through a router that nobody, a capture or a file listens to (python -m bench.capture)."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.chains import chain, far_end
from bench.measure import arguments, calibrate, figure, report
from commands._tcpdump_core import Options
from commands._tcpdump_lines import Lines
from stack.dev import libpcap
from stack.dev.savefile import Packer, SaveFile
from stack.host import Host
from stack.kern.sockbuf import RecordBuf
from stack.kern.socket import SOCK_DGRAM, Socket
from stack.lab import Lab
from stack.net.bpf import DLT_EN10MB, Bpf

BURST = 32
_DATA = bytes(1400)


def packets_per_second(bursts: int, filter: str | None, *, write: bool = False, show: bool = False) -> float:
    """Send UDP datagrams through one router; a capture of its first interface sees each once."""
    lab = Lab()
    hosts = chain(lab, 3)
    source, sink = _ends(lab, hosts)
    bpf = Bpf(lambda: lab.callouts.now, 1 << 30)
    if filter is not None:
        program = libpcap.compile_filter(filter, DLT_EN10MB, bpf.snaplen) if filter else None
        bpf.attach(next(ifp for ifp in hosts[1].interfaces.values() if not ifp.is_loopback), hosts[1].name, program)
    lines = Lines(Options(numeric=True), lambda _: None)
    with tempfile.TemporaryDirectory() as folder:
        packer = Packer(bpf.sources)
        file = SaveFile(str(Path(folder) / "x.pcap"), packer.head)
        begin = time.perf_counter()
        for _ in range(bursts):
            for _ in range(BURST):
                source.send(_DATA)
            lab.callouts.advance(lab.callouts.now)
            frames = bpf.take()
            if write:
                file.write(map(packer.pack, frames))
            if show:
                for frame in frames:
                    lines.row(frame, bpf.sources)
        elapsed = time.perf_counter() - begin
        file.close()
    assert len(sink.records) == bursts * BURST
    assert bpf.received == (0 if filter is None else bursts * BURST)
    return bursts * BURST / elapsed


def _ends(lab: Lab, hosts: list[Host]) -> tuple[Socket, RecordBuf]:
    """A socket that sends, and what the other end has got, which has room for everything."""
    first, last = hosts[0], hosts[-1]
    sink = last.socket(SOCK_DGRAM)
    sink.bind((0, 9))
    source = first.socket(SOCK_DGRAM)
    source.connect((far_end(last), 9))
    source.send(_DATA)
    lab.callouts.advance(lab.callouts.now + 1)  # every ARP is answered
    assert isinstance(sink.rcv, RecordBuf)
    sink.rcv.hiwat = 1 << 30
    sink.rcv.flush()
    return source, sink.rcv


def main() -> None:
    """Measure with and without."""
    args = arguments(__doc__ or "", repeat=5, bursts=300)
    before = calibrate()
    figures = [
        figure("nobody captures", lambda: packets_per_second(args.bursts, None), args.repeat, "packets/s"),
        figure("a capture", lambda: packets_per_second(args.bursts, ""), args.repeat, "packets/s"),
        figure("tcp port 80, none", lambda: packets_per_second(args.bursts, "tcp port 80"), args.repeat, "packets/s"),
        figure("to a file", lambda: packets_per_second(args.bursts, "", write=True), args.repeat, "packets/s"),
        figure("as text", lambda: packets_per_second(args.bursts, "", show=True), args.repeat, "packets/s"),
    ]
    report("capture", figures, min(before, calibrate()))


if __name__ == "__main__":
    main()
