"""How long Mininet takes for so many hosts on one switch: milliseconds for each of them.

python3 mininet_end.py HOSTS
"""

from __future__ import annotations

import sys
import time

from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import SingleSwitchTopo


def main(hosts: str) -> None:
    """Make them, and end them."""
    begin = time.perf_counter()
    network = Mininet(topo=SingleSwitchTopo(k=int(hosts)), switch=LinuxBridge, controller=None)
    network.start()
    print((time.perf_counter() - begin) * 1e3 / int(hosts), flush=True)
    network.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
