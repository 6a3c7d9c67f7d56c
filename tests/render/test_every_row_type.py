"""Every row type there is, as the code says it, has a view that fits, or is a line of text on purpose."""

from __future__ import annotations

import io
from types import UnionType
from typing import Any, get_args, get_type_hints

import pytest

import netsh.builtins
from commands import command
from commands.command import Command, Complaint, Data, ErrorData, Note
from netsh import home
from netsh.render.own_views import view_of
from netsh.render.printer import Printer, tables_of
from netsh.render.rich_views import view_of_fields
from netsh.session import Session
from netsh.world import end
from stack.lab import Lab

# They stream: each is told at once, in a line that the terminal may wrap, with the colours of what it says.
_LINES = """
    alias.Alias arp.Done bg.JobRow clock.ClockRow drops.Dropped drops.Total echo.Words explain.Explained
    explain.TracedPacket fetch.Header fetch.Line fetch.Status fg.JobRow help.Explanation help.Page help.Reason
    help.Summary host.HostName hostname.Hostname httpd.Request ifconfig.Names jobs.JobRow kill.Signals
    ladder.Arrow ladder.Heading nc.Connected nc.Listening nc.Received netstat.Interval netstat.Membership
    ping.PingError ping.PingReply ping.PingStart ping.PingStatistics record.Recording replay.Replayed
    route.Change route.Flushed route.Gateway route.RoutingMessage routed.RouteChange rtquery.Answer
    send.Answered send.Sent send.Total shmif_dumpbus.Header sockets.SocketsRow source.Listing step.Stepped
    sysctl.Bare sysctl.Turned tcpdrop.Droppable tcpdrop.Dropped tcpdump.Instruction tcpdump.Interface
    tcpdump.Packet tcpstat.ControlBlock tcpstat.Listener trace.TraceState traceroute.Hop traceroute.NarrowLink
    traceroute.TraceStart ttcp.Accepted ttcp.Opening ttcp.Step ttcp.Transfer watch.Frame
"""
BUILT = ("Reach", "RipReach", "ScriptLine", "Stacks")  # of all that build networks
LINES = {*_LINES.split(), *(f"_topology.{row}" for row in BUILT)}
# A line that makes rows of a type, in the lab `home`.
SAMPLES = {
    "arp.ArpEntry": "ping -qc 1 gw; arp -s 10.0.0.9 2:0:0:0:0:9 pub; ping -qc 1 -w 1 10.0.0.77; arp -a",
    "brconfig.BridgeRow": "ifconfig bridge0 create; "
    "brconfig bridge0 add shmif0 stp shmif0 static shmif0 2:0:0:0:0:9 up; brconfig -a",
    "brconfig.AddressRow": "ifconfig bridge0 create; brconfig bridge0 add shmif0 static shmif0 2:0:0:0:0:9 up; "
    "brconfig bridge0 addr",
    "drops.Drop": "nc -z www 99; traceroute -m 1 -q 1 www; drops",
    "ifconfig.Interface": "sleep 2; ping -qc 1 www; ifconfig -av; sleep 1; ping -qc 1 www; ifconfig -a",
    "netstat.Connection": "nc -l 7 & nc -u -l 8 & www nc me 7 & sleep 1; netstat -a",
    "netstat.Route": "ping -qc 1 www; route add 10.9/16 gw; netstat -r",
    "netstat.InterfaceTraffic": "ping -qc 1 www; ifconfig shmif0 10.0.0.7/24 alias; netstat -i",
    "netstat.Statistics": "ping -qc 1 www; nc -z www 99; www netstat -s",
    "packet.Field": "tcpdump -w {tmp}/c -c 1 & ping -qc 1 www; wait; packet -r {tmp}/c 1",
    "ps.Process": "nc -l 7 & sleep 1; ps -a",
    "route.Route": "route add 10.9/16 gw; route add 10.8/16 127.0.0.1 -reject; route show",
    "route.Lookup": "route add 203.0/16 10.0.0.77; route get www; route get 10.0.0.1",
    "rtquery.Entry": "gw routed & www routed & sleep 40; rtquery gw",
    "sysctl.Knob": "sysctl -a",
    "tcpstat.Graph": "www ttcp -r -s & ttcp -t -s -n 100 www & tcpstat -g 5001",
    "sysctl.Description": "sysctl -d net",
    "bus.BusRow": "bus lan loss 1% delay 10ms rate 10Mbit/s; bus",
    "host.HostRow": "host",
    "trace.Hop": "trace path me www",
    "trace.TracedPacket": "trace on icmp; ping -qc 1 www; trace off; trace show 1; trace",
    "trace.TraceStep": "trace -f -c 30 icmp & ping -qc 1 www; wait",
    "lab.LabRow": "lab",
    "lab.Segment": "gw ifconfig bridge0 create; gw brconfig bridge0 add shmif0; lab",
    "lab.Port": "link gw www; ifconfig vlan0 create vlan 5 vlanif shmif0; lab",
    "lab.Alone": "host alone; lab",
    "shmif_dumpbus.Packet": "ifconfig shmif1 create linkstr {tmp}/bus 10.5.0.1/24; "
    "ping -qc 1 -w 1 10.5.0.9; shmif_dumpbus {tmp}/bus",
    "source.SourceLine": "source ip_forward",
}
ELSEWHERE = {"tour", "tutorial"}  # tests/lessons has tests of its views
ANYTHING = (Note, Complaint, Data, ErrorData)


