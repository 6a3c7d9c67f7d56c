"""A packet's journey as a tree: packets, the hosts where they were, the functions that they went through there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from rich.tree import Tree

from netsh.render.palette import ADDRESS, DROP, FAINT, GOOD, NAME, WARN, host_style
from netsh.render.rich_views import Look, column, fitting

_VERDICTS = {"delivered": GOOD, "taken": GOOD, "answered": GOOD, "whole": GOOD, "waits": WARN, "dropped": DROP}


def journey(rows: Sequence[Any], look: Look) -> RenderableType:
    """Packets with their steps as a tree; packets alone as a list."""
    if not any(hasattr(row, "function") for row in rows):
        return _packets(rows, look)
    root = Tree("", hide_root=True, guide_style=FAINT)
    packets: list[Tree] = [root]  # by level, below the root
    stay = _Stay(root)
    for row in rows:
        if hasattr(row, "function"):
            del packets[row.level + 2 :]
            stay.step(packets[-1], row, f"{row.packet}.{row.step}")
        else:
            del packets[row.level + 1 :]
            stay = _Stay(root)
            packets.append(packets[-1].add(_packet(row)))
    return root


def steps(rows: Sequence[Any], look: Look) -> RenderableType:
    """Steps of many packets, as they happen."""
    root = Tree("", hide_root=True, guide_style=FAINT)
    stay = _Stay(root)
    for row in rows:
        stay.step(root, row, f"{row.packet}.{row.step}" if row.packet else "")
    return root


class _Stay:
    """The steps of a packet on one host, without another's between them."""

    def __init__(self, root: Tree) -> None:
        self.of: tuple[Tree, int, str, float] | None = None
        self.nodes = [(-1, root)]

    def step(self, under: Tree, row: Any, label: str) -> None:
        """One more."""
        of = under, row.packet, row.host, row.time
        if of != self.of:
            self.of = of
            text = Text.assemble((f"{row.time:.6f} ", FAINT), (row.host, host_style(row.host)))
            self.nodes = [(-1, under.add(text))]
        while self.nodes[-1][0] >= row.depth:
            self.nodes.pop()
        self.nodes.append((row.depth, self.nodes[-1][1].add(_step(row, label))))


def _step(row: Any, label: str) -> Text:
    """What a function found, and what came of it."""
    text = Text.assemble((row.function, NAME), (f" {label}" if label else "", FAINT))
    for name, fact in row.facts.items():
        text.append(f"  {name} ", FAINT)
        text.append(str(fact), ADDRESS if "." in str(fact) and str(fact)[0].isdigit() else "")
    if row.verdict:
        text.append(f"  {row.verdict}", verdict_style(row.verdict))
    return text


def _packet(row: Any) -> Text:
    """A packet, why there is one, and its end."""
    text = Text.assemble((f"#{row.packet} ", NAME), (f"({row.why}) ", FAINT), row.text)
    if row.fate:
        text.append(f"  {row.fate}", verdict_style(row.fate))
    return text


def verdict_style(verdict: str) -> str:
    """The colour of how something ended."""
    return _VERDICTS.get(verdict.partition(" ")[0].rstrip(":"), WARN)


def _packets(rows: Sequence[Any], look: Look) -> RenderableType:
    """A line a packet, and its end below it where there is no room beside it."""
    columns = [
        column("packet", [Text(f"#{row.packet}", NAME) for row in rows]),
        column("because", [Text(row.why, FAINT) for row in rows]),
        column("what", [row.text for row in rows]),
        column("end", [Text(row.fate, verdict_style(row.fate)) for row in rows]),
    ]
    wide = sum(max(len(str(cell)) for cell in cells) for _, cells, _ in columns) + 6
    if wide <= look.width:
        return fitting(columns, look.width)
    return Group(*(_packet(row) for row in rows))


def path(rows: Sequence[Any], look: Look) -> RenderableType:
    """Hosts from top to bottom, and between them the routes and the wires."""
    parts: list[Text] = []
    for row in rows:
        text = Text.assemble((row.host, host_style(row.host)))
        if row.address is not None:
            text += Text.assemble(" ", (str(row.address), ADDRESS), (f" on {row.interface}", FAINT))
        if row.end:
            text.append(f"  {row.end}", GOOD if row.end == "here" else DROP)
        parts.append(text)
        if row.route is not None:
            via = f" via {row.via}" if row.via else ""
            way = Text.assemble(("│  ", FAINT), (row.route, NAME), f"{via} on {row.out}")
            if row.beats:
                way.append(f", which beats {' and '.join(row.beats)}", FAINT)
            parts.append(way)
        if row.buses:
            parts.append(Text.assemble(("│  ", FAINT), " ─ ".join(row.buses)))
    return Group(*parts)
