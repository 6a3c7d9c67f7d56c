"""A bus file that is shared with other processes: made, joined, watched, left (rump/net/lib/libshmif/if_shmem.c).

What is in it says stack/dev/busring.py, and who may touch it when stack/dev/buslock.py.  Locks of fcntl(2) on two of
its bytes say who is there: every netsh on the bus shares the one of _MEMBER, and on a bus that a netsh made also
that of _MADE, so that the last one to leave knows to remove it.

Who writes wakes the others by a write(2) of the version, which inotify sees (or dnotify, where all instances of inotify
are in use); nobody looks again and again.
"""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import stat
import sys
import time
from contextlib import suppress
from mmap import mmap
from struct import Struct
from typing import NamedTuple

from stack.dev.buslock import ORDERED, PATIENCE, BusLock, BusLost, wait_flock
from stack.dev.busring import (
    BUS_SIZE,
    HEAD,
    HEADER_SIZE,
    LOCK_AT,
    NEW,
    PACKET_SIZE,
    SPARE_AT,
    VERSION,
    VERSION_AT,
    Frames,
    Header,
    Packet,
    Ring,
    frames_of,
    pack,
)
from stack.dev.dnotify import watchers

READ_FRAMES = 128  # taken in a row before everybody else has a turn
_READ_BYTES = 96 * 1024  # more than the largest packet
_PEEK_BYTES = 4096  # without the lock; while somebody sends a lot that would often be in vain
_WRITE_BYTES = 96 * 1024  # of the ring's 1 MiB in one go, or its readers would have no time
_MEMBER, _MADE = 0, 1
_FLOCK = Struct("hhqqi4x")  # struct flock: type, whence, start, length, process
_VERSION = VERSION.to_bytes(4, sys.byteorder)
_BLOCK = 512  # what st_blocks counts in
_EVENTS = 4096  # bytes of inotify's
_ATTEMPTS = 10  # to join a bus that is removed at this very moment


class Reading(NamedTuple):
    """What was read."""

    frames: Frames
    more: bool  # there is more to read, now
    overrun: bool  # we were too slow: frames were lost before these
    busy: bool = False  # nothing could be read, since somebody else has the bus


BUSY = Reading([], True, False, True)


