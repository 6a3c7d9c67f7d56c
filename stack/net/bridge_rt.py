"""The address cache of a bridge: behind which member each station is (BSD net/if_bridge.c, bridge_rt*; 802.1D 7.9)."""

from __future__ import annotations

import errno
from math import inf
from typing import Generic, Protocol, TypeVar

from stack.addr import Mac
from stack.callout import Callouts
from stack.kern.errors import oserror

# RtNode.flags (net/if_bridgevar.h)
IFBAF_STATIC = 0x01
IFBAF_NAMES = {IFBAF_STATIC: "STATIC"}

BRIDGE_RTABLE_MAX = 100
BRIDGE_RTABLE_TIMEOUT = 20 * 60  # seconds

M = TypeVar("M")  # a bridge's member


class Topology(Protocol):
    """What the spanning tree says of ageing."""

    topology_change: bool
    forward_delay: float


class RtNode(Generic[M]):
    """Where a station is (struct bridge_rtnode)."""

    __slots__ = ("expire", "flags", "lladdr", "member", "seen")

    def __init__(self, lladdr: Mac, member: M) -> None:
        self.lladdr = lladdr
        self.member = member
        self.flags = 0
        self.seen = 0.0
        self.expire = inf


class Rtable(Generic[M]):
    """The addresses that a bridge knows, the oldest first; they age when somebody looks."""

    def __init__(self, callouts: Callouts, topology: Topology) -> None:
        self.callouts = callouts
        self.topology = topology
        self.nodes: dict[bytes, RtNode[M]] = {}
        self.maxaddr = BRIDGE_RTABLE_MAX
        self.timeout = BRIDGE_RTABLE_TIMEOUT  # seconds; 0 is for ever

    def update(self, lladdr: bytes, member: M, *, static: bool = False) -> bool:
        """Enter an address or move it; whether there was room (bridge_rtupdate)."""
        node = self.nodes.get(lladdr)
        if node is None:
            if len(self.nodes) >= self.maxaddr:
                self.age()
            if len(self.nodes) >= self.maxaddr:
                return False
            node = self.nodes[lladdr] = RtNode(Mac(lladdr), member)
        elif node.flags & IFBAF_STATIC and not static:
            return True  # never replaced, even if the address is seen elsewhere
        node.member = member
        node.flags = IFBAF_STATIC if static else 0
        node.seen = self.callouts.now
        node.expire = node.seen + self.timeout if self.timeout and not static else inf
        return True

    def lookup(self, lladdr: bytes) -> RtNode[M] | None:
        """Where an address is, if that is known (bridge_rtlookup)."""
        node = self.nodes.get(lladdr)
        if node is not None and self._aged(node):
            del self.nodes[lladdr]
            return None
        return node

    def _aged(self, node: RtNode[M]) -> bool:
        """802.1D 7.9.2: whether an address was silent for too long; a forward delay while the topology changes."""
        now, topology = self.callouts.now, self.topology
        if topology.topology_change and not node.flags & IFBAF_STATIC and now - node.seen >= topology.forward_delay:
            return True
        return now >= node.expire

    def age(self) -> None:
        """Forget the addresses that were silent for too long (bridge_rtage)."""
        for lladdr in [lladdr for lladdr, node in self.nodes.items() if self._aged(node)]:
            del self.nodes[lladdr]

    def set_maxaddr(self, maxaddr: int) -> None:
        """How many addresses there may be; the oldest go if there are more (bridge_rttrim)."""
        self.maxaddr = maxaddr
        self.age()
        dynamic = [lladdr for lladdr, node in self.nodes.items() if not node.flags & IFBAF_STATIC]
        for lladdr in dynamic[: max(0, len(self.nodes) - maxaddr)]:
            del self.nodes[lladdr]

    def flush(self, *, static: bool = False) -> None:
        """Forget all addresses, or all but the static ones (bridge_rtflush)."""
        for lladdr, node in list(self.nodes.items()):
            if static or not node.flags & IFBAF_STATIC:
                del self.nodes[lladdr]

    def delete_behind(self, member: M, *, static: bool = True) -> None:
        """Forget the addresses behind a member (bridge_rtdelete)."""
        for lladdr, node in list(self.nodes.items()):
            if node.member is member and (static or not node.flags & IFBAF_STATIC):
                del self.nodes[lladdr]

    def delete(self, lladdr: bytes) -> None:
        """Forget an address; OSError ENOENT when it is not known (bridge_rtdaddr)."""
        if self.lookup(lladdr) is None:
            raise oserror(errno.ENOENT)
        del self.nodes[lladdr]
