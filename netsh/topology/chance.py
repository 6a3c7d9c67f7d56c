"""A network that chance has made: each router has so many wires, and all are connected (networkx)."""

from __future__ import annotations

import random
from array import array
from collections.abc import Iterator
from itertools import groupby

from netsh.topology.shapes import Edge, Shape, Ways

_TRIES = 200  # graphs drawn, until one is in one piece


class Unconnected(Exception):
    """No draw was in one piece."""


class Random(Shape):
    """A random regular graph; the same seed gives the same one.  Its routes cannot be aggregated."""

    def __init__(self, count: int, degree: int, seed: int) -> None:
        wires = count * degree // 2
        reach = 1 if degree < 2 else count // 2 if degree == 2 else 3 * (count - 1).bit_length()
        super().__init__(count, wires, reach, slots=degree)
        self.degree = degree
        self.seed = seed
        self.wiring: list[tuple[int, int]] = []  # the wires, once it is drawn
        self.hops: list[array[int]] = []  # for each router the neighbour towards each other one
        self.routes = count * count * 2 // 3

    def near(self, links: int) -> float:
        """Nobody is far away, unless it is a ring."""
        return super().near(links) if self.degree == 2 else self.count

    def draw(self) -> Iterator[None]:
        """Draw it now, and find the shortest paths, a piece each time; Unconnected when chance does not want it."""
        import networkx

        rng = random.Random(f"{self.seed}/{self.count}/{self.degree}")
        for _ in range(_TRIES):
            drawn = networkx.random_regular_graph(self.degree, self.count, seed=rng)
            yield
            if networkx.is_connected(drawn):
                break
        else:
            raise Unconnected
        self.wiring = sorted((min(pair), max(pair)) for pair in drawn.edges)
        graph: networkx.Graph[int] = networkx.Graph()
        graph.add_nodes_from(range(self.count))
        graph.add_edges_from(self.wiring)
        self.longest = 0
        self.hops = [array("l", bytes(8 * self.count)) for _ in range(self.count)]
        for target in range(self.count):
            away = {target: 0}
            for router, nearer in networkx.bfs_predecessors(graph, target):
                self.hops[router][target] = nearer
                away[router] = away[nearer] + 1
            self.longest = max(self.longest, *away.values())
            yield

    def edges(self) -> Iterator[Edge]:
        """The one with the lower number owns a wire."""
        return (Edge(a, b, a) for a, b in self.wiring)

    def ways(self, router: int) -> Ways:
        """A run for all neighbours in number that lie in the same direction."""
        row = self.hops[router]
        runs = []
        for hop, group in groupby((target for target in range(self.count)), key=lambda target: row[target]):
            members = list(group)
            runs += [(members[0], members[-1] + 1, hop)]
        return Ways(None, tuple(self._without(router, runs)))

    def _without(self, router: int, runs: list[tuple[int, int, int]]) -> Iterator[tuple[int, int, int]]:
        """The router itself is in no direction."""
        for first, past, hop in runs:
            if first <= router < past:
                yield from ((lo, hi, hop) for lo, hi in ((first, router), (router + 1, past)) if lo < hi)
            else:
                yield first, past, hop
