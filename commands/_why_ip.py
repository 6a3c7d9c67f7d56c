"""Why packets die in the layer of IP: IP itself, addresses, ARP, ICMP, IGMP (BSD sys/netinet)."""

from __future__ import annotations

from commands._why import Why

IP = {
    "badaddr": Why(
        "the destination is an address that nobody may be reached at from there",
        "It is 127/8 or another impossible address and came over a link, an address of ours that is not ready yet, or "
        "came in by the wrong interface while net.inet.ip.checkinterface is set.",
        "See who sends it: 'tcpdump -e'. 'sysctl -w net.inet.ip.checkinterface=0' for the weak host model.",
        "RFC 1122 3.2.1.3; RFC 1812 5.3.7", "netinet/ip_input.c, IP_STAT_BADADDR",
    ),
    "badfrags": Why(
        "a fragment that cannot be one",
        "It is empty, not the last and no multiple of 8 bytes long, or it reaches beyond 65535 bytes.",
        "Such are made by hand (the 'ping of death'); see who sends them with 'tcpdump'.",
        "RFC 791 3.2", "netinet/ip_reass.c, IP_STAT_BADFRAGS",
    ),
    "badhlen": Why(
        "the header's own length cannot be",
        "The field says less than 20 bytes, or more than there are.",
        "A broken sender, or a frame cut on its way.",
        "RFC 791 3.1", "netinet/ip_input.c, IP_STAT_BADHLEN",
    ),
    "badlen": Why(
        "the total length is less than the header",
        "A header whose two lengths contradict each other.",
        "A broken or hostile sender: see it with 'tcpdump -x'.",
        "RFC 791 3.1", "netinet/ip_input.c, IP_STAT_BADLEN",
    ),
    "badoptions": Why(
        "an IP option that is malformed, or may not be obeyed",
        "An option's length or pointer makes no sense, or it is a source route and those are off.",
        "The sender was told by ICMP. 'sysctl -w net.inet.ip.allowsrcrt=1' and 'forwsrcrt=1' allow source routes.",
        "RFC 791 3.1; RFC 1122 3.2.1.8", "netinet/ip_input.c, ip_dooptions: IP_STAT_BADOPTIONS",
    ),
    "badsource": Why(
        "the source is an address that no single host has, or one of ours that we may not use",
        "A packet came from a broadcast, a group, 127/8 or 0/8; or we would send from an address that is a duplicate "
        "or has lost its link.",
        "Incoming: see who forges it with 'tcpdump -e'. Outgoing: 'ifconfig' shows the address as duplicated or "
        "detached; choose another.",
        "RFC 1122 3.2.1.3; RFC 1812 5.3.7; RFC 5227 2.1.1", "netinet/ip_input.c, IP_STAT_BADADDR",
    ),
    "badsum": Why(
        "the header's checksum is wrong",
        "Bits changed on the way ('bus NAME corrupt 1%' does that), or the sender summed wrongly.",
        "Find the wire that corrupts: the hosts before it see no such packets.",
        "RFC 1122 3.2.1.2; RFC 1071", "netinet/ip_input.c, IP_STAT_BADSUM",
    ),
    "badvers": Why(
        "the header says it is not IP version 4",
        "Something else was sent with IPv4's Ethernet type.",
        "A broken sender: see it with 'tcpdump -e -x'.",
        "RFC 1122 3.2.1.1", "netinet/ip_input.c, IP_STAT_BADVERS",
    ),
    "blackhole": Why(
        "the route to the destination says: drop it silently",
        "Somebody entered it with 'route add -blackhole', or it is a net to which nothing may be sent.",
        "'route get HOST' shows the route; 'route delete' takes it away.",
        "RFC 1812 5.3.9", "netinet/ip_output.c, RTF_BLACKHOLE",
    ),
    "cantfrag": Why(
        "the packet is too big for the next link and must not be fragmented",
        "It has DF set (path MTU discovery), is a broadcast, or its options leave no room for pieces.",
        "Nothing: its sender was told by ICMP and will send less. If that is filtered somewhere: 'ifconfig IF mtu', "
        "or 'sysctl -w net.inet.ip.mtudisc=0' on the sender.",
        "RFC 791 2.3; RFC 1191 4", "netinet/ip_output.c, IP_STAT_CANTFRAG",
    ),
    "directedbcast": Why(
        "a broadcast to a network behind us, which is not forwarded",
        "Somebody pings a network's broadcast address from outside; it once made 'smurf' attacks.",
        "'sysctl -w net.inet.ip.directed-broadcast=1' if you want them in your lab.",
        "RFC 2644 3", "netinet/ip_input.c, ip_forward: IP_STAT_CANTFORWARD",
    ),
    "fragdropped": Why(
        "too many packets were being reassembled, and the oldest made room",
        "More than net.inet.ip.maxfragpackets packets are incomplete at once: lost fragments, or an attack.",
        "'sysctl -w net.inet.ip.maxfragpackets=N', or let the sender send smaller packets.",
        "RFC 1122 3.3.2", "netinet/ip_reass.c, IP_STAT_FRAGDROPPED",
    ),
    "fragdup": Why(
        "the same fragment came twice",
        "The wire duplicates frames, or a sender repeated a packet with the same identification.",
        "Nothing; the first copy is used.",
        "RFC 791 3.2", "netinet/ip_reass.c, IP_STAT_FRAGDROPPED",
    ),
    "fragecn": Why(
        "fragments of one packet disagree about ECN",
        "A router marked one of them, while another says that its sender does not understand marks.",
        "A broken sender or router: no honest one makes such a mixture.",
        "RFC 3168 5.3", "netinet/ip_reass.c, IP_STAT_FRAGDROPPED",
    ),
    "fragoverlap": Why(
        "fragments overlap, so the whole packet is thrown away",
        "Two pieces claim the same bytes (the 'teardrop' attack), or two packets share an identification.",
        "See who sends them with 'tcpdump -v'; honest senders never overlap.",
        "RFC 1858; RFC 5722 4", "netinet/ip_reass.c, IP_STAT_BADFRAGS",
    ),
    "fragtimeout": Why(
        "the rest of a fragmented packet did not come in time",
        "One of its fragments was lost, and the others waited 30 seconds for it.",
        "Find out where fragments die: 'drops' shows it. Smaller packets need no fragments.",
        "RFC 791 3.2; RFC 1122 3.3.2", "netinet/ip_reass.c, IP_STAT_FRAGTIMEOUT",
    ),
    "ifdown": Why(
        "the loopback interface is down",
        "Somebody said 'ifconfig lo0 down'; then a host cannot even talk to itself.",
        "'ifconfig lo0 up'.",
        "RFC 1122 3.2.1.3 (g)", "ours alone: NetBSD's looutput does not look whether it is up",
    ),
    "iqdrops": Why(
        "the loopback's queue was full",
        "A program sent more to its own host at one moment than the queue holds (256).",
        "Send more slowly; TCP does so by itself.",
        bsd="net/if_loop.c, looutput: pktq_enqueue",
    ),
    "linkbcast": Why(
        "a frame for everybody on the link holds a packet for a single host",
        "It is forwarded or taken by nobody, or everyone would answer or forward it, and there would be a storm.",
        "A broken sender, or somebody's static ARP entry is ff:ff:ff:ff:ff:ff.",
        "RFC 1122 3.3.6; RFC 1812 5.3.4", "netinet/ip_input.c, ip_forward: IP_STAT_CANTFORWARD",
    ),
    "noaddr": Why(
        "the interface to send by has no address to send from",
        "The route leads to an interface without an address, or one whose only address is not ready.",
        "'ifconfig IF inet ADDRESS/LENGTH'.",
        "RFC 1122 3.3.4.3", "netinet/ip_output.c, IP_STAT_ODROPPED",
    ),
    "nobroadcast": Why(
        "a program sent to everybody without having asked to",
        "A broadcast needs SO_BROADCAST, so that nobody reaches all hosts by mistake.",
        "Set that option of the socket; the program got 'Permission denied'.",
        "RFC 919 7", "netinet/ip_output.c: EACCES",
    ),
    "noproto": Why(
        "no protocol of that number here, and no raw socket for it",
        "The packet is neither ICMP, IGMP, TCP nor UDP. The sender was told by ICMP.",
        "Nothing, or open a raw socket for the protocol.",
        "RFC 1122 3.2.2.1", "netinet/ip_input.c, IP_STAT_NOPROTO",
    ),
    "noroute": Why(
        "no route leads to the destination",
        "Neither a network of ours, nor a static or learned route, nor a default route fits it.",
        "'route add default GATEWAY', or 'route add NET GATEWAY'; 'route get HOST' shows what would be taken. "
        "For a group: 'route add 224.0.0.0/4' by an interface, or IP_MULTICAST_IF.",
        "RFC 1812 4.3.3.1; RFC 1122 3.3.1", "netinet/ip_output.c, IP_STAT_NOROUTE",
    ),
    "notforward": Why(
        "a packet for somebody else, and this host is no router",
        "net.inet.ip.forwarding is 0, or the frame was not addressed to us at all.",
        "'sysctl -w net.inet.ip.forwarding=1' if it should forward; else the sender has a wrong route or ARP entry.",
        "RFC 1122 3.2.1.3", "netinet/ip_input.c, IP_STAT_CANTFORWARD",
    ),
    "notmember": Why(
        "a packet for a multicast group that nobody here is in",
        "Ethernet's filter let it through: groups share link addresses, or the interface takes all of them.",
        "Nothing, or let a program join the group.",
        "RFC 1112 7.2", "netinet/ip_input.c, IP_STAT_CANTFORWARD",
    ),
    "odropped": Why(
        "the router's output queue was full",
        "More is to be forwarded than the next link carries: congestion.",
        "Nothing: TCP slows down. Else raise the link's rate or queue: 'bus NAME rate ... queue ...'.",
        "RFC 1812 4.3.3.3, 5.3.6", "netinet/ip_input.c, IP_STAT_ODROPPED",
    ),
    "rcvmemdrop": Why(
        "a packet in too many fragments to be kept",
        "More than 2048 pieces of one packet: no honest link needs so many.",
        "See who sends them with 'tcpdump -v'.",
        "RFC 1122 3.3.2", "netinet/ip_reass.c, IP_STAT_RCVMEMDROP",
    ),
    "reject": Why(
        "the route to the destination says: refuse it",
        "Somebody entered it with 'route add -reject'. The sender is told that the host cannot be reached.",
        "'route get HOST' shows the route; 'route delete' takes it away.",
        "RFC 1812 5.2.7.1", "netinet/ip_output.c, RTF_REJECT",
    ),
    "stopped": Why(
        "it was stopped in mid-air and taken out by hand",
        "Somebody said 'drop' at a breakpoint, with this packet in hand.",
        "Nothing: it was meant so.",
        bsd="ours alone: ddb(4) stops the whole kernel",
    ),
    "tentative": Why(
        "too many packets wait until our new address is known to be ours alone",
        "For some seconds after 'ifconfig' others are asked whether they have the address; 64 packets may wait.",
        "Wait until 'ifconfig' shows it no longer tentative; 'sysctl -w net.inet.ip.dad_count=0' asks nobody.",
        "RFC 5227 2.1.1", "netinet/in.c, IN_IFF_TENTATIVE",
    ),
    "toolong": Why(
        "the fragments together are longer than any packet may be",
        "With the header they come to more than 65535 bytes (the 'ping of death').",
        "See who sends them: no honest sender can.",
        "RFC 791 3.1", "netinet/ip_reass.c, IP_STAT_TOOLONG",
    ),
    "tooshort": Why(
        "less has come than the total length says",
        "The frame was cut on its way, or the header lies.",
        "Find where it is cut: 'tcpdump -v' at both ends.",
        "RFC 791 3.1", "netinet/ip_input.c, IP_STAT_TOOSHORT",
    ),
    "toosmall": Why(
        "too small to hold an IP header",
        "Fewer than 20 bytes behind the Ethernet header.",
        "A broken sender, or frames made by hand.",
        "RFC 791 3.1", "netinet/ip_input.c, IP_STAT_TOOSMALL",
    ),
    "ttl": Why(
        "its time to live is used up on the way",
        "It went over as many routers as its sender allowed: traceroute does that on purpose, a loop of routes by "
        "mistake. The sender was told by ICMP.",
        "'traceroute HOST': routers that come again and again are a loop; mend their routes.",
        "RFC 1812 5.3.1", "netinet/ip_input.c, ip_forward: ICMP_TIMXCEED_INTRANS",
    ),
    "ttl0": Why(
        "multicast with a time to live of 0 does not leave the host",
        "A program asked for that with IP_MULTICAST_TTL; its copy for this host was delivered.",
        "Nothing, or set a TTL of 1 and more.",
        "RFC 1122 3.2.1.7; RFC 1112 6.1", "netinet/ip_output.c",
    ),
}  # fmt: skip

