"""watch and --live without a terminal: blocks of lines, at the lab's times, what is new marked."""

from __future__ import annotations

import io
import json

import pytest

from netsh import home
from netsh.render.palette import DARK
from netsh.render.panel import Panel, Sight
from netsh.render.printer import Printer
from netsh.session import Session
from stack.lab import Lab


def said(line: str, format: str = "text") -> tuple[str, str, int]:
    """What a line prints to stdout and stderr in the lab `home`, and its status."""
    out, err = io.StringIO(), io.StringIO()
    session = Session(Lab(), Printer(format, out, err, width=80))
    home.build(session)
    status = session.run(line)
    session.end_jobs()
    return out.getvalue(), err.getvalue(), status


BLOCKS = """\
every 1s: arp -an | sort  me  0.000 s
  ? (10.0.0.2) at b2:a0:8f:27:9c:2b on shmif0 permanent

every 1s: arp -an | sort  me  1.000 s
> ? (10.0.0.1) at b2:a0:24:97:20:e3 on shmif0
> ? (10.0.0.2) at b2:a0:8f:27:9c:2b on shmif0 permanent

every 1s: arp -an | sort  me  2.000 s
  ? (10.0.0.1) at b2:a0:24:97:20:e3 on shmif0
  ? (10.0.0.2) at b2:a0:8f:27:9c:2b on shmif0 permanent

"""


def test_what_is_new_is_marked() -> None:
    out, err, status = said("sleep 0.5 && ping -qc 1 gw > /dev/null & watch -c 3 'arp -an | sort'")
    assert out == BLOCKS
    assert (err, status) == ("", 0)


def test_it_ends_when_nobody_wants_more() -> None:
    out, err, status = said("watch -n 5 clock | head -3")
    assert out.startswith("every 5s: clock  me  0.000 s\n  clock fast") and out.count("\n") == 3
    assert (err, status) == ("", 0)


def test_live_is_a_watch_of_what_draws_tables_on_the_host_that_is_named() -> None:
    out, _, _ = said("gw route show --live | head -5")
    assert out.splitlines()[0] == "every 200ms: route show  gw  0.000 s"
    assert said("echo --live") == ("--live\n", "", 0)
    assert said("hostname --live")[2] == 2


def test_variables_functions_and_the_host_are_those_outside() -> None:
    out, _, _ = said("x=7; f() { hostname; }; host gw; watch -c 1 'echo $x; f'; hostname")
    assert out.splitlines() == ["every 1s: echo $x; f  gw  0.000 s", "  7", "  gw", "", "gw"]


def test_json() -> None:
    out, _, _ = said("watch -c 2 -n 500ms hostname", "json")
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["type"], row["time"], row["lines"], row["changed"]) for row in rows] == [
        ("frame", 0.0, ["me"], []), ("frame", 0.5, ["me"], [])
    ]  # fmt: skip


def test_it_ends_with_its_host() -> None:
    out, err, status = said("sleep 1.5 && host -d me & watch 'hostname'")
    assert out.count("  me") == 4 and (err, status) == ("watch: ended with its host: me was removed\n", 1)


def test_what_fails_inside_is_seen_inside() -> None:
    out, err, status = said("watch -c 1 nosuch; watch -c 1 'ping -c'")
    assert "  netsh: nosuch: unknown command" in out and "  ping: option requires an argument -- c" in out
    assert (err, status) == ("", 0)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("watch", "watch: a command is missing"),
        ("watch -n", "watch: option requires an argument -- n"),
        ("watch -n x lab", "watch: x: not a number with a unit, such as 10ms"),
        ("watch -n 0 lab", "watch: 0: less than a millisecond"),
        ("watch -c 0 lab", "watch: 0: the count is between 1"),
        ("watch -z lab", "watch: unknown option -- z"),
    ],
)
def test_wrong_words(line: str, complaint: str) -> None:
    _, err, status = said(line)
    assert err.startswith(complaint) and err.count("\n") == 1
    assert status == 2


class Glass(io.StringIO):
    """A terminal of which the strokes are counted."""

    def isatty(self) -> bool:
        return True


def test_only_cells_that_differ_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("netsh.render.panel._FASTEST", 0.0)
    glass = Glass()
    panel = Panel(glass, lambda: (80, 24), DARK, colour=True, plain=False)
    lines = [f"\x1b[36mline\x1b[0m {at} of many" for at in range(20)]
    panel.show(Sight("t", "1", tuple(lines)))
    glass.truncate(0)
    glass.seek(0)
    panel.show(Sight("t", "1", tuple(lines)))
    assert glass.getvalue() == ""
    lines[7] = "\x1b[36mline\x1b[0m 8 of many"
    panel.show(Sight("t", "2", tuple(lines)))
    assert glass.getvalue() == "\x1b[1;80H\x1b[0;2m2\x1b[9;6H\x1b[0;7m8\x1b[0m"


def test_pictures_that_come_too_soon_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    glass = Glass()
    panel = Panel(glass, lambda: (80, 24), DARK, colour=False, plain=True)
    for at in range(1000):
        panel.show(Sight("t", str(at), ("─",)))
    assert "─" not in glass.getvalue()
    assert len(glass.getvalue()) < 5000
    panel.close()
    assert glass.getvalue().endswith("\x1b[?25h\x1b[?1049l\r")


def test_nothing_in_a_line_steers_the_terminal() -> None:
    glass = Glass()
    panel = Panel(glass, lambda: (80, 24), DARK, colour=True, plain=False)
    panel.show(Sight("\x1b[5m", "", ("a\x1b[2Jb\x07", "漢字 wide")))
    assert "\x1b[2Jb" not in glass.getvalue() and "\x07" not in glass.getvalue() and "\x1b[5m" not in glass.getvalue()
    assert [cell[0] for cell in panel.shown[2][:5]] == ["漢", "", "字", "", " "]
