"""The socket at which a lab is served: taken only where nobody else serves, and gone when the lab ends."""

from __future__ import annotations

import errno
import fcntl
import ipaddress
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from netsh.served.url import Url
from stack.kern.errors import reason

_BACKLOG = 128


class NotServed(Exception):
    """The URL cannot be served at; why, in words."""


class Listener:
    """A listening socket; `text` is the URL as clients reach it."""

    def __init__(self, url: Url, sock: socket.socket) -> None:
        self.socket = sock
        self.path = os.path.abspath(url.path) if url.path else ""
        self.inode = _inode(self.path) if self.path else None
        if self.path:
            self.text = f"unix://{self.path}"
        else:
            host = f"[{url.host}]" if ":" in url.host else url.host
            self.text = f"tcp://{host}:{sock.getsockname()[1]}"

    def close(self) -> None:
        """Listen no more, and leave nothing behind; a socket that another has put there meanwhile is its own."""
        if self.path and _inode(self.path) == self.inode:
            with suppress(OSError):
                os.unlink(self.path)
        self.inode = None
        self.socket.close()


def listen(url: Url) -> Listener:
    """Begin to listen; NotServed when that cannot be had."""
    sock = socket.socket(url.family, socket.SOCK_STREAM)
    try:
        if url.path:
            _bind_path(sock, url.path)
        else:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(url.address)
            sock.listen(_BACKLOG)
        sock.setblocking(False)
        return Listener(url, sock)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise NotServed(f"{url.text}: taken; another program listens there") from None
        raise NotServed(f"{url.text}: {reason(error)}") from None
    except NotServed:
        sock.close()
        raise


def _bind_path(sock: socket.socket, path: str) -> None:
    """Make the socket's file, for ourselves only; one that nobody listens at any more is taken over."""
    if len(os.fsencode(path)) > 107:
        raise NotServed(f"unix://{path}: a socket's path has at most 107 bytes; a relative one may be shorter")
    with _alone(os.path.dirname(path) or "."):
        if os.path.lexists(path):
            _remove_stale(path)
        before = os.umask(0o177)
        try:
            sock.bind(path)
        finally:
            os.umask(before)
        sock.listen(_BACKLOG)


@contextmanager
def _alone(folder: str) -> Iterator[None]:
    """Nobody else who does the same is at work in a folder."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _remove_stale(path: str) -> None:
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        raise NotServed(f"unix://{path}: a file is there that is no socket; it was left alone")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass  # its queue is full: somebody is there
    raise NotServed(f"unix://{path}: taken; a lab is served there already ('netsh -s unix://{path} -- halt' ends it)")


def _inode(path: str) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_loopback(url: Url) -> bool:
    """Whether only this machine can reach it; NotServed for a host that is none."""
    if url.path:
        return True
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotServed(f"{url.text}: no such host as {url.host}") from None
    return all(ipaddress.ip_address(str(each[4][0])).is_loopback for each in found)
