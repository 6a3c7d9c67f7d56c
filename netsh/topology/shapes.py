"""Shapes of networks: how many routers, who is linked to whom, and which neighbour leads where.

A shape is pure arithmetic on the numbers 0 to `count` - 1, so that a million routers can be thought of before
they are built.  Routers have *positions*, from which netsh.topology.network makes addresses; positions are dealt
out so that what lies in one direction is a run of them or a few.  A router's `Ways` are such runs, each with the
neighbour that is one step nearer on a shortest path: thus its routes are few, however many routers there are.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple


class Edge(NamedTuple):
    """A wire between two routers; its addresses are of the block of the `owner`, one of the two."""

    a: int
    b: int
    owner: int


class Ways(NamedTuple):
    """Where a router sends what: runs of positions (first, past, neighbour), and all the `rest`."""

    rest: int | None
    runs: tuple[tuple[int, int, int], ...]


class Shape:
    """A network of `count` routers and `wires`; the `longest` shortest path has so many wires."""

    def __init__(self, count: int, wires: int, longest: int, *, slots: int = 1) -> None:
        self.count = count
        self.wires = wires
        self.longest = longest
        self.slots = slots  # wires that one router owns at most
        self.bits = (count - 1).bit_length()  # of a position
        self.routes = count * (self.bits // 2 + 1)  # of all routers together, about

    def name(self, router: int) -> str:
        """What the router is called: r1, r2, ..."""
        return f"r{router + 1}"

    def position(self, router: int) -> int:
        """Where the router's addresses lie among those of the others."""
        return router

    def edges(self) -> Iterator[Edge]:
        """All wires, those of the first routers first."""
        raise NotImplementedError

    def ways(self, router: int) -> Ways:
        """Where the router sends what is not for its own wires."""
        raise NotImplementedError

    def near(self, links: int) -> float:
        """About how many routers are at most so many links away from one of them."""
        return self.count if self.longest <= links else _in_box((self.count,), links)

    def next_hop(self, router: int, target: int) -> int | None:
        """The neighbour that leads to another router."""
        ways, position = self.ways(router), self.position(target)
        return next((hop for first, past, hop in ways.runs if first <= position < past), ways.rest)


def _in_box(sides: tuple[int, ...], links: int) -> float:
    """The crossings that are at most so many links from one amidst a box: the ball is taken for a cube of its size."""
    side = 2 * links / math.factorial(len(sides)) ** (1 / len(sides))
    return math.prod(min(each, side) for each in sides)


class Chain(Shape):
    """r1 - r2 - ... - rN."""

    def __init__(self, count: int) -> None:
        super().__init__(count, count - 1, count - 1)

    def edges(self) -> Iterator[Edge]:
        """Each but the last owns the wire to the next."""
        return (Edge(router, router + 1, router) for router in range(self.count - 1))

    def ways(self, router: int) -> Ways:
        """Those before lie to the left, all others to the right."""
        right = router + 1 if router + 1 < self.count else None
        return Ways(right, ((0, router, router - 1),) if router else ())


