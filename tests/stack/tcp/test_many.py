"""Many connections: when they are over, nothing of them is left, in any table and in memory."""

from __future__ import annotations

import gc
import sys
from collections import Counter

import pytest

from stack.host import Host
from stack.kern.proc import Proc, pause
from stack.kern.socket import SOCK_STREAM, Socket
from stack.kern.syscalls import accept, connect, recv, sendall
from stack.lab import Lab
from stack.net.wire import Personality

PORT = 80
QUESTION, ANSWER = b"how are you?", bytes(2000)
CALLERS = 20


class Short:
    """A server on b that answers in a few bytes, and callers on a that ask again and again."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.a, self.b = self.lab.add_host("a"), self.lab.add_host("b")
        self.address = self.lab.link(self.a, self.b, None, Personality(delay=0.001))[1].addresses[0].address
        self.answered = 0
        self.lab.spawn(self.b, ["server"], self._server)

    def ask(self, count: int) -> None:
        """So many connections, and then time until even TIME_WAIT is over."""
        before = self.answered
        for _ in range(CALLERS):
            self.lab.spawn(self.a, ["caller", str(count // CALLERS)], self._caller)
        self.lab.run()
        assert self.answered == before + count

    async def _server(self, proc: Proc) -> int:
        listener = self.b.socket(SOCK_STREAM)
        listener.bind((0, PORT))
        listener.listen(CALLERS)
        while True:
            so, _ = await accept(listener)
            await self._answer(so)

    async def _answer(self, so: Socket) -> None:
        assert await recv(so, 100) == QUESTION
        await sendall(so, ANSWER)
        so.close()

    async def _caller(self, proc: Proc) -> int:
        for _ in range(int(proc.argv[1])):
            so = self.a.socket(SOCK_STREAM)
            await connect(so, (self.address, PORT))
            await sendall(so, QUESTION)
            got = b""
            while data := await recv(so, 4096):
                got += data
            self.answered += got == ANSWER
            so.close()
            await pause(0.1)  # or all ports would be in TIME_WAIT
        return 0

    @property
    def left(self) -> dict[str, int]:
        """What there is now, by name; the memory in pieces that Python has allocated."""
        gc.collect()
        kinds = Counter(type(thing).__name__ for thing in gc.get_objects())
        things = {kind: kinds[kind] for kind in ("Tcpcb", "Socket", "Timer", "Callout", "Mbuf", "Proc", "coroutine")}
        tables = {f"{host.name}'s pcbs": pcbs(host) for host in (self.a, self.b)}
        return {**things, **tables, "heap": len(self.lab.callouts.heap), "processes": len(self.lab.procs)}


def pcbs(host: Host) -> int:
    return len(list(host.tcp.table)) + len(host.tcp.table.connected)


@pytest.mark.timeout(240)  # a quarter of a minute of work, on a machine that is ours alone
def test_twenty_thousand_short_ones() -> None:
    world = Short()
    world.ask(1000)  # what is made at the first time is made
    before, memory = world.left, sys.getallocatedblocks()
    world.ask(20_000)
    assert world.left == before
    assert before["b's pcbs"] == 1  # the listener; other tests may have left control blocks of their own
    assert before["a's pcbs"] == before["heap"] == 0
    # other threads of pytest's allocate, too; one block a connection would be 20,000
    assert sys.getallocatedblocks() - memory < 4000
