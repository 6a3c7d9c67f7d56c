"""Why frames die: Ethernet, VLANs, bridges, and the wire itself (BSD net/if_ethersubr.c, net/if_bridge.c)."""

from __future__ import annotations

from commands._why import Why

ETHER = {
    "busfull": Why(
        "too many frames wait to be written into the bus file",
        "Other processes keep the file locked, or this host sends faster than the file can be written.",
        "Send more slowly; see with 'shmif_dumpbus' whether the file is in order.",
        bsd="rump if_shmem.c; the interface's output drops",
    ),
    "hostdown": Why(
        "the next hop has not answered ARP and is held to be down for a while",
        "Nobody answered the last requests for its address; for net.inet.arp.down seconds nothing is sent to it.",
        "See that it is up, on this link, and in this network ('arp -a' shows it incomplete); "
        "'arp -d HOST' lets us ask again at once.",
        "RFC 1122 2.3.2.1", "netinet/if_arp.c, arpresolve: EHOSTDOWN",
    ),
    "ifdown": Why(
        "the interface is down or without a carrier",
        "It was marked down, it is on no bus, the wire is cut, or its device is gone.",
        "'ifconfig IF up', and 'ifconfig IF linkstr BUS' if it is on no bus; 'netstat -rn' shows whether the route "
        "should lead elsewhere.",
        bsd="net/if_ethersubr.c, ether_output: ENETDOWN",
    ),
    "iqdrops": Why(
        "the interface's input queue was full",
        "More frames came at one moment than the host's queue holds (256): a burst from a wire without a rate, or a "
        "storm.",
        "Give the bus a rate ('bus NAME rate 100Mbit/s'), or find who sends so much; is there a loop of bridges "
        "without spanning tree?",
        bsd="net/if.c, if_percpuq_enqueue; if_iqdrops",
    ),
    "noarp": Why(
        "the interface does no ARP, so the neighbour's address cannot be found",
        "Its flag NOARP is set, or the interface has no ARP table.",
        "'ifconfig IF arp', or enter the neighbour by hand: 'arp -s HOST ADDRESS'.",
        "RFC 826", "net/if_ethersubr.c, ether_output",
    ),
    "noproto": Why(
        "nobody here speaks the protocol that the Ethernet type names",
        "A frame that carries neither IPv4 nor ARP: IPv6, LLDP, a tag on a host without VLANs, or garbage.",
        "Mostly nothing. For VLANs make the interface: 'ifconfig vlan0 create'; 'tcpdump -e' shows the type.",
        "RFC 1122 2.3.3", "net/if_ethersubr.c, ether_input; if_noproto",
    ),
    "notforus": Why(
        "the frame is addressed to another station, or to a group we are not in",
        "The interface hears all frames (it is promiscuous, or two have the same address), or multicast that nobody "
        "here joined.",
        "Nothing: so it should be. If it was meant for us, the sender's ARP entry is stale: 'arp -d' there.",
        "RFC 894; RFC 1112 7.4", "net/if_ethersubr.c, ether_input: M_PROMISC",
    ),
    "overrun": Why(
        "the bus file went round before we had read it",
        "Others wrote more than the whole file while this process was not looking; how many frames were lost nobody "
        "knows.",
        "Make the bus file larger, or send more slowly; do not stop this process while others use the file.",
        bsd="rump if_shmem.c; the interface's input errors",
    ),
    "stopped": Why(
        "it was stopped in mid-air and taken out by hand",
        "Somebody said 'drop' at a breakpoint, with this frame in hand.",
        "Nothing: it was meant so.",
        bsd="ours alone: ddb(4) stops the whole kernel",
    ),
    "tapdown": Why(
        "the real machine's side of the TAP is down",
        "The kernel does not take frames on an interface that is not up.",
        "On the real machine: 'ip link set tapN up'.",
        bsd="net/if_tap.c",
    ),
    "badvnet": Why(
        "the header that the real machine put before a frame on the TAP makes no sense",
        "It says that a sum or a cut is left to us, of a packet where that cannot be.",
        "'ifconfig virtN -lro -tcp4csum -udp4csum' has the real machine leave nothing to us.",
        bsd="dev/pci/if_vioif.c",
    ),
    "taperror": Why(
        "the real machine would not take the frame on the TAP",
        "The device was deleted under us, or the kernel found fault with the frame.",
        "See on the real machine whether the device is there; 'ifconfig virtN linkstr tapN' attaches it anew.",
        bsd="net/if_tap.c",
    ),
    "tapfull": Why(
        "the real machine's queue of the TAP was full",
        "The kernel takes frames more slowly than the lab sends them.",
        "Send more slowly; on the real machine a longer queue helps ('ip link set tapN txqueuelen 10000').",
        bsd="net/if_tap.c; the interface's output drops",
    ),
    "tooshort": Why(
        "a frame shorter than an Ethernet header",
        "A device handed us fewer than 14 bytes: a program that writes garbage into a TAP or a bus file.",
        "Find who writes such frames; no station on a real Ethernet could.",
        "IEEE 802.3 3.2.7", "net/if_ethersubr.c, ether_input; if_ierrors",
    ),
}  # fmt: skip

