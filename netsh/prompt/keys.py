"""What keys do at the prompt beside what prompt_toolkit has them do."""

from __future__ import annotations

import time
from collections.abc import Mapping
from functools import partial
from typing import Protocol

from prompt_toolkit.application import get_app
from prompt_toolkit.completion import CompleteEvent, Completer, get_common_complete_suffix
from prompt_toolkit.enums import DEFAULT_BUFFER
from prompt_toolkit.filters import Condition, emacs_insert_mode, has_focus, vi_insert_mode
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.keys import Keys

from netsh.prompt.questions import asks

_LINES = {"f6": "pause", "f7": "step", "f8": "go"}  # keys that are a whole line
_PAUSE = 3.0  # seconds
_LONGEST = 200_000  # letters that a line may have


class Editing(Protocol):
    """The editor, as the keys know it."""

    @property
    def completer(self) -> Completer:
        """What Tab asks."""

    told: float  # when something was too long
    begun: str  # what was being typed when a key was pressed that is a whole line

    def explain(self, before: str) -> None:
        """List what may come next."""

    def tell(self, text: str) -> None:
        """Say something above the line."""


def bindings(editor: Editing, lines: Mapping[str, str]) -> KeyBindings:
    """The keys; `lines` are whole lines that keys of the user's are, or "" for none."""
    keys = KeyBindings()
    typing = has_focus(DEFAULT_BUFFER) & (emacs_insert_mode | vi_insert_mode)
    for key, line in {**_LINES, **lines}.items():
        if line:
            keys.add(*key.split(), eager=True)(partial(_whole_line, editor, line))
    keys.add("c-z")(lambda _event: None)  # there is nothing to suspend, and it is no part of a line
    keys.add("up", filter=typing)(_up)
    keys.add("escape", "enter", filter=typing)(lambda event: event.current_buffer.newline())
    keys.add("tab", filter=typing)(lambda event: _tab(editor, event))
    keys.add("?", filter=typing & Condition(_asks))(lambda event: editor.explain(_before()))
    keys.add(Keys.BracketedPaste)(lambda event: _paste(editor, event))
    return keys


def _whole_line(editor: Editing, line: str, event: KeyPressEvent) -> None:
    """Run a line at once; what was being typed stands there again afterwards."""
    buffer = event.current_buffer
    editor.begun = buffer.text
    buffer.complete_state = None
    buffer.text = line
    event.app.exit(result=line)


def _before() -> str:
    return get_app().current_buffer.document.text_before_cursor


def _asks() -> bool:
    return asks(_before())


def _up(event: KeyPressEvent) -> None:
    """The line before that begins so, also while a menu shows what could come next."""
    buffer = event.current_buffer
    if buffer.complete_state is not None and buffer.complete_state.complete_index is None:
        buffer.cancel_completion()
    buffer.auto_up(count=event.arg)


def _tab(editor: Editing, event: KeyPressEvent) -> None:
    """Complete at once what there is one way to complete, as sh does; else show the ways, then go through them.

    prompt_toolkit's own Tab does nothing while the menu for the key before it is still being made.
    """
    buffer = event.current_buffer
    if buffer.complete_state is not None and len(buffer.complete_state.completions) > 1:
        return buffer.complete_next()
    found = list(editor.completer.get_completions(buffer.document, CompleteEvent(completion_requested=True)))
    if len(found) == 1:
        buffer.apply_completion(found[0])
        buffer.insert_text("" if found[0].text.endswith(("/", "=")) else " ")
    elif common := get_common_complete_suffix(buffer.document, found):
        buffer.insert_text(common)
    else:
        buffer.start_completion()


def _paste(editor: Editing, event: KeyPressEvent) -> None:
    """Take a pasted text, all its lines; one that is longer than any line is a file."""
    text = event.data.replace("\r\n", "\n").replace("\r", "\n")
    buffer = event.current_buffer
    size = len(buffer.text) + len(text)
    if time.monotonic() < editor.told + _PAUSE:  # the rest of what was too long, in pieces
        editor.told = time.monotonic()
    elif size > _LONGEST:
        buffer.reset()
        editor.tell(f"{size} letters are too many for a line; put them into a file, and 'source' it")
        editor.told = time.monotonic()
    else:
        buffer.insert_text(text)