def commands() -> list[Command]:
    found = [netsh.builtins.find(name) or command.find(name) for name in [*command.names(), *netsh.builtins.names()]]
    return [each for each in found if each is not None]


def row_types(of: Command) -> list[type]:
    """What its `run` yields, by its annotation."""
    (yielded,) = get_args(get_type_hints(of.run)["return"])
    kinds = get_args(yielded) if isinstance(yielded, UnionType) else (yielded,)
    return [kind for kind in kinds if kind not in ANYTHING and kind is not Any]


def test_each_has_a_view_or_is_a_line() -> None:
    for each in commands():
        for kind in row_types(each) if each.name not in ELSEWHERE else []:
            name = f"{each.run.__module__.rpartition('.')[2]}.{kind.__name__}"
            own = kind in tables_of(each) and view_of(kind) is not view_of_fields  # which fits, whatever the fields
            assert name in SAMPLES or not own, f"{name}: its view has no sample here"
            assert (name in LINES) != (kind in tables_of(each)), f"{name}: it has a view, or is one of LINES"


class Kept(Printer):
    """Keeps the rows that have views."""

    def __init__(self) -> None:
        super().__init__("rich", io.StringIO(), io.StringIO())
        self.rows: list[tuple[Command, Any]] = []

    def row(self, command: Command, row: Any, *, host: str, job: int | None = None) -> None:
        if type(row) in tables_of(command):
            self.rows.append((command, row))


def rows_of(line: str) -> list[tuple[Command, Any]]:
    """The rows of the last command of a line, in the lab `home`."""
    printer = Kept()
    session = Session(Lab(), printer)
    home.build(session)
    *before, last = line.split("; ")
    session.run("; ".join(before))
    printer.rows.clear()
    try:
        assert session.run(last) == 0, printer.err.getvalue()  # type: ignore[attr-defined]
    finally:
        session.end_jobs()
        end(session.lab)
    return printer.rows


def drawn(rows: list[tuple[Command, Any]], width: int, term: str) -> str:
    """Rows in the rich format."""
    out = io.StringIO()
    printer = Printer("rich", out, io.StringIO(), width=width, environ={"TERM": term})
    for whose, row in rows:
        printer.row(whose, row, host="me")
    printer.end(rows[0][0])
    return out.getvalue()


@pytest.mark.parametrize("name", SAMPLES)
def test_a_view_fits_and_is_ascii_where_it_must_be(name: str, tmp_path: Any) -> None:
    rows = rows_of(SAMPLES[name].format(tmp=tmp_path))
    assert any(type(row).__name__ == name.partition(".")[2] for _, row in rows)
    for width in (40, 80, 120):
        text = drawn(rows, width, "xterm")
        assert max(map(len, text.splitlines())) <= width
        assert "\t" not in text
        plain = drawn(rows, width, "dumb")
        assert plain.isascii()
        assert [len(line) for line in plain.splitlines()] == [len(line) for line in text.splitlines()]
