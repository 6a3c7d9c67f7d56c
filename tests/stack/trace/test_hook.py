"""The hook: listeners hear of the functions that they asked for, and none is left behind."""

from __future__ import annotations

import cProfile
import errno
import inspect
import re
import sys
from collections.abc import Iterator
from types import FrameType

import pytest

from stack.dev.doors import DOORS
from stack.kern.socket import SOCK_DGRAM
from stack.lab import Lab
from stack.netinet.ip_input import Ip
from stack.netinet.ip_output import IpOutput
from stack.trace.door import Door, host_of, packet_of
from stack.trace.doors import find
from stack.trace.hook import Away, hook


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    assert sys.getprofile() is None
    yield
    assert sys.getprofile() is None


def two_hosts() -> Lab:
    lab = Lab()
    lab.link(lab.add_host("a"), lab.add_host("b"))
    for host in lab.hosts.values():
        host.interfaces["shmif0"].up()
    return lab


def send(lab: Lab) -> None:
    so = lab["a"].socket(SOCK_DGRAM)
    so.sendto(b"hello", (lab.resolve("b", lab["a"]), 9))
    lab.run(lab.callouts.now + 1)
    so.close()


def test_listeners_hear_in_turn_of_what_they_asked_for() -> None:
    lab, heard = two_hosts(), list[str]()

    def entered(frame: FrameType) -> None:
        m = packet_of(frame)
        heard.append(f"1 {host_of(frame)} {m.len if m else '-'}")

    def again(frame: FrameType) -> None:
        heard.append(f"2 {host_of(frame)}")

    def left(frame: FrameType, value: object) -> None:
        heard.append(f"left {value}")

    one, other = hook(), hook()
    one.listen(Ip.input.__code__, entered)
    other = hook()
    assert other is one
    other.listen(Ip.input.__code__, again)
    other.listen(IpOutput.output.__code__, leave=left)
    send(lab)
    # the datagram, and the answer that nobody listens
    assert heard == ["left 0", "1 b 33", "2 b", "left 0", "1 a 56", "2 a"]
    one.ignore(Ip.input.__code__, entered)
    heard.clear()
    send(lab)
    assert heard == ["left 0", "2 b", "left 0", "2 a"]
    other.ignore(Ip.input.__code__, again)
    other.ignore(Ip.input.__code__, again)  # twice is harmless
    other.ignore(IpOutput.output.__code__, leave=left)


def test_what_a_listener_calls_is_not_heard() -> None:
    lab, heard = two_hosts(), list[str]()

    def entered(frame: FrameType) -> None:
        heard.append(host_of(frame))
        lab["a"].routes.lookup(1)

    ours = hook()
    ours.listen(IpOutput.output.__code__, entered)
    ours.listen(find("rtalloc1")[0].code, lambda frame: heard.append("lookup"))
    lab["a"].routes.lookup(1)
    assert heard == ["lookup"]
    send(lab)
    assert heard.count("a") == 1
    for code in list(ours.entered):
        for each in ours.entered[code]:
            ours.ignore(code, each)


def test_a_profiler_at_work_is_left_alone() -> None:
    profiler = cProfile.Profile()
    profiler.enable()
    try:
        with pytest.raises(OSError) as error:
            hook()
    finally:
        profiler.disable()
    assert error.value.errno == errno.EBUSY


def test_doors_have_names_that_source_knows() -> None:
    assert [door.name for door in find("ip_forward")] == ["Ip.forward"]
    assert find("Ip.forward") == find("ip_forward")
    assert find("nothing") == []
    assert all(door.place[0].startswith("stack/") and door.place[1] > 1 for door in DOORS.values())
    assert find("ip_forward")[0].rfc == "RFC 1812 5.2" and find("ip_forward")[0].file == "netinet/ip_input.c"


def test_the_hook_is_away_from_what_is_no_stack() -> None:
    ours, heard = hook(), list[str]()
    code = IpOutput.output.__code__

    def entered(frame: FrameType) -> None:
        heard.append(host_of(frame))

    ours.listen(code, entered)
    lab, away = two_hosts(), Away()
    with away:
        assert sys.getprofile() is None
        with Away():  # within another
            send(lab)
        assert heard == []
        with away.back():
            send(lab)
        assert heard == ["a", "b"]
        assert sys.getprofile() is None
    assert sys.getprofile() is ours.profile
    with away, away.back():
        ours.ignore(code, entered)  # nobody listens any more
    assert sys.getprofile() is None
    with away, away.back():
        hook().listen(code, entered)  # or somebody begins to
    assert sys.getprofile() is not None
    hook().ignore(code, entered)


@pytest.mark.parametrize("door", DOORS.values(), ids=lambda door: door.name)
def test_what_is_read_at_a_door_is_there(door: Door) -> None:
    """A function of the stack that is changed, and has other arguments now, is noticed here."""
    wanted = set(re.findall(r'f_locals\["(\w+)"\]', inspect.getsource(door.look) if door.look is not None else ""))
    arguments = set(door.code.co_varnames[: door.code.co_argcount])
    if {"seg", "data"} <= wanted:  # one of both
        wanted -= {"seg", "data"} - arguments
    assert wanted <= arguments
    if door.seen is not None:
        wanted = set(re.findall(r'f_locals\["(\w+)"\]', inspect.getsource(door.seen)))
        assert wanted <= set(door.code.co_varnames)
    assert door.tell, "it can be explained"
    assert door.file or "/wire.py" in door.place[0] or door.place[0] in _OURS


_OURS = ("stack/probe.py", "stack/netinet/datagram.py", "stack/netinet/tcp_recovery.py")
