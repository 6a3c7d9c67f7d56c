"""ARP, IP, ICMP, IGMP, UDP, TCP and their control blocks (BSD sys/netinet)."""
