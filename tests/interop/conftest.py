"""One world a test."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from stack.host import Host
from stack.net.ifnet import Ifnet
from tests.interop.netns import Netns
from tests.interop.world import World, world

OURS, THEIRS = "10.9.0.2", "10.9.0.1"


class Pair(NamedTuple):
    """A host of ours, `me`, and the kernel, on one wire."""

    world: World
    me: Host
    linux: Netns
    virt: Ifnet


@pytest.fixture
def w() -> Iterator[World]:
    with world() as made:
        yield made


@pytest.fixture
def pair(w: World) -> Pair:
    me, linux = w.host("me"), w.namespace()
    return Pair(w, me, linux, w.wire(me, "virt0", linux, f"{OURS}/24", f"{THEIRS}/24"))
