"""Path MTU discovery: a router says that a packet was too big, and we remember the way's MTU (BSD netinet/ip_icmp.c).

Read first: RFC 1191.  What is learned stays for ten minutes, in a host route of its own (icmp_mtudisc).
"""

from __future__ import annotations

from stack.addr import Ip4, Prefix
from stack.header.ip import Ip
from stack.net.route import RTF_DYNAMIC, RTF_GATEWAY, RTF_HOST, RTF_UP, Rtentry
from stack.netinet.ip_output import IpOutput

MTU_LEAST = 68  # RFC 791: every link bears that
_PLATEAUS = (65535, 32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, MTU_LEAST)  # RFC 1191 7, table 7-1


def icmp_mtudisc(ip: IpOutput, about: Ip, mtu: int) -> bool:
    """Note the MTU of the way to where a packet was going; True when that is news.

    `mtu` is what the router said, 0 when it is too old to say: then the next plateau below the packet's size.
    """
    if not ip.mtudisc:
        return False
    if not mtu:
        mtu = next((plateau for plateau in _PLATEAUS if plateau < about.len), MTU_LEAST)
    rt = ip.routes.lookup(about.dst)
    if rt is None or not rt.nexthop or not MTU_LEAST <= mtu < (rt.mtu or rt.ifp.mtu):
        return False  # a neighbour's link is our own; and a lie is no news
    if not rt.flags & RTF_HOST:
        rt = _host_route(ip, rt, about.dst)
    rt.mtu = mtu
    if ip.mtudisctimeout:
        ip.callouts.schedule(ip.mtudisctimeout, lambda: _expired(ip, rt, mtu))
        if rt.flags & RTF_DYNAMIC:
            rt.expires = ip.callouts.now + ip.mtudisctimeout
    ip.stat["pmtuchg"] += 1
    ip.routes.changed()
    ip.routes.notify_route("RTM_CHANGE", rt)
    return True


def _host_route(ip: IpOutput, way: Rtentry, dst: Ip4) -> Rtentry:
    """The same way, for one host alone, until the time is up to try again (RFC 1191 6.3)."""
    flags = RTF_UP | RTF_GATEWAY | RTF_HOST | RTF_DYNAMIC
    rt = Rtentry(Prefix(dst, 32), way.ifp, flags, gateway=way.nexthop, ifa=way.ifa)
    ip.routes.add(rt)
    return rt


def _expired(ip: IpOutput, rt: Rtentry, found: int) -> None:
    """Time to try more again (icmp_mtudisc_timeout): a route of ours goes, another one has its link's MTU."""
    if ip.routes.exact(rt.dst) is not rt or rt.mtu != found:
        return  # less has been found since then, and its own time runs
    if rt.flags & RTF_DYNAMIC:
        ip.routes.delete(rt.dst)
        return
    rt.mtu = 0
    ip.routes.changed()
    ip.routes.notify_route("RTM_CHANGE", rt)
