"""The doors of devices, where packets leave the lab and come back, and with them all doors of the stack.

The machine's own sockets (stack/dev/sockin.py) have none: what goes through them is no packet of the lab's.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType, FrameType

from stack.dev import vnet
from stack.dev.shmif import FileBus
from stack.dev.tap import Virt
from stack.mbuf import Mbuf
from stack.net.wire import Shmif
from stack.trace import doors
from stack.trace.door import Door, Facts, door
from stack.trace.link import error_of


def _size(m: Mbuf, facts: Facts) -> None:
    """That a packet stands for many."""
    if m.gso_size:
        facts["segments"], facts["mss"] = -(-len(m.data) // m.gso_size), m.gso_size


def _to_kernel(frame: FrameType, facts: Facts) -> None:
    ifp: Virt = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    facts["if"], facts["tap"] = ifp.name, ifp.linkstr or "no device"
    _size(m, facts)
    if m.gso_size and not (ifp.vnet and vnet.cuts(ifp.capenable)):
        facts["how"] = "cut here, since the kernel is not to"
    elif m.csum:
        left = ifp.vnet and vnet.parts(m, ifp.capenable)[0] != vnet.PLAIN
        facts["how"] = "the kernel makes its checksum" if left else "its checksum is made here"


def _from_kernel(frame: FrameType, facts: Facts) -> None:
    ifp: Virt = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    facts["if"], facts["tap"] = ifp.name, ifp.linkstr or "no device"
    _size(m, facts)
    if m.csum:
        facts["how"] = "its checksum need not be verified"


def _to_file(frame: FrameType, facts: Facts) -> None:
    bus: FileBus = frame.f_locals["self"]
    m: Mbuf = frame.f_locals["m"]
    sender: Shmif = frame.f_locals["sender"]
    facts["bus"], facts["queue"] = bus.label, len(bus.out)
    _size(m, facts)
    takers = [port for port in bus.takers(m.link[:6]) if port is not sender]
    if takers:
        facts["to"] = " ".join(f"{port.ether.hostname}:{port.name}" for port in takers)


def _from_file(frame: FrameType, facts: Facts) -> None:
    port: Shmif = frame.f_locals["port"]
    facts["bus"], facts["to"] = frame.f_locals["self"].label, f"{port.ether.hostname}:{port.name}"


def _gone(frame: FrameType, value: object, facts: Facts, before: object) -> str:
    """It is somebody else's now, unless it was cut: then its segments are."""
    if failed := error_of(value):
        return failed
    cut = str(facts.get("how", "")).startswith("cut") or "bus" in facts and "segments" in facts
    return "" if cut else f"left the lab by {facts.get('tap', facts.get('bus'))}"


DEVICES = (
    door(
        Virt.start, "{if} writes the frame to {tap}, where the machine's kernel receives it"
        "[; it stands for {segments} segments of {mss} bytes][: {how}].", _to_kernel, _gone,
        file="rump/net/lib/libvirtif/if_virt.c",
    ),
    door(
        Virt.arrive, "The machine's kernel has sent a frame on {tap}, and {if} has read it"
        "[; it stands for {segments} segments of {mss} bytes][: {how}].", _from_kernel,
        file="rump/net/lib/libvirtif/if_virt.c",
    ),
    door(
        FileBus.transmit, "The frame goes into the file {bus}, where other processes read it; frames that wait for "
        "that before it: {queue}[. Of this lab it is taken by {to}].", _to_file, _gone,
        file="rump/net/lib/libshmif/if_shmem.c",
    ),
    door(
        FileBus.arrive, "Another process has put a frame into the file {bus}; {to} takes it.", _from_file,
        file="rump/net/lib/libshmif/if_shmem.c",
    ),
)  # fmt: skip
DOORS: Mapping[CodeType, Door] = {**doors.DOORS, **{each.code: each for each in DEVICES}}
