"""Types the lines of a demo into the prompt, as fast as a hand would."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from prompt_toolkit.application import get_app
from prompt_toolkit.filters import Condition
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

_PAUSES = (0.03, 0.05, 0.04, 0.09, 0.03, 0.06)  # seconds between two letters, in turn


class Demonstrator:
    """The keys while a demo is shown: they say when, and the script what."""

    def __init__(self, lines: Callable[[], deque[str]]) -> None:
        self.lines = lines
        self.typing: asyncio.Task[None] | None = None
        self.text = ""  # what is being typed

    def bindings(self) -> KeyBindings:
        """The keys."""
        keys = KeyBindings()
        shown = Condition(lambda: bool(self.lines()) or self.typing is not None or bool(self.text))
        keys.add(Keys.Any, filter=shown, eager=True)(lambda _event: None)
        for key in (" ", "enter"):
            keys.add(key, filter=shown, eager=True)(self._step)
        for key in ("q", "c-c", "c-d"):
            keys.add(key, filter=shown, eager=True)(self._end)
        return keys

    def _step(self, event: KeyPressEvent) -> None:
        """Type the next line; what is being typed is whole at once; what is typed runs."""
        buffer = event.current_buffer
        if self.typing is not None:
            self._stop()
            buffer.text = self.text
            buffer.cursor_position = len(self.text)
        elif self.text:
            self.text = ""
            buffer.validate_and_handle()
        else:
            self.text = self.lines().popleft()
            self.typing = asyncio.get_running_loop().create_task(self._type(self.text))

    async def _type(self, text: str) -> None:
        buffer = get_app().current_buffer
        for at, letter in enumerate(text):
            await asyncio.sleep(_PAUSES[at % len(_PAUSES)])
            buffer.insert_text(letter, fire_event=False)
        self.typing = None

    def _end(self, event: KeyPressEvent) -> None:
        self._stop()
        self.lines().clear()
        self.text = ""
        event.current_buffer.reset()

    def _stop(self) -> None:
        if self.typing is not None:
            self.typing.cancel()
            self.typing = None
