"""Clusters: large buffers that are filled again and again (BSD sys/mbuf.h, MCLGET; kern/uipc_mbuf.c).

A fresh buffer of 64 kB for each read costs more in page faults than the read itself.  What a device reads is handed
up as a view of its cluster, and when nobody holds a view any more the cluster can be filled again; nobody has to say
so, since it is Python that counts.
"""

from __future__ import annotations

from collections import deque
from sys import getrefcount

_KEPT = 64  # clusters that may be lent at once and come back; what is beyond is Python's to free
_LOOKED_AT = 4  # clusters that are looked at for one that has come back


class Clusters:
    """The clusters of one device."""

    __slots__ = ("lent", "size", "unlent")

    def __init__(self, size: int) -> None:
        self.size = size
        self.lent: deque[bytearray] = deque()
        self.unlent = getrefcount(bytearray(0)) + 1  # as many as a cluster has of which there is no view

    def get(self) -> bytearray:
        """One of which nobody holds a view."""
        lent = self.lent
        for _ in range(min(len(lent), _LOOKED_AT)):
            cluster = lent.popleft()
            if getrefcount(cluster) <= self.unlent:
                return cluster
            lent.append(cluster)
        return bytearray(self.size)

    def lend(self, cluster: bytearray) -> None:
        """Views of it are about from now on."""
        if len(self.lent) < _KEPT:
            self.lent.append(cluster)
