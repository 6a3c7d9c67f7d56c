"""BSD's words for errnos (NetBSD sys/errno.h, sys_errlist); the numbers are the machine's own.

The stack raises `OSError(errno.X)` through `oserror`, so that a message reads the same on every machine.
"""

from __future__ import annotations

import errno

STRERROR = {
    errno.EPERM: "Operation not permitted",
    errno.ENOENT: "No such file or directory",
    errno.ESRCH: "No such process",
    errno.EINTR: "Interrupted system call",
    errno.EIO: "Input/output error",
    errno.ENXIO: "Device not configured",
    errno.EBADF: "Bad file descriptor",
    errno.EACCES: "Permission denied",
    errno.EBUSY: "Device busy",
    errno.EEXIST: "File exists",
    errno.ENODEV: "Operation not supported by device",
    errno.ENOTDIR: "Not a directory",
    errno.EISDIR: "Is a directory",
    errno.EINVAL: "Invalid argument",
    errno.ENOTTY: "Inappropriate ioctl for device",
    errno.ENOSPC: "No space left on device",
    errno.EPIPE: "Broken pipe",
    errno.ERANGE: "Result too large or too small",
    errno.EAGAIN: "Resource temporarily unavailable",
    errno.EINPROGRESS: "Operation now in progress",
    errno.EALREADY: "Operation already in progress",
    errno.ENOTSOCK: "Socket operation on non-socket",
    errno.EDESTADDRREQ: "Destination address required",
    errno.EMSGSIZE: "Message too long",
    errno.EPROTOTYPE: "Protocol wrong type for socket",
    errno.ENOPROTOOPT: "Protocol option not available",
    errno.EPROTONOSUPPORT: "Protocol not supported",
    errno.EOPNOTSUPP: "Operation not supported",
    errno.EAFNOSUPPORT: "Address family not supported by protocol family",
    errno.EADDRINUSE: "Address already in use",
    errno.EADDRNOTAVAIL: "Can't assign requested address",
    errno.ENETDOWN: "Network is down",
    errno.ENETUNREACH: "Network is unreachable",
    errno.ECONNABORTED: "Software caused connection abort",
    errno.ECONNRESET: "Connection reset by peer",
    errno.ENOBUFS: "No buffer space available",
    errno.EISCONN: "Socket is already connected",
    errno.ENOTCONN: "Socket is not connected",
    errno.ETIMEDOUT: "Operation timed out",
    errno.ECONNREFUSED: "Connection refused",
    errno.EHOSTDOWN: "Host is down",
    errno.EHOSTUNREACH: "No route to host",
}


def strerror(code: int) -> str:
    """What BSD says of an errno."""
    return STRERROR.get(code, f"Unknown error: {code}")


def oserror(code: int, what: str | None = None) -> OSError:
    """The OSError (of the subclass Python has for it) with BSD's words; `what` is a name it is about."""
    return OSError(code, strerror(code)) if what is None else OSError(code, strerror(code), what)


def reason(error: OSError | ValueError) -> str:
    """Why something failed, in BSD's words where it has some; ValueError is what open(2) makes of a NUL in a name."""
    if isinstance(error, ValueError):
        return str(error)
    return STRERROR.get(error.errno or 0) or error.strerror or str(error)
