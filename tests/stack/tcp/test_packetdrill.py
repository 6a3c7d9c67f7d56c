"""The runner itself: what is not as a script says does not go unnoticed, and is told so that one sees why."""

from __future__ import annotations

import pytest

from tests.stack.tcp.notation import pack_options, parse, pattern
from tests.stack.tcp.packetdrill import Drill, Violation

OPEN = """
0.000 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
"""
ESTABLISHED = OPEN + """
+0 > S. 0:0(0) ack 1 <mss 1460>
+0 < . 1:1(0) ack 1 win 32792
+0 accept(3, ..., ...) = 4
"""


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        (OPEN, "nothing says that this comes out"),
        (OPEN + "+0 > S. 0:0(0) ack 2 <mss 1460>", "this came instead"),
        (OPEN + "+0 > S. 0:0(0) ack 1", "this came instead"),
        (OPEN + "+0 > S. 0:0(0) ack 1 win 1 <...>", "this came instead"),
        (OPEN + "+.5 > S. 0:0(0) ack 1 <...>", "it should have come at 0.500"),
        (OPEN + "+0 > S. 0:0(0) ack 1 <...>\n+.5 > S. 0:0(0) ack 1 <...>", "nothing came out"),
        (ESTABLISHED + "+0 write(4, ..., 10) = 20", "it was 10"),
        (ESTABLISHED + "+0 read(4, ..., 10) = 10", "it was -1 EAGAIN"),
        (ESTABLISHED + "+0...1 read(4, ..., 10) = 10", "it still waits"),
        (ESTABLISHED + "+0...1 read(4, ..., 9) = 9\n+.5 < . 1:10(9) ack 1 win 9\n+.2 > . 1:1(0) ack 10", "at 0.500"),
        (ESTABLISHED + "+0 %{ assert snd_wnd == 7 }%", "snd_wnd is 32792"),
        (ESTABLISHED + "+0 getsockopt(4, SOL_SOCKET, SO_ERROR, [EPIPE], [4]) = 0", "the option is 0"),
    ],
)
def test_the_runner_notices(script: str, complaint: str) -> None:
    with pytest.raises(Violation) as caught:
        Drill(script).run()
    story = str(caught.value)
    assert complaint in story
    assert sum(line.startswith(">>") for line in story.splitlines()) == 1


def test_a_violation_tells_the_story() -> None:
    script = OPEN + "+0 > S. 0:0(0) ack 1 <mss 1460>\n+.25 < . 1:1(0) ack 1 win 1\n+0 accept(3, ..., ...) = 5"
    with pytest.raises(Violation) as caught:
        Drill(script, "story.pkt").run()
    assert str(caught.value).splitlines() == [
        "story.pkt: at 0.250: it was 4",
        "       0.000  socket(..., SOCK_STREAM, IPPROTO_TCP) = 3",
        "       0.000  bind(3, ..., ...) = 0",
        "       0.000  listen(3, 1) = 0",
        "       0.000  < S 0:0(0) win 32792 <mss 1000>",
        "       0.000  > S. 0:0(0) ack 1 <mss 1460>",
        "       0.250  < . 1:1(0) ack 1 win 1",
        ">>     0.250  accept(3, ..., ...) = 5",
    ]


@pytest.mark.parametrize("line", ["socket() = 3", "later close(3) = 0", "+ close(3) = 0"])
def test_a_line_that_is_no_event(line: str) -> None:
    with pytest.raises(ValueError, match="line 2 is no event"):
        parse(f"// a comment\n{line}\n")


def test_pattern_and_options() -> None:
    whole = pattern(0, 3000)
    assert len(whole) == 3000
    assert pattern(777, 1001) == whole[777:1778]
    assert pack_options("mss 1460,nop,wscale 7,sackOK,hex fe02") == bytes.fromhex("020405b4 01 030307 0402 fe02")
