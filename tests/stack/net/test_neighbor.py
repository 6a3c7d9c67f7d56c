"""The neighbour machine (stack/net/neighbor.py), held to its table: one test a row, by way of ARP on a real bus.

from        event                      to          action
----------  -------------------------  ----------  ------------------------------------
(none)      packet                     INCOMPLETE  broadcast request; the packet waits
(none)      request for us             STALE       answer
(none)      request for another        (none)
(none)      unsolicited reply          REACHABLE
INCOMPLETE  packet                     INCOMPLETE  it waits too
INCOMPLETE  reply                      REACHABLE   what waits goes out
INCOMPLETE  request for us             STALE       answer; what waits goes out
INCOMPLETE  retransmission time        INCOMPLETE  broadcast request
INCOMPLETE  third time in vain         WAITDELETE  what waits dies
WAITDELETE  packet                     WAITDELETE  EHOSTDOWN
WAITDELETE  request for us             STALE       answer
WAITDELETE  down time                  (none)
REACHABLE   packet                     REACHABLE   sent
REACHABLE   reply                      REACHABLE
REACHABLE   request, same MAC          REACHABLE   answer
REACHABLE   request, other MAC         STALE       answer
REACHABLE   announcement, other MAC    STALE
REACHABLE   reachable time             STALE
STALE       packet                     DELAY       sent
STALE       reply                      REACHABLE
STALE       keep time                  (none)
DELAY       packet                     DELAY       sent
DELAY       reply                      REACHABLE
DELAY       delay time                 PROBE       unicast request
PROBE       packet                     PROBE       sent
PROBE       reply                      REACHABLE
PROBE       retransmission time        PROBE       unicast request
PROBE       third time in vain         (none)
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable

import pytest

from stack.addr import ETHER_BROADCAST, Mac
from stack.header.arp import ARPOP_REPLY, ARPOP_REQUEST
from stack.lab import Lab
from stack.net.neighbor import ND_STATE_NAMES, Neighbors
from tests.stack.labs import Station, Watch, arptab, attach, hardware, ip4, settle, udp, wait

_OTHER = Mac(b"\x02\0\0\0\0\x99")
_SECOND = 1.0  # nd_retrans


class Machine:
    """One host `a` (10.0.0.1) and a station that may be its neighbour 10.0.0.9."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.a = self.lab.add_host("a")
        self.ifp = attach(self.lab, self.a, "lan", "10.0.0.1")
        self.station = Station(self.lab, "lan", 9, "10.0.0.9", sees_all=True)
        settle(self.lab)
        self.station.take()
        self.watch = Watch(self.lab)
        self.so = udp(self.a, 5)
        self.error = 0

    @property
    def table(self) -> Neighbors:
        return arptab(self.ifp)

    @property
    def state(self) -> str:
        entry = self.table.entries.get(self.station.address)
        return ND_STATE_NAMES[entry.state] if entry is not None else "(none)"

    # --- events ---------------------------------------------------------------------------------

    def packet(self) -> None:
        try:
            self.so.sendto(b"x", (self.station.address, 9))
        except OSError as error:
            self.error = error.errno or 0
        settle(self.lab)

    def request_for_us(self, sha: Mac | None = None) -> None:
        self.station.arp(ARPOP_REQUEST, "10.0.0.1", sha=sha)
        settle(self.lab)

    def request_for_another(self) -> None:
        self.station.arp(ARPOP_REQUEST, "10.0.0.77")
        settle(self.lab)

    def request_other_mac(self) -> None:
        self.request_for_us(_OTHER)

    def announcement(self) -> None:
        self.station.arp(ARPOP_REQUEST, "10.0.0.9", sha=_OTHER)
        settle(self.lab)

    def reply(self) -> None:
        self.station.arp(ARPOP_REPLY, "10.0.0.1", to=self.ifp)
        settle(self.lab)

    def time(self, seconds: float) -> Callable[[], None]:
        return lambda: wait(self.lab, seconds)

    # --- into a state -----------------------------------------------------------------------------

    def enter(self, state: str) -> None:
        """Go to a state by the shortest way, then forget how."""
        steps: dict[str, tuple[Callable[[], None], ...]] = {
            "(none)": (),
            "INCOMPLETE": (self.packet,),
            "WAITDELETE": (self.packet, self.time(3 * _SECOND)),
            "REACHABLE": (self.reply,),
            "STALE": (self.request_for_us,),
            "DELAY": (self.request_for_us, self.packet),
            "PROBE": (self.request_for_us, self.packet, self.time(5.0)),
        }
        for step in steps[state]:
            step()
        assert self.state == state
        self.forget()

    def forget(self) -> None:
        self.station.take()
        self.watch.reasons()
        self.error = 0

    # --- what was done ------------------------------------------------------------------------------

    def actions(self) -> str:
        """What the host did, in the words of the table."""
        done = []
        heard = self.station.take()
        for frame in heard:
            if frame.ether.type != 0x0806:
                continue
            if frame.arp.op == ARPOP_REPLY:
                done.append("answer")
            else:
                done.append("broadcast request" if frame.ether.dst == ETHER_BROADCAST else "unicast request")
        packets = sum(frame.ether.type == 0x0800 for frame in heard)
        entry = self.table.entries.get(self.station.address)
        waiting = len(entry.hold) if entry is not None and entry.hold else 0
        if packets:
            done.append("sent" if self.event == "packet" else "what waits goes out")
        if self.event == "packet" and waiting:
            done.append("the packet waits" if waiting == 1 else "it waits too")
        done += ["what waits dies" for reason in self.watch.reasons() if reason == "dfrdropped"]
        if self.error == errno.EHOSTDOWN:
            done.append("EHOSTDOWN")
        return "; ".join(done)

    def happen(self, event: str) -> None:
        """Let an event of the table happen."""
        self.event = event
        now = self.lab.callouts.now
        entry = self.table.entries.get(self.station.address)
        due = entry.timer.due - now if entry is not None and entry.timer is not None else 0.0
        events: dict[str, Callable[[], None]] = {
            "packet": self.packet,
            "request for us": self.request_for_us,
            "request for another": self.request_for_another,
            "unsolicited reply": self.reply,
            "reply": self.reply,
            "request, same MAC": self.request_for_us,
            "request, other MAC": self.request_other_mac,
            "announcement, other MAC": self.announcement,
            "third time in vain": self.time(3 * _SECOND),
        }
        seconds = {
            "retransmission time": _SECOND,
            "down time": self.a.arp.down,
            "reachable time": self.a.arp.nd_reachable / 1000,
            "keep time": self.a.arp.keep,
            "delay time": self.a.arp.nd_delay,
        }
        if event in seconds:
            assert due == pytest.approx(seconds[event])
            self.time(due * 0.999)()
            assert self.actions() == ""  # not before
            self.time(due * 0.002)()
        else:
            events[event]()


