"""A pager for what overflows the window: which, and when it is wanted."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from shutil import which

MOMENT = 0.25  # seconds of work: what a line says within them, and before it waits, may be for the pager

_SGR = re.compile(rb"\x1b\[[0-9;]*m")
_OFF = ("", "off", "no", "none", "cat")
_LESS = ["less", "-FRX"]  # it leaves at once what fits, shows colours, and leaves the text on the screen


def pager_of(setting: str | None, environ: Mapping[str, str] = os.environ) -> list[str] | None:
    """The words of the pager: as it is set, or by NETSH_PAGER, PAGER, or less; None for none."""
    if environ.get("TERM") in ("dumb", "unknown"):
        return None
    if setting in (None, "auto"):
        setting = environ.get("NETSH_PAGER", environ.get("PAGER"))
    if setting is not None and setting.strip() in _OFF:
        return None
    with suppress(ValueError):
        words = shlex.split(setting or "")
        words = _LESS if not words or words == ["less"] else words
        return words if which(words[0]) is not None else None
    return None


def overflows(data: bytes, columns: int, lines: int) -> bool:
    """Whether a text takes more lines than a window has beside the prompt."""
    shown = _SGR.sub(b"", data).decode(errors="replace").split("\n")
    return sum(max(-(-len(line) // max(columns, 1)), 1) for line in shown[:-1]) > lines - 2
