"""The inside of a program that runs on a host of a lab: what stands in for its sockets, threads, clock and TLS.

Programs are not changed (BSD lib/librumphijack): Python's own socket, threading, selectors and ssl modules are built
on `_socket`, `_thread`, `select` and `time`, and those are what is replaced, before the program begins.
"""
