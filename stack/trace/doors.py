"""The doors of the stack: its functions that are worth telling about, by their code and by their names."""

from __future__ import annotations

from collections.abc import Mapping
from types import CodeType

from stack.net.bridge import Bridge, Member
from stack.net.ethernet import Ethernet
from stack.net.loopback import Loopback
from stack.net.neighbor import Neighbors
from stack.net.route import RouteTable
from stack.net.stp import Stp
from stack.net.vlan import Vlan, Vlans
from stack.net.wire import Bus, Shmif
from stack.netinet import tcp_output, tcp_reass, tcp_subr, tcp_timer
from stack.netinet.arp import Arp
from stack.netinet.datagram import Datagrams
from stack.netinet.icmp import Icmp
from stack.netinet.igmp import Igmp
from stack.netinet.ip_input import Ip
from stack.netinet.ip_output import IpOutput
from stack.netinet.ip_reass import Reassembly
from stack.netinet.raw_ip import RawIp
from stack.netinet.tcp_acks import TcpAcks
from stack.netinet.tcp_do_segment import TcpSegments
from stack.netinet.tcp_input import TcpInput
from stack.netinet.tcp_syncache import TcpSynCache
from stack.netinet.tcp_usrreq import Tcp
from stack.netinet.tcp_var import TcpBase
from stack.netinet.udp import Udp
from stack.probe import Protocol
from stack.trace.door import Door, door

_LINK = (
    door(Ethernet.input, bsd="ether_input"),
    door(Ethernet.ether_input, bsd="ether_input"),
    door(Ethernet.enqueue),
    door(Ethernet.output),
    door(Ethernet.transmit, bsd="if_transmit"),
    door(Shmif.transmit, bsd="if_transmit"),
    door(Bus.transmit, bsd="bus_transmit"),
    door(Bus.deliver, bsd="bus_deliver"),
    door(Loopback.output),
    door(Neighbors.resolve, bsd="arpresolve"),
    door(Arp.input, bsd="in_arpinput"),
    door(Arp.request, bsd="arprequest"),
    door(Member.input),
    door(Bridge._forward),
    door(Vlans.input),
    door(Vlan.start),
    door(Stp.set_port_state),
)
_IP = (
    door(Ip.input),
    door(RouteTable.lookup),
    door(Ip.forward),
    door(IpOutput.output),
    door(IpOutput.send_fragments),
    door(Reassembly.input),
    door(Icmp.input),
    door(Icmp.error),
    door(Icmp._reflect),
    door(Igmp.input),
    door(Udp.input),
    door(Udp.send, bsd="udp_output"),
    door(RawIp.input),
    door(RawIp.send),
    door(Datagrams.deliver, bsd="sbappendaddr"),
)
_TCP = (
    door(TcpInput.input),
    door(TcpSegments.segment_arrives, bsd="tcp_do_segment"),
    door(TcpSynCache.listen_input, bsd="syn_cache_add"),
    door(TcpSynCache._syn_cache_get),
    door(TcpAcks.ack_arrives, bsd="tcp_ack_arrives"),
    door(TcpSegments._append, bsd="sbappendstream"),
    door(TcpBase.set_state),
    door(Tcp.send, bsd="tcp_usr_send"),
    door(tcp_reass.tcp_reass),
    door(tcp_output.tcp_output),
    door(tcp_subr.tcp_respond),
    door(tcp_subr.tcp_drop),
    door(tcp_subr.tcp_close),
    *(door(function) for function in tcp_timer.TIMERS.values()),
)

DROP = door(Protocol.drop)
DOORS: Mapping[CodeType, Door] = {each.code: each for each in (DROP, *_LINK, *_IP, *_TCP)}


def find(name: str) -> list[Door]:
    """The doors of a name, ours (`Ip.forward`) or BSD's (`ip_forward`)."""
    return [each for each in DOORS.values() if name in (each.name, each.bsd)]