class Ring(Shape):
    """A chain whose last router is linked to the first."""

    def __init__(self, count: int) -> None:
        super().__init__(count, count, count // 2)
        self.routes = count * (self.bits + 1)

    def edges(self) -> Iterator[Edge]:
        """Each owns the wire to the next."""
        return (Edge(router, (router + 1) % self.count, router) for router in range(self.count))

    def ways(self, router: int) -> Ways:
        """Half of them lie to the right, the others to the left; there is no rest, which would go round for ever."""
        count = self.count
        middle = router + count // 2 + 1
        right, left = (router + 1) % count, (router - 1) % count
        return Ways(None, (*self._wrapped(router + 1, middle, right), *self._wrapped(middle, router + count, left)))

    def _wrapped(self, first: int, past: int, hop: int) -> Iterator[tuple[int, int, int]]:
        """A run that may go on behind the last router."""
        count = self.count
        if first < count:
            yield first, min(past, count), hop
        if past > count:
            yield max(first - count, 0), past - count, hop


class Tree(Shape):
    """A root and so many levels below it, `fanout` branches at each router, counted depth first."""

    def __init__(self, depth: int, fanout: int) -> None:
        self.depth = depth
        self.fanout = fanout
        self.sizes = [sum(fanout**below for below in range(depth - level + 1)) for level in range(depth + 1)]
        super().__init__(self.sizes[0], self.sizes[0] - 1, 2 * depth if fanout > 1 else depth)
        self.routes = 3 * self.count

    def near(self, links: int) -> float:
        """Most routers are leaves: up half of the way, and down again."""
        return min(self.count, 3.0 * self.fanout ** (links // 2) if self.fanout > 1 else 2.0 * links)

    def _way_to(self, router: int) -> tuple[int | None, int]:
        """A router's parent, and its level, by walking down from the root."""
        parent, at, level = None, 0, 0
        while at != router:
            parent, level = at, level + 1
            at += 1 + (router - at - 1) // self.sizes[level] * self.sizes[level]
        return parent, level

    def _children(self, router: int, level: int) -> Iterator[int]:
        size = self.sizes[level + 1] if level < self.depth else 0
        return (router + 1 + branch * size for branch in range(self.fanout if size else 0))

    def edges(self) -> Iterator[Edge]:
        """Each but the root owns the wire to its parent."""
        for router in range(1, self.count):
            parent, _ = self._way_to(router)
            yield Edge(parent or 0, router, router)

    def ways(self, router: int) -> Ways:
        """Down into the branches; all others lie up the tree."""
        parent, level = self._way_to(router)
        children = self._children(router, level)
        return Ways(parent, tuple((child, child + self.sizes[level + 1], child) for child in children))


class Mesh(Shape):
    """Routers at the crossings of a grid of any number of dimensions, called by their coordinates.

    Each coordinate has bits of its own in a position, so that a row, or a slice, is one run.  What is in another
    row goes there first, then along it: both ways are shortest.
    """

    def __init__(self, dims: tuple[int, ...]) -> None:
        self.dims = dims
        count = math.prod(dims)
        wires = sum(count // size * (size - 1) for size in dims)
        super().__init__(count, wires, sum(dims) - len(dims), slots=len(dims))
        widths = [(size - 1).bit_length() for size in dims]
        self.shifts = [sum(widths[at + 1 :]) for at in range(len(dims))]
        self.spans = [1 << width for width in widths]
        self.strides = [math.prod(dims[at + 1 :]) for at in range(len(dims))]
        self.bits = sum(widths)
        self.routes = count * (self.bits + 1)

    def near(self, links: int) -> float:
        """As far as the sides allow."""
        return self.count if self.longest <= links else _in_box(self.dims, links)

    def coordinates(self, router: int) -> list[int]:
        """Where a router is, along each dimension from 0 on."""
        return [router // stride % size for stride, size in zip(self.strides, self.dims, strict=True)]

    def name(self, router: int) -> str:
        """r1_1, r1_2, ..."""
        return "r" + "_".join(str(at + 1) for at in self.coordinates(router))

    def position(self, router: int) -> int:
        """The coordinates, each in its own bits."""
        return sum(at << shift for at, shift in zip(self.coordinates(router), self.shifts, strict=True))

    def edges(self) -> Iterator[Edge]:
        """Each owns the wires to those behind it, the last coordinate first: along a row, then down."""
        for router in range(self.count):
            coordinates = self.coordinates(router)
            for axis in reversed(range(len(self.dims))):
                if coordinates[axis] + 1 < self.dims[axis]:
                    yield Edge(router, router + self.strides[axis], router)

    def ways(self, router: int) -> Ways:
        """In each dimension what lies before and behind, among those that agree in the coordinates ahead of it."""
        runs: list[tuple[int, int, int]] = []
        start = 0
        for axis, at in enumerate(self.coordinates(router)):
            shift, stride = self.shifts[axis], self.strides[axis]
            if at:
                runs.append((start, start + (at << shift), router - stride))
            if at + 1 < self.dims[axis]:
                runs.append((start + (at + 1 << shift), start + (self.spans[axis] << shift), router + stride))
            start += at << shift
        return Ways(None, tuple(runs))
