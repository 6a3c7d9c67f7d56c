"""Where the nodes of a graph stand, so that a reader sees what it is: a chain, a star, a tree, a grid.

Chains are lines, rings circles, stars and trees what they are called; all else is laid out by stress majorization:
the drawing's distances become those in the graph (Gansner, Koren, North 2004), beginning with the picture that
distances to a few pivots give (Brandes, Pich 2007).  No chance is in it: the same graph has the same picture.
"""

from __future__ import annotations

import math
from collections import deque

from netsh.drawing.stress import stressed

Point = tuple[float, float]
Graph = dict[str, list[str]]  # a node's neighbours

_ROW = 8  # nodes of a chain in a line; a longer one goes to and fro
_BROAD = 12  # leaves of a tree that stand side by side; more stand around it


def place(graph: Graph) -> dict[str, Point]:
    """A place for each node; neighbours are about 1 apart, and connected parts stand side by side."""
    places: dict[str, Point] = {}
    right = 0.0
    for part in _parts(graph):
        found = _part({node: graph[node] for node in part})
        left, top = min(x for x, _ in found.values()), min(y for _, y in found.values())
        for node, (x, y) in found.items():
            places[node] = (x - left + right, y - top)
        right = max(places[node][0] for node in part) + 1.0
    return places


def _parts(graph: Graph) -> list[list[str]]:
    """The connected parts, the largest first."""
    seen: set[str] = set()
    parts = []
    for node in graph:
        if node not in seen:
            part = list(distances(graph, node))
            seen.update(part)
            parts.append(sorted(part, key=list(graph).index) if len(graph) < 500 else part)
    return sorted(parts, key=len, reverse=True)


def distances(graph: Graph, start: str) -> dict[str, int]:
    """How many edges away each node is that can be reached."""
    found = {start: 0}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for other in graph[node]:
            if other not in found:
                found[other] = found[node] + 1
                queue.append(other)
    return found


def _part(graph: Graph) -> dict[str, Point]:
    edges = sum(map(len, graph.values())) // 2
    degrees = {node: len(set(others)) for node, others in graph.items()}
    if edges == len(graph) - 1:
        if max(degrees.values()) <= 2:
            return _chain(graph)
        return _star(graph) if max(degrees.values()) == edges else _tree(graph)
    if edges == len(graph) and set(degrees.values()) == {2}:
        return _circle(_walk(graph, next(iter(graph))))
    return stressed(graph, distances)


def _chain(graph: Graph) -> dict[str, Point]:
    """From left to right; if it is long, back again below, and so on."""
    nodes = _walk(graph, next(node for node in graph if len(graph[node]) < 2))
    row = _ROW if len(nodes) <= _ROW * _ROW else math.isqrt(len(nodes)) + 1
    return {
        node: (float(at % row if at // row % 2 == 0 else row - 1 - at % row), float(at // row))
        for at, node in enumerate(nodes)
    }


def _walk(graph: Graph, start: str) -> list[str]:
    """The nodes of a chain or a ring, one after the other."""
    nodes = {start: None}
    node: str | None = start
    while node is not None:
        node = next((other for other in graph[node] if other not in nodes), None)
        if node is not None:
            nodes[node] = None
    return list(nodes)


def _circle(nodes: list[str]) -> dict[str, Point]:
    """Around, with neighbours 1 apart; the first one on top."""
    radius = 0.5 / math.sin(math.pi / len(nodes)) if len(nodes) > 2 else 0.5
    return {node: _around(radius, at / len(nodes)) for at, node in enumerate(nodes)}


def _around(radius: float, turn: float) -> Point:
    """A point on a circle, so many turns clockwise from its top."""
    return radius * math.sin(2 * math.pi * turn), -radius * math.cos(2 * math.pi * turn)


def _star(graph: Graph) -> dict[str, Point]:
    hub = max(graph, key=lambda node: len(graph[node]))
    radius = max(1.5, len(graph[hub]) / 5)
    return {hub: (0.0, 0.0)} | {node: _around(radius, at / len(graph[hub])) for at, node in enumerate(graph[hub])}


def _tree(graph: Graph) -> dict[str, Point]:
    """The root on top, or in the middle of rings if the tree is broad."""
    root = _middle(graph)
    depth = distances(graph, root)
    slots: dict[str, float] = {}
    leaves = 0
    for node in _leaves_first(graph, root):
        below = [slots[other] for other in graph[node] if depth[other] > depth[node]]
        if not below:
            slots[node] = float(leaves)
            leaves += 1
        else:
            slots[node] = (min(below) + max(below)) / 2
    if leaves <= _BROAD:
        return {node: (slot, float(depth[node])) for node, slot in slots.items()}
    radius = max(1.0, leaves / (2 * math.pi * max(depth.values())))
    return {node: _around(radius * depth[node], slot / leaves) for node, slot in slots.items()}


def _middle(graph: Graph) -> str:
    """The node from which the others are not far; of several the one with the most neighbours."""
    ends = list(distances(graph, next(iter(graph))))
    far = distances(graph, ends[-1])
    other = distances(graph, list(far)[-1])
    return min(graph, key=lambda node: (max(far[node], other[node]), -len(graph[node])))


def _leaves_first(graph: Graph, root: str) -> list[str]:
    """All nodes, those below a node before it, in the order of the neighbours."""
    order: list[str] = []
    stack: list[tuple[str, str, bool]] = [(root, "", False)]
    while stack:
        node, parent, is_done = stack.pop()
        if is_done:
            order.append(node)
            continue
        stack.append((node, parent, True))
        stack += [(other, node, False) for other in reversed(graph[node]) if other != parent]
    return order