class BusFile:
    """A bus that this process is on; its `watcher` becomes readable when somebody has sent."""

    def __init__(self, path: str) -> None:
        """Join it; it is made when there is none.  OSError, in words, when that cannot be."""
        from stack.dev import libc

        self.path = os.path.realpath(path)
        self.sender = int.from_bytes(os.urandom(8), sys.byteorder)
        self.fd, self.ours = _join(self.path)
        try:
            self.memory = mmap(self.fd, BUS_SIZE)
            try:
                self.watcher = libc.watch(self.fd)
            except OSError as error:
                if error.errno != errno.EMFILE:
                    raise
                self.watcher = watchers().add(os.path.dirname(self.path))
        except OSError as error:
            os.close(self.fd)
            raise OSError(_cure(error, self.path)) from None
        self.lock = BusLock(self.fd, self.memory)
        self._ring = Ring(self.memory)
        try:
            self._place = self._end()  # a rump kernel would read the newest packet once more
            self._seen = self._ring.head  # the head of the bus when we had last read all there was
        except (BusLost, BlockingIOError) as error:
            self.close(keep=True)
            raise OSError(str(error)) from None

    def _end(self) -> int:
        deadline = time.monotonic() + 2 * PATIENCE
        while not self.lock.take():
            if time.monotonic() > deadline:
                raise BlockingIOError("somebody has locked it, and does not go on")
            time.sleep(0.001)
        try:
            return self._ring.bounds()[1]
        except ValueError as error:
            raise BusLost(str(error)) from None
        finally:
            self.lock.give()

    def close(self, *, keep: bool = False) -> None:
        """Leave; the last one on a bus that a netsh made removes it, unless it is to be kept."""
        if self.ours and not keep and self._is_last():
            with suppress(OSError):
                os.unlink(self.path)
        self.lock.close()
        self.memory.close()
        watchers().remove(self.watcher)
        os.close(self.watcher)
        os.close(self.fd)  # and with it all locks

    def _is_last(self) -> bool:
        """Whether nobody else is on it, and the file of that name is still this one."""
        if not (wait_flock(self.fd) and _lock(self.fd, fcntl.F_WRLCK, _MEMBER)):
            return False
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(self.fd), os.stat(self.path)) and _is_alone(self.fd)
        return False

    def write(self, frames: Frames) -> int:
        """Send frames, from the first on; how many, 0 when the bus is busy.  BusLost when it is none any more."""
        count = len(frames) if len(frames) < 2 else _fitting(frames)
        data, newest = pack(frames if count == len(frames) else frames[:count], self.sender, time.time())
        lock, ring = self.lock, self._ring
        if not lock.take():
            return 0
        try:
            end = ring.append(data, newest)
            if self._place == end:  # we had read all there was: no need to read our own
                self._place = end + len(data)
                self._seen = ring.head
        except ValueError as error:
            raise BusLost(str(error)) from None
        finally:
            lock.give()
        os.pwrite(self.fd, _VERSION, VERSION_AT)  # wakes who sleeps, which a store through a mapping does not
        return count

    def woken(self) -> bool:
        """The watcher became readable: whether there is something to read.  BusLost when the file was cut short.

        No news is lost: who sends stores the head before it wakes, and we look at the head after we have read that.
        """
        try:
            os.read(self.watcher, _EVENTS)
        except BlockingIOError:
            return False
        news = self.memory[HEAD] != self._seen
        if self.lock.fence.hit or not news and os.lseek(self.fd, 0, os.SEEK_END) < BUS_SIZE:
            raise BusLost(self.lock.why_lost())
        return news

    def read(self) -> Reading:
        """The next frames that others sent.  BusLost when the bus is none any more."""
        ring, place, overrun = self._ring, self._place, False
        peeked = ring.peek(place, _PEEK_BYTES) if ORDERED else None
        if peeked is not None:
            data, end = peeked
        else:
            if not self.lock.take():
                return BUSY
            try:
                data, place, end, overrun = ring.read(place, _READ_BYTES)
            except ValueError as error:
                raise BusLost(str(error)) from None
            finally:
                self.lock.give()
        try:
            frames, self._place = frames_of(data, place, end, self.sender, READ_FRAMES)
        except ValueError as error:
            raise BusLost(str(error)) from None
        more = self._place != end
        if not more:
            self._seen = ring.head
        return Reading(frames, more, overrun)


def _fitting(frames: Frames) -> int:
    """How many of some frames go into the ring in one go."""
    size, count = 0, 0
    for frame in frames:
        size += PACKET_SIZE + len(frame)
        if count and size > _WRITE_BYTES:
            break
        count += 1
    return count


# --- joining ----------------------------------------------------------------------------------------


def _join(path: str) -> tuple[int, bool]:
    """A descriptor of a bus, which is made when there is none, and whether the last of us should remove it."""
    try:
        for _ in range(_ATTEMPTS):
            with suppress(FileNotFoundError):
                joined = _open(path)
                if joined is not None:
                    return joined
            with suppress(FileExistsError):
                return _make(path), True
    except (OSError, ValueError) as error:
        raise OSError(_cure(error, path)) from None
    raise OSError("others make it and remove it all the time")


