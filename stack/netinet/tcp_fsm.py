"""The states of TCP, and the flags each of them sends (BSD netinet/tcp_fsm.h; RFC 9293 3.3.2)."""

from __future__ import annotations

from stack.header.tcp import TH_ACK, TH_FIN, TH_RST, TH_SYN

TCPS_CLOSED = 0
TCPS_LISTEN = 1
TCPS_SYN_SENT = 2
TCPS_SYN_RECEIVED = 3
TCPS_ESTABLISHED = 4
TCPS_CLOSE_WAIT = 5
TCPS_FIN_WAIT_1 = 6
TCPS_CLOSING = 7
TCPS_LAST_ACK = 8
TCPS_FIN_WAIT_2 = 9
TCPS_TIME_WAIT = 10

TCP_STATES = (
    "CLOSED", "LISTEN", "SYN_SENT", "SYN_RCVD", "ESTABLISHED", "CLOSE_WAIT", "FIN_WAIT_1", "CLOSING", "LAST_ACK",
    "FIN_WAIT_2", "TIME_WAIT",
)  # fmt: skip

# what each state sends (tcp_outflags)
TCP_OUTFLAGS = (
    TH_RST | TH_ACK,  # CLOSED
    0,  # LISTEN
    TH_SYN,  # SYN_SENT
    TH_SYN | TH_ACK,  # SYN_RECEIVED
    TH_ACK,  # ESTABLISHED
    TH_ACK,  # CLOSE_WAIT
    TH_FIN | TH_ACK,  # FIN_WAIT_1
    TH_FIN | TH_ACK,  # CLOSING
    TH_FIN | TH_ACK,  # LAST_ACK
    TH_ACK,  # FIN_WAIT_2
    TH_ACK,  # TIME_WAIT
)
