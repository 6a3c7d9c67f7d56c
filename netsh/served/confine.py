"""What they may not do who come over TCP, where anybody may come: touch the machine that serves the lab.

Its files, its programs and its sockets are for clients on the Unix socket, who are the same user.  Commands open files
in many places; Python tells of each of them at one (sys.audit), and there they are refused, whatever the command.
This guards against commands that do what they are there for; Python code of a client's would find a way around it,
so such commands are not to be had at all.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

WHY = "not over TCP, where anybody may come: the machine's files, programs and sockets are for its Unix socket"

COMMANDS = {"netsh", "py", "python", "shmif_dumpbus", "sockets"}  # all of these is the machine's
_READS = {"open", "os.listdir", "os.scandir"}
_KINDS = ("os.", "socket.", "subprocess.", "shutil.", "tempfile.", "fcntl.", "mmap.", "ctypes.", "pty.", "syslog.")
# a command that needs a library, as tcpdump's filters do, says itself which
_HARMLESS = {"os.putenv", "os.unsetenv", "socket.gethostname", "ctypes.dlopen", "ctypes.dlsym"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Guard:
    """Refuses while it is `up`; there is one a process, since an audit hook is for ever."""

    def __init__(self) -> None:
        self.up = False
        self.ours = tuple(os.path.realpath(folder) for folder in _folders())
        sys.addaudithook(self._audit)

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.up or not (event in _READS or event.startswith(_KINDS)) or event in _HARMLESS:
            return
        self.up = False  # to look is allowed to ourselves
        try:
            if event in _READS and self._is_ours(args):
                return
        finally:
            self.up = True
        raise PermissionError(errno.EPERM, WHY) if event.startswith("socket.") else PermissionError(WHY)

    def _is_ours(self, args: tuple[Any, ...]) -> bool:
        """Whether something is only read, and is a part of Python or of netsh."""
        path, flags = args[0], args[2] if len(args) > 2 else 0
        if not isinstance(path, str | bytes) or flags & _WRITING:
            return False
        real = os.path.realpath(os.fsdecode(path))
        return any(real == folder or real.startswith(folder + os.sep) for folder in self.ours)


def _folders() -> list[str]:
    """Where Python and netsh are: what is imported there is nobody's secret."""
    here = os.path.dirname(os.path.dirname(__file__))
    ours = [here, *(os.path.join(os.path.dirname(here), name) for name in ("commands", "stack"))]
    libraries = [folder for folder in sys.path if os.path.basename(folder) in ("site-packages", "dist-packages")]
    return [*ours, os.path.dirname(os.__file__), *libraries]
