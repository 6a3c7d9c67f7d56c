"""A packet field by field, as scapy takes it apart; scapy takes 0.8 s to import, so that is done late."""

from __future__ import annotations

from typing import NamedTuple

from stack.net.bpf import DLT_EN10MB, DLT_NULL

NEEDED = "this needs scapy, which is not here (pip install scapy)"


class Part(NamedTuple):
    """A field of a packet: which layer it belongs to, and the bytes it stands in."""

    layer: str
    depth: int
    name: str
    value: str
    offset: int
    data: bytes


def dissect(data: bytes, linktype: int) -> list[Part]:
    """All fields in their order (OSError without scapy); bits that share a byte have all of it."""
    try:
        from scapy.layers.inet import IP
        from scapy.layers.l2 import Ether, Loopback
        from scapy.packet import Packet, Raw
    except ImportError:
        raise OSError(NEEDED) from None

    kinds: dict[int, type[Packet]] = {DLT_EN10MB: Ether, DLT_NULL: Loopback}
    try:
        packet = kinds.get(linktype, IP)(data)
        layers = packet.build_ps(internal=1)[1]
    except Exception:  # scapy meets nonsense with exceptions of many kinds
        layers = Raw(data).build_ps(internal=1)[1]
    parts: list[Part] = []
    offset = 0
    for depth, (layer, fields) in enumerate(reversed(layers)):
        waiting: list[tuple[str, str]] = []  # bits, whose bytes come with the last of them
        for field, value, raw in fields:
            name = str(getattr(field, "name", "load"))
            waiting.append((name, str(value)))
            if raw:
                size = len(raw)
                parts += [Part(layer.name, depth, *each, offset, data[offset : offset + size]) for each in waiting]
                offset += size
                waiting.clear()
        parts += [Part(layer.name, depth, *each, offset, b"") for each in waiting]
    if offset < len(data):  # what scapy did not care for
        parts.append(Part("Rest", len(layers), "load", "", offset, data[offset:]))
    return parts
