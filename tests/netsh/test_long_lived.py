"""A shell that lives for weeks: what was made and removed, opened and closed, leaves nothing behind."""

from __future__ import annotations

import gc
import os
from collections import Counter
from pathlib import Path

import pytest

from tests.netsh.test_builtins import at_home

ROUNDS = 12
LONG = 10_000.0  # seconds: everything that was said to somebody has timed out
KEPT = {"Step", "Packet"}  # a trace remembers the last 100,000 of both

LINES = {
    "hosts": "host x; x ifconfig -a; host me; host -d x",
    "links": "link x y 10.50.0.0/30; x ping -qc 1 y; host -d x; host -d y; bus -d x-y",
    "chains": "chain 5; r1 ping -qc 1 r5; for i in 1..5 { host -d r$i }; for i in 1..4 { bus -d r$i-r$((i+1)) }",
    "labs": "load FOLDER/lab; link a b; a ping -qc 1 b",
    "interfaces": (
        "ifconfig shmif7 create; ifconfig shmif7 linkstr q; ifconfig shmif7 10.99.0.1/24; ifconfig bridge0 create;"
        "brconfig bridge0 add shmif7 up; ifconfig shmif7 destroy; ifconfig bridge0 destroy; bus -d q"
    ),
    "bus files": (
        "ifconfig shmif8 create linkstr FOLDER/bus 10.98.0.1/24; ping -qc 1 10.98.0.1; ifconfig shmif8 destroy"
    ),
    "servers": "httpd -p 8080 & fetch -qo /dev/null http://127.0.0.1:8080/; kill %1; wait",
    "connections": "fetch -qo /dev/null http://www/; gw nc -l 9000 > /dev/null & nc gw 9000 <<< hello; wait",
    "jobs": "sleep 1 & ping -qc 1 www & jobs; wait",
    "programs": "ping -qc 1 www | !cat | wc; echo $(echo x | !cat)",
    "traces": "trace on icmp; ping -qc 1 www; trace off; trace show 1",
    "captures": (
        "tcpdump -c 2 -i any -w FOLDER/c.pcapng & ping -qc 1 www; wait; tcpdump -r FOLDER/c.pcapng; ladder --last"
    ),
    "breakpoints": (
        "break gw ip_input if icmp; ping -qc 1 www & sleep 1; step packet; edit ip.ttl=9; go; go; break -d all; wait"
    ),
    "a stop that is left": "break gw ip_input; ping -qc 1 www & sleep 1; kill -KILL %1; break -d all; go; wait",
}


def census() -> Counter[str]:
    gc.collect()
    return Counter(f"{type(each).__module__}.{type(each).__qualname__}" for each in gc.get_objects())


@pytest.mark.parametrize("what", LINES)
def test_all_is_given_back(what: str, tmp_path: Path) -> None:
    session = at_home()
    session.run(f"save {tmp_path}/lab")

    def rounds(count: int) -> tuple[Counter[str], int]:
        for _ in range(count):
            assert session.run(LINES[what].replace("FOLDER", str(tmp_path))) == 0
            session.out, session.err  # noqa: B018
        session.run(f"sleep {LONG}")
        assert not session.jobs.running() and not session.clock.drive.stands
        return census(), len(os.listdir("/proc/self/fd"))

    rounds(2)
    (before, open_before), (after, open_after) = rounds(1), rounds(ROUNDS)
    session.end_jobs()
    grown = {name: count - before[name] for name, count in after.items() if name.rpartition(".")[2] not in KEPT}
    assert {name: count for name, count in grown.items() if count >= ROUNDS // 2} == {}
    assert open_after == open_before
    assert len(session.lab.callouts.heap) < 50
