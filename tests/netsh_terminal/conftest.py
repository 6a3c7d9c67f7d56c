"""Prompts for tests that hold for both kinds: of a lab in the same process, and of a served one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.netsh.served import Served
from tests.netsh_terminal.terminal import Terminal

Sit = Callable[..., Terminal]


@pytest.fixture(params=["here", "served"])
def sit(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Sit]:
    """Sits down at a prompt: words for Terminal in, a terminal out; again in the same lab, if it is a served one."""
    with ExitStack() as stack:
        where = ("-s", stack.enter_context(Served(tmp_path)).url) if request.param == "served" else ()

        def sit_down(**more: int | str) -> Terminal:
            terminal = stack.enter_context(Terminal(tmp_path, *where, **more))  # type: ignore[arg-type]
            terminal.until_prompt()
            return terminal

        yield sit_down
