"""What bus files need and Python does not offer, by ctypes: atomic(3), sigaction(2), inotify(7), signalfd(2)."""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
from collections.abc import Callable
from functools import cache, partial

_ACQUIRE, _RELEASE, _RELAXED = 2, 3, 0  # the memory orders of <stdatomic.h>
_IN_MODIFY = 0x2
_IN_CLOEXEC, _IN_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_SFD_CLOEXEC, _SFD_NONBLOCK = os.O_CLOEXEC, os.O_NONBLOCK
_MAP_FIXED = 0x10
_SA_SIGINFO = 4
_SI_ADDR = 16  # where the address stands in a siginfo_t


class Word:
    """An aligned u32 in memory that other processes change too, taken by compare-and-swap 0 -> 1.

    Without libatomic (Debian's libatomic1) it is read and then written, which is not one step: `atomic` says so.
    """

    swap: Callable[[], bool]  # make it 1 if it is 0; who could not has to call `missed`

    def __init__(self, address: int) -> None:
        self.value = ctypes.c_uint32.from_address(address)
        self.expected = ctypes.c_uint32(0)
        self.atomic = True
        try:
            library = ctypes.PyDLL("libatomic.so.1")  # too quick to let other threads run meanwhile
        except OSError:
            self.atomic = False
            self.swap = self._swap_plainly
            return
        # arguments that are made beforehand: to convert them takes longer than the rest
        self.word, expected = ctypes.c_void_p(address), ctypes.c_void_p(ctypes.addressof(self.expected))
        swap_if = library["__atomic_compare_exchange_4"]
        swap_if.restype = ctypes.c_bool
        self.swap = partial(swap_if, self.word, expected, 1, _ACQUIRE, _RELAXED)
        self._swap = library["__atomic_exchange_4"]

    def take(self) -> bool:
        """Make it 1 if it is 0."""
        taken = self.swap()
        if not taken:
            self.missed()
        return taken

    def missed(self) -> None:
        """Expect 0 again: the swap that failed has left there what it found."""
        self.expected.value = 0

    def _swap_plainly(self) -> bool:
        free = self.value.value == 0
        if free:
            self.value.value = 1
        return free

    def release(self) -> None:
        """Make it 0."""
        if self.atomic:
            self._swap(self.word, 0, _RELEASE)
        else:
            self.value.value = 0


class Fence:
    """Memory where a file is mapped; `hit` says that it was touched when the file had been cut short."""

    def __init__(self, address: int, size: int) -> None:
        self.address = address
        self.size = size
        self.hit = False


class _Sigaction(ctypes.Structure):
    """struct sigaction."""

    _fields_ = (
        ("handler", ctypes.c_void_p),
        ("mask", ctypes.c_ubyte * 128),
        ("flags", ctypes.c_int),
        ("restorer", ctypes.c_void_p),
    )


class Guard:
    """Survives mapped files that somebody cuts short: the SIGBUS of touching what is gone becomes `Fence.hit`.

    Such a fault puts empty memory where the file was mapped, and what faulted goes on.  The handler is Python, which
    is safe here: the signal comes in at the very instruction that touches the mapping, and nowhere else.  Any other
    SIGBUS does what it did before.
    """

    def __init__(self) -> None:
        self.fences: list[Fence] = []
        self._libc = ctypes.CDLL(None)
        self._libc.mmap.restype = ctypes.c_void_p
        self._libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
        self._before = _Sigaction()
        self._handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(self._caught)
        self._ours = _Sigaction(ctypes.cast(self._handler, ctypes.c_void_p), flags=_SA_SIGINFO)

    def add(self, address: int, size: int) -> Fence:
        """Watch over some memory from now on."""
        if not self.fences:
            self._libc.sigaction(signal.SIGBUS, ctypes.byref(self._ours), ctypes.byref(self._before))
        fence = Fence(address, size)
        self.fences.append(fence)
        return fence

    def remove(self, fence: Fence) -> None:
        """No longer."""
        self.fences.remove(fence)
        if not self.fences:
            self._give_way()

    def _give_way(self) -> None:
        self._libc.sigaction(signal.SIGBUS, ctypes.byref(self._before), None)

    def _caught(self, _signal: int, info: int, _context: int) -> None:
        touched = ctypes.c_void_p.from_address(info + _SI_ADDR).value or 0
        for fence in self.fences:
            if not fence.hit and fence.address <= touched < fence.address + fence.size:
                fence.hit = True
                access, kind = mmap.PROT_READ | mmap.PROT_WRITE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_FIXED
                if self._libc.mmap(fence.address, fence.size, access, kind, -1, 0) == fence.address:
                    return
        self._give_way()
        os.kill(os.getpid(), signal.SIGBUS)  # it comes again when we return


@cache
def guard() -> Guard:
    """The one of this process, whose signals are nobody else's."""
    return Guard()


def address_of(memory: mmap.mmap) -> int:
    """Where a mapping stands in our memory."""
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))


def watch(descriptor: int) -> int:
    """A descriptor that is readable when somebody has written to a file (not through a mapping)."""
    libc = ctypes.CDLL(None, use_errno=True)
    watcher: int = libc.inotify_init1(_IN_NONBLOCK | _IN_CLOEXEC)
    _check(watcher)
    try:
        _check(libc.inotify_add_watch(watcher, b"/proc/self/fd/%d" % descriptor, _IN_MODIFY))
    except OSError:
        os.close(watcher)
        raise
    return watcher


def signalfd(number: int) -> int:
    """A descriptor that is readable while a signal waits that this process blocks, and reading takes it."""
    libc = ctypes.CDLL(None, use_errno=True)
    mask = (ctypes.c_ubyte * 128)()  # sigset_t
    mask[(number - 1) // 8] = 1 << (number - 1) % 8
    watcher: int = libc.signalfd(-1, mask, _SFD_CLOEXEC | _SFD_NONBLOCK)
    _check(watcher)
    return watcher


def _check(result: int) -> None:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
