"""A TCP/IP stack in the shape of 4.4BSD and NetBSD: sans I/O, one clock, a host is an object."""
