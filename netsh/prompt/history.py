"""Lines typed before, in a file of the user's; one that cannot be had is told once, and does not matter."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path
from prompt_toolkit.history import FileHistory


class History(FileHistory):
    """The history of the prompt: at most about twice `size` lines are kept, the last `size` are known."""

    def __init__(self, complain: Callable[[str], None], size: int) -> None:
        self.path = user_state_path("netsh") / "history"
        super().__init__(str(self.path))
        self.complain = complain
        self.size = size
        self.told = False

    def load_history_strings(self) -> Iterable[str]:
        """The last lines, the latest first."""
        lines: list[str] = []
        try:
            lines = list(super().load_history_strings())
            if len(lines) > 2 * self.size:
                self._shorten(lines[: self.size])
        except FileNotFoundError:
            pass
        except OSError as error:
            self._tell(error)
        return lines[: self.size]

    def store_string(self, string: str) -> None:
        """Keep a line; the file is for nobody else."""
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            super().store_string(string)
        except OSError as error:
            self._tell(error)

    def _shorten(self, lines: list[str]) -> None:
        """Write the file anew, with fewer lines: whole, or not at all."""
        new = Path(f"{self.path}.{os.getpid()}")
        try:
            os.close(os.open(new, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            for line in reversed(lines):
                FileHistory(str(new)).store_string(line)
            new.replace(self.path)
        finally:
            with suppress(FileNotFoundError):
                new.unlink()

    def _tell(self, error: OSError) -> None:
        if not self.told:
            self.told = True
            self.complain(f"{self.path}: {error.strerror}; lines are not kept for the next time")