VLAN = {
    "ifdown": Why(
        "the VLAN's interface, or its parent, is down",
        "vlanN is not up, has no parent, or the parent does not run.",
        "'ifconfig vlanN up', and the same for its parent; 'ifconfig vlanN' shows which that is.",
        "IEEE 802.1Q-1998 9", "net/if_vlan.c, vlan_input, vlan_transmit",
    ),
    "novlan": Why(
        "a tagged frame of a VLAN that this host is not in",
        "No interface here has that tag on that parent.",
        "'ifconfig vlan0 create; ifconfig vlan0 vlan TAG vlanif PARENT' if it should; 'tcpdump -e' shows the tag.",
        "IEEE 802.1Q-1998 9", "net/if_vlan.c, vlan_input; if_noproto",
    ),
    "tooshort": Why(
        "a tagged frame that ends within its tag",
        "Somebody makes frames by hand, or cuts them.",
        "Find who sends them: 'tcpdump -e' shows the source.",
        "IEEE 802.1Q-1998 9.3", "net/if_vlan.c, vlan_input; if_ierrors",
    ),
}  # fmt: skip

BRIDGE = {
    "badbpdu": Why(
        "a message of the spanning tree that does not parse",
        "It is cut, of another protocol version or kind, or garbage sent to the bridges' group address.",
        "See who sends it: 'tcpdump -e -v stp'.",
        "IEEE 802.1D-1998 9.3", "net/bridgestp.c, bstp_input",
    ),
    "blocked": Why(
        "the spanning tree blocks this port, so that there is no loop",
        "The member is not in the forwarding state: another way to the root is better.",
        "Mostly nothing: that is what the spanning tree is for. 'brconfig -a' shows the states; 'ifpriority' and "
        "'ifpathcost' choose another port.",
        "IEEE 802.1D-1998 8.4", "net/if_bridge.c, bridge_input: BSTP_IFSTATE_BLOCKING",
    ),
    "disabled": Why(
        "a message of the spanning tree came to a port that takes no part in it",
        "The member does not do STP, or its link is down.",
        "'brconfig bridgeN stp IF' if it should.",
        "IEEE 802.1D-1998 8.4.5", "net/bridgestp.c, bstp_input",
    ),
    "fwdqfull": Why(
        "too many frames wait to be forwarded by the bridge",
        "Frames come faster than the bridge may forward them at one moment: nearly always a loop of bridges.",
        "Switch the spanning tree on for the members ('brconfig bridgeN stp IF'), or cut the loop.",
        bsd="net/if_bridge.c; the bridge's input drops",
    ),
    "ifdown": Why(
        "the bridge, or the member to send by, is down",
        "One of them was marked down, or the member lost its carrier, while frames were on their way.",
        "'ifconfig IF up'; 'brconfig -a' shows the members.",
        bsd="net/if_bridge.c, bridge_enqueue",
    ),
    "learning": Why(
        "the port only learns addresses as yet",
        "For the forward delay after a change the spanning tree lets a port learn before it forwards.",
        "Wait (15 s), or shorten it: 'brconfig bridgeN fwddelay 4'.",
        "IEEE 802.1D-1998 8.4.3", "net/if_bridge.c, bridge_forward: BSTP_IFSTATE_LEARNING",
    ),
    "nobody": Why(
        "the bridge has no other port to send the frame to",
        "It is for everybody or for an unknown station, but no other member is up and forwards (or all are protected).",
        "'brconfig -a' shows the members and their states; is 'discover' off?",
        "IEEE 802.1D-1998 7.7", "net/if_bridge.c, bridge_broadcast",
    ),
    "notmember": Why(
        "the frame waited, and meanwhile its port left the bridge",
        "A member was deleted with frames of its in the bridge's queue.",
        "Nothing; whoever sent them sends again.",
        bsd="net/if_bridge.c, bridge_delete_member",
    ),
    "oldbpdu": Why(
        "a message of the spanning tree that is too old",
        "Its age is the greatest allowed, so what it says came over too many bridges, or from one that is gone.",
        "Raise 'maxage' on the root if the tree is really so deep.",
        "IEEE 802.1D-1998 9.3.4 a)", "net/bridgestp.c, bstp_received_config_bpdu",
    ),
    "ownbpdu": Why(
        "a message of the spanning tree that we sent ourselves has come back",
        "Something returns the port's own frames: a loop behind it, on a wire that no bridge of the tree sees.",
        "Find the loop behind that port.",
        "IEEE 802.1D-1998 9.3.4 b)", "net/bridgestp.c, bstp_received_config_bpdu",
    ),
    "ownframe": Why(
        "a frame that this bridge's host sent has come round to it",
        "There is a loop in the bridged network, or somebody uses our Ethernet address.",
        "Switch the spanning tree on: 'brconfig bridgeN stp IF' for each member.",
        "IEEE 802.1D-1998 7.1", "net/if_bridge.c, bridge_input",
    ),
    "protected": Why(
        "both ports are protected, and such may not talk to each other",
        "'brconfig bridgeN protect IF' was said of both members.",
        "'brconfig bridgeN -protect IF' of one of them, if they should.",
        bsd="FreeBSD net/if_bridge.c, IFBIF_PRIVATE",
    ),
    "reserved": Why(
        "the frame is for a group address that bridges do not relay",
        "Addresses 01:80:c2:00:00:01 to 0f belong to the link: pause frames, LACP, LLDP, 802.1X.",
        "Nothing: they are for the next station only.",
        "IEEE 802.1D-1998 7.12.6", "net/if_bridge.c, bridge_input",
    ),
    "samesegment": Why(
        "the receiver is where the frame came from, so the bridge leaves it alone",
        "Both stations are behind the same port and have heard each other already.",
        "Nothing: that is what a bridge is for.",
        "IEEE 802.1D-1998 7.7", "net/if_bridge.c, bridge_forward",
    ),
    "toobig": Why(
        "the frame is larger than the bridge's MTU",
        "A member with a larger MTU let it in. Bridges do not fragment.",
        "Give all interfaces on the bridged network the same MTU: 'ifconfig IF mtu 1500'.",
        "IEEE 802.1D-1998 6.3.8", "net/if_bridge.c, bridge_enqueue",
    ),
}  # fmt: skip

