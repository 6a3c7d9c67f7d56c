"""Options of the IP level and below, by their BSD numbers (BSD netinet/in.h, netinet/tcp.h)."""

from __future__ import annotations

IPPROTO_IP = 0
IP_OPTIONS = 1
IP_HDRINCL = 2
IP_TOS = 3
IP_TTL = 4
IP_MULTICAST_IF = 9
IP_MULTICAST_TTL = 10
IP_MULTICAST_LOOP = 11
IP_ADD_MEMBERSHIP = 12
IP_DROP_MEMBERSHIP = 13
IP_DONTFRAG = 100  # ours: set DF in what is sent (ping -D)

TCP_NODELAY = 1
TCP_MAXSEG = 2
TCP_KEEPIDLE = 3
TCP_KEEPINTVL = 5
TCP_KEEPCNT = 6
TCP_KEEPINIT = 7
TCP_CONGCTL = 32
TCP_INFO = 9

IPPORT_RESERVED = 1024
