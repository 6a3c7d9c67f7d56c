"""Why segments and datagrams die: TCP, UDP, raw sockets, and the messages of RIP (BSD sys/netinet, sbin/routed)."""

from __future__ import annotations

from commands._why import Why

TCP = {
    "badicmp": Why(
        "an ICMP error about a segment that is not under way",
        "What it quotes is not in our window: it comes too late, or somebody guesses, to end a connection from afar.",
        "Nothing: only errors about what is really out are believed.",
        "RFC 5927 4.1", "netinet/tcp_subr.c, tcp_ctlinput",
    ),
    "badsyn": Why(
        "a segment for a listener that cannot begin a connection",
        "No SYN, or SYN with FIN, or from port 0 or from ourselves (the 'land' attack). An ACK there is what is left "
        "of a connection that is gone; it got a reset.",
        "Nothing, unless the listener was started anew: then the other end begins again, too.",
        "RFC 9293 3.10.7.2", "netinet/tcp_input.c, TCP_STAT_BADSYN",
    ),
    "listenoverflow": Why(
        "the listener's queue of connections is full",
        "The program accepts more slowly than others connect, or its backlog is small.",
        "A larger backlog, or a program that accepts sooner ('netstat -a' shows the listener); the peer tries again.",
        "RFC 9293 3.10.7.2", "kern/uipc_socket2.c, sonewconn: so_qlimit",
    ),
    "noport": Why(
        "no connection, and nobody listens on that port",
        "No program serves there, or the connection was closed long ago. The peer got a reset: 'Connection refused'.",
        "Start the server ('httpd', 'nc -l PORT'), or use its real port; 'netstat -a' shows who listens.",
        "RFC 9293 3.10.7.1", "netinet/tcp_input.c, TCP_STAT_NOPORT",
    ),
    "pawsdrop": Why(
        "a segment from the past, by the peer's own clock",
        "Its timestamp is older than one that came before: an old duplicate, or the wire reorders very much.",
        "Nothing: what is missing comes again.",
        "RFC 7323 5.3", "netinet/tcp_input.c, TCP_STAT_PAWSDROP",
    ),
    "rcvacktoomuch": Why(
        "an acknowledgement for what we never sent",
        "Somebody guesses at the connection, or the peer confuses it with an older one.",
        "Nothing: it was answered with where we are.",
        "RFC 9293 3.10.7.4; RFC 5961 5", "netinet/tcp_input.c, TCP_STAT_RCVACKTOOMUCH",
    ),
    "rcvafterclose": Why(
        "data came after our program had closed the socket",
        "Nobody can read it any more, so the peer got a reset.",
        "Let the program read to the end before it closes, or shut down only its sending half.",
        "RFC 9293 3.6.1; RFC 2525 2.17", "netinet/tcp_input.c, TCP_STAT_RCVAFTERCLOSE",
    ),
    "rcvafterwin": Why(
        "a segment that lies outside of the window",
        "The peer sends more than we have room for, or the segment is very late, or forged.",
        "Nothing: it was answered with where we are.",
        "RFC 9293 3.4, 3.10.7.4", "netinet/tcp_input.c, TCP_STAT_RCVPACKAFTERWIN",
    ),
    "rcvbadack": Why(
        "in the handshake: an acknowledgement of something that is not our SYN",
        "A segment of an old connection between the same ports, or a guess. The peer got a reset.",
        "Nothing: the peer drops its old connection and the handshake goes on.",
        "RFC 9293 3.5.2, 3.10.7.3", "netinet/tcp_input.c, tcp_input: dropwithreset",
    ),
    "rcvbadoff": Why(
        "the header's length field cannot be",
        "It says less than 20 bytes, or more than there are.",
        "A broken sender: 'tcpdump -x tcp' shows it.",
        "RFC 9293 3.1", "netinet/tcp_input.c, TCP_STAT_RCVBADOFF",
    ),
    "rcvbadrst": Why(
        "a reset that does not carry exactly the next sequence number",
        "An old one, or somebody who tries to break the connection from afar. Within the window it was answered.",
        "Nothing: a true peer sends another one, that fits.",
        "RFC 5961 3.2", "netinet/tcp_input.c, tcp_input: TH_RST",
    ),
    "rcvbadsum": Why(
        "the TCP checksum is wrong",
        "Bits changed on the way ('bus NAME corrupt 1%' does that), or a rewritten packet was not summed anew.",
        "Find the wire that corrupts; what is missing comes again.",
        "RFC 9293 3.1", "netinet/tcp_input.c, TCP_STAT_RCVBADSUM",
    ),
    "rcvbcast": Why(
        "a segment to a broadcast or multicast address",
        "TCP is between two; somebody scans, or a host has a wrong netmask.",
        "Compare the netmasks of both ends.",
        "RFC 9293 3.9.2.3; RFC 1122 4.2.3.10", "netinet/tcp_input.c, M_BCAST|M_MCAST",
    ),
    "rcvduppack": Why(
        "a segment that we have had already, all of it",
        "Our acknowledgement was lost or late, or the wire duplicates. The counter has duplicates whose ACK was still "
        "of use, too.",
        "Nothing: it was acknowledged again. Many of them: look for loss on the way back.",
        "RFC 9293 3.10.7.4", "netinet/tcp_input.c, TCP_STAT_RCVDUPPACK",
    ),
    "rcvmemdrop": Why(
        "too many pieces wait for one that is missing",
        "More than 1024 segments are out of order: tiny ones, from a peer that means to fill our memory.",
        "Nothing: an honest peer sends them again.",
        "RFC 9293 3.10.7.4", "netinet/tcp_input.c, TCP_STAT_RCVMEMDROP",
    ),
    "rcvnoack": Why(
        "a segment of a connection without an acknowledgement",
        "After the SYN every segment carries one; this is forged, or made by a broken peer.",
        "See who sends it: 'tcpdump -v tcp'.",
        "RFC 9293 3.10.7.4", "netinet/tcp_input.c, tcp_input: TH_ACK",
    ),
    "rcvnosyn": Why(
        "we wait for the answer to our SYN, and this is none",
        "A segment of an old connection between the same ports.",
        "Nothing.",
        "RFC 9293 3.10.7.3", "netinet/tcp_input.c, tcp_input: TCPS_SYN_SENT",
    ),
    "rcvnotstamp": Why(
        "a segment without a timestamp, in a connection that uses them",
        "Both ends agreed to put one into every segment; this is forged, or a box on the way strips options.",
        "'sysctl -w net.inet.tcp.timestamps=0' for new connections, if something strips them.",
        "RFC 7323 3.2", "netinet/tcp_input.c, tcp_dooptions",
    ),
    "rcvoldack": Why(
        "an acknowledgement much older than any that could be under way",
        "It is older than the largest window: somebody guesses at the connection to put data into it.",
        "Nothing: it was answered with where we are.",
        "RFC 5961 5.2", "netinet/tcp_input.c, tcp_input",
    ),
    "rcvrstwait": Why(
        "a reset for a connection in TIME_WAIT, which goes on waiting",
        "net.inet.tcp.rfc1337 is set: a reset that an old duplicate caused must not end the wait too early.",
        "'sysctl -w net.inet.tcp.rfc1337=0' to obey it.",
        "RFC 1337 3", "FreeBSD netinet/tcp_timewait.c, tcp_twcheck, always; the knob is Linux's",
    ),
    "rcvshort": Why(
        "too short to hold a TCP header",
        "Fewer than 20 bytes behind the IP header: cut, or made by hand.",
        "A broken sender: 'tcpdump -x' shows it.",
        "RFC 9293 3.1", "netinet/tcp_input.c, TCP_STAT_RCVSHORT",
    ),
    "rcvsyn": Why(
        "a SYN in the middle of a connection",
        "The peer crashed and begins anew on the same ports, or somebody tries to end the connection from afar. "
        "It was answered with where we are.",
        "Nothing: a peer that has forgotten the connection now resets it, and may begin again.",
        "RFC 5961 4.2; RFC 9293 3.10.7.4", "netinet/tcp_input.c, tcp_input: TH_SYN",
    ),
    "rstlimit": Why(
        "no reset is sent, since there were enough this second",
        "More than net.inet.tcp.rstppslimit segments a second for ports where nobody is: a scan, or a flood.",
        "'sysctl -w net.inet.tcp.rstppslimit=N', or find who scans: 'tcpdump'.",
        "RFC 9293 3.5.2", "netinet/tcp_subr.c, tcp_rst_ppslim",
    ),
    "sc_aborted": Why(
        "the handshake was done, but the listener's queue was full",
        "net.inet.tcp.syncache.rst_on_sock_fail is set, so the peer got a reset and no second chance.",
        "A larger backlog, or 'sysctl -w net.inet.tcp.syncache.rst_on_sock_fail=0', which lets the peer try again.",
        "RFC 9293 3.10.7.4", "netinet/tcp_syncache.c, TCP_STAT_SC_ABORTED",
    ),
    "sc_bucketoverflow": Why(
        "too many half-open connections in one bucket, and the oldest made room",
        "More handshakes than net.inet.tcp.syn_bucket_limit wait in one place of the SYN cache: a SYN flood.",
        "'sysctl -w net.inet.tcp.syn_bucket_limit=N'; 'tcpdump' shows where the SYNs come from.",
        "RFC 4987 3.4", "netinet/tcp_syncache.c, TCP_STAT_SC_BUCKETOVERFLOW",
    ),
    "sc_dropped": Why(
        "a SYN that could not be answered",
        "There is no way back to its sender, or no room in the interface's queue.",
        "'route get' of the sender: is there a route back?",
        "RFC 9293 3.10.7.2", "netinet/tcp_syncache.c, TCP_STAT_SC_DROPPED",
    ),
    "sc_dupesyn": Why(
        "a SYN again: the peer has not heard our answer to the first",
        "Our SYN-ACK was lost or late. It was sent again.",
        "Nothing. Many of them: look for loss on the way back, or for an ARP entry that is missing.",
        "RFC 9293 3.10.7.4", "netinet/tcp_syncache.c, TCP_STAT_SC_DUPESYN",
    ),
    "sc_overflowed": Why(
        "too many half-open connections, and the oldest made room",
        "More handshakes than net.inet.tcp.syn_cache_limit are under way: a SYN flood.",
        "'sysctl -w net.inet.tcp.syn_cache_limit=N'; 'tcpdump' shows where the SYNs come from.",
        "RFC 4987 3.4", "netinet/tcp_syncache.c, TCP_STAT_SC_OVERFLOWED",
    ),
    "sc_reset": Why(
        "a reset ended a handshake",
        "The peer gave up, or never asked: somebody forged its address, and it says so. A scan looks like this, too.",
        "Nothing.",
        "RFC 9293 3.10.7.4; RFC 5961 3.2", "netinet/tcp_syncache.c, TCP_STAT_SC_RESET",
    ),
}  # fmt: skip