BUS = {
    "iqdrops": Why(
        "the receiver's input queue was full",
        "The bus carries frames in no time, and more came at one moment than a host's queue holds (256).",
        "Give the bus a rate: 'bus NAME rate 100Mbit/s'.",
        bsd="net/if.c, if_percpuq_enqueue; if_iqdrops",
    ),
    "loss": Why(
        "the bus lost the frame, as it was told to",
        "Its personality has a loss: 'bus NAME' shows it.",
        "'bus NAME loss 0%' to have none; else see how the protocols mend it.",
        bsd="dummynet(4), plr",
    ),
    "nobody": Why(
        "nobody on the bus takes frames for that address",
        "The receiver has left, is down, or changed its address, and the sender's ARP entry is stale.",
        "'bus NAME' shows who is there; 'arp -d HOST' on the sender.",
        "RFC 1122 2.3.2.1",
    ),
    "queuefull": Why(
        "the sender's queue to the bus was full",
        "More is sent than the bus's rate lets through: this is how congestion looks.",
        "Nothing: TCP slows down. Otherwise send less, or 'bus NAME rate ...' and 'bus NAME queue ...'.",
        "RFC 7567 2", "net/if.c, IFQ_ENQUEUE; if_oqdrops",
    ),
    "toobig": Why(
        "the frame is larger than the bus's MTU",
        "The bus has a smaller MTU than the interface that sent, which does not know of it: a black hole.",
        "'ifconfig IF mtu N' on all that are on the bus, or 'bus NAME mtu 1500'.",
        "RFC 2923 2.1",
    ),
}  # fmt: skip
