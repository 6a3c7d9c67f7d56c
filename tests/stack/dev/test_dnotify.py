"""Buses in files where the machine has no instance of inotify left."""

from __future__ import annotations

import errno
import os
import select
from pathlib import Path

import pytest

from stack.dev import libc
from stack.dev.busfile import BusFile
from stack.dev.dnotify import watchers

FRAME = bytes(range(64))


def readable(descriptor: int, milliseconds: int = 5000) -> bool:
    poller = select.poll()
    poller.register(descriptor, select.POLLIN)
    return bool(poller.poll(milliseconds))


@pytest.fixture
def no_inotify(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(libc, "watch", watch)


@pytest.mark.usefixtures("no_inotify")
def test_a_bus_wakes_by_a_signal_instead(tmp_path: Path) -> None:
    path = str(tmp_path / "bus")
    one, other = BusFile(path), BusFile(path)
    try:
        assert not readable(other.watcher, 0)
        assert one.write([FRAME]) == 1
        assert readable(other.watcher) and other.woken()
        assert other.read().frames == [FRAME]
        assert not readable(other.watcher, 0) and not other.woken()
    finally:
        other.close()
        one.close()
    assert not watchers().ends and not os.listdir(tmp_path)


def test_another_process_writes(tmp_path: Path) -> None:
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    for folder in (here, elsewhere):
        folder.mkdir()
        (folder / "file").write_text("x")
    watcher = watchers().add(str(here))
    try:
        os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"echo y >{elsewhere}/file")
        assert not readable(watcher, 0)
        os.spawnlp(os.P_WAIT, "sh", "sh", "-c", f"echo y >{here}/file")
        assert readable(watcher)
    finally:
        watchers().remove(watcher)
        os.close(watcher)


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(OSError):
            watchers().add(str(path))
    watchers().remove(77)  # one of inotify's, perhaps
    assert not watchers().ends
