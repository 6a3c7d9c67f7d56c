"""PyTCP's end of a stream that is measured: takes what comes to a port, and prints how many bits a second that was.

python -O pytcp_end.py TAP ADDRESS/LENGTH PORT SECONDS
"""

from __future__ import annotations

import sys
import time

from pytcp import TcpIpStack, config
from pytcp.lib import socket


def main(tap: str, address: str, port: str, seconds: str) -> None:
    """Wait for one caller."""
    stack = TcpIpStack(interface=tap, ip4_address=address, ip6_address="fe80::2/64")
    config.IP6_SUPPORT = False
    stack.start()
    listener = socket.socket(socket.AF_INET4, socket.SOCK_STREAM)
    listener.bind((address.partition("/")[0], int(port)))
    listener.listen()
    print("listening", flush=True)
    so, _ = listener.accept()
    moved, begin = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - begin) < float(seconds):
        moved += len(so.recv(65536))
    print(moved * 8 / elapsed, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
