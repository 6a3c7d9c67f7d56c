"""A network with one stack a process: the program that runs them, as a command that lasts as long as they do."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import AsyncIterator
from typing import NamedTuple

from commands.command import Failure
from netsh.filters import Sink
from netsh.program import Program
from netsh.shell import ShellContext
from netsh.topology.network import Network
from netsh.topology.stacks import READY, buses, hindrance, scripts
from stack.addr import Ip4
from stack.kern.errors import reason
from stack.kern.proc import Channel, Interrupt, tsleep


class Stacks(NamedTuple):
    """So many stacks run, and are served in a folder; the last one has that address."""

    stacks: int
    folder: str
    first: str
    address: Ip4


class Said(Sink):
    """The line that the program says."""

    def __init__(self) -> None:
        super().__init__()
        self.text = b""
        self.over = False
        self.changed = Channel("stacks")

    def feed(self, data: bytes) -> None:
        """A piece of it."""
        self.text += data
        self.changed.wakeup()

    def end(self) -> None:
        """There will be no more."""
        self.over = True
        self.changed.wakeup()

    async def line(self) -> str:
        """Wait for it; empty when there is none."""
        while b"\n" not in self.text and not self.over:
            await tsleep(self.changed)
        return self.text.decode(errors="replace").partition("\n")[0]


async def run_stacks(ctx: ShellContext, network: Network, name: str) -> AsyncIterator[Stacks]:
    """Start them, then wait until somebody interrupts us; they and all they have made go with us."""
    folder = os.path.abspath(name or f"{os.environ.get('TMPDIR', '/tmp')}/netsh-{os.urandom(4).hex()}")
    if why := hindrance(network, folder):
        raise Failure(why)
    said = Said()
    plan = scripts(network, folder)
    try:
        program = Program([sys.executable, "-m", "netsh.topology.processes", folder], said, ctx.session.clock)
    except OSError as error:
        raise Failure(f"{folder}: {reason(error)}") from None
    try:
        program.feed((json.dumps({"stacks": plan, "buses": buses(network)}) + "\n").encode())
        line = await said.line()
        if line != READY:
            raise Failure(line or "the stacks did not start")
        neighbour, _ = next(iter(network.gateways[-1].items()))
        yield Stacks(len(plan), folder, next(iter(plan)), network.gateways[neighbour][network.shape.count - 1])
        await _over(program)
        raise Failure("the stacks have ended")
    except Interrupt:
        program.end()
        await _over(program)
        raise
    finally:
        program.end()


async def _over(program: Program) -> None:
    """Sleep until it has ended; a signal is ours, not its."""
    while program.running:
        await tsleep(program.changed)
