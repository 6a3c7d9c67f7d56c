"""A network as one stack a process: what each of them runs, and what the machine must have for so many."""

from __future__ import annotations

from netsh.topology.network import Network, NewBorder, NewHost, NewWire, Setting, lines
from netsh.words import quote
from stack.addr import Ip4

READY = "ready"  # says the program that starts them (netsh.topology.processes), once all are
_INOTIFY = "/proc/sys/fs/inotify/max_user_instances"
_DNOTIFY = "/proc/sys/fs/dir-notify-enable"
_PATH_MAX = 100  # of a socket's path: sun_path has room for 107


def scripts(network: Network, folder: str) -> dict[str, list[str]]:
    """For each router the commands that make it what it is.

    Its buses are files, each in a folder of its own: who watches a folder is woken by nobody else's.
    """
    found: dict[str, list[str]] = {}
    units: dict[str, int] = {}
    for step in network.steps():
        match step:
            case NewHost(name):
                found[name] = [f"host {name}", "sysctl -q -w net.inet.ip.dad_count=0"]
                units[name] = 0
            case NewWire(a, b, prefix, _):
                bus = quote(f"{folder}/{a}-{b}/bus")
                for name, address in ((a, Ip4(prefix.net + 1)), (b, Ip4(prefix.net + 2))):
                    interface = f"shmif{units[name]}"
                    units[name] += 1
                    found[name].append(f"ifconfig {interface} create linkstr {bus} {address}/{prefix.plen}")
            case NewBorder(name, _) | Setting(name, _, _, _):
                found[name] += [line.removeprefix(f"{name} ") for line in lines(step)]
    for name, script in found.items():
        script.append("sysctl -q -w net.inet.ip.dad_count=3")
        script += [f"{name} routed &"] if network.routed else []
    return found


def buses(network: Network) -> list[str]:
    """The folders of the buses."""
    return [f"{step.a}-{step.b}" for step in network.steps() if isinstance(step, NewWire)]


def hindrance(network: Network, folder: str) -> str:
    """Why the machine cannot have so many; empty when it can."""
    last = network.shape.name(network.shape.count - 1)
    if len(f"{folder}/{last}".encode()) > _PATH_MAX:
        return f"{folder}: too long a name for sockets in it"
    wanted, limit = 2 * network.shape.wires, _number(_INOTIFY, 1 << 31)
    if wanted > limit and not _number(_DNOTIFY, 0):  # the older way has no limit
        cure = f"as root: sysctl fs.inotify.max_user_instances={wanted + 100}"
        return f"it takes {wanted} instances of inotify, and the machine allows {limit}; {cure}"
    return ""


def _number(path: str, otherwise: int) -> int:
    """What a file of the kernel's says."""
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return otherwise