ROWS = [
    tuple(re.split(r"\s{2,}", line))
    for line in (__doc__ or "").splitlines()[4:]
    if line
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}, {row[1]}")
def test_row(row: tuple[str, ...]) -> None:
    machine = Machine()
    machine.enter(row[0])
    machine.happen(row[1])
    actions = machine.actions()
    if row[1] == "third time in vain":  # the requests of the other times are in it
        actions = "; ".join(action for action in actions.split("; ") if "request" not in action)
    assert (machine.state, actions) == (row[2], row[3] if len(row) > 3 else "")


def test_every_state_has_its_rows() -> None:
    assert {row[0] for row in ROWS} | {row[2] for row in ROWS} == {"(none)", *ND_STATE_NAMES}


# --- what the table does not say ------------------------------------------------------------------


def test_questions_are_a_second_apart_and_three() -> None:
    machine = Machine()
    begin = machine.lab.callouts.now
    machine.packet()
    wait(machine.lab, 10)
    heard = machine.station.arps()
    assert [frame.time - begin for frame in heard] == pytest.approx([0, 1, 2])
    assert all(frame.arp.spa == ip4("10.0.0.1") and frame.arp.tpa == ip4("10.0.0.9") for frame in heard)


def test_probes_go_to_the_neighbour_alone() -> None:
    machine = Machine()
    machine.enter("DELAY")
    wait(machine.lab, 20)
    heard = machine.station.arps()
    assert [frame.ether.dst for frame in heard] == [machine.station.lladdr] * 3
    assert machine.state == "(none)"


def test_packets_wait_in_order_and_the_latest_are_kept() -> None:
    machine = Machine()
    limit = machine.a.arp.nd_maxqueuelen
    for number in range(limit + 3):
        machine.so.sendto(b"%d" % number, (machine.station.address, 9))
    assert machine.watch.reasons() == ["dfrdropped"] * 3
    machine.reply()
    bodies = [frame.body[8:] for frame in machine.station.packets()]
    assert bodies == [b"%d" % number for number in range(3, limit + 3)]
    stat = machine.a.arp.stat
    assert (stat["dfrtotal"], stat["dfrsent"], stat["dfrdropped"]) == (limit + 3, limit, 3)


