"""A ladder has a column for who is beyond the TAP: by its address, since no host of the lab has it."""

from __future__ import annotations

from commands.ladder import Arrow
from stack.kern.proc import SIGINT
from tests.interop.conftest import OURS, THEIRS, Pair
from tests.interop.netns import needs_program, needs_root_tun

pytestmark = [needs_root_tun, needs_program("ping")]


def test_linux_has_a_column(pair: Pair) -> None:
    world = pair.world
    job = world.start("me", "ladder icmp")
    world.linux(pair.linux, "ping", "-c", "1", OURS)
    world.command("me", f"ping -c 1 {THEIRS}")
    job.proc.signal(SIGINT)
    world.finish(job.proc)
    rows = [row for row in job.answer.rows if isinstance(row, Arrow)]
    assert [row.hops for row in rows] == [((THEIRS, "me"),), (("me", THEIRS),), (("me", THEIRS),), ((THEIRS, "me"),)]
    assert [row.label.partition(",")[0] for row in rows] == ["echo request", "echo reply"] * 2
