"""Packets made with scapy, from layers with plain values; scapy takes 0.8 s to import, so that is done late.

scapy is never asked for an address or a route: it would look at those of the machine.  What is missing is filled in by
who sends the packet, before its bytes are made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import NamedTuple

from stack.addr import Ip4, Mac
from stack.dev.dissect import NEEDED
from stack.net.bpf import DLT_EN10MB, DLT_NULL

_MODULES = ("l2", "inet", "inet6", "dns", "rip", "dhcp", "ntp", "tftp", "vrrp", "vxlan")
_MOST = 1000  # packets that an expression makes


class BadField(ValueError):
    """A layer, a field or a value that scapy does not take: the layer's number, -1 when that is not known."""

    def __init__(self, text: str, layer: int, field: str = "") -> None:
        super().__init__(text)
        self.layer = layer
        self.field = field


class LayerSpec(NamedTuple):
    """A layer: its name and its fields."""

    name: str
    fields: Mapping[str, object]


Resolve = Callable[[str], str | None]  # a host's name as an address; None when there is none


class Crafted:
    """One packet, made of layers."""

    def __init__(self, packet: object) -> None:
        self.packet = packet

    def layers(self) -> list[str]:
        """The names of its layers, from the outermost."""
        return [layer.__name__ for layer in self.packet.layers()]  # type: ignore[attr-defined]

    def get(self, layer: str, field: str, number: int = 1) -> object:
        """What a field was set to; None when it was not."""
        return self.packet.getlayer(layer, number).fields.get(field)  # type: ignore[attr-defined]

    def fill(self, layer: str, number: int = 1, **values: object) -> None:
        """Set fields that were not set."""
        found = self.packet.getlayer(layer, number)  # type: ignore[attr-defined]
        for field, value in values.items():
            if found.fields.get(field) is None:
                found.setfieldval(field, value)

    def wrapped(self) -> Crafted:
        """The same in an Ethernet frame."""
        from scapy.layers.l2 import Ether

        return Crafted(Ether() / self.packet)

    def data(self) -> bytes:
        """Its bytes; BadField when its values do not fit their fields."""
        try:
            return bytes(self.packet)  # type: ignore[call-overload,no-any-return]
        except Exception as error:  # scapy meets nonsense with exceptions of many kinds
            found = re.search(r"field '(\w+)'", str(error))
            what = (
                f"this does not fit into the field {found[1]}" if found is not None else f"it cannot be made: {error}"
            )
            raise BadField(what.split("\n")[0], -1, found[1] if found is not None else "") from None


def known() -> dict[str, type]:
    """All layers that an expression may name."""
    try:
        from scapy.packet import Packet, Padding, Raw
    except ImportError:
        raise OSError(NEEDED) from None
    found: dict[str, type] = {"Raw": Raw, "Padding": Padding}
    for module in _MODULES:
        for name, value in vars(import_module(f"scapy.layers.{module}")).items():
            if isinstance(value, type) and issubclass(value, Packet) and not name.startswith("_"):
                found.setdefault(name, value)
    return found


def craft(specs: Sequence[LayerSpec], resolve: Resolve) -> list[Crafted]:
    """The packets that layers make, several where a field has several values; BadField."""
    layers = known()
    packet = None
    for number, spec in enumerate(specs):
        layer = _layer(spec, number, layers, resolve)
        packet = layer if packet is None else packet / layer  # type: ignore[operator]
    found: list[Crafted] = []
    for each in packet:  # type: ignore[attr-defined]
        found.append(Crafted(each))
        if len(found) > _MOST:
            raise BadField(f"these are more than {_MOST} packets", 0)
    return found


def _layer(spec: LayerSpec, number: int, layers: Mapping[str, type], resolve: Resolve) -> object:
    kind = layers.get(spec.name)
    if kind is None:
        raise BadField(f"{spec.name}: no such layer{_nearest(spec.name, layers)}", number)
    fields = {field.name: field for field in kind.fields_desc}  # type: ignore[attr-defined]
    values: dict[str, object] = {}
    for name, value in spec.fields.items():
        if name not in fields:
            raise BadField(f"{spec.name} has no field {name}{_nearest(name, fields)}", number, name)
        values[name] = _value(value, fields[name], spec.name, number, name, layers, resolve)
    try:
        made = kind(**values)
        for name in values:
            made.getfieldval(name)
    except Exception as error:
        raise BadField(f"{spec.name}: {str(error).splitlines()[0] if str(error) else 'this makes no sense'}", number,
                       next(iter(values), "")) from None  # fmt: skip
    return made