def test_a_timer_runs_only_while_there_is_something_to_wait_for() -> None:
    machine = Machine()
    machine.reply()
    wait(machine.lab, 2000)  # REACHABLE, STALE, forgotten
    assert machine.state == "(none)"
    assert machine.lab.callouts.next_due() is None


def test_numbers_are_sysctls() -> None:
    machine = Machine()
    for name, value in (("nd_bmaxtries", 5), ("nd_retrans", 200), ("down", 7)):
        machine.a.sysctl.set(f"net.inet.arp.{name}", str(value))
    machine.packet()
    wait(machine.lab, 0.95)
    assert (len(machine.station.arps()), machine.state) == (5, "INCOMPLETE")
    wait(machine.lab, 0.1)
    assert machine.state == "WAITDELETE"
    wait(machine.lab, 7)
    assert machine.state == "(none)"


# --- entries made by hand ---------------------------------------------------------------------------


def test_a_static_entry_stays_and_nobody_changes_it() -> None:
    machine = Machine()
    machine.station.known(machine.ifp)
    machine.request_other_mac()
    assert machine.watch.reasons() == ["rcvoverperm"]
    wait(machine.lab, 5000)
    machine.packet()
    assert [frame.ether.dst for frame in machine.station.packets()] == [machine.station.lladdr]
    assert machine.state == "REACHABLE"


def test_a_static_entry_lets_go_what_waits() -> None:
    machine = Machine()
    machine.enter("INCOMPLETE")
    machine.station.known(machine.ifp)
    settle(machine.lab)
    assert len(machine.station.packets()) == 1
    assert machine.watch.reasons() == []


def test_a_temporary_entry_expires() -> None:
    machine = Machine()
    machine.table.set_static(machine.station.address, machine.station.mac, 0, 60)
    wait(machine.lab, 59)
    assert machine.state == "STALE"
    wait(machine.lab, 2)
    assert machine.state == "(none)"


def test_forgetting_lets_what_waits_die() -> None:
    machine = Machine()
    machine.enter("INCOMPLETE")
    machine.table.forget(machine.station.address)
    assert machine.watch.reasons() == ["dfrdropped"]
    wait(machine.lab, 30)
    assert machine.station.take() == []  # no timer was left behind


def test_flush_spares_what_is_permanent_if_it_should() -> None:
    machine = Machine()
    machine.station.known(machine.ifp)
    machine.table.set_static(ip4("10.0.0.8"), _OTHER, 0)
    machine.table.flush(static=False)
    assert set(machine.table.entries) == {machine.station.address}
    machine.table.flush()
    assert not machine.table.entries


def test_a_new_address_of_our_own_is_announced_and_stands_in_every_frame() -> None:
    machine = Machine()
    machine.enter("REACHABLE")
    machine.ifp.set_lladdr(_OTHER)
    machine.packet()
    heard = machine.station.take()
    assert [frame.ether.src for frame in heard] == [_OTHER, _OTHER]
    assert (heard[0].arp.spa, heard[0].arp.tpa) == (ip4("10.0.0.1"), ip4("10.0.0.1"))


def test_neighbours_of_a_net_that_is_gone_are_forgotten() -> None:
    machine = Machine()
    machine.enter("REACHABLE")
    machine.a.set_address(machine.ifp, ip4("10.0.1.1"), 24, alias=True, dad=False)
    machine.a.delete_address(machine.ifp, ip4("10.0.0.1"))
    assert machine.state == "(none)"


def test_an_interface_that_has_no_address_yet_asks_nobody() -> None:
    """A request from 0.0.0.0 would be a probe, and its target would think itself a duplicate."""
    machine = Machine()
    machine.a.delete_address(machine.ifp, ip4("10.0.0.1"))
    machine.a.set_address(machine.ifp, ip4("10.0.0.1"), 24)  # tentative
    settle(machine.lab)
    machine.forget()
    machine.table.domain.nd_output(machine.ifp, machine.station.address, None)
    assert machine.station.take() == []


def test_hardware_is_read_from_the_interface() -> None:
    machine = Machine()
    machine.packet()
    assert machine.station.take()[0].ether.src == hardware(machine.ifp)
