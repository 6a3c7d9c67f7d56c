"""source: scripts, and the stack's own source as a text book; help drop, which leads there."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from commands._reasons import WHY
from netsh import home, textbook
from netsh.deaths import ROOT, deaths
from stack.lab import Lab
from tests.netsh.toys import Toys


@pytest.fixture
def session() -> Toys:
    made = Toys(Lab())
    home.build(made)
    return made


# --- functions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "function"),
    [
        ("tcp_input", "TcpInput.input  (tcp_input)"),
        ("ip_input", "Ip.input  (ip_input)"),
        ("Ip.input", "Ip.input  (ip_input)"),
        ("IP_INPUT", "Ip.input  (ip_input)"),
        ("ip_output", "IpOutput.output  (ip_output)"),
        ("arpresolve", "Neighbors.resolve  (nd_resolve, arpresolve)"),
        ("if_attach", "Host._attach  (if_attach)"),
        ("tcp_output", "tcp_output"),
        ("Tcp.reset", "TcpSegments.reset"),  # what it is made of
        ("segment_arrives", "TcpSegments.segment_arrives"),
        ("Tcpcb", "Tcpcb"),
        ("tcpcb", "Tcpcb"),
        ("mbuf", "Mbuf"),
        ("drop", "Protocol.drop"),
    ],
)
def test_a_function_by_any_of_its_names(word: str, function: str, session: Toys) -> None:
    assert session.run(f"source {word}") == 0, session.err
    heads = [line.partition("  ")[2] for line in session.out.splitlines() if line.startswith("stack/")]
    assert function in heads


def test_a_listing_is_the_file(session: Toys) -> None:
    assert session.run("source ip_forward") == 0
    head, about, blank, *lines = session.out.splitlines()
    found = re.fullmatch(r"(stack/\S+):(\d+)  Ip\.forward  \(ip_forward\)", head)
    assert found is not None
    assert "BSD netinet/ip_input.c; RFC 791" in about
    assert blank == ""
    text = Path(ROOT, found[1]).read_text().splitlines()
    first = int(found[2])
    assert lines == [f" {number:>5}  {text[number - 1]}".rstrip() for number in range(first, first + len(lines))]
    assert "def forward(" in lines[0]
    assert text[first + len(lines) - 1] == ""  # all of it


def test_several_of_one_name_are_shown_one_after_the_other(session: Toys) -> None:
    assert session.run("source bridge_output") == 0
    heads = [line.split()[1] for line in session.out.splitlines() if line.startswith("stack/")]
    assert heads == ["Member.output", "Bridge.output_frame"] or heads == ["BridgePort.output", "Bridge.output_frame"]


def test_a_line_of_a_file_is_marked(session: Toys) -> None:
    place = textbook.index().find("ip_forward")[0]
    for word in (f"ip_input.py:{place.line + 2}", f"stack/netinet/ip_input.py:{place.line + 2}"):
        session = Toys(Lab())
        assert session.run(f"source {word}") == 0, session.err
        assert [line.split()[1] for line in session.out.splitlines() if line.startswith(">")] == [str(place.line + 2)]


def test_a_listing_as_json(session: Toys) -> None:
    assert session.run("source drop ip/ttl | json") == 0
    head, *lines = [json.loads(line) for line in session.out.splitlines()]
    assert (head["type"], head["function"], head["bsd"]) == ("listing", "Ip.forward", ["ip_forward"])
    assert [line["number"] for line in lines] == list(range(head["first"], head["last"] + 1))
    assert ['drop("ttl", m)' in line["text"] for line in lines] == [line["marked"] for line in lines]


@pytest.mark.parametrize(
    ("words", "complaint", "status"),
    [
        ("tcp_imput", "no such file, and no such function in the stack (did you mean tcp_input?)", 1),
        ("qqqqqq", "no such file, and no such function in the stack (a file's name has a / or ends in .netsh)", 1),
        ("Ip.inputt", "no such file, and no such function in the stack (did you mean Ip.input?)", 1),
        ("''", "no such file, and no such function in the stack (a file's name has a / or ends in .netsh)", 1),
        (".", "Is a directory", 1),
        ("missing.netsh", "No such file or directory", 1),
        ("ip_input.py:0", "nothing stands there", 1),
        ("ip_input.py:999999", "nothing stands there", 1),
        ("nope.py:3", "no such file, and no such function in the stack", 1),
        ("tcp_input ip_input", "no such file; and of functions only one is wanted", 2),
    ],
)
def test_what_is_not_there(words: str, complaint: str, status: int, session: Toys) -> None:
    assert session.run(f"source {words}") == status
    assert session.out == ""
    (line,) = session.err.splitlines()
    assert line.startswith("source: ")
    assert complaint in line


def test_too_many_of_one_name(session: Toys) -> None:
    assert session.run("source input") == 1
    assert re.fullmatch(r"source: input: there are \d+ such; say which: Arp\.input, .* \.\.\.\n", session.err)


def test_a_file_of_that_name_is_a_script(session: Toys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("tcp_input", "drop", "x.netsh", "ip_input.py:252"):
        (tmp_path / name).write_text("say $0 $1\n")
        assert session.run(f"source {name} word") == 0
    assert session.out == "".join(
        f"me: {name}\nme: word\n" for name in ("tcp_input", "drop", "x.netsh", "ip_input.py:252")
    )


def test_bsd_names_are_marked_on_what_they_name() -> None:
    index = textbook.index()
    assert len(index.bsd) > 100
    for name, places in index.bsd.items():
        for place in places:
            page = textbook.page(place.path, place.line)
            assert page is not None
            assert (page.name, name in page.bsd) == (place.name, True)


# --- where packets die -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("protocol", "reason"), sorted({(death.protocol, death.reason) for death in deaths()}))
def test_every_drop_can_be_looked_up(protocol: str, reason: str) -> None:
    lines = [(death.path, death.line) for death in deaths() if (death.protocol, death.reason) == (protocol, reason)]
    pages = textbook.pages_of(lines)
    assert sum(len(marked) for _, marked in pages) == len(lines)
    for page, marked in pages:
        assert all(f'"{reason}"' in page.lines[line - page.first] for line in marked)


def test_source_drop_marks_the_lines(session: Toys) -> None:
    assert session.run("source drop ip toosmall") == 0
    marked = [line for line in session.out.splitlines() if line.startswith(">")]
    assert [line[6:].strip() for line in marked] == ['return self._bad("toosmall", m)']


def test_a_reason_outside_of_functions(session: Toys) -> None:
    assert session.run("source drop tapdown") == 0
    assert [line for line in session.out.splitlines() if line.startswith(">") and '_Refusal("tapdown"' in line]


# --- help drop ---------------------------------------------------------------------------------------------------


def test_help_drop_lists_them_all(session: Toys) -> None:
    assert session.run("help drop") == 0
    listed = [line.split()[0] for line in session.out.splitlines() if line.startswith("  ")]
    assert listed == [f"{protocol}/{reason}" for protocol, known in WHY.items() for reason in known]


def test_help_drop_of_a_protocol(session: Toys) -> None:
    assert session.run("help drop vlan") == 0
    assert [line.split()[0] for line in session.out.splitlines()[:3]] == ["vlan/ifdown", "vlan/novlan", "vlan/tooshort"]


TTL0 = """\
ip/ttl0: multicast with a time to live of 0 does not leave the host
  cause  A program asked for that with IP_MULTICAST_TTL; its copy for this
         host was delivered.
  cure   Nothing, or set a TTL of 1 and more.
  see    RFC 1122 3.2.1.7; RFC 1112 6.1
  BSD    netinet/ip_output.c
  code   'source drop ip/ttl0' shows where
