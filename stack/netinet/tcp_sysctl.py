"""TCP's knobs by their NetBSD names, in NetBSD's order; what only we have comes last (BSD netinet/tcp_usrreq.c)."""

from __future__ import annotations

from stack.kern.sysctl import Variable
from stack.netinet.tcp_var import CONGCTL

SYSCTLS = {
    "net.inet.tcp.rfc1323": Variable("tcp", "rfc1323", "window scaling and timestamps", 0, 1),
    "net.inet.tcp.sendspace": Variable("tcp", "sendspace", "send buffer by default, bytes", 1),
    "net.inet.tcp.recvspace": Variable("tcp", "recvspace", "receive buffer by default, bytes", 1),
    "net.inet.tcp.mssdflt": Variable("tcp", "mssdflt", "segment size for a peer that names none", 32, 65495),
    "net.inet.tcp.syn_cache_limit": Variable("tcp", "syn_cache_limit", "handshakes remembered at most", 1),
    "net.inet.tcp.syn_bucket_limit": Variable("tcp", "syn_bucket_limit", "of which in a bucket", 1),
    "net.inet.tcp.syncache.rst_on_sock_fail": Variable(
        "tcp", "rst_on_sock_fail", "reset a handshake that is done when the backlog is full, as NetBSD does", 0, 1
    ),
    "net.inet.tcp.init_win": Variable("tcp", "init_win", "initial congestion window, segments", 1, 64),
    "net.inet.tcp.sack.enable": Variable("tcp", "sack_enable", "acknowledge selectively", 0, 1),
    "net.inet.tcp.sack.lrd": Variable("tcp", "sack_lrd", "find retransmissions that were lost again", 0, 1),
    "net.inet.tcp.sack.dsack": Variable("tcp", "sack_dsack", "tell the peer of duplicates (RFC 2883)", 0, 1),
    "net.inet.tcp.rack.enable": Variable("tcp", "rack_enable", "wait for what is only overtaken (RFC 8985)", 0, 1),
    "net.inet.tcp.early_retrans": Variable("tcp", "early_retrans", "time tells what is lost (RFC 8985)", 0, 1),
    "net.inet.tcp.eifel": Variable("tcp", "eifel", "take back a needless recovery (RFC 4015)", 0, 1),
    "net.inet.tcp.pmtud_blackhole_detection": Variable(
        "tcp", "pmtud_blackhole_detection", "give path MTU discovery up where nothing comes through", 0, 1
    ),
    "net.inet.tcp.rexmit_min": Variable("tcp", "rexmit_min", "least retransmission time-out, ms", 1, 64000),
    "net.inet.tcp.win_scale": Variable("tcp", "win_scale", "scale windows, when rfc1323 is on", 0, 1),
    "net.inet.tcp.timestamps": Variable("tcp", "timestamps", "send timestamps, when rfc1323 is on", 0, 1),
    "net.inet.tcp.cwm": Variable("tcp", "cwm", "no bursts: congestion window monitoring", 0, 1),
    "net.inet.tcp.cwm_burstsize": Variable("tcp", "cwm_burstsize", "the burst that cwm allows, segments", 1, 65535),
    "net.inet.tcp.ack_on_push": Variable("tcp", "ack_on_push", "ack segments with PSH at once", 0, 1),
    "net.inet.tcp.keepidle": Variable("tcp", "keepidle", "idle time before keepalive probes, half seconds", 1),
    "net.inet.tcp.keepintvl": Variable("tcp", "keepintvl", "time between probes, half seconds", 1),
    "net.inet.tcp.keepcnt": Variable("tcp", "keepcnt", "probes before a connection is dropped", 0, 1000),
    "net.inet.tcp.slowhz": Variable("tcp", "slowhz", "what keepalive's knobs count", writable=False),
    "net.inet.tcp.rstppslimit": Variable("tcp", "rstppslimit", "resets sent a second; -1: any", -1),
    "net.inet.tcp.ackdropppslimit": Variable("tcp", "ackdropppslimit", "challenge acks a second; -1: any", -1),
    "net.inet.tcp.delack_ticks": Variable("tcp", "delack_ticks", "delay of an ack, hundredths of a second", 0, 50),
    "net.inet.tcp.msl": Variable("tcp", "msl", "maximum segment lifetime, seconds", 1, 600),
    "net.inet.tcp.minmss": Variable("tcp", "minmss", "smallest segment size we believe in", 32, 65495),
    "net.inet.tcp.congctl.available": Variable("tcp", "congctl_available", "congestion controls", writable=False),
    "net.inet.tcp.congctl.selected": Variable("tcp", "congctl_selected", "the one in use", choices=tuple(CONGCTL)),
    "net.inet.tcp.keepinit": Variable("tcp", "keepinit", "time to set up a connection, half seconds", 1),
    "net.inet.tcp.recvbuf_auto": Variable("tcp", "recvbuf_auto", "let receive buffers grow", 0, 1),
    "net.inet.tcp.recvbuf_inc": Variable("tcp", "recvbuf_inc", "bytes a receive buffer grows by", 1),
    "net.inet.tcp.recvbuf_max": Variable("tcp", "recvbuf_max", "bytes a receive buffer grows to", 1),
    "net.inet.tcp.sendbuf_auto": Variable("tcp", "sendbuf_auto", "let send buffers grow", 0, 1),
    "net.inet.tcp.sendbuf_inc": Variable("tcp", "sendbuf_inc", "bytes a send buffer grows by", 1),
    "net.inet.tcp.sendbuf_max": Variable("tcp", "sendbuf_max", "bytes a send buffer grows to", 1),
    "net.inet.tcp.ecn.enable": Variable("tcp", "ecn_enable", "explicit congestion notification", 0, 1),
    "net.inet.tcp.ecn.maxretries": Variable("tcp", "ecn_maxretries", "SYNs sent again that still ask for it", 0, 12),
    "net.inet.tcp.abc.enable": Variable("tcp", "abc_enable", "count bytes, not acks (RFC 3465)", 0, 1),
    "net.inet.tcp.abc.aggressive": Variable("tcp", "abc_aggressive", "two segments an ack in slow start", 0, 1),
    "net.inet.tcp.urgent": Variable("tcp", "urgent", "urgent data; 0: all data is ordinary data", 0, 1),
    "net.inet.tcp.rfc1337": Variable("tcp", "rfc1337", "no reset ends TIME_WAIT", 0, 1),
    "net.inet.tcp.rfc6191": Variable("tcp", "rfc6191", "a new SYN may end TIME_WAIT", 0, 1),
    "net.inet.tcp.newcwv": Variable("tcp", "newcwv", "a window that is not used does not grow", 0, 1),
    "net.inet.tcp.rfc3042": Variable("tcp", "rfc3042", "limited transmit", 0, 1),
}
