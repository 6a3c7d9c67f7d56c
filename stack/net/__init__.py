"""Interfaces, Ethernet, the wire, neighbours and routes (BSD sys/net)."""