_CANTRCVMORE = Why(
    "the program has closed the receiving half of its socket",
    "It called shutdown(SHUT_RD), and wants no more.",
    "Nothing.",
    bsd="kern/uipc_socket2.c, SBS_CANTRCVMORE",
)
_FULLSOCK_CAUSE = "The program reads more slowly than others send."
_FULLSOCK_CURE = "A larger SO_RCVBUF{}, or a program that reads sooner; 'netstat -a' shows Recv-Q."

UDP = {
    "badlen": Why(
        "the length field says more than there is, or less than a header",
        "The datagram was cut, or made by hand.",
        "A broken sender: 'tcpdump -x udp' shows it.",
        "RFC 768", "netinet/udp_usrreq.c, UDP_STAT_BADLEN",
    ),
    "badsum": Why(
        "the UDP checksum is wrong",
        "Bits changed on the way ('bus NAME corrupt 1%' does that), or the sender summed wrongly.",
        "Find the wire that corrupts: 'bus' shows each bus's personality.",
        "RFC 1122 4.1.3.4", "netinet/udp_usrreq.c, UDP_STAT_BADSUM",
    ),
    "cantrcvmore": _CANTRCVMORE,
    "fullsock": Why(
        "the socket's receive buffer is full",
        _FULLSOCK_CAUSE,
        _FULLSOCK_CURE.format(" ('sysctl -w net.inet.udp.recvspace=N' for new sockets)"),
        "RFC 768", "netinet/udp_usrreq.c, UDP_STAT_FULLSOCK",
    ),
    "hdrops": Why(
        "too short to hold a UDP header",
        "Fewer than 8 bytes behind the IP header: cut, or made by hand.",
        "A broken sender: 'tcpdump -x udp' shows it.",
        "RFC 768", "netinet/udp_usrreq.c, UDP_STAT_HDROPS",
    ),
    "noport": Why(
        "nobody has that port open",
        "No program serves there. The sender was told by ICMP ('port unreachable'), which is how traceroute ends.",
        "Start the server ('nc -u -l PORT'), or use its real port; 'netstat -a' shows who has which.",
        "RFC 1122 4.1.3.1", "netinet/udp_usrreq.c, UDP_STAT_NOPORT",
    ),
    "noportbcast": Why(
        "a datagram to everybody or to a group, for a port that nobody here has open",
        "Others on the link may want it; nobody is told.",
        "Nothing, or bind a socket to the port and, for a group, join it on that interface.",
        "RFC 1122 3.2.2, 4.1.3.1", "netinet/udp_usrreq.c, UDP_STAT_NOPORTBCAST",
    ),
}  # fmt: skip