def _open(path: str) -> tuple[int, bool] | None:
    """Open a file, and see that it is a bus; None when its last user has just removed it."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):  # to open a device may do something already
        raise OSError("not a bus: it is no regular file")
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not wait_flock(fd):
            raise OSError("somebody has locked it, and does not go on")
        if os.fstat(fd).st_nlink:
            _prepare(fd)
            _lock(fd, fcntl.F_RDLCK, _MEMBER)
            ours = _is_locked(fd, _MADE) and _lock(fd, fcntl.F_RDLCK, _MADE)
            fcntl.flock(fd, fcntl.LOCK_UN)
            return fd, ours
    except BaseException:
        os.close(fd)
        raise
    os.close(fd)
    return None


def _make(path: str) -> int:
    """Make a new bus; it gets its name when it is one, and we are on it."""
    temporary = os.path.join(os.path.dirname(path), f".bus.{os.getpid()}.{time.monotonic_ns():x}~")
    fd = os.open(temporary, os.O_RDWR | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        _prepare(fd)
        _lock(fd, fcntl.F_RDLCK, _MEMBER)
        _lock(fd, fcntl.F_RDLCK, _MADE)
        os.link(temporary, path)
    except BaseException:
        os.close(fd)
        raise
    finally:
        os.unlink(temporary)
    return fd


def _prepare(fd: int) -> None:
    """See that a file is a bus, and make an empty one a bus; ValueError for what is none, which stays as it was."""
    found = os.fstat(fd)
    size = found.st_size
    if size == 0:
        try:
            os.posix_fallocate(fd, 0, BUS_SIZE)  # now: a hole in a mapping cannot be touched when the disk is full
            os.pwrite(fd, NEW, 0)
        except OSError:
            os.ftruncate(fd, 0)
            raise
        return
    check_size(size)
    head = os.pread(fd, HEADER_SIZE, 0)
    new = not any(head) and not any(os.pread(fd, BUS_SIZE, 0))  # made by one who has not begun yet
    if not new:
        Header.unpack(head)
    if found.st_blocks * _BLOCK < BUS_SIZE:  # it has holes
        os.posix_fallocate(fd, 0, BUS_SIZE)
    if new:
        os.pwrite(fd, NEW, 0)


def check_size(size: int) -> None:
    """ValueError when a bus cannot be so large."""
    if size != BUS_SIZE:
        raise ValueError(f"not a bus: it has {size} bytes, a bus has {BUS_SIZE}")


def _lock(fd: int, kind: int, byte: int) -> bool:
    """Take, change or give back a lock on a byte; False when somebody else has one that forbids it."""
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(kind, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_locked(fd: int, byte: int) -> bool:
    """Whether anybody else has a lock on a byte."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0)
    kind: int = _FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, asked))[0]
    return kind != fcntl.F_UNLCK


def _cure(error: Exception, path: str) -> str:
    """What is wrong, and what to do about it."""
    match error:
        case OSError(errno=errno.ENOENT):
            return f"No such directory: mkdir -p {os.path.dirname(path)}"
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return f"{error.strerror}: a bus takes 1 MiB"
        case OSError(errno=errno.ESPIPE | errno.ENODEV | errno.EOPNOTSUPP):  # in /proc, say
            return "not a bus: such files cannot be mapped"
        case OSError(strerror=str(words)):
            return words
    return str(error)


def _is_alone(fd: int) -> bool:
    """Whether nobody else has the file open: a rump kernel has no locks, but a lease is only for who is alone."""
    for _ in range(_ATTEMPTS):
        try:
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)  # what would say that it is broken; usually ignored
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
            return True
        except OSError as error:
            if error.errno != errno.EAGAIN:  # this file system has no leases
                return True
        time.sleep(0.002)  # one of us who left just now may have lost its locks and not yet the file
    return False


# --- looking ----------------------------------------------------------------------------------------


def look(path: str, *, packets: bool = True) -> tuple[Header, list[Packet]]:
    """What a bus file holds, without being on it; OSError when it cannot be read, ValueError when it is none."""
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise ValueError("not a bus: it is no regular file")
    with open(path, "rb", buffering=0) as file:
        check_size(os.fstat(file.fileno()).st_size)
        memory = bytearray(_still(file.fileno()))
    check_size(len(memory))
    return Header.unpack(memory), Ring(memory).packets() if packets else []


def _still(fd: int) -> bytes:
    """All of a bus, at a moment at which nobody writes if there is one."""
    wait_flock(fd, kind=fcntl.LOCK_SH)
    for _ in range(_ATTEMPTS):
        content = os.pread(fd, BUS_SIZE, 0)
        if os.pread(fd, SPARE_AT, 0) == content[:SPARE_AT] and not any(content[LOCK_AT:SPARE_AT]):
            break  # no rump kernel was at it either
        time.sleep(0.001)
    return content