IN = {
    "addrgone": Why(
        "it waited to be sent from a new address, and that was deleted",
        "'ifconfig IF delete' took the address away while it was still tentative.",
        "Nothing.",
        "RFC 5227 2.1.1", "netinet/in.c, in_purgeaddr",
    ),
    "duplicated": Why(
        "it waited to be sent from a new address, which another host turned out to have",
        "Somebody answered the probes for the address; it is marked duplicated and never used.",
        "Choose another address; 'arp -a' and 'tcpdump arp' show who has this one.",
        "RFC 5227 2.1.1", "netinet/if_arp.c, arp_dad_duplicated",
    ),
    "ifdown": Why(
        "it waited to be sent from a new address, and the interface lost its link",
        "The interface went down, or its wire was cut, before the address was known to be ours alone.",
        "'ifconfig IF up', and see that it is on a bus.",
        "RFC 5227 2.1.1", "netinet/in.c, in_if_link_down",
    ),
}  # fmt: skip

ARP = {
    "dfrdropped": Why(
        "it waited for ARP, and no answer came",
        "The next hop did not answer, or more than net.inet.arp.nd_maxqueuelen packets wait for it. "
        "The sender of a forwarded packet was told by ICMP.",
        "Is the next hop up, on this link, and in this network? 'arp -a' shows it incomplete, 'tcpdump arp' the "
        "requests.",
        "RFC 1122 2.3.2.2; RFC 1812 3.3.2", "netinet/if_arp.c, ARP_STAT_DFRDROPPED",
    ),
    "rcvbadlen": Why(
        "an ARP message that is too short, or whose lengths are not Ethernet's and IPv4's",
        "It was cut, or is for other kinds of addresses.",
        "See who sends it: 'tcpdump -e arp'.",
        "RFC 826", "netinet/if_arp.c, ARP_STAT_RCVBADLEN",
    ),
    "rcvbadop": Why(
        "an ARP message that is neither request nor reply",
        "RARP, inverse ARP, or garbage.",
        "Nothing: we answer none of those.",
        "RFC 826; RFC 5494", "netinet/if_arp.c, in_arpinput",
    ),
    "rcvbadproto": Why(
        "an ARP message for another hardware or protocol",
        "It speaks neither of Ethernet nor of IPv4.",
        "Nothing.",
        "RFC 826", "netinet/if_arp.c, ARP_STAT_RCVBADPROTO",
    ),
    "rcvbadspa": Why(
        "an ARP message from an IP address that is everybody's or a group's",
        "Somebody claims to be the broadcast address: an attack, or a wrong netmask.",
        "Compare the netmasks ('ifconfig') of this host and of the sender.",
        "RFC 1122 3.2.1.3", "netinet/if_arp.c, in_arpinput",
    ),
    "rcvbcastsha": Why(
        "an ARP message that claims the broadcast address for one host",
        "If we believed it, all packets to that host would go to everybody.",
        "A broken host or an attack: 'tcpdump -e arp' shows it.",
        "RFC 1812 3.3.2", "netinet/if_arp.c, ARP_STAT_RCVBCASTSHA",
    ),
    "rcvlocalsha": Why(
        "an ARP message from our own Ethernet address",
        "Our own request came back (a loop), or another station has our address.",
        "Look for a loop of bridges; 'ifconfig' shows the addresses.",
        "RFC 826", "netinet/if_arp.c, ARP_STAT_RCVLOCALSHA",
    ),
    "rcvlocalspa": Why(
        "another host claims our IP address",
        "Two hosts have the same address, or one that is being configured asks for ours.",
        "Give one of them another address: 'ifconfig' on both; the message shows its Ethernet address.",
        "RFC 5227 2.4", "netinet/if_arp.c, ARP_STAT_RCVLOCALSPA",
    ),
    "rcvnoint": Why(
        "ARP came in on an interface that does none",
        "The interface is no Ethernet, or 'ifconfig IF -arp' was said.",
        "'ifconfig IF arp' if it should answer.",
        "RFC 826", "netinet/if_arp.c, ARP_STAT_RCVNOINT",
    ),
    "rcvoverperm": Why(
        "somebody wants to change an entry that was made by hand",
        "'arp -s' gave this address to another station for good.",
        "'arp -d HOST' if the entry is wrong; else somebody forges ARP.",
        "RFC 826", "netinet/if_arp.c, ARP_STAT_RCVOVERPERM",
    ),
    "rcvzerospa": Why(
        "an ARP reply from 0.0.0.0",
        "No host has that address; only a request may come from it, which is a probe.",
        "A broken host: 'tcpdump -e arp' shows it.",
        "RFC 5227 1.1", "netinet/if_arp.c, ARP_STAT_RCVZEROSPA",
    ),
    "rcvzerotpa": Why(
        "an ARP message for 0.0.0.0",
        "The answer to somebody else's probe; it concerns only the prober.",
        "Nothing.",
        "RFC 5227 1.1", "netinet/if_arp.c, ARP_STAT_RCVZEROTPA",
    ),
}  # fmt: skip

