"""A live trace in a real terminal: it scrolls above the line that is being typed, and leaves that whole."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest

from tests.netsh_terminal.terminal import Terminal

TYPED = "echo a line that is typed while a trace scrolls"


def type_slowly(terminal: Terminal, text: str) -> None:
    """A key at a time: after each, the line at the cursor is what was typed so far, whatever has come above it."""
    for end in range(1, len(text) + 1):
        terminal.type(text[end - 1])
        terminal.until(partial(stands, f"me# {text[:end]}".rstrip()))


def stands(line: str, terminal: Terminal) -> bool:
    """Whether that is the line at the cursor."""
    return terminal.line.rstrip() == line


@pytest.mark.parametrize("format", ["rich", "text"])
def test_a_trace_scrolls_while_a_line_is_typed(tmp_path: Path, format: str) -> None:
    with Terminal(tmp_path, "--format", format, columns=100, lines=40) as terminal:
        terminal.until_prompt()
        terminal.type("trace -f icmp &\r")
        terminal.until_prompt()
        terminal.type("ping -q -i 0.05 www > /dev/null &\r")
        terminal.until_text("icmp_reflect")
        type_slowly(terminal, TYPED)
        seen: set[str] = set()

        def scrolled(terminal: Terminal) -> bool:
            seen.update(re.findall(r"\b(\d+)\.\d+ ", " ".join(terminal.lines)))
            assert sum(TYPED in line for line in terminal.lines) <= 1
            return len(seen) > 25

        terminal.until(scrolled)
        terminal.until(lambda terminal: terminal.line == f"me# {TYPED}")
        for line in terminal.lines[:-1]:
            assert "me#" not in line or TYPED in line or line.startswith("me# "), line
        terminal.type("\r")
        terminal.until(lambda terminal: terminal.line == "me#")  # its own prompt, and no pager's
        terminal.type("kill %1 %2\r")
        terminal.until(lambda terminal: any("Terminated" in line for line in terminal.lines))
        terminal.until_prompt()
        terminal.type("trace\r")
        terminal.until_text("trace is off, of packets that icmp takes")