def _nearest(word: str, words: Mapping[str, object]) -> str:
    lower = {each.lower(): each for each in words}
    close = get_close_matches(word.lower(), lower, 1)
    return f" (did you mean {lower[close[0]]}?)" if close else ""


def _value(
    value: object, field: object, layer: str, number: int, name: str, layers: Mapping[str, type], resolve: Resolve
) -> object:
    """A value as scapy wants it: names of hosts are addresses, layers are packets."""
    if isinstance(value, list | tuple) and value and isinstance(value[0], LayerSpec) and isinstance(value, tuple):
        packet = None
        for spec in value:
            made = _layer(spec, number, layers, resolve)
            packet = made if packet is None else packet / made  # type: ignore[operator]
        return packet
    if isinstance(value, list | tuple):
        return type(value)(_value(each, field, layer, number, name, layers, resolve) for each in value)
    if isinstance(value, str):
        kinds = _kinds(field)
        if "ip" in kinds or "ip6" in kinds:
            return _address(value, kinds, number, name, resolve)
        if "mac" in kinds:
            return _mac(value, kinds, number, name)
    return value


def _kinds(field: object) -> set[str]:
    """Which addresses a field may hold, and `other` if it may hold something else."""
    from scapy.fields import IP6Field, IPField, MACField, MultipleTypeField

    inner = getattr(field, "fld", None) or getattr(field, "field", None)
    if isinstance(field, MultipleTypeField):
        return {kind for each in [*(found[0] for found in field.flds), field.dflt] for kind in _kinds(each)}
    if isinstance(field, IPField):
        return {"ip"}
    if isinstance(field, IP6Field):
        return {"ip6"}
    if isinstance(field, MACField):
        return {"mac"}
    return _kinds(inner) if inner is not None else {"other"}


def _address(value: str, kinds: set[str], number: int, name: str, resolve: Resolve) -> str:
    if "ip" in kinds:
        try:
            return str(Ip4.parse(value))
        except ValueError:
            if (found := resolve(value)) is not None:
                return found
    if "ip6" in kinds and ":" in value and all(character in "0123456789abcdefABCDEF:." for character in value):
        return value
    if "mac" in kinds and value.count(":") == 5:
        return _mac(value, kinds, number, name)
    if "other" in kinds:
        return value
    raise BadField(f"{value}: not an address, and no host of the lab", number, name)


def _mac(value: str, kinds: set[str], number: int, name: str) -> str:
    try:
        return str(Mac.parse(value))
    except ValueError:
        if "other" in kinds:
            return value
        text = f"{value}: not a link address; one is six numbers such as 02:00:00:00:00:01"
        raise BadField(text, number, name) from None


class Dissected:
    """A packet that was sent or has come, taken apart."""

    def __init__(self, data: bytes, linktype: int) -> None:
        from scapy.layers.inet import IP
        from scapy.layers.l2 import Ether
        from scapy.packet import Raw

        kind = Ether if linktype == DLT_EN10MB else IP
        try:
            self.packet: object = kind(data[4:] if linktype == DLT_NULL else data)
        except Exception:  # scapy meets nonsense with exceptions of many kinds
            self.packet = Raw(data)

    def answers(self, request: Dissected) -> bool:
        """Whether it answers one that was sent, as scapy sees it; a broadcast's answers come from anybody."""
        from scapy.layers.inet import IP
        from scapy.layers.l2 import ARP

        asked, told = request.packet, self.packet
        try:
            if asked.haslayer(ARP) and told.haslayer(ARP):  # type: ignore[attr-defined]
                return bool(told[ARP].answers(asked[ARP]))  # type: ignore[index]
            if not asked.haslayer(IP) or not told.haslayer(IP):  # type: ignore[attr-defined]
                return False
            asked, told = asked[IP], told[IP]  # type: ignore[index]
            if told.dst != asked.src:
                return False
            if told.haslayer("IPerror") and told["IPerror"].id != asked.id:  # it quotes another one
                return False
            return bool(told.answers(asked) or (told.src != asked.dst and told.payload.answers(asked.payload)))
        except Exception:
            return False
