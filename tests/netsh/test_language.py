"""What runs of the language: functions, conditions, loops, aliases, `$(command)`; and what bounds them."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsh.words import Scope
from stack.kern.proc import SIGINT
from tests.netsh.toys import Toys


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("f() { lines $1 $#; }; f x y; f z", "x\n2\nz\n1\n", 0),
        ('f() { lines "$@" }; f \'a b\' c', "a b\nc\n", 0),
        ("f() { return 3 }; f; lines $?", "3\n", 0),
        ("f() { false; return; lines no }; f", "", 1),
        ("f() { for x in a b { return 4 } }; f", "", 4),
        ("f() { v=2 }; v=1; f; lines $v", "2\n", 0),
        ("f() { shift; lines $1 }; f a b; g() { shift 2; lines $# }; g a b c", "b\n1\n", 0),
        ("f() { say x }; f; b f; host b; f", "a: x\nb: x\nb: x\n", 0),
        ("f() { g }; g() { say $# }; b f; f", "b: 0\na: 0\n", 0),
        ("f() { host b }; f; say x", "b: x\n", 0),
        ("f() { if [ $1 -gt 0 ] { lines $1; f $(($1 - 1)) } }; f 3", "3\n2\n1\n", 0),
        ("f() { lines a b }; f | head -1; f | wc -l", "a\n      2\n", 0),
        ("say() { lines mine }; say x", "mine\n", 0),
        ("if true { lines y } else { lines n }", "y\n", 0),
        ("if false { lines y } else { lines n }", "n\n", 0),
        ("if false { lines y } elif fail 3 no || true { lines z } else { lines n }", "begun\nz\n", 0),
        ("if false { lines y }; lines $?", "0\n", 0),
        ("if ! false { lines y }", "y\n", 0),
        ("! true; lines $?", "1\n", 0),
        ("if true { false }", "", 1),
        ("i=0; while [ $i -lt 3 ] { lines $i; i=$((i+1)) }", "0\n1\n2\n", 0),
        ("i=0; while true { i=$((i+1)); if [ $i = 2 ] { continue }; if [ $i = 4 ] { break }; lines $i }", "1\n3\n", 0),
        ("for x in a b { for y in 1 2 { [ $y = 2 ] && break; lines $x$y } }", "a1\nb1\n", 0),
        ("for x in a b c { lines $x } | grep b", "b\n", 0),
        ("while true { lines y } | head -2", "y\ny\n", 0),
        ("{ lines a; lines b } | sort -r | head -1", "b\n", 0),
        ("for x in a { for y in b c { lines $y } | grep c } | wc -l", "      1\n", 0),
        ("{ say a } | grep nothing", "", 1),
        ("b { say x; lines y }; say z", "b: x\ny\na: z\n", 0),
        ("b { say x; a { say y }; say z; a say v }", "b: x\na: y\nb: z\na: v\n", 0),
        ("for h in a b { $h { say x } } | sort -r", "b: x\na: x\n", 0),
        ("b { say x; false }; lines $?", "b: x\n1\n", 0),
        ("false; b { }", "", 0),
        ("b { false } || lines no", "no\n", 0),
        ("! b { false } && lines well", "well\n", 0),
        ("b { say x; say y } | grep y | wc -l", "      1\n", 0),
        ("f() { say $1 }; b { f x; g() { say 2 } }; g", "b: x\na: 2\n", 0),
        ("b { lines $(say x) }", "b:\nx\n", 0),
        ("b { say x; say y } & wait; b { say z & }; wait", "b: x\nb: y\nb: z\n", 0),
        ("f() { b { return 3 }; lines no }; f; lines $?; say x", "3\na: x\n", 0),
        ("for x in 1 2 3 { b { [ $x = 2 ] && break; say $x } }; say x", "b: 1\na: x\n", 0),
        ("a { host b; say x }; say y", "a: x\nb: y\n", 0),
        ("if true { b { say x } }", "b: x\n", 0),
        ("lines $(lines a b) c", "a\nb\nc\n", 0),
        ('lines "$(lines a b)"', "a\nb\n", 0),
        ("x=$(lines a; lines b | grep b); lines $x", "a\nb\n", 0),
        ("x=$(fail 5 no); lines $?", "5\n", 0),
        ("x=1; y=$(x=2; lines $x); lines $x $y", "1\n2\n", 0),
        ("for x in $(lines p q) { b say $x }", "b: p\nb: q\n", 0),
        ("lines x | grep $(lines x)", "x\n", 0),
        ("lines $(lines $(lines deep))", "deep\n", 0),
        ("alias l=lines; l a", "a\n", 0),
        ("alias s='say x | head -1'; b s y; s", "b: x\na: x\n", 0),
        ("alias lines='lines z'; lines a", "z\na\n", 0),
        ("alias a1=a2 a2=a1; alias", "alias a1=a2\nalias a2=a1\n", 0),
        ("alias l='lines q'; alias l; unalias l; unalias -a", "alias l='lines q'\n", 0),
        ("n=1; alias l='lines $n'; n=2; l", "2\n", 0),
        ("f() { lines $1 }; f bg & wait", "bg\n", 0),
        ("{ lines a; lines b } & wait; lines $(lines c) & wait", "a\nb\nc\n", 0),
        ("[ ]; lines $?", "1\n", 0),
        ("f() { count 2 }; f", "0.0 1\n1.0 2\n", 0),
    ],
)
def test_lines(line: str, out: str, status: int) -> None:
    session = Toys()
    assert session.run(line) == status
    assert session.out == out


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("a = a", 0), ("a = b", 1), ("a != b", 0), ("'' = ''", 0), ("-n ''", 1), ("-n x", 0), ("-z ''", 0), ("x", 0),
        ("''", 1), ("3 -eq 3", 0), ("-3 -lt 2", 0), ("10 -le 9", 1), ("10 -gt 9", 0), ("2 -ge 3", 1), ("1 -ne 1", 1),
        ("! a = a", 1), ("! ''", 0), ("a = a -a b = c", 1), ("a = b -o c = c", 0), ("! = !", 0), ("-n = -n", 0),
        ("'(' a = a ')' -a x", 0), ("-e /", 0), ("-f /", 1), ("-d /", 0), ("-s /nonexistent", 1), ("-e ''", 1),
    ],
)  # fmt: skip
def test_questions(words: str, status: int) -> None:
    session = Toys()
    assert session.run(f"test {words}") == session.run(f"[ {words} ]") == status
    assert session.err == ""


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("[ a = b", "[: the ] is missing at the end, a space before it", 2),
        ("test a -lt 3", "test: a: not a whole number", 2),
        ("test a b", "test: b: not expected here", 2),
        ("test '(' a", "test: ( is not closed by )", 2),
        ("return 3", "return: only in a function or a script", 2),
        ("f() { return x }; f", "netsh: return x: not a status from 0 to 255", 2),
        ("a() { true }", "a: a host has this name", 1),
        ("shift", "shift: 1: there are only 0 arguments", 1),
        ("shift x", "shift: x: one whole number is wanted", 2),
        ("alias nope", "alias: nope: no such alias; nope='COMMAND' makes one", 1),
        ("alias 'a b=c'", "alias: a b: no name for an alias", 2),
        ("alias if=c", "alias: if: no name for an alias", 2),
        ("alias x='a; b'", "alias: x: an alias is one command; x() { ... } is a function of several", 2),
        ("alias x='a |'", "alias: x: a command is expected, not the end", 2),
        ("unalias nope", "unalias: nope: no such alias", 1),
        ("unalias", "unalias: a name is missing; -a is all of them", 2),
        ("f() { true }; fu", "netsh: fu: unknown command (did you mean f?)", 127),
        ("f() { true }; f < x", "netsh: < belongs to a command, not to a function", 1),
        ("c { say x }", "netsh: c: no such host (did you mean a?)", 2),
        ("x='a b'; $x { say x }", "netsh: a b: no such host", 2),
        ("$x { say x }", "netsh: $x: not set", 2),
        ("say { say x }", "netsh: say: a command, no host: { } stands behind a host, or alone", 2),
        ("b { host -d b; say x }", "say: its host is gone: b was removed", 1),
        ("b { say x } | gerp x", "netsh: gerp: not a filter", 1),
        ("{ say x } | gerp x", "netsh: gerp: not a filter", 1),
        ("{ say x } > /nonexistent/x", "netsh: /nonexistent/x: No such file or directory", 1),
        ("say $(lines $nope)", "netsh: $nope: not set", 0),
        ("f() { f }; f; say no", "f: more than 100 calls in one another", 1),
        ("f() { x=$(f) }; f", "more than 100 calls in one another", 1),
        ("f() { f; f }; f", "f: more than 100 calls in one another", 1),
    ],
)
def test_complaints(line: str, complaint: str, status: int) -> None:
    session = Toys()
    assert session.run(line) == status
    assert complaint in session.err
    assert session.out == ""


def test_more_than_a_megabyte_is_no_word() -> None:
    session = Toys()
    assert session.run("lines $(while true { lines 'x" + "x" * 5000 + "' })") == 2
    assert "it says more than a megabyte" in session.err


def test_a_script_stops_at_the_line_that_fails_but_not_where_it_asks() -> None:
    session = Toys()
    script = (
        "ask() {\n  fail 3 quiet\n  lines asked\n}\nif ask { lines yes }\n! false\nask || lines never\n-ask\n"
        "for x in 1 2 {\n  -fail 4 minded\n}\nwhile fail 5 once { }\nask\nlines no\n"
    )
    assert session.run(script, "s") == 3
    assert session.out == "begun\nasked\nyes\nbegun\nasked\nbegun\nasked\nbegun\nbegun\nbegun\nbegun\n"
    assert session.err.splitlines() == [
        "s:2: fail: quiet", "s:2: fail: quiet", "s:2: fail: quiet", "s:10: fail: minded", "s:10: fail: minded",
        "s:12: fail: once", "s:2: fail: quiet",
    ]  # fmt: skip


def test_a_script_returns_and_has_arguments(tmp_path: Path) -> None:
    file = tmp_path / "a.netsh"
    file.write_text("lines $0 $# \"$@\"\nif [ $1 = one ] { return 7 }\nlines no\n")
    session = Toys()
    assert session.run(f"source {file} one 'two words'; lines $?") == 0
    assert session.out == f"{file}\n2\none\ntwo words\n7\n"
    assert session.run("lines $1; return 4; lines no", "s", Scope(["x"])) == 4
    assert session.out == "x\n"


def test_the_lines_of_a_command_in_a_word_are_those_of_the_script() -> None:
    session = Toys()
    assert session.run("true\n\nx=$(nope\n  nope2)", "s") == 127
    assert session.err == "s:3: netsh: nope: unknown command\ns:4: netsh: nope2: unknown command\n"


@pytest.mark.parametrize("line", [". {}", ". {} &", "f() {{ . {} }}; f"])
def test_a_script_that_includes_itself_ends(tmp_path: Path, line: str) -> None:
    file = tmp_path / "self.netsh"
    file.write_text(line.format(file, file) + "\n")
    session = Toys()
    session.run(f"source {file}")
    session.clock.linger(lambda: bool(session.jobs.running()), 0.0)
    session.run("wait")
    assert "in one another" in session.err


def test_jobs_are_bounded() -> None:
    session = Toys()
    session.run("f() { f & f & forever & }; f; wait %1")
    assert "more than" in session.err
    session.end_jobs()


@pytest.mark.parametrize(
    "line",
    [
        "while true { }", "while true { true } | wc", "f() { while true { } }; f", "x=$(while true { })",
        "for i in 1..999999999 { }", "if while true { } { }", "while true { f() { true } }",
    ],
)  # fmt: skip
def test_ctrl_c_ends_what_never_would(line: str) -> None:
    session = Toys()
    proc = session.start(line)
    session.lab.callouts.advance(session.lab.callouts.now, 2000)
    assert proc.status is None
    proc.signal(SIGINT)
    session.lab.callouts.advance(session.lab.callouts.now, 2000)
    assert proc.status == 130
    assert session.run("lines well") == 0
    assert session.out.endswith("well\n")
    assert not session.foreground


def test_a_loop_into_filters_says_its_last_when_it_is_stopped() -> None:
    session = Toys()
    proc = session.start("{ lines b; lines a; forever } | sort")
    session.lab.callouts.advance(5.0)
    assert session.out == ""
    proc.signal(SIGINT)
    session.lab.callouts.advance(6.0)
    assert session.out == "a\nb\ninterrupted\n"


def test_many_words_are_quickly_read() -> None:
    session = Toys()
    assert session.run("lines " + "word " * 40_000 + "| wc -w") == 0
    assert session.out.split() == ["40000"]
    assert session.run("lines '" + "x" * 1_000_000 + "' | wc -c") == 0
    assert session.run("x=" + "{" * 1_000_000) == 0
    assert session.run("{ " * 50_000) == 2
    assert session.run("$(" * 500_000) == 2
    assert session.run("a;" * 10_000 + "|") == 2
