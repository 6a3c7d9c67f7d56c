"""Whose column a frame belongs to: the lab's hosts by their addresses, others by the address itself."""

from __future__ import annotations

from collections.abc import Callable

from commands._ladder_journey import Seen
from commands._tcpdump_domain import ip6_text
from stack.addr import Ip4, Mac
from stack.lab import Lab

_ARP, _IP6 = b"\x08\x06", b"\x86\xdd"


class Names:
    """Names of the ends of frames."""

    def __init__(self, lab: Lab, name_of: Callable[[int], str | None], *, numeric: bool = False) -> None:
        self.lab = lab
        self.name_of = name_of
        self.numeric = numeric
        self.owners: dict[bytes, str] = {}  # "" for a link address that is nobody's here
        self.learnt: dict[int, str] = {}  # who has which address, as captures tell

    def source(self, seen: Seen) -> str:
        """Who has sent it first, as far as it says so itself."""
        return self._end(seen, 12, 8, 28) or self.owner(seen.src) or _mac(seen.src)

    def destination(self, seen: Seen) -> str:
        """Whom it is meant for in the end; "" for many."""
        if seen.group:
            return ""
        return self._end(seen, 16, 24, 38) or self.owner(seen.dst) or _mac(seen.dst)

    def asked(self, seen: Seen) -> str:
        """Who is asked, where a frame for all is a question; "" when it is none."""
        return self._end(seen, 16, 24, 38) if seen.group and not seen.net else ""

    def _end(self, seen: Seen, ip: int, ip6: int, arp: int) -> str:
        """The name of the address that stands at one of these places, whatever it is that has addresses."""
        if seen.net:
            return self.address(int.from_bytes(seen.net[ip : ip + 4]))
        frame = seen.key
        assert isinstance(frame, bytes)
        if frame[12:14] == _ARP and len(frame) >= 42 and (found := int.from_bytes(frame[arp : arp + 4])):
            return self.address(found)
        if frame[12:14] == _IP6 and len(frame) >= 54:
            return ip6_text(frame[14 + ip6 : 30 + ip6])
        return ""

    def address(self, address: int) -> str:
        """The name of who has an address."""
        if address in self.learnt:
            return self.learnt[address]
        name = None if self.numeric else self.name_of(address)
        return name or str(Ip4(address))

    def learn(self, seen: Seen, host: str) -> None:
        """A host has sent it, and so its source is an address of it."""
        if len(seen.net) >= 20:
            self.learnt.setdefault(int.from_bytes(seen.net[12:16]), host)

    def owner(self, lladdr: bytes) -> str:
        """The host of the lab whose interface has that address; "" when there is none."""
        found = "" if self.numeric else self.owners.get(lladdr)
        if found is None:
            for name, host in self.lab.hosts.items():
                self.owners |= {bytes(ifp.lladdr): name for ifp in host.interfaces.values() if ifp.lladdr}
            found = self.owners.setdefault(lladdr, "")
        return found

    def is_end(self, host: str, seen: Seen) -> bool:
        """Whether a host of the lab is whom a packet is meant for."""
        if not seen.net or host not in self.lab.hosts:
            return self.owner(seen.dst) == host
        return self.lab.hosts[host].control.local(int.from_bytes(seen.net[16:20])) is not None


def _mac(address: bytes) -> str:
    return str(Mac(address)) if len(address) == 6 else "?"
