"""A pager for what overflows the window: the one of the machine, while the lab goes on."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Mapping
from contextlib import suppress
from shutil import which

from netsh.program import Program
from netsh.session import Session

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


def page(session: Session, words: list[str], data: bytes) -> bool:
    """Show a text by a pager, to its end; False when it could not be started."""
    try:
        program = Program(words, None, session.clock)
    except (OSError, ValueError):
        return False
    program.feed(data)
    program.end()
    session.clock.run(session.spawn(None, words, lambda _: _wait(program)), lambda: None)
    return True


async def _wait(program: Program) -> int:
    await program.wait()
    return 0
