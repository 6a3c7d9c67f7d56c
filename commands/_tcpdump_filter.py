"""Filters with the names of a lab in them: what libpcap would ask the real machine's name service is answered here."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from commands.command import Context, Failure
from stack.addr import Ip4
from stack.net.bpf import DLT_NULL
from stack.net.bpf_filter import BPF_RET, Insn

_WORD = re.compile(r"[A-Za-z][\w-]*(?![\w.:-])")
# the words of pcap-filter(7), which are never names
_KEYWORDS = """
    src dst host net mask port portrange proto gateway less greater byte broadcast multicast and or not len length
    inbound outbound ifindex ifname on rnr rulenum reason rset ruleset srnr subrulenum action vlan mpls pppoed
    pppoes geneve vxlan llc type subtype dir direction wlan link ether ppp slip fddi tr radio arp rarp ip ip6 tcp
    udp sctp icmp icmp6 igmp igrp pim vrrp carp ah esp atalk aarp decnet lat moprc mopdl sca iso esis es-is isis
    is-is clnp stp ipx netbeui protochain lane metac oam oamf4 bcc sc ilmic vpi vci i l s u
""".split()  # noqa: SIM905
_PIECE = re.compile(r"[][()]|&&|\|\||[<>=!]=|<<|>>|[<>=!&|+*/%^-]|(?:[^]\s[()&|<>=!+*/%^-]|(?<=\w)-)+")
_RESTS = (  # how a filter may go on
    "", " 1.2.3.4", " 80", " tcp", " host 1.2.3.4", " 1:2:3:4:5:6", " host 1:2:3:4:5:6", " net 10", " = 1", " 1 = 1",
    "] = 1", "1] = 1", " 1] = 1",
)  # fmt: skip
_NAMED = {"host", "gateway", "net"}  # an address stands behind these, so a name that nobody has is wrong there
_NO_HOST = {"port", "portrange", "proto", "protochain", "type", "subtype", "dir", "ifname", "on"}


def resolved(ctx: Context, text: str) -> str:
    """A filter whose host names are addresses; Failure for a name that no host of the lab has."""
    parts: list[str] = []
    end, before, inside = 0, "", 0
    for found in _WORD.finditer(text):
        word = found[0]
        gap = text[end : found.start()]
        inside += gap.count("[") - gap.count("]")
        parts.append(gap)
        quoted = gap.endswith(("\\", "."))
        if word in _KEYWORDS or inside or quoted or before in _NO_HOST or gap.strip(" ()!"):
            parts.append(word)
        else:
            parts.append(_addresses(ctx, word, before))
        before, end = word, found.end()
    return "".join([*parts, text[end:]])


def _addresses(ctx: Context, name: str, before: str) -> str:
    """A name as libpcap can read it."""
    host = ctx.lab.hosts.get(name)
    if host is not None:
        found = [str(ifa.address) for ifp in host.interfaces.values() for ifa in ifp.addresses]
        found = [address for address in found if not address.startswith("127.")]
        if not found:
            raise Failure(f"{name}: this host has no address to filter by")
        return found[0] if len(found) == 1 else f"({' or '.join(found)})"
    if name == "localhost":
        return "127.0.0.1"
    if before in _NAMED:
        raise Failure(f"unknown host '{name}'; a filter knows the hosts of the lab, and addresses")
    return name


class Filter:
    """A filter, compiled for each link type when it is first asked for."""

    def __init__(self, text: str, snaplen: int, netmask: Ip4 | None = None) -> None:
        self.text = text
        self.snaplen = snaplen
        self.netmask = netmask
        self._programs: dict[int, list[Insn]] = {}

    def program(self, linktype: int) -> Sequence[Insn] | None:
        """The program for frames of a link type, None when there is no filter; Failure when it cannot be compiled."""
        if not self.text:
            return None
        found = self._programs.get(linktype)
        if found is None:
            found = self._programs[linktype] = self.compile(linktype)
        return found

    def take_none(self, linktype: int) -> None:
        """Take no frame of a link type that has not what the filter asks for."""
        self._programs[linktype] = [Insn(BPF_RET, 0, 0, 0)]

    def compile(self, linktype: int) -> list[Insn]:
        """The program, even that of no filter at all, which keeps every frame."""
        from stack.dev import libpcap  # ctypes takes 10 ms to import

        mask = libpcap.NETMASK_UNKNOWN if self.netmask is None else int(self.netmask)
        try:
            return libpcap.compile_filter(self.text, linktype, self.snaplen, mask)
        except ValueError as error:
            text = str(error)
            if linktype == DLT_NULL and "ethernet" in text.lower():
                text += " (loopback has no link header)"
            raise Failure(text, line=self.text, column=self._fault(linktype)) from None
        except OSError as error:
            raise Failure(str(error)) from None

    def _fault(self, linktype: int) -> int:
        """Where it begins to make no sense, which libpcap does not say: no end that may follow mends what is before."""
        before = ""
        for found in _PIECE.finditer(self.text):
            word, head = found[0], self.text[: found.end()]
            if _WORD.fullmatch(word) and word not in _KEYWORDS and before not in _NO_HOST and before != "[":
                return found.start()  # or libpcap would ask the real machine for its address
            if not any(self._compiles(head + rest, linktype) for rest in _ends(head)):
                return found.start()
            before = word
        return len(self.text)

    def _compiles(self, text: str, linktype: int) -> bool:
        from stack.dev import libpcap

        try:
            libpcap.compile_filter(text, linktype, self.snaplen)
        except ValueError:
            return False
        return True


def _ends(head: str) -> Iterator[str]:
    """Ways in which a filter may go on, so that what is open is closed."""
    close = ")" * (head.count("(") - head.count(")"))
    for rest in _RESTS:
        yield rest + close
