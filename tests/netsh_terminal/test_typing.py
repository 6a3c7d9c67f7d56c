"""What helps while a line is typed, without a terminal: completion, abbreviations, wrong words, questions, carets."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.prompt.abbreviations import Ambiguous, whole
from netsh.prompt.candidates import candidates
from netsh.prompt.complete import Candidate
from netsh.prompt.history import History
from netsh.prompt.questions import answer, asks
from netsh.prompt.wrong import wrong_words
from netsh.render.pointer import Pointer
from netsh.session import Session
from tests.netsh.toys import Toys
from tests.netsh_terminal.completion_labs import LABS, Case, cases, offered

ROOT = Path(__file__).parent.parent.parent
WORDS = ["ping", "gw", "www", "route", "delete", "ifconfig", "shmif0", "for", "if", "{", "}", "|", "grep", ";",
"$(", ")", "'",
         '"', "\\", "-", "--", "tcpdump", "-i", "$name", "<", ">", "&", "&&", "#", "=", "10.0.0.1/24", "while",
         "!", "alias",
         "bus:lan", "%1", "\n", "http://", "ip/ttl", "\N{SNOWMAN}", "\0", "f()"]  # fmt: skip
TYPED = st.one_of(st.text(max_size=60), st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join))


@pytest.fixture(scope="module")
def sessions() -> dict[str, Session]:
    return {name: make() for name, make in LABS.items()}


@pytest.fixture(scope="module")
def crowd() -> Session:
    session = LABS["empty"]()
    session.run("chain 1000 > /dev/null; for i in 1..500 { host h$i }")
    return session


@pytest.mark.parametrize("case", list(cases()), ids=lambda case: f"{case.number}: {case.line}")
def test_completion(case: Case, sessions: dict[str, Session], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    found = offered(sessions[case.lab], case.line, case.cursor)
    if case.more:
        assert set(case.expected) <= set(found)
    else:
        assert found == case.expected


def test_the_table_is_long_enough() -> None:
    assert len(list(cases())) >= 200


@given(TYPED, st.integers(0, 80))
def test_no_text_and_cursor_raises(sessions: dict[str, Session], text: str, cursor: int) -> None:
    state = sessions["home"]
    assert all(len(found.text) > 0 and found.replaced <= len(text) for found in candidates(text, state, cursor))
    for start, end in wrong_words(text, state):
        assert 0 <= start < end <= len(text)
    asks(text[:cursor])
    Pointer(text, 4, 80).under("netsh", text)
    Pointer("ping www", 4, 80).under("ping", text)


@given(TYPED)
def test_no_line_ends_the_shell(text: str) -> None:
    session = Toys(interactive=True)
    for word in ("exit", "quit", "halt", "load", "save", "!", ">"):
        text = text.replace(word, "")
    proc = session.start(text)
    session.lab.callouts.advance(session.lab.callouts.now + 1.0, 3000)
    proc.signal(9)
    session.lab.callouts.advance(session.lab.callouts.now + 1.0, 3000)
    assert "internal error" not in session.err
    assert session.exiting is None
    session.end_jobs()


@pytest.mark.parametrize("line", ["ping h", "ping h99", "h500 p", "ping xq", "tcpdump -i h7", "for x in h", "",
"fetch ", "ping 10"])
def test_among_a_thousand_hosts_it_takes_no_time(line: str, crowd: Session) -> None:
    session = crowd
    list(candidates(line, session))
    best = 1.0
    for _ in range(5):
        began = time.perf_counter()
        list(candidates(line, session))
        best = min(best, time.perf_counter() - began)
    assert best < 0.05


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("ifc -a", "ifconfig -a"), ("rou sh", "route show"), ("gw rou sh -n", "gw route show -n"), ("rou", "route"),
        ("tracer www", "traceroute www"), ("ifc shmif0 do", "ifconfig shmif0 down"),
        ("bus lan de 1ms", "bus lan delay 1ms"),
        ("clock fa", "clock fast"), ("link a l", "link a l"), ("host p", "host p"),
        ("nosuch", "nosuch"), ("nr -f", "nr -f"), ("gw", "gw"), ("echo rou sh", "echo rou sh"),
        ("route sho", "route show"),
        ("route delete de", "route delete de"), ("tcpdump -c 3 ic", "tcpdump -c 3 ic"),
    ],
)  # fmt: skip
def test_abbreviations(typed: str, meant: str, sessions: dict[str, Session]) -> None:
    assert whole(typed.split(), sessions["home"]) == meant.split()


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("tcp", "tcp: is it tcpdrop, "), ("hal", "hal: halt must be typed whole"), ("route flu", "must be typed whole"),
        ("ifconfig shmif0 des", "des: destroy must be typed whole"),
        ("bus lan lo 3 d 4", "d: is it delay or duplicate?"),
    ],
)  # fmt: skip
def test_abbreviations_that_are_none(typed: str, words: str, sessions: dict[str, Session]) -> None:
    with pytest.raises(Ambiguous) as caught:
        whole(typed.split(), sessions["home"])
    assert words in str(caught.value)


def test_only_what_is_typed_is_abbreviated() -> None:
    session = Toys(interactive=True)
    assert session.run("ec x") == 0
    assert session.run("f() { ec x }; f") == 127
    assert session.run("ec x", "script") == 127
    assert session.run("$(ec x)") == 0
    session.interactive = False
    assert session.run("ec x") == 127
    assert session.out == "x\n"


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("ping www", []), ("pign www", ["pign"]), ("pin", []), ("xyz", ["xyz"]), ("ping nosuch", ["nosuch"]),
        ("ping ww", []), ("ping ww ", ["ww"]), ("ping 10.0.0.300", ["10.0.0.300"]), ("gw pign", ["pign"]),
        ("ifconfig shmif0 10.0.0.1/40 up", ["10.0.0.1/40"]), ("me", []), ("up x", []), ("nr", []),
        ("if pinx { arp } elif true { xarp } else { yarp }", ["pinx", "xarp", "yarp"]), ("x=3; $x; -ping www", []),
        ("for x in a b { pign $x }", ["pign"]), ("ps | gerp x | !less", ["gerp"]), ("nope() { nope2 }", ["nope2"]),
        ("route add 10/8 gw2 ", ["gw2"]), ("route add 10.0/8 gw", []), ("route get default", []),
        ("ping a.example", []),
        ("host new", []), ("link a b", []), ("ps > nosuch", []), ("ping 'unclosed", []), ("return 3", []),
        ("echo 300.1.1.1", ["300.1.1.1"]), ("ifc -a; rou sh", []), ("! pinx", ["pinx"]),
        ("while [ 1 -lt 2 ] { break }", []),
    ],
)  # fmt: skip
def test_wrong_words(line: str, wrong: list[str], sessions: dict[str, Session]) -> None:
    assert [line[start:end] for start, end in wrong_words(line, sessions["home"])] == wrong


@pytest.mark.parametrize(
    ("before", "asked"),
    [
        ("", True), ("ping ", True), ("ping w", True), ("echo '", False), ("echo 'a' ", True), ('echo "a ', False),
        ('echo "a\\" ', False), ("echo \\", False), ("echo $", False), ("echo ${", False), ("fetch http://www/", False),
        ("fetch http://www/ ", True), ("# what", False), ("echo a#", True), ("echo 'it''s", False), ("a; b | ", True),
    ],
)  # fmt: skip
def test_a_question_mark_asks_but_for_quotes(before: str, asked: bool) -> None:
    assert asks(before) is asked


@pytest.mark.parametrize("columns", [10, 40, 80])
@pytest.mark.parametrize("number", [0, 1, 5, 30, 500])
def test_answers_fit(columns: int, number: int) -> None:
    found = [Candidate(f"word{at}", "what it is, in some words, many of them perhaps") for at in range(number)]
    lines = answer(found, columns, 10).splitlines()
    assert 1 <= len(lines) <= 11
    assert all(len(line) < max(columns, 24) for line in lines)
    if number == 5 and columns == 80:
        assert lines[0] == "  word0  what it is, in some words, many of them perhaps"
    if number == 500:
        assert lines[-1].endswith(" more") or columns == 80


@pytest.mark.parametrize(
    ("typed", "name", "text", "marked"),
    [
        ("ping nosuch", "ping", "nosuch: Host name lookup failure", "nosuch"),
        ("pign www", "netsh", "pign: unknown command (did you mean ping?)", "pign"),
        ("ping -c x www", "ping", "bad number of packets to transmit: x", None),
        ("ping -nz 3 www", "ping", "unknown option -- z ('help ping' lists them)", "z"),
        ("lab | | wc", "netsh", "column 5: a command is expected, not |", "|"),
        ("echo 'x", "netsh", "column 6: the quote ' is not closed", "'"),
        ("one\ntwo nosuch", "line 2: ping", "nosuch: no", "nosuch"),
        ("one nosuch\ntwo", "line 1: ping", "nosuch: no", None),
        ("one\ntwo (", "netsh", "line 2, column 5: no", "("),
        ("ifconfig shmif9", "ifconfig", "SIOCGIFFLAGS shmif9: Device not configured", "shmif9"),
        ("ping www", "ping", "no route", None),
        ("x" * 90, "netsh", "x" * 90 + ": unknown", None),
    ],
)
def test_a_caret_stands_under_the_word(typed: str, name: str, text: str, marked: str | None) -> None:
    mark = Pointer(typed, 4, 80).under(name, text)
    line = typed.split("\n")[-1]
    if marked is None:
        assert mark == ""
    else:
        assert mark == " " * (4 + line.index(marked)) + "^" * len(marked) + "\n"


def test_the_caret_comes_only_when_nothing_else_was_said() -> None:
    session = Toys()
    session.printer.pointer = Pointer("say x; nope", 3, 80)
    session.run("say x; nope")
    assert session.err.startswith("netsh: nope")
    session.printer.pointer = Pointer("nope; nope", 3, 80)
    session.run("nope; nope")
    assert session.err == "   ^^^^\nnetsh: nope: unknown command\nnetsh: nope: unknown command\n"


def test_lines_that_were_typed_at_once_are_named_by_number() -> None:
    session = Toys(interactive=True)
    session.run("say x\nnope\nfor x in a b {\n  say $x\n}\nnope2")
    assert session.out == "a: x\na: a\na: b\n"
    assert session.err == "line 2: netsh: nope: unknown command\nline 6: netsh: nope2: unknown command\n"


def history(told: list[str], size: int = 100) -> History:
    return History(told.append, size)


def test_history_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told: list[str] = []
    history(told).store_string("one")
    history(told).store_string("for x in a {\n  b\n}")
    assert list(history(told).load_history_strings()) == ["for x in a {\n  b\n}", "one"]
    assert (tmp_path / "netsh" / "history").stat().st_mode & 0o777 == 0o600
    assert told == []


def test_a_long_history_is_shortened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told: list[str] = []
    for number in range(21):
        history(told).store_string(f"line {number}")
    assert list(history(told, 10).load_history_strings()) == [f"line {number}" for number in range(20, 10, -1)]
    assert len(list(history(told).load_history_strings())) == 10
    assert [path.name for path in (tmp_path / "netsh").iterdir()] == ["history"]


def test_a_history_that_cannot_be_had_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netsh").write_text("no folder")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    told: list[str] = []
    kept = history(told)
    assert list(kept.load_history_strings()) == []
    kept.store_string("one")
    kept.store_string("two")
    assert len(told) == 1
    assert "; lines are not kept" in told[0]