ICMP = {
    "badcode": Why(
        "an ICMP message with a code that its type does not have",
        "A newer code than we know, or garbage. Raw sockets have seen it.",
        "Nothing.",
        "RFC 792", "netinet/ip_icmp.c, ICMP_STAT_BADCODE",
    ),
    "badlen": Why(
        "an ICMP message that is too short for what it says",
        "A timestamp without its times, or an error that does not quote a whole IP header.",
        "A broken sender: 'tcpdump -v icmp' shows it.",
        "RFC 792; RFC 1122 3.2.2", "netinet/ip_icmp.c, ICMP_STAT_BADLEN",
    ),
    "badredirect": Why(
        "a redirect that is not to be believed",
        "It is not from the gateway that we use, or points to a host that is no neighbour, or concerns no packet of "
        "ours.",
        "Nothing, unless you meant it: then 'route get HOST' shows why not. Else somebody forges redirects.",
        "RFC 1122 3.2.2.2, 3.3.1.2", "netinet/ip_icmp.c, icmp_input: ICMP_REDIRECT",
    ),
    "bmcastecho": Why(
        "a ping to everybody, which is not answered",
        "Somebody pings a broadcast or multicast address.",
        "'sysctl -w net.inet.icmp.bmcastecho=1' to answer.",
        "RFC 1122 3.2.2.6", "netinet/ip_icmp.c, ICMP_STAT_BMCASTECHO",
    ),
    "bmcasttstamp": Why(
        "a timestamp request to everybody, which is not answered",
        "Somebody asks a broadcast or multicast address for the time.",
        "'sysctl -w net.inet.icmp.bmcastecho=1' to answer.",
        "RFC 1122 3.2.2.8", "netinet/ip_icmp.c, ICMP_STAT_BMCASTTSTAMP",
    ),
    "checksum": Why(
        "the ICMP checksum is wrong",
        "Bits changed on the way, or the sender summed wrongly.",
        "Find the wire that corrupts: 'bus' shows each bus's personality.",
        "RFC 792", "netinet/ip_icmp.c, ICMP_STAT_CHECKSUM",
    ),
    "errbcast": Why(
        "no ICMP error is sent about a packet to everybody",
        "Every receiver would send one. The packet itself died for a reason of its own.",
        "Nothing.",
        "RFC 1122 3.2.2", "netinet/ip_icmp.c, icmp_error",
    ),
    "errfrag": Why(
        "no ICMP error is sent about a fragment that is not the first",
        "It has no ports, so its sender could not tell what it was about.",
        "Nothing: the first fragment gets the error.",
        "RFC 1122 3.2.2", "netinet/ip_icmp.c, icmp_error",
    ),
    "errrate": Why(
        "no ICMP error is sent, since there were enough this second",
        "More than net.inet.icmp.errppslimit errors a second: a scan, a loop, or a flood.",
        "'sysctl -w net.inet.icmp.errppslimit=N', -1 for no limit; or find what causes so many errors.",
        "RFC 1812 4.3.2.8", "netinet/ip_icmp.c, icmp_ratelimit",
    ),
    "errsrc": Why(
        "no ICMP error is sent to a source that is no single host",
        "The packet came from a broadcast, a group, or 127/8.",
        "See who forges it: 'tcpdump -e'.",
        "RFC 1122 3.2.2", "netinet/ip_icmp.c, icmp_error",
    ),
    "maskreq": Why(
        "a request for our netmask, which we do not answer",
        "Only a host that was made an authority answers.",
        "'sysctl -w net.inet.icmp.maskrepl=1' makes it one.",
        "RFC 1122 3.2.2.9", "netinet/ip_icmp.c, icmp_input: icmpmaskrepl",
    ),
    "oldicmp": Why(
        "no ICMP error is sent about an ICMP error",
        "Or two hosts could answer each other's errors for ever.",
        "Nothing.",
        "RFC 1122 3.2.2", "netinet/ip_icmp.c, ICMP_STAT_OLDICMP",
    ),
    "redirignored": Why(
        "a redirect that is not obeyed here",
        "net.inet.icmp.rediraccept is 0, or the route was entered by hand, or there is none.",
        "'sysctl -w net.inet.icmp.rediraccept=1', or 'route delete HOST' for the static route.",
        "RFC 1122 3.2.2.2", "netinet/ip_icmp.c, icmp_rediraccept",
    ),
    "tooshort": Why(
        "an ICMP message shorter than its header",
        "Fewer than 8 bytes: cut, or made by hand.",
        "A broken sender: 'tcpdump -v icmp' shows it.",
        "RFC 792", "netinet/ip_icmp.c, ICMP_STAT_TOOSHORT",
    ),
}  # fmt: skip

IGMP = {
    "rcv_badqueries": Why(
        "a membership query for an address that is no group",
        "A broken router, or garbage.",
        "'tcpdump -v igmp' shows who asks.",
        "RFC 2236 2.4", "netinet/igmp.c, IGMP_STAT_RCV_BADQUERIES",
    ),
    "rcv_badreports": Why(
        "a membership report for an address that is no group",
        "A broken host, or garbage.",
        "'tcpdump -v igmp' shows who reports.",
        "RFC 2236 2.4", "netinet/igmp.c, IGMP_STAT_RCV_BADREPORTS",
    ),
    "rcv_badsum": Why(
        "the IGMP checksum is wrong",
        "Bits changed on the way, or the sender summed wrongly.",
        "Find the wire that corrupts: 'bus' shows each bus's personality.",
        "RFC 2236 2.3", "netinet/igmp.c, IGMP_STAT_RCV_BADSUM",
    ),
    "rcv_tooshort": Why(
        "an IGMP message shorter than 8 bytes",
        "Cut, or made by hand.",
        "A broken sender: 'tcpdump -v igmp' shows it.",
        "RFC 2236 2", "netinet/igmp.c, IGMP_STAT_RCV_TOOSHORT",
    ),
}  # fmt: skip
