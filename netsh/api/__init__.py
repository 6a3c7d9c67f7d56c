"""netsh for Python: a lab, its hosts, and every command as a call that returns typed rows.

    from netsh.api import Lab

    with Lab.home() as lab:
        lab["me"].ifconfig("shmif0", "mtu", 1400)
        reply = lab["me"].ping("-c", 3, "www").only(PingStatistics)
        print(lab["gw"].netstat("-rn"))

Time is virtual: a call moves it until its command is over.  The same classes are behind `py` at the prompt,
in a notebook (rows, hosts and labs show themselves there), and in pytest (netsh.testing).
"""

from netsh.api.host import Host, Job
from netsh.api.lab import Capture, Lab
from netsh.api.rows import CommandFailed, Rows

__all__ = ["Capture", "CommandFailed", "Host", "Job", "Lab", "Rows"]
