"""A packet with other fields: scapy takes it apart and puts it together again, its lengths and sums made right.

scapy takes 0.8 s to import, so that is done late.  It would ask the real machine for names of hosts, and make many
packets of one address with a `/`: nothing comes to it here but numbers, and addresses that were checked.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from stack.addr import Mac
from stack.net.bpf import DLT_EN10MB

_LAYERS = {"eth": "ether", "vlan": "dot1q", "data": "raw", "payload": "raw"}  # other names for scapy's
_FIELDS = {"sum": "chksum", "cksum": "chksum", "p": "proto", "off": "frag", "win": "window", "urp": "urgptr"}
_MADE = ("chksum", "len", "ihl", "dataofs")  # fields that follow from others
_WORD = re.compile(r"(?:([a-z0-9]+)\.)?([a-z]\w*)=(.*)", re.IGNORECASE | re.DOTALL)


class Change(NamedTuple):
    """A field that is to have another value; the layer may be left out where it is clear."""

    layer: str
    field: str
    value: str


def parse(word: str) -> Change:
    """What `ip.ttl=1` says; ValueError for what says nothing."""
    found = _WORD.fullmatch(word)
    if found is None:
        raise ValueError(f"{word}: a field and its value are wanted, such as ip.ttl=1")
    layer, field = (found[1] or "").lower(), found[2]
    return Change(_LAYERS.get(layer, layer), field, found[3])


def rewrite(data: bytes, linktype: int, changes: list[Change], resolve: Callable[[str], str]) -> bytes:
    """The bytes of a packet with other fields; ValueError in words.

    `resolve` makes an IPv4 address of what was typed for one; sums and lengths follow, unless they are given.
    """
    from scapy.layers.inet import IP
    from scapy.layers.l2 import Ether
    from scapy.packet import NoPayload

    packet: Any = (Ether if linktype == DLT_EN10MB else IP)(data)
    layers: dict[str, Any] = {}
    layer = packet
    while not isinstance(layer, NoPayload):
        layers.setdefault(type(layer).__name__.lower(), layer)
        layer = layer.payload
    given: set[tuple[int, str]] = set()
    for change in changes:
        layer, field = _find(layers, change)
        _set(layer, field, change, resolve)
        given.add((id(layer), field.name))
        _follow(layer, given)
    try:
        built = bytes(packet)
    except Exception as error:  # scapy says in many ways that a value does not fit
        text = " ".join(f"{each.layer}.{each.field}={each.value}".removeprefix(".") for each in changes)
        raise ValueError(f"{text}: {error}") from None
    return built


def _find(layers: dict[str, Any], change: Change) -> tuple[Any, Any]:
    """The layer and the field that a change means."""
    name = _FIELDS.get(change.field, change.field)
    if change.layer and change.layer not in layers:
        raise ValueError(f"{change.layer}: there is no such layer in this packet; it has {', '.join(layers)}")
    wanted = [change.layer] if change.layer else list(layers)
    found = [(each, field) for each in wanted for field in layers[each].fields_desc if field.name == name]
    if not found:
        there = [field.name for each in wanted for field in layers[each].fields_desc]
        raise ValueError(f"{change.field}: no such field; there are {', '.join(dict.fromkeys(there))}")
    if len(found) > 1:
        raise ValueError(f"{change.field}: say which: {', '.join(f'{each}.{name}' for each, _ in found)}")
    return layers[found[0][0]], found[0][1]


def _set(layer: Any, field: Any, change: Change, resolve: Callable[[str], str]) -> None:
    """Give a field its value."""
    from scapy.fields import IPField, MACField

    value: object = change.value
    while hasattr(field, "fld"):  # it is wrapped in another
        field = field.fld
    if isinstance(field, IPField):
        value = resolve(change.value)
    elif isinstance(field, MACField):
        value = str(Mac.parse(change.value))
    else:
        try:
            value = ast.literal_eval(change.value)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            value = change.value
    if field.islist and not isinstance(value, list):
        raise ValueError(f"{change.field}={change.value}: a list is wanted, such as [('MSS', 1460)]")
    if field.name == "load" and isinstance(value, str):
        value = value.encode()
    try:
        layer.setfieldval(field.name, value)
        field.addfield(layer, b"", layer.getfieldval(field.name)) if not hasattr(field, "size") else None
    except Exception as error:
        raise ValueError(f"{change.field}={change.value}: {error}") from None


def _follow(layer: Any, given: set[tuple[int, str]]) -> None:
    """What follows from a change is made anew: the sums and lengths of this layer and of those around it."""
    above = layer.payload if type(layer).__name__ == "IP" else None  # whose sum is over our addresses, too
    while layer is not None:
        for each in (layer, above):
            for name in _MADE if each is layer else ("chksum",):
                if each is not None and name in each.fields and (id(each), name) not in given:
                    each.delfieldval(name)
        above = None
        layer = layer.underlayer
