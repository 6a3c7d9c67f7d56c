"""IGMP, the host's part: join groups, report them, leave (BSD netinet/igmp.c; RFC 1112, RFC 2236)."""

from __future__ import annotations

import errno
import random
from collections.abc import Callable

from stack.addr import INADDR_ALLHOSTS_GROUP, INADDR_ALLRTRS_GROUP, Ip4
from stack.callout import Callout, Callouts
from stack.header.checksum import partial
from stack.header.igmp import (
    IGMP_LEAVE,
    IGMP_MEMBERSHIP_QUERY,
    IGMP_TIMER_SCALE,
    IGMP_V1_REPORT,
    IGMP_V2_REPORT,
)
from stack.header.igmp import Igmp as IgmpHeader
from stack.header.ip import IPOPT_RA, IPPROTO_IGMP
from stack.kern.errors import oserror
from stack.mbuf import Mbuf
from stack.net.ifnet import Ifnet
from stack.netinet.ip_output import IpOutput, OutputOptions, ip_template
from stack.probe import Probes, Protocol

_ROUTER_ALERT = bytes((IPOPT_RA, 4, 0, 0))  # RFC 2113; RFC 2236 2 wants it on every message
_UNSOLICITED = 10.0  # seconds between the two reports that announce us (RFC 2236 8.10)
_V1_QUERY_TIME = 10.0  # seconds: a query without a time is of version 1 (RFC 2236 4)
_V1_ROUTER_PRESENT = 400.0  # seconds for which its router is believed to be there (RFC 2236 8.11)


class Membership:
    """A group we are in, on one interface."""

    __slots__ = ("last_reporter", "timer")

    def __init__(self) -> None:
        self.timer: Callout | None = None
        self.last_reporter = False


class Igmp(Protocol):
    """IGMP of one host."""

    name = "igmp"

    raw_input: Callable[[Mbuf, int], bool]  # set by Host

    def __init__(self, hostname: str, probes: Probes, callouts: Callouts, rng: random.Random, ip: IpOutput) -> None:
        super().__init__(hostname, probes)
        self.callouts = callouts
        self.rng = rng
        self.ip = ip
        self.members: dict[tuple[str, int], Membership] = {}
        self.v1_until: dict[str, float] | None = None  # interfaces with a router of version 1, and until when

    def join(self, ifp: Ifnet, group: Ip4) -> None:
        """Be in a group on an interface, once more (in_addmulti); OSError EINVAL when it is no group."""
        if not group.is_multicast:
            raise oserror(errno.EINVAL)
        if ifp.groups is None:
            ifp.groups = {}
        ifp.groups[group] = ifp.groups.get(group, 0) + 1
        if ifp.groups[group] > 1 or group == INADDR_ALLHOSTS_GROUP or ifp.is_loopback:
            return  # RFC 2236 6: the all-hosts group is never reported
        member = self.members[ifp.name, group] = Membership()
        self._report(ifp, group, member)
        self._set_timer(ifp, group, member, _UNSOLICITED)

    def leave(self, ifp: Ifnet, group: Ip4) -> None:
        """Be in a group once less, and say so when it was the last time (in_delmulti)."""
        if ifp.groups is None or group not in ifp.groups:
            raise oserror(errno.EADDRNOTAVAIL)
        ifp.groups[group] -= 1
        if ifp.groups[group]:
            return
        del ifp.groups[group]
        member = self.members.pop((ifp.name, group), None)
        if member is not None:
            if member.timer is not None:
                member.timer.stop()
            if member.last_reporter and not self._is_v1(ifp):  # RFC 2236 3
                self._send(ifp, IGMP_LEAVE, group, INADDR_ALLRTRS_GROUP)

    def forget(self, ifp: Ifnet) -> None:
        """An interface goes away, and its memberships with it."""
        for (name, group), member in list(self.members.items()):
            if name == ifp.name:
                if member.timer is not None:
                    member.timer.stop()
                del self.members[name, group]
        ifp.groups = None
        if self.v1_until is not None:
            self.v1_until.pop(ifp.name, None)

    def input(self, m: Mbuf, x: int) -> None:
        """A message has come in (igmp_input)."""
        self.stat["rcv_total"] += 1
        payload = m.payload()
        if len(payload) < 8:
            return self.drop("rcv_tooshort", m)
        if partial(payload):
            return self.drop("rcv_badsum", m)
        header = IgmpHeader.parse(payload)
        ifp = m.rcvif
        if not isinstance(ifp, Ifnet):
            return None
        if header.type == IGMP_MEMBERSHIP_QUERY:
            self._queried(ifp, header, m)
        elif header.type in (IGMP_V1_REPORT, IGMP_V2_REPORT):
            self._reported(ifp, header, m)
        self.raw_input(m, x)
        return None

    def _queried(self, ifp: Ifnet, header: IgmpHeader, m: Mbuf) -> None:
        """A router asks: each group answers after a while, if nobody else did before."""
        self.stat["rcv_queries"] += 1
        if header.group and not header.group.is_multicast:
            return self.drop("rcv_badqueries", m)
        longest = header.code / IGMP_TIMER_SCALE
        if not header.code:
            longest = _V1_QUERY_TIME
            if self.v1_until is None:
                self.v1_until = {}
            self.v1_until[ifp.name] = self.callouts.now + _V1_ROUTER_PRESENT
        for (name, group), member in self.members.items():
            if name == ifp.name and header.group in (0, group):
                self._set_timer(ifp, Ip4(group), member, longest)
        return None

    def _is_v1(self, ifp: Ifnet) -> bool:
        """RFC 2236 4: a router of version 1 understands no reports of version 2, and no leaving."""
        return self.v1_until is not None and self.v1_until.get(ifp.name, 0.0) > self.callouts.now

    def _reported(self, ifp: Ifnet, header: IgmpHeader, m: Mbuf) -> None:
        """Somebody else in the group answered: we need not (RFC 2236 3)."""
        self.stat["rcv_reports"] += 1
        if not header.group.is_multicast:
            return self.drop("rcv_badreports", m)
        member = self.members.get((ifp.name, header.group))
        if member is not None:
            self.stat["rcv_ourreports"] += 1
            member.last_reporter = False
            if member.timer is not None:
                member.timer.stop()
                member.timer = None
        return None

    def _set_timer(self, ifp: Ifnet, group: Ip4, member: Membership, longest: float) -> None:
        """Report within a time; RFC 2236 3: a timer that runs is set anew only if it has longer to go than that."""
        if member.timer is not None:
            if member.timer.due <= self.callouts.now + longest:
                return
            member.timer.stop()
        due = self.callouts.now + self.rng.uniform(0, longest)
        member.timer = self.callouts.schedule_at(due, lambda: self._report(ifp, group, member))

    def _report(self, ifp: Ifnet, group: Ip4, member: Membership) -> None:
        member.timer = None
        member.last_reporter = True
        self.stat["snd_reports"] += 1
        self._send(ifp, IGMP_V1_REPORT if self._is_v1(ifp) else IGMP_V2_REPORT, group, group)

    def _send(self, ifp: Ifnet, kind: int, group: Ip4, to: Ip4) -> None:
        if ifp.runs:
            m = Mbuf(IgmpHeader(kind, 0, 0, group).pack())
            more = OutputOptions(_ROUTER_ALERT, interface=ifp, loop=False)
            self.ip.output(m, ip_template(0, to, IPPROTO_IGMP, 1), more)
