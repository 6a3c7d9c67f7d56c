"""The names of drops, as they are typed."""

from __future__ import annotations

from commands._drops import named
from commands._reasons import WHY
from commands.command import Failure
from netsh.prompt.nearest import nearest


def wanted(words: list[str]) -> list[tuple[str, str]]:
    """The drops that `badsum`, `ip/badsum` or `ip badsum` mean, each as protocol and reason; Failure for none."""
    name = "/".join(words)
    if found := named(name):
        return found
    protocol, _, reason = name.rpartition("/")
    known = nearest(reason, WHY.get(protocol) or {reason for each in WHY.values() for reason in each})
    known = f"{protocol}/{known}" if known and protocol in WHY else known
    raise Failure(f"{name}: no such drop" + (f" (did you mean {known}?)" if known else "; 'help drop' lists them"))
