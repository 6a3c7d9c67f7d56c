"""Layout by stress majorization: distances in the drawing come near those in the graph, in pure Python."""

from __future__ import annotations

import math
from collections.abc import Callable

Point = tuple[float, float]
Graph = dict[str, list[str]]
Distances = Callable[[Graph, str], dict[str, int]]

_PIVOTS = 12
_WORK = 2_500_000  # pairs of nodes that are looked at, all rounds together: about a second
_ROUNDS = 150
_TURNS = 45  # angles that are tried, of a right angle


def stressed(graph: Graph, distances: Distances) -> dict[str, Point]:
    """A place for each node of a connected graph; most edges are level or upright, the first node is on the left."""
    nodes = list(graph)
    places = _pivoted(graph, nodes, distances)
    rounds = min(_ROUNDS, _WORK // len(nodes) ** 2)
    if rounds > 1:
        away = [[found[node] for node in nodes] for found in (distances(graph, node) for node in nodes)]
        for _ in range(rounds):
            _majorize(places, away)
    return _turned(dict(zip(nodes, places, strict=True)), graph)


def _majorize(places: list[Point], away: list[list[int]]) -> None:
    """A round: each node goes to where the others would like it, those near by more than those far away."""
    for i, (row, (x, y)) in enumerate(zip(away, places, strict=True)):
        sum_x = sum_y = weights = 0.0
        for distance, (other_x, other_y) in zip(row, places, strict=True):
            if distance:
                weight = 1.0 / (distance * distance)
                apart = math.hypot(x - other_x, y - other_y)
                stretch = distance / apart if apart > 1e-9 else 0.0
                sum_x += weight * (other_x + (x - other_x) * stretch)
                sum_y += weight * (other_y + (y - other_y) * stretch)
                weights += weight
        places[i] = (sum_x / weights, sum_y / weights)


def _pivoted(graph: Graph, nodes: list[str], distances: Distances) -> list[Point]:
    """The picture that the distances to some nodes give: the two directions in which they differ most."""
    pivots = [nodes[0]]
    columns: list[dict[str, int]] = []
    while len(columns) < min(_PIVOTS, len(nodes)):
        columns.append(distances(graph, pivots[-1]))
        pivots.append(max(nodes, key=lambda node: min(column[node] for column in columns)))
    rows = [[float(column[node] ** 2) for column in columns] for node in nodes]
    _centre(rows)
    size = len(columns)
    gram = [[sum(row[i] * row[j] for row in rows) for j in range(size)] for i in range(size)]
    first = _direction(gram, [])
    second = _direction(gram, [first])
    points = [(_dot(row, first), _dot(row, second)) for row in rows]
    longest = max(max(column.values()) for column in columns)
    spread = max(max(map(abs, point)) for point in points) or 1.0
    # a little to the side of one another, each its own way: two on one spot would stay there
    return [
        (x / spread * longest / 2 + 1e-3 * math.sin(at), y / spread * longest / 2 + 1e-3 * math.cos(2.1 * at))
        for at, (x, y) in enumerate(points)
    ]


def _centre(rows: list[list[float]]) -> None:
    """Subtract the means of rows and columns."""
    width = len(rows[0])
    means = [sum(row[j] for row in rows) / len(rows) for j in range(width)]
    total = sum(means) / width
    for row in rows:
        mean = sum(row) / width
        row[:] = [-(value - mean - means[j] + total) / 2 for j, value in enumerate(row)]


def _direction(gram: list[list[float]], known: list[list[float]]) -> list[float]:
    """The strongest direction of a symmetric matrix that is at right angles to those known (power iteration)."""
    vector = [1.0 + 0.1 * math.sin(3.7 * at) for at in range(len(gram))]
    for _ in range(100):
        vector = [_dot(row, vector) for row in gram]
        for other in known:
            along = _dot(vector, other)
            vector = [value - along * part for value, part in zip(vector, other, strict=True)]
        length = math.sqrt(_dot(vector, vector)) or 1.0
        vector = [value / length for value in vector]
    return vector


def _dot(left: list[float], right: list[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))


def _turned(places: dict[str, Point], graph: Graph) -> dict[str, Point]:
    """The same picture, turned so that most edges are level or upright."""
    angles = [
        math.atan2(places[b][1] - places[a][1], places[b][0] - places[a][0]) for a in graph for b in graph[a] if a < b
    ]

    def tilt(turn: float) -> float:
        return sum(abs(math.sin(2 * (angle + turn))) for angle in angles)

    turn = min((at * math.pi / 2 / _TURNS for at in range(_TURNS)), key=tilt)
    sine, cosine = math.sin(turn), math.cos(turn)
    turned = {node: (x * cosine - y * sine, x * sine + y * cosine) for node, (x, y) in places.items()}
    first, last = (turned[node] for node in (next(iter(graph)), next(reversed(graph))))
    flip_x, flip_y = (-1 if first[0] > last[0] else 1), (-1 if first[1] > last[1] else 1)
    return _squared({node: (x * flip_x, y * flip_y) for node, (x, y) in turned.items()}, graph)


def _squared(places: dict[str, Point], graph: Graph) -> dict[str, Point]:
    """A grid that is one but for a bulge, straight: each node in a square of its own, neighbours beside each other."""
    pairs = [(places[a], places[b]) for a in graph for b in graph[a] if a < b]
    unit = sum(math.dist(a, b) for a, b in pairs) / len(pairs)
    left, top = min(x for x, _ in places.values()), min(y for _, y in places.values())
    squares = {node: (round((x - left) / unit), round((y - top) / unit)) for node, (x, y) in places.items()}
    steps = [abs(squares[a][0] - squares[b][0]) + abs(squares[a][1] - squares[b][1]) for a in graph for b in graph[a]]
    if len(set(squares.values())) < len(squares) or any(step != 1 for step in steps):
        return places
    return {node: (float(x), float(y)) for node, (x, y) in squares.items()}
