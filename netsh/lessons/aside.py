"""Trying something on a lab without a trace: a child of ours (fork(2)) has a copy of the whole lab, and goes away.

A lab with something of the real machine in it cannot be copied so: devices, programs.  There it is tried in place.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
import warnings
from collections.abc import Callable
from contextlib import suppress

from netsh.clock import Clock
from netsh.lessons.bench import Bench, Verdict
from netsh.signals import Signals
from stack.kern.proc import SIGINT

_PATIENCE = 60.0  # real seconds that it may take


def run(bench: Bench, look: Callable[[Bench], Verdict]) -> Verdict:
    """What a look at the lab finds, which may do with it what it likes."""
    if not bench.copyable:
        return look(bench)
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads: ours hold no lock that the child would take
        child = os.fork()
    if not child:
        _be_child(bench, look, writer)
    os.close(writer)
    try:
        answer = _read(reader)
    finally:
        os.close(reader)
        with suppress(OSError):
            os.kill(child, signal.SIGKILL)
        with suppress(OSError):
            os.waitpid(child, 0)
    try:
        return Verdict(*json.loads(answer))
    except ValueError:
        return Verdict(False, "it took too long, or was interrupted")


def _read(reader: int) -> bytes:
    """All that the child says, in time."""
    deadline, said = time.monotonic() + _PATIENCE, b""
    while (left := deadline - time.monotonic()) > 0 and select.select([reader], [], [], left)[0]:
        piece = os.read(reader, 65536)
        if not piece:
            return said
        said += piece
    return b""


def _be_child(bench: Bench, look: Callable[[Bench], Verdict], writer: int) -> None:
    """Look, say what was found, and be gone: nothing that the parent opened is closed or flushed by us."""
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        bench.lab.probes.log = ()  # what the kernels say aside nobody wants to hear
        clock = Clock(bench.lab, "fast", Signals())
        bench.run = lambda proc: clock.run(proc, lambda: proc.signal(SIGINT))
        verdict = look(bench)
        os.write(writer, json.dumps(verdict).encode())
    except BaseException as defect:
        os.write(writer, json.dumps([False, f"internal error: {type(defect).__name__}: {defect}"]).encode())
    finally:
        os._exit(0)
