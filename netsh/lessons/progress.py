"""How far a user has come in each lesson: a file of the user's, written whole after each step."""

from __future__ import annotations

import json
import os
from typing import Any, NamedTuple

import platformdirs

from stack.dev.files import write_whole
from stack.kern.errors import reason

_FILE = "lessons.json"


class Place(NamedTuple):
    """Where somebody is in a lesson; steps are counted from 0, and `step` is `steps` at its end."""

    step: int = 0
    steps: int = 0
    done: bool = False
    tasks: int = 0  # done, not skipped
    right: int = 0  # predictions
    wrong: int = 0


class Progress:
    """All of it; what cannot be read or written is told in `trouble`, and is no reason to stop."""

    def __init__(self, path: str | None = None) -> None:
        self.path = _path() if path is None else path
        self.places: dict[str, Place] = {}
        self.trouble = ""
        self._broken = False
        self._load()

    def of(self, name: str) -> Place:
        """How far a lesson is."""
        return self.places.get(name, Place())

    def set(self, name: str, place: Place) -> None:
        """Keep it, now."""
        self.places[name] = place
        text = json.dumps({name: place._asdict() for name, place in self.places.items()}, indent=1)
        try:
            os.makedirs(os.path.dirname(self.path), mode=0o700, exist_ok=True)
            if self._broken:  # somebody may want to mend it
                os.replace(self.path, f"{self.path}.broken")
                self._broken = False
            write_whole(self.path, text.encode() + b"\n")
        except OSError as error:
            self.trouble = f"{self.path}: {reason(error)}; your progress is not kept"

    def _load(self) -> None:
        try:
            with open(self.path, encoding="utf-8") as file:
                found = json.load(file)
            self.places = {str(name): _place(fields) for name, fields in found.items()}
        except FileNotFoundError:
            return
        except OSError as error:
            self.trouble = f"{self.path}: {reason(error)}; nobody knows how far you are"
        except json.JSONDecodeError as error:
            self._spoilt(f"{self.path}:{error.lineno}: column {error.colno}: {error.msg}")
        except (ValueError, TypeError, AttributeError, RecursionError):
            self._spoilt(f"{self.path}:1: not what was kept here")

    def _spoilt(self, where: str) -> None:
        self._broken = True
        self.trouble = f"{where}; all lessons begin anew"


def _place(fields: Any) -> Place:
    """A place from what was kept; ValueError when it is none."""
    place = Place(**fields)
    numbers = (place.step, place.steps, place.tasks, place.right, place.wrong)
    if not all(type(number) is int and number >= 0 for number in numbers) or type(place.done) is not bool:
        raise ValueError("not a place")
    return place


def _path() -> str:
    """Where the platform wants such files."""
    return os.path.join(platformdirs.user_state_dir("netsh"), _FILE)
