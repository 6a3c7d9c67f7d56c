"""Protocol statistics in NetBSD's words (usr.bin/netstat/inet.c): which counters stand in which line.

A line names its counters: `{badsum}` is the number, `{badsum:s}`, `{badsum:es}` and `{badsum:ies}` are the ends of
the noun that goes with it.  A counter of NetBSD's that our stack does not have is 0; what our stack counts and
NetBSD does not is added to the line where it belongs (SUMS), or listed at the end of its protocol, drops by the
names that 'help drop' knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from commands._reasons import WHY
from stack.header.icmp import ICMP_NAMES
from stack.host import Host
from stack.probe import Protocol

TCP = """\
{sndtotal} packet{sndtotal:s} sent
	{sndpack} data packet{sndpack:s} ({sndbyte} byte{sndbyte:s})
	{sndrexmitpack} data packet{sndrexmitpack:s} ({sndrexmitbyte} byte{sndrexmitbyte:s}) retransmitted
	{sndacks} ack-only packet{sndacks:s} ({delack} delayed)
	{sndurg} URG only packet{sndurg:s}
	{sndprobe} window probe packet{sndprobe:s}
	{sndwinup} window update packet{sndwinup:s}
	{sndctrl} control packet{sndctrl:s}
	{selfquench} send attempt{selfquench:s} resulted in self-quench
{rcvtotal} packet{rcvtotal:s} received
	{rcvackpack} ack{rcvackpack:s} (for {rcvackbyte} byte{rcvackbyte:s})
	{rcvdupack} duplicate ack{rcvdupack:s}
	{rcvacktoomuch} ack{rcvacktoomuch:s} for unsent data
	{rcvpack} packet{rcvpack:s} ({rcvbyte} byte{rcvbyte:s}) received in-sequence
	{rcvduppack} completely duplicate packet{rcvduppack:s} ({rcvdupbyte} byte{rcvdupbyte:s})
	{pawsdrop} old duplicate packet{pawsdrop:s}
	{rcvpartduppack} packet{rcvpartduppack:s} with some dup. data ({rcvpartdupbyte} byte{rcvpartdupbyte:s} duped)
	{rcvoopack} out-of-order packet{rcvoopack:s} ({rcvoobyte} byte{rcvoobyte:s})
	{rcvpackafterwin} packet{rcvpackafterwin:s} ({rcvbyteafterwin} byte{rcvbyteafterwin:s}) of data after window
	{rcvwinprobe} window probe{rcvwinprobe:s}
	{rcvwinupd} window update packet{rcvwinupd:s}
	{rcvafterclose} packet{rcvafterclose:s} received after close
	{rcvbadsum} discarded for bad checksum{rcvbadsum:s}
	{rcvbadoff} discarded for bad header offset field{rcvbadoff:s}
	{rcvshort} discarded because packet too short
{connattempt} connection request{connattempt:s}
{accepts} connection accept{accepts:s}
{connects} connection{connects:s} established (including accepts)
{closed} connection{closed:s} closed (including {drops} drop{drops:s})
{conndrops} embryonic connection{conndrops:s} dropped
{delayed_free} delayed free{delayed_free:s} of tcpcb
{rttupdated} segment{rttupdated:s} updated rtt (of {segstimed} attempt{segstimed:s})
{rexmttimeo} retransmit timeout{rexmttimeo:s}
	{timeoutdrop} connection{timeoutdrop:s} dropped by rexmit timeout
{persisttimeo} persist timeout{persisttimeo:s} (resulting in {persistdrops} dropped connection{persistdrops:s})
{keeptimeo} keepalive timeout{keeptimeo:s}
	{keepprobe} keepalive probe{keepprobe:s} sent
	{keepdrops} connection{keepdrops:s} dropped by keepalive
{predack} correct ACK header prediction{predack:s}
{preddat} correct data packet header prediction{preddat:s}
{pcbhashmiss} PCB hash miss{pcbhashmiss:es}
{noport} dropped due to no socket
{connsdrained} connection{connsdrained:s} drained due to memory shortage
{pmtublackhole} PMTUD blackhole{pmtublackhole:s} detected
{badsyn} bad connection attempt{badsyn:s}
{sc_added} SYN cache entries added
	{sc_collisions} hash collision{sc_collisions:s}
	{sc_completed} completed
	{sc_aborted} aborted (no space to build PCB)
	{sc_timed_out} timed out
	{sc_overflowed} dropped due to overflow
	{sc_bucketoverflow} dropped due to bucket overflow
	{sc_reset} dropped due to RST
	{sc_unreach} dropped due to ICMP unreachable
	{sc_delayed_free} delayed free of SYN cache entries
{sc_retransmitted} SYN,ACK{sc_retransmitted:s} retransmitted
{sc_dupesyn} duplicate SYN{sc_dupesyn:s} received for entries already in the cache
{sc_dropped} SYN{sc_dropped:s} dropped (no route or no space)
{badsig} packet{badsig:s} with bad signature
{goodsig} packet{goodsig:s} with good signature
{ecn_shs} successful ECN handshake{ecn_shs:s}
{ecn_ce} packet{ecn_ce:s} with ECN CE bit
{ecn_ect} packet{ecn_ect:s} ECN ECT(0) bit"""

UDP = """\
{ipackets} datagram{ipackets:s} received
{hdrops} with incomplete header
{badlen} with bad data length field
{badsum} with bad checksum
{noport} dropped due to no socket
{noportbcast} broadcast/multicast datagram{noportbcast:s} dropped due to no socket
{fullsock} dropped due to full socket buffers
{delivered} delivered
{pcbhashmiss} PCB hash miss{pcbhashmiss:es}
{opackets} datagram{opackets:s} output"""

IP = """\
{total} total packet{total:s} received
{badsum} bad header checksum{badsum:s}
{toosmall} with size smaller than minimum
{tooshort} with data size < data length
{toolong} with length > max ip packet size
{badhlen} with header length < data size
{badlen} with data length < header length
{badoptions} with bad options
{badvers} with incorrect version number
{fragments} fragment{fragments:s} received
{fragdropped} fragment{fragdropped:s} dropped (dup or out of space)
{rcvmemdrop} fragment{rcvmemdrop:s} dropped (out of ipqent)
{badfrags} malformed fragment{badfrags:s} dropped
{fragtimeout} fragment{fragtimeout:s} dropped after timeout
{reassembled} packet{reassembled:s} reassembled ok
{delivered} packet{delivered:s} for this host
{noproto} packet{noproto:s} for unknown/unsupported protocol
{forward} packet{forward:s} forwarded ({fastforward} packet{fastforward:s} fast forwarded)
{cantforward} packet{cantforward:s} not forwardable
{redirectsent} redirect{redirectsent:s} sent
{nogif} packet{nogif:s} no matching gif found
{localout} packet{localout:s} sent from this host
{rawout} packet{rawout:s} sent with fabricated ip header
{odropped} output packet{odropped:s} dropped due to no bufs, etc.
{noroute} output packet{noroute:s} discarded due to no route
{fragmented} output datagram{fragmented:s} fragmented
{ofragments} fragment{ofragments:s} created
{cantfrag} datagram{cantfrag:s} that can't be fragmented
{badaddr} datagram{badaddr:s} with bad address in header"""

ICMP = """\
{error} call{error:s} to icmp_error
{oldicmp} error{oldicmp:s} not generated because old message was icmp
@out Output histogram:
{badcode} message{badcode:s} with bad code fields
{tooshort} message{tooshort:s} < minimum length
{checksum} bad checksum{checksum:s}
{badlen} message{badlen:s} with bad length
{bmcastecho} multicast echo request{bmcastecho:s} ignored
{bmcasttstamp} multicast timestamp request{bmcasttstamp:s} ignored
@in Input histogram:
{reflect} message response{reflect:s} generated
{pmtuchg} path MTU change{pmtuchg:s}"""

IGMP = """\
{rcv_total} message{rcv_total:s} received
{rcv_tooshort} message{rcv_tooshort:s} received with too few bytes
{rcv_badsum} message{rcv_badsum:s} received with bad checksum
{rcv_queries} membership quer{rcv_queries:ies} received
{rcv_badqueries} membership quer{rcv_badqueries:ies} received with invalid field(s)
{rcv_reports} membership report{rcv_reports:s} received
{rcv_badreports} membership report{rcv_badreports:s} received with invalid field(s)
{rcv_ourreports} membership report{rcv_ourreports:s} received for groups to which we belong
{snd_reports} membership report{snd_reports:s} sent"""

ARP = """\
{sndtotal} packet{sndtotal:s} sent
	{sndreply} reply packet{sndreply:s}
	{sndrequest} request packet{sndrequest:s}
{rcvtotal} packet{rcvtotal:s} received
	{rcvreply} reply packet{rcvreply:s}
	{rcvrequest} valid request packet{rcvrequest:s}
	{rcvmcast} broadcast/multicast packet{rcvmcast:s}
	{rcvbadproto} packet{rcvbadproto:s} with unknown protocol type
	{rcvbadlen} packet{rcvbadlen:s} with bad (short) length
	{rcvzerotpa} packet{rcvzerotpa:s} with null target IP address
	{rcvzerospa} packet{rcvzerospa:s} with null source IP address
	{rcvnoint} could not be mapped to an interface
	{rcvlocalsha} packet{rcvlocalsha:s} sourced from a local hardware address
	{rcvbcastsha} packet{rcvbcastsha:s} with a broadcast source hardware address
	{rcvlocalspa} duplicate{rcvlocalspa:s} for a local IP address
	{rcvoverperm} attempt{rcvoverperm:s} to overwrite a static entry
	{rcvoverint} packet{rcvoverint:s} received on wrong interface
	{rcvover} entry{rcvover:s} overwritten
	{rcvlenchg} change{rcvlenchg:s} in hardware address length
{dfrtotal} packet{dfrtotal:s} deferred pending ARP resolution
	{dfrsent} sent
	{dfrdropped} dropped
{allocfail} failure{allocfail:s} to allocate llinfo"""

RIP = """\
{ipackets} message{ipackets:s} received
{rcv_requests} request{rcv_requests:s}
{rcv_responses} response{rcv_responses:s}
{badlen} with bad length
{toolong} with more than 25 routes
{badversion} of another version
{badcommand} with an unknown command
{authenticated} discarded for being authenticated
{badport} response{badport:s} from another port
{notneighbor} from no neighbor
{ourown} from ourselves
{badfamily} route{badfamily:s} of an unknown family
{badnet} route{badnet:s} with a bad destination
{badmetric} route{badmetric:s} with a bad metric
{opackets} message{opackets:s} sent
{snd_regular} regular update{snd_regular:s}
{snd_triggered} triggered update{snd_triggered:s}
{odropped} message{odropped:s} that could not be sent"""

# In the order of `netstat -s`; those without words of NetBSD's are listed when they have counted something.
BLOCKS = {
    "tcp": TCP, "udp": UDP, "ip": IP, "icmp": ICMP, "igmp": IGMP, "arp": ARP, "rip": RIP, "ether": "", "bridge": "",
    "vlan": "", "rawip": "", "in": "",
}  # fmt: skip
# The host's attribute that holds it, where that has another name.
_OBJECTS = {"in": "control", "bridge": "bridging", "vlan": "vlans"}

SUMS: dict[str, dict[str, tuple[str, ...]]] = {
    "ip": {
        "fragdropped": ("fragdropped", "fragdup", "fragoverlap", "fragecn"),
        "cantforward": ("cantforward", "notforward", "linkbcast", "directedbcast"),
        "badaddr": ("badaddr", "badsource"),
    },
    "arp": {"dfrtotal": ("dfrsent", "dfrdropped")},
}
_SUCCESS = {("rawip", "delivered")}  # no line of NetBSD's, and nothing to wonder at

_COUNTER = re.compile(r"\{(\w+)")


class Statistics(NamedTuple):
    """What a protocol has counted: what NetBSD counts too, what only we do, and drops that only we name."""

    protocol: str
    counters: dict[str, int]
    others: dict[str, int]
    drops: dict[str, int]


def protocol_of(host: Host, name: str) -> Protocol | None:
    """Who counts for a protocol of BLOCKS; None when the host has made no use of it yet."""
    found: Protocol | None = getattr(host, _OBJECTS.get(name, name))
    return found


def statistics(host: Host, name: str, *, brief: bool = False) -> Statistics:
    """The counters of one protocol; with `brief` only those that are not 0."""
    protocol = protocol_of(host, name)
    stat = dict(protocol.stat) if protocol is not None else {}
    if name == "ip":
        ip = host.ip
        stat.pop("pmtuchg", None)  # NetBSD counts it with ICMP
        stat |= {"total": ip.total, "delivered": ip.delivered, "forward": ip.forwarded, "localout": ip.localout}
    elif name == "icmp":
        stat["pmtuchg"] = host.ip.stat.get("pmtuchg", 0)
    sums = SUMS.get(name, {})
    names = _COUNTER.findall(BLOCKS[name])
    counters = {key: sum(stat.get(part, 0) for part in sums.get(key, (key,))) for key in names}
    histograms = {key: count for key, count in stat.items() if name == "icmp" and key.startswith(("in_", "out_"))}
    known = {*counters, *histograms, *(part for parts in sums.values() for part in parts)}
    ours = {
        key: count for key, count in sorted(stat.items()) if count and key not in known and (name, key) not in _SUCCESS
    }
    drops = {key: count for key, count in ours.items() if key in WHY.get(name, ())}
    others = {key: count for key, count in ours.items() if key not in drops}
    counters |= histograms
    return Statistics(name, {key: count for key, count in counters.items() if count or not brief}, others, drops)


class Count(int):
    """A number that knows how its noun ends."""

    def __format__(self, spec: str) -> str:
        if spec in _ENDINGS:
            return _ENDINGS[spec][self != 1]
        return format(int(self), spec)


_ENDINGS = {"s": ("", "s"), "es": ("", "es"), "ies": ("y", "ies")}  # one, and more or none


class _Counts(dict[str, Count]):
    """Counts by name; one that is not there is 0."""

    def __missing__(self, key: str) -> Count:
        return Count(0)


def show_statistics(row: Statistics) -> str:
    """A block of `netstat -s`."""
    return "\n".join([f"{row.protocol}:", *_lines(row)])


def _lines(row: Statistics) -> Iterator[str]:
    counts = _Counts({key: Count(count) for key, count in row.counters.items()})
    for line in BLOCKS[row.protocol].splitlines():
        if line.startswith("@"):
            prefix, _, heading = line[1:].partition(" ")
            yield from _histogram(heading, prefix, row.counters)
        elif any(key in row.counters for key in _COUNTER.findall(line)):
            yield "\t" + line.format_map(counts)
    for title, ours in (("Dropped", row.drops), ("Other counters", row.others)):
        if ours:
            yield f"\t{title}:"
            yield from (f"\t\t{name}: {count}" for name, count in ours.items())


def _histogram(heading: str, prefix: str, counters: dict[str, int]) -> Iterator[str]:
    """Messages by their type."""
    found = {name: counters.get(f"{prefix}_{name}", 0) for name in ICMP_NAMES}
    if any(found.values()):
        yield f"\t{heading}"
        yield from (f"\t\t{name}: {count}" for name, count in found.items() if count)
