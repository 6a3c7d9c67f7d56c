"""What a lesson needs of the machine, and whether it is there."""

from __future__ import annotations

import importlib.util
import os
import re

from netsh.lessons.form import Front

_TUN = "/dev/net/tun"
_ROUTES = "/proc/self/net/route"
_OURS = re.compile(r"lo|tap\d+|br\d+")  # what a lesson makes
_CAP_NET_ADMIN = 12  # linux/capability.h


def lacking(front: Front) -> str:
    """What a lesson needs and the machine has not, with the cure; "" when all is there."""
    return _no_tap() if front.needs == "tap" else ""


def _no_tap() -> str:
    if not os.path.exists(_TUN):
        return f"it needs a TAP device, and there is no {_TUN} here (a container must be given it)"
    if not (_capabilities() >> _CAP_NET_ADMIN & 1 and os.access(_TUN, os.R_OK | os.W_OK)):
        return "it needs a TAP device, and so a network of your own: start 'unshare -Urn netsh'"
    if importlib.util.find_spec("pytun") is None:
        return "it needs a TAP device, and so python-pytun: pip install 'netsh[tap]'"
    if name := _foreign():
        return f"it makes devices, and this is the network of your machine, with {name}: start 'unshare -Urn netsh'"
    return ""


def _foreign() -> str:
    """An interface that somebody routes by and that is none of a lesson's: then this is no namespace made for one."""
    try:
        with open(_ROUTES, encoding="ascii") as file:
            names = [line.split()[0] for line in file.readlines()[1:] if line.strip()]
    except OSError:
        return ""
    return next((name for name in names if not _OURS.fullmatch(name)), "")


def _capabilities() -> int:
    """The capabilities of this process, as bits (proc(5))."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("CapEff:"))
        return int(line.split()[1], 16)
    except (OSError, StopIteration, ValueError):
        return -1 if os.geteuid() == 0 else 0
