"""The doors of the stack: its functions that are worth telling about, by their code and by their names.

Those of devices are in stack/dev/doors.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType, FrameType

from stack.probe import Protocol
from stack.trace.door import Door, Facts, door
from stack.trace.ip import IP
from stack.trace.link import LINK
from stack.trace.tcp import TCP


def _dropped(frame: FrameType, facts: Facts) -> None:
    protocol: Protocol = frame.f_locals["self"]
    facts["drop"] = f"{protocol.name}/{frame.f_locals['reason']}"


def _dead(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    return f"dropped: {facts['drop']}"


DROP = door(Protocol.drop, "The packet is dropped: {drop}.", _dropped, _dead)
DOORS: Mapping[CodeType, Door] = {each.code: each for each in (DROP, *LINK, *IP, *TCP)}


def find(name: str, doors: Mapping[CodeType, Door] = DOORS) -> list[Door]:
    """The doors of a name, ours (`Ip.forward`) or BSD's (`ip_forward`)."""
    return [each for each in doors.values() if name in (each.name, each.bsd)]
