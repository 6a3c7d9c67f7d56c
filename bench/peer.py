"""The kernel's end of a stream that is measured: a plain program that only sends, or only takes, until told to stop.

python peer.py source|sink ADDRESS PORT
"""

from __future__ import annotations

import socket
import sys
from contextlib import suppress

_SIZE = 131072  # what iperf3 writes and reads at once


def main(role: str, address: str, port: str) -> None:
    """Call whoever listens there."""
    with socket.create_connection((address, int(port))) as so, suppress(OSError):
        data, room = bytes(_SIZE), bytearray(_SIZE)
        while role == "source":
            so.sendall(data)
        while so.recv_into(room):
            pass


if __name__ == "__main__":
    main(*sys.argv[1:])
