"""Where nodes stand: known shapes look like what they are, all others have places of their own."""

from __future__ import annotations

import math
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.drawing.layout import Graph, place


def graph_of(edges: Iterable[tuple[object, object]]) -> Graph:
    graph: Graph = {}
    for a, b in edges:
        graph.setdefault(str(a), []).append(str(b))
        graph.setdefault(str(b), []).append(str(a))
    return graph


def test_a_chain_is_a_line_and_a_long_one_goes_to_and_fro() -> None:
    places = place(graph_of((at, at + 1) for at in range(7)))
    assert [places[str(at)] for at in range(8)] == [(float(at), 0.0) for at in range(8)]
    places = place(graph_of((at, at + 1) for at in range(19)))
    assert {places[str(at)][1] for at in range(20)} == {0.0, 1.0, 2.0}
    assert all(math.isclose(math.dist(places[str(at)], places[str(at + 1)]), 1.0) for at in range(19))


def test_a_ring_is_a_circle() -> None:
    places = place(graph_of((at, (at + 1) % 9) for at in range(9)))
    middle = sum(x for x, _ in places.values()) / 9, sum(y for _, y in places.values()) / 9
    radii = [math.dist(middle, point) for point in places.values()]
    assert max(radii) - min(radii) < 1e-9


def test_a_star_has_its_hub_in_the_middle() -> None:
    places = place(graph_of(("hub", at) for at in range(9)))
    radii = [math.dist(places["hub"], places[str(at)]) for at in range(9)]
    assert max(radii) - min(radii) < 1e-9


def test_a_tree_has_its_root_on_top() -> None:
    places = place(graph_of((parent, parent * 2 + child) for parent in range(1, 8) for child in (0, 1)))
    assert places["1"][1] == 0.0
    for node in range(2, 16):
        assert places[str(node)][1] == math.floor(math.log2(node))
    rows = [[places[str(node)][0] for node in range(2**depth, 2 ** (depth + 1))] for depth in range(4)]
    assert all(row == sorted(row) for row in rows)


@pytest.mark.parametrize("size", [3, 4, 6])
def test_a_grid_is_a_grid(size: int) -> None:
    squares = [(x, y) for x in range(size) for y in range(size)]
    pairs = [((x, y), (x + dx, y + dy)) for x, y in squares for dx, dy in ((1, 0), (0, 1))]
    places = place(graph_of((a, b) for a, b in pairs if max(b) < size))
    assert {(x, y) for x, y in places.values()} == {(float(x), float(y)) for x, y in squares}


def test_parts_stand_side_by_side() -> None:
    graph = graph_of([(1, 2), (2, 3), (4, 5)]) | {"alone": []}
    places = place(graph)
    assert max(places[name][0] for name in "123") < min(places[name][0] for name in "45") < places["alone"][0]


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda pair: pair[0] != pair[1]), max_size=40))
def test_any_graph_has_a_place_for_each_node_and_always_the_same(edges: list[tuple[int, int]]) -> None:
    graph = graph_of({(min(pair), max(pair)) for pair in edges})
    places = place(graph)
    assert places == place(graph)
    assert places.keys() == graph.keys()
    assert all(map(math.isfinite, (part for point in places.values() for part in point)))
    points = list(places.values())
    assert all(math.dist(a, b) > 0.05 for at, a in enumerate(points) for b in points[:at])
