"""The built-in lab `home`: a host, a router, and a web server behind it.

    me                gw                www
10.0.0.2 --- lan --- 10.0.0.1
                     203.0.113.1 --- wan --- 203.0.113.80
"""

from __future__ import annotations

from netsh.session import Session
from stack.addr import Ip4, Prefix
from stack.host import Host
from stack.net.wire import Personality

LAN = Personality(delay=0.0001)
WAN = Personality(delay=0.005)

_DEFAULT = Prefix.parse("default")


def build(session: Session) -> None:
    """Build it in the session's lab, which is empty; the prompt is then on `me`."""
    lab = session.lab
    me, gw, www = (lab.add_host(name) for name in ("me", "gw", "www"))
    lab.bus("lan").set(LAN)
    lab.bus("wan").set(WAN)
    _attach(me, "shmif0", "lan", "10.0.0.2")
    _attach(gw, "shmif0", "lan", "10.0.0.1")
    _attach(gw, "shmif1", "wan", "203.0.113.1")
    _attach(www, "shmif0", "wan", "203.0.113.80")
    gw.sysctl.set("net.inet.ip.forwarding", "1")
    me.add_route(_DEFAULT, Ip4.parse("10.0.0.1"))
    www.add_route(_DEFAULT, Ip4.parse("203.0.113.1"))
    session.host = me
    session.serve(www, ["httpd"])
    lab.callouts.advance(lab.callouts.now)  # from the first moment on, it listens


def _attach(host: Host, name: str, bus: str, address: str) -> None:
    ifp = host.ifcreate(name)
    ifp.set_linkstr(bus)
    host.set_address(ifp, Ip4.parse(address), 24, dad=False)
