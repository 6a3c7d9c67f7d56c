"""What a lesson needs of the machine, and whether it is there."""

from __future__ import annotations

import importlib.util
import os

from netsh.lessons.form import Front

_TUN = "/dev/net/tun"
_CAP_NET_ADMIN = 12  # linux/capability.h


def lacking(front: Front) -> str:
    """What a lesson needs and the machine has not, with the cure; "" when all is there."""
    return _no_tap() if front.needs == "tap" else ""


def _no_tap() -> str:
    if not os.path.exists(_TUN):
        return f"it needs a TAP device, and there is no {_TUN} here (a container must be given it)"
    if not (_capabilities() >> _CAP_NET_ADMIN & 1 and os.access(_TUN, os.R_OK | os.W_OK)):
        return "it needs a TAP device, and so root: run netsh with sudo, or in 'unshare -Urn'"
    if importlib.util.find_spec("pytun") is None:
        return "it needs a TAP device, and so python-pytun: pip install 'netsh[tap]'"
    return ""


def _capabilities() -> int:
    """The capabilities of this process, as bits (proc(5))."""
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("CapEff:"))
        return int(line.split()[1], 16)
    except (OSError, StopIteration, ValueError):
        return -1 if os.geteuid() == 0 else 0