RAWIP = {
    "cantrcvmore": _CANTRCVMORE,
    "fullsock": Why(
        "the raw socket's receive buffer is full",
        _FULLSOCK_CAUSE,
        _FULLSOCK_CURE.format(""),
        "RFC 1122 3.4", "netinet/raw_ip.c, sbappendaddr",
    ),
}  # fmt: skip

RIP = {
    "authenticated": Why(
        "a message with a password, which we have not asked for",
        "The neighbour's routing daemon authenticates its messages, ours does not.",
        "Switch authentication off on the neighbour.",
        "RFC 2453 5.2", "sbin/routed/input.c",
    ),
    "badcommand": Why(
        "a message that is neither request nor response",
        "An old command such as traceon, or garbage.",
        "See who sends it: 'tcpdump -v port 520'.",
        "RFC 2453 3.6", "sbin/routed/input.c",
    ),
    "badfamily": Why(
        "a route of an address family that is not IPv4",
        "Another protocol's routes, or a request that makes no sense.",
        "Nothing; the other routes of the message were used.",
        "RFC 2453 3.6, 3.9.1", "sbin/routed/input.c",
    ),
    "badlen": Why(
        "a message whose length is not a header and whole routes",
        "It was cut, or is no RIP.",
        "See who sends it: 'tcpdump -v port 520'.",
        "RFC 2453 3.6", "sbin/routed/input.c",
    ),
    "badmetric": Why(
        "a route with a metric that is not between 1 and 16",
        "A broken neighbour.",
        "See who sends it: 'tcpdump -v port 520'.",
        "RFC 2453 3.9.2", "sbin/routed/input.c",
    ),
    "badnet": Why(
        "a route to something that can be no destination",
        "A group, 127/8, a mask with holes, or host bits behind the mask.",
        "Mend the neighbour that announces it: 'tcpdump -v port 520'.",
        "RFC 2453 3.9.2", "sbin/routed/input.c",
    ),
    "badport": Why(
        "a response that does not come from the port of RIP",
        "Only a router's own port 520 says what is so; anybody may ask from others.",
        "Nothing: somebody forges routes, or answers a question of another program's.",
        "RFC 2453 3.9.2", "sbin/routed/input.c",
    ),
    "badversion": Why(
        "a message of another version than 2",
        "Version 1 has no netmasks, so its routes are not believed.",
        "Let the neighbour speak version 2.",
        "RFC 2453 5, 5.1", "sbin/routed/input.c",
    ),
    "notneighbor": Why(
        "a message from a router that is not on a network of ours",
        "Its source address is on none of our links: a wrong netmask, or somebody forges routes.",
        "Compare the netmasks of both: 'ifconfig'.",
        "RFC 2453 3.9.2", "sbin/routed/input.c",
    ),
    "odropped": Why(
        "a message of ours could not be sent",
        "There was no way there, or no room in the interface's queue.",
        "'ifconfig' shows whether the link is up; the next update says it again.",
        "RFC 2453 3.10", "sbin/routed/output.c",
    ),
    "ourown": Why(
        "our own message came back",
        "Multicast is looped back, or an interface hears another one of this host.",
        "Nothing.",
        "RFC 2453 3.9.2", "sbin/routed/input.c",
    ),
    "toolong": Why(
        "a message with more than 25 routes",
        "A broken neighbour: no message may be so long.",
        "See who sends it: 'tcpdump -v port 520'.",
        "RFC 2453 3.6", "sbin/routed/input.c",
    ),
}  # fmt: skip