"""


@pytest.mark.parametrize("words", ["ttl0", "ip/ttl0", "ip ttl0"])
def test_help_drop_explains_one(words: str, session: Toys) -> None:
    assert session.run(f"help drop {words}") == 0
    assert session.out == TTL0


def test_a_name_that_several_protocols_have(session: Toys) -> None:
    assert session.run("help drop badsum | json") == 0
    rows = [json.loads(line) for line in session.out.splitlines()]
    assert [row["protocol"] for row in rows] == ["ip", "udp"]
    assert all(row["type"] == "explanation" and row["cause"] and row["cure"] and row["rfc"] for row in rows)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("badsun", "badsun: no such drop (did you mean badsum?)"),
        ("ip/ttk", "ip/ttk: no such drop (did you mean ip/ttl?)"),
        ("tcp/ttl", "tcp/ttl: no such drop; 'help drop' lists them"),
        ("''", ": no such drop; 'help drop' lists them"),
        ("ip ttl more", "ip/ttl/more: no such drop"),
    ],
)
def test_a_drop_that_there_is_not(words: str, complaint: str, session: Toys) -> None:
    for command in ("help", "source"):
        assert session.run(f"{command} drop {words}") == 1
    assert [line.partition(": ")[2].startswith(complaint) for line in session.err.splitlines()] == [True, True]
    assert session.out == ""


# --- nothing of this costs anything before it is used -------------------------------------------------------------


def test_the_shell_starts_without_it() -> None:
    program = "import sys, netsh.prompt.repl, netsh.local, netsh.prompt.candidates; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = done.stdout.split()
    assert "netsh.prompt.candidates" in loaded
    assert not {"commands._why_ip", "netsh.textbook", "netsh.deaths", "pygments"} & set(loaded)
