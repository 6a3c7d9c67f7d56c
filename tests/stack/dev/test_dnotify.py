"""Buses in files where the machine has no instance of inotify left."""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from functools import wraps
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


def without_threads(test: Callable[[Path], None]) -> Callable[[Path], None]:
    """Run a test in a process of its own: another thread, such as pytest-xdist's, may be handed its signals first."""

    @wraps(test)
    def run(tmp_path: Path) -> None:
        child = os.fork()
        if not child:
            status = 1
            try:
                test(tmp_path)
                status = 0
            except BaseException:
                traceback.print_exc()
                sys.stderr.flush()
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0

    return run


@pytest.fixture
def no_inotify(monkeypatch: pytest.MonkeyPatch) -> None:
    def watch(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(libc, "watch", watch)


@pytest.mark.usefixtures("no_inotify")
@without_threads
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


@without_threads
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


@without_threads
def test_each_has_its_own_signal_as_long_as_there_are_any(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(5)]
    found: list[int] = []
    for folder in folders:
        folder.mkdir()
        (folder / "file").write_text("x")
        found.append(watchers().add(str(folder)))
    try:
        assert (len(watchers().signals), len(watchers().ends)) == (3, 2)
        for number, folder in enumerate(folders):
            for _ in range(100):
                (folder / "file").write_text("y")
            assert readable(found[number])
            shared = found[3:] if number >= 3 else []  # who must look, since one of them has reason to
            for watcher in found:
                assert readable(watcher, 0) == (watcher == found[number] or watcher in shared)
                if readable(watcher, 0):
                    os.read(watcher, 4096)
                assert not readable(watcher, 0)  # however often it was told
    finally:
        for watcher in found:
            watchers().remove(watcher)
            os.close(watcher)
    watcher = watchers().add(str(folders[0]))
    assert not readable(watcher, 0)  # what was for another is forgotten
    watchers().remove(watcher)
    os.close(watcher)


def test_a_signal_that_another_thread_gets_is_passed_on(tmp_path: Path) -> None:
    watcher = watchers().add(str(tmp_path))
    number = watchers().signals[watcher][1]
    ready, over = threading.Event(), threading.Event()

    def stand_in_the_way() -> None:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {number})
        ready.set()
        over.wait()

    thread = threading.Thread(target=stand_in_the_way)
    thread.start()
    try:
        ready.wait()
        signal.pthread_kill(thread.ident or 0, number)
        assert any(readable(watcher, 10) for _ in range(500))
    finally:
        watchers().remove(watcher)
        os.close(watcher)
        over.set()
        thread.join()


def test_what_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path in (tmp_path / "file", tmp_path / "nothing"):
        with pytest.raises(OSError):
            watchers().add(str(path))
    watchers().remove(77)  # one of inotify's, perhaps
    assert not watchers().ends
