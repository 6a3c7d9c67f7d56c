"""The session: lines become processes; what a test sees is rows, complaints, statuses, and the lab's time."""

from __future__ import annotations

import io
import os
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netsh.render.printer import Printer
from netsh.session import Session
from stack.kern.proc import SIGINT, SIGTERM
from stack.lab import Lab
from tests.netsh.toys import Toys


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("", "", 0),
        ("# nothing", "", 0),
        ("say x", "a: x\n", 0),
        ("say 'x  y' z", "a: x  y\na: z\n", 0),
        ("b say x", "b: x\n", 0),
        ("say x; b say y; say z", "a: x\nb: y\na: z\n", 0),
        ("say x && say y", "a: x\na: y\n", 0),
        ("fail 3 no && say y", "begun\n", 3),
        ("fail 3 no || say y", "begun\na: y\n", 0),
        ("say x || say y", "a: x\n", 0),
        ("fail 3 no; say $?", "begun\na: 3\n", 0),
        ("x=1 y=$x; say $x $y ${z:-3}", "a: 1\na: 1\na: 3\n", 0),
        ("for x in p q { say $x }", "a: p\na: q\n", 0),
        ("for i in 3..1 8..8 { lines $i }", "3\n2\n1\n8\n", 0),
        ("for i in '1..3' { lines $i }", "1..3\n", 0),
        ("n=3; for i in 1..$n { lines r$((i + 1)) }", "r2\nr3\nr4\n", 0),
        ("for h in a b { $h say hello }", "a: hello\nb: hello\n", 0),
        ("for x in { say $x }", "", 0),
        ("host b; say x", "b: x\n", 0),
        ("exit 7; say x", "", 7),
        ("fail 3 no; exit", "begun\n", 3),
        ("count 2 1.5; count 1", "0.0 1\n1.5 2\n3.0 1\n", 0),
        ("sleep 1500ms; count 1", "1.5 1\n", 0),
        ("echo a b; echo -n c; echo", "a b\nc\n", 0),
        ("count 3 & count 2 0.4; wait", "0.0 1\n0.0 1\n0.4 2\n1.0 2\n2.0 3\n", 0),
    ],
)
def test_lines(line: str, out: str, status: int) -> None:
    session = Toys()
    assert session.run(line) == status
    assert sorted(session.out.splitlines()) == sorted(out.splitlines()) if "&" in line else session.out == out


@pytest.mark.parametrize(
    ("line", "complaint", "status"),
    [
        ("fail 3 no way", "fail: no way", 3),
        ("fail errno", "fail: Connection refused", 1),
        ("fail file", "fail: some/file: No such file or directory", 1),
        ("fail usage", "fail: so not\n", 2),
        ("fail how", "usage: fail [word ...]\n", 2),
        ("fail bug", "fail: internal error: ZeroDivisionError: a bug", 1),
        ("fail complaining", "fail: this is odd", 0),
        ("nope", "netsh: nope: unknown command", 127),
        ("sya x", "netsh: sya: unknown command (did you mean say?)", 127),
        ("b sya x", "netsh: sya: unknown command (did you mean say?)", 127),
        ("a", "netsh: a: a host, no command; 'host a' goes there, 'a COMMAND' runs one on it", 127),
        ("!ls", "netsh: !ls: a program of the real machine stands behind a |", 127),
        ("say $x", "netsh: $x: not set; set it with x=value", 2),
        ("x=$y", "netsh: $y: not set; set it with y=value", 2),
        ("for x in $y { }", "netsh: $y: not set; set it with y=value", 2),
        ("say $((1/0))", "netsh: $((1/0)): division by 0", 2),
        ("say 'x", "netsh: column 5: the quote ' is not closed", 2),
        ("say x\nsay >", "netsh: line 2, column 6: after >, a file's name is expected, not the end", 2),
        ("say x | gerp y", "netsh: gerp: not a filter; those are grep, head, tail, wc, sort, json, csv, text, and", 1),
        ("say x | grep", "grep: a pattern is missing", 2),
        ("say x | grep -E (", "grep: (: ", 2),
        ("say x | head -n x", "head: x: not a number of lines", 2),
        ("say x | wc file", "wc: file: a filter reads what stands before it, no files", 2),
        ("say x | grep x | json", "json: it stands first behind the command", 1),
        ("say x | !", "netsh: !: a program's name is missing", 1),
        ("say x | !no/such/program", "no/such/program: No such file or directory", 1),
        ("say x > /no/such/folder/file", "netsh: /no/such/folder/file: No such file or directory", 1),
        ("say x > /", "netsh: /: Is a directory", 1),
        ("cat < /no/such", "netsh: /no/such: No such file or directory", 1),
        ("cat < /", "netsh: /: Is a directory", 1),
        ("forever", "forever: nothing more can happen", 1),
        ("forever stubborn", "forever: nothing more can happen", 1),
        ("forever & wait", "wait: nothing more can happen", 1),
        ("exit 256", "exit: 256: not a status from 0 to 255", 2),
        ("sleep", "sleep: one time is wanted", 2),
        ("sleep soon", "sleep: soon: not a number with a unit, such as 10ms", 2),
        ("wait 99", "wait: 99: no such job; 'jobs' lists them", 1),
        ("wait %3", "wait: %3: no such job; 'jobs' lists them", 1),
        ("jobs x", "jobs: x: no words are wanted", 2),
        ("source", "source: a file's name is missing, or that of a function of the stack", 2),
        ("source /no/such", "source: /no/such: No such file or directory", 1),
    ],
)
def test_complaints(line: str, complaint: str, status: int) -> None:
    session = Toys()
    assert session.run(line) == status
    assert session.err.startswith(complaint)


def test_no_host_to_run_on() -> None:
    session = Toys(Lab())
    assert session.run("say x") == 1
    assert session.err == "say: there is no host to run it on; 'host NAME' makes one\n"
    assert session.run("host h; say x") == 0
    assert session.out == "h: x\n"


# -- scripts ----------------------------------------------------------------------------------------------


def test_first_failing_line_stops_a_script() -> None:
    session = Toys()
    text = "say 1\n\nsay 2\n# three\nfail 5 'no more'\nsay 3\n"
    assert session.run(text, "my.netsh") == 5
    assert session.out == "a: 1\na: 2\nbegun\n"
    assert session.err == "my.netsh:5: fail: no more\n"


@pytest.mark.parametrize(
    ("text", "out", "err", "status"),
    [
        ("-fail 3 x\nsay y", "begun\na: y\n", "s:1: fail: x\n", 0),
        ("- fail 3 x; fail 3 z\nsay y", "begun\nbegun\na: y\n", "s:1: fail: x\ns:1: fail: z\n", 0),
        ("-for i in 1..2 { fail $i x }\nsay y", "begun\nbegun\na: y\n", "s:1: fail: x\ns:1: fail: x\n", 0),
        ("fail 3 x || say y\nsay z", "begun\na: y\na: z\n", "s:1: fail: x\n", 0),
        ("say x\nfail silently\nsay y", "a: x\nbegun\n", "s:2: fail: exit status 4\n", 4),
        ("for i in 1..3 {\n  say $i\n  fail 3 x\n}", "a: 1\nbegun\n", "s:3: fail: x\n", 3),
        ("say x && nope\nsay y", "a: x\n", "s:1: netsh: nope: unknown command\n", 127),
        ("\nfail usage\nsay y", "begun\n", "s:2: fail: so not\n", 2),
        ("say x\nsay 'y\n", "", "s:2: column 5: the quote ' is not closed\n", 2),
        ("say x\nsay $1\n", "a: x\n", "s:2: netsh: $1: not set; the script was given too few arguments\n", 2),
        ("exit 4\nsay x", "", "", 4),
        ("count 3 &\nsay x\nfail 3 y", "a: x\n0.0 1\nbegun\n", "s:3: fail: y\n", 3),
    ],
)
def test_scripts(text: str, out: str, err: str, status: int) -> None:
    session = Toys()
    assert session.run(text, "s") == status
    assert sorted(session.out) == sorted(out)
    assert session.err == err


def test_source(tmp_path: Path) -> None:
    inner, outer = tmp_path / "inner", tmp_path / "outer"
    inner.write_text("say $1 $# $x\ny=2\nfail 6 stop\nsay never\n")
    outer.write_text(f"say outer\nsource {inner} one 'two three'\nsay never\n")
    session = Toys()
    assert session.run(f"x=1; source {outer}; say $? $y") == 0
    assert session.out == "a: outer\na: one\na: 2\na: 1\nbegun\na: 6\na: 2\n"
    assert session.err == f"{inner}:3: fail: stop\n"


def test_source_of_nonsense(tmp_path: Path) -> None:
    bad, binary, endless = tmp_path / "bad", tmp_path / "binary", tmp_path / "endless"
    bad.write_text("say x\nsay | | x\n")
    binary.write_bytes(b"\xff\xfe\x00")
    endless.write_text(f"source {endless}\n")
    session = Toys()
    assert session.run(f"source {bad}") == 2
    assert session.err == f"{bad}:2: column 7: a command is expected, not |\n"
    assert session.run(f"source {binary}") == 1
    assert session.err == f"source: {binary}: this is no text\n"
    assert session.run(f"source {endless}") == 1
    assert "scripts too deep in one another" in session.err


def test_exit_in_a_sourced_script_leaves_all(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("exit 9\nsay never\n")
    session = Toys()
    assert session.run(f"source {script}; say never") == 9
    assert session.exiting == 9
    assert session.out == ""


def test_the_name_of_a_script(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("lines $0\n")
    session = Toys()
    assert session.run(f"lines $0; source {script}") == 0
    assert session.out == f"netsh\n{script}\n"


# -- signals ----------------------------------------------------------------------------------------------


def interrupted(line: str, *, after: float = 1.5, signal: int = SIGINT, times: int = 1) -> Toys:
    """A session whose line got a signal after some seconds."""
    session = Toys()
    proc = session.start(line)
    for _ in range(times):
        session.lab.callouts.schedule(after, lambda: proc.signal(signal))
    session.scope.status = session.clock.run(proc, session.stuck)
    return session


def test_interrupt_ends_the_command_with_its_summary() -> None:
    session = interrupted("count 5")
    assert session.out == "0.0 1\n1.0 2\n2 counted\n"
    assert session.scope.status == 3


def test_interrupt_ends_the_rest_of_the_line() -> None:
    session = interrupted("for i in 1..9 { count 1 1; say $i }; say never")
    assert session.out == "0.0 1\na: 1\n1.0 1\n1 counted\n"
    assert session.scope.status == 130


def test_interrupt_of_a_loop_of_nothing() -> None:
    session = Toys()
    proc = session.start("for i in 1..999999999 { x=$i }")
    session.lab.callouts.advance(None, 1000)
    proc.signal(SIGINT)
    assert session.clock.run(proc, session.stuck) == 130


def test_interrupt_reaches_into_sourced_scripts(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("count 5\nsay never\n")
    session = interrupted(f"source {script}; say never")
    assert session.out == "0.0 1\n1.0 2\n2 counted\n"
    assert session.scope.status == 130


def test_who_minds_no_interrupt_is_killed_at_the_third() -> None:
    session = Toys()
    proc = session.start("sleep 1; forever stubborn")
    for after in (2.0, 3.0, 4.0):
        session.lab.callouts.schedule(after, lambda: proc.signal(SIGINT))
    assert session.clock.run(proc, session.stuck) == 130
    assert session.out == "interrupted\ninterrupted\n"
    assert session.lab.procs == {}


def test_terminate_ends_the_session() -> None:
    session = interrupted("count 5; say never", signal=SIGTERM)
    assert session.exiting == 128 + SIGTERM
    assert "never" not in session.out


def test_a_process_that_nobody_waits_for_goes_on_after_an_interrupt() -> None:
    session = interrupted("count 4 & count 9")
    session.run("wait")
    assert [line.split()[1] for line in session.out.splitlines() if "counted" not in line].count("4") == 1


# -- jobs -------------------------------------------------------------------------------------------------


def test_jobs_at_a_prompt() -> None:
    session = Toys(interactive=True)
    session.run("count 3 > /dev/null &")
    assert session.out.startswith("[1] ")
    session.run("b count 2 > /dev/null & jobs")
    first, *rest = session.out.splitlines()
    assert first.startswith("[2] ")
    assert rest == ["[1]  Running     count 3 > /dev/null", "[2]  Running     b count 2 > /dev/null"]
    session.run("wait")
    assert session.out == "[1]  Done        count 3 > /dev/null\n[2]  Done        b count 2 > /dev/null\n"
    assert session.jobs.table == {}


def test_a_job_that_ends_while_nothing_runs_is_news_at_once() -> None:
    session = Toys(interactive=True)
    session.run("count 1 & fail 3 no &")
    session.lab.run()
    assert "[1]  Done        count 1\n" in session.out
    assert "fail: no\n" in session.err


def test_jobs_say_how_they_ended() -> None:
    session = Toys(interactive=True)
    session.run("fail 3 no > /dev/null & forever & sleep 1; jobs; wait %1")
    pid = session.jobs.table[2].proc.pid
    session.lab.kill(pid, SIGTERM)
    session.run("sleep 1")
    assert "[1]  Exit 3      fail 3 no > /dev/null\n" in session.out


def test_a_job_is_ended_where_there_is_no_host() -> None:
    session = Toys(Lab())
    assert session.run("sleep 1000 & kill %1; wait %1") == 143, session.err
    assert session.run("kill 999") == 1
    assert session.err == "kill: 999: No such process\n"


def test_a_list_in_the_background_is_one_job() -> None:
    session = Toys()
    session.run("count 2 && say x & for i in 1..2 { count 1; say $i } & jobs; wait; jobs")
    out = session.out
    assert "[1]  Running     count 2 && say x\n[2]  Running     for i in 1..2 { count 1; say $i }\n" in out
    assert "a: x\n" in out
    assert "a: 2\n" in out
    assert not out.endswith("Done\n")


def test_killing_a_list_kills_what_it_runs() -> None:
    session = Toys()
    session.run("forever && say never & sleep 1")
    job = session.jobs.find("%1")
    assert job is not None
    job.proc.signal(SIGTERM)
    session.run("sleep 1")
    assert session.out == "interrupted\n"
    assert session.lab.procs == {}


def test_a_job_is_known_by_how_it_begins() -> None:
    session = Toys()
    session.run("count 9 & forever & count 99 & sleep 1")
    found = [session.jobs.find(text) for text in ("%f", "%count", "%2", "%", "%nobody", "forever")]
    assert [job.number if job is not None else None for job in found] == [2, 3, 2, 3, None, None]


def test_the_end_of_a_session_ends_its_jobs() -> None:
    session = Toys()
    session.run("count 99 & forever stubborn & sleep 1")
    session.end_jobs()
    assert session.lab.procs == {}
    assert session.lab.callouts.now <= 2.0
    assert "2 counted" in session.out or "1 counted" in session.out


def test_wait_gives_the_status_of_the_job() -> None:
    session = Toys()
    assert session.run("fail 3 no & wait %1") == 3


def test_background_input_is_empty() -> None:
    session = Toys()
    assert session.run("cat & wait; say done") == 0
    assert session.out == "a: done\n"


# -- pipes and files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "out", "status"),
    [
        ("lines a b ab | grep a", "a\nab\n", 0),
        ("lines a b | grep x", "", 1),
        ("lines a b | grep a | grep b", "", 1),
        ("lines a b c | head -2", "a\nb\n", 0),
        ("count 99 | head -2", "0.0 1\n1.0 2\n", 0),
        ("count 99 | head -2; count 1", "0.0 1\n1.0 2\n1.0 1\n", 0),
        ("lines c a b | sort | tail -1", "c\n", 0),
        ("lines a b | wc -l", "      2\n", 0),
        ("lines a b | json", '{"type": "line", "text": "a"}\n{"type": "line", "text": "b"}\n', 0),
        ("lines a b | json | grep b", '{"type": "line", "text": "b"}\n', 0),
        ("fail 3 x | grep begun", "begun\n", 3),
        ("fail complaining | grep goes", "but goes on\n", 0),
        ("x=b; lines a b | grep $x", "b\n", 0),
        ("lines b a | !sort", "a\nb\n", 0),
        ("lines b a | !sort | head -1", "a\n", 0),
        ("lines b a | grep a | !cat | !tr a-z A-Z", "A\n", 0),
        ("lines a | !false", "", 1),
        ("lines a | !sh -c 'kill -9 $$'", "", 137),
        ("count 99999 0.001 | !head -1", "0.0 1\n", 0),
        ("lines a | ! cat", "a\n", 0),
    ],
)
def test_pipes(line: str, out: str, status: int) -> None:
    session = Toys()
    assert session.run(line) == status
    assert session.out == out


def test_a_program_may_be_slow_and_large() -> None:
    session = Toys()
    assert session.run("for i in 1..20000 { x=$i }; count 30000 0 | !sh -c 'sleep 0.2; wc -l'") == 0
    assert session.out.strip() == "30000"
    assert session.clock.readers == {}
    assert session.clock.writers == {}


def test_output_to_files(tmp_path: Path) -> None:
    file = tmp_path / "file"
    session = Toys()
    assert session.run(f"lines a b > {file}; lines c >> {file}; cat < {file} | grep -v b") == 0
    assert session.out == "a\nc\n"
    assert file.read_text() == "a\nb\nc\n"


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old\n")
    session = Toys()
    proc = session.start(f"count 3 > {file}")
    session.lab.run(1.5)
    assert file.read_text() == "old\n"
    session.clock.run(proc, session.stuck)
    assert file.read_text() == "0.0 1\n1.0 2\n2.0 3\n"
    assert session.run(f"nope > {file}") == 127
    assert session.run(f"say $nope > {file}") == 2
    assert file.read_text() == "0.0 1\n1.0 2\n2.0 3\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_interrupted_command_keeps_what_was_captured(tmp_path: Path) -> None:
    file = tmp_path / "file"
    interrupted(f"count 9 > {file}")
    assert file.read_text() == "0.0 1\n1.0 2\n2 counted\n"


def test_a_sorted_file_after_an_interrupt(tmp_path: Path) -> None:
    file = tmp_path / "file"
    interrupted(f"count 9 | !sort -r > {file}")
    assert file.read_text() == "2 counted\n1.0 2\n0.0 1\n"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def descriptors() -> set[str]:
    return set(os.listdir("/dev/fd"))


@pytest.mark.parametrize(
    "line",
    ["cat < FILE | nope", "cat < / > FILE", "cat < FILE | grep", "cat < FILE | head -1 > /no/such",
     "nope < FILE > FILE", "cat < FILE > FILE2; cat < FILE2", "lines a | !true", "lines a | !no/such",
     "lines a | !cat > /no/such", "cat < /no | !cat", "cat < FILE &", "fail bug < FILE > FILE2",
     "lines a | !cat | nope"],
)  # fmt: skip
def test_no_descriptor_is_left_behind(line: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("text\n")
    before = descriptors()
    session = Toys()
    session.run(line.replace("FILE", str(file)))
    session.run("wait; sleep 1")
    session.run("lines x | !cat")
    assert descriptors() == before
    assert all(not path.name.startswith(".") for path in tmp_path.iterdir())


def test_input_from_a_pipe_that_nobody_writes_yet(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    writer = threading.Timer(0.05, lambda: fifo.write_text("late\n"))
    writer.start()
    session = Toys()
    assert session.run(f"cat < {fifo}") == 0
    assert session.out == "late\n"
    writer.join()


def test_json_format() -> None:
    session = Toys(format="json")
    session.run("lines a b | head -1")
    assert session.out == '{"type": "line", "text": "a"}\n'


# -- whatever may come ------------------------------------------------------------------------------------


def test_a_closed_output_ends_everything_quietly() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    lab = Lab()
    lab.add_host("a")
    err = io.StringIO()
    session = Session(lab, Printer("text", Gone(), err))
    assert session.run("for i in 1..9 { echo $i }; echo x") == 141
    assert session.closed
    assert err.getvalue() == ""


def test_a_defect_in_show_is_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    session = Toys()
    assert session.run("fail show; say x") == 0
    assert session.err == "fail: internal error: AttributeError: 'Odd' object has no attribute 'text'\n"
    assert session.out == "begun\na: x\n"
    monkeypatch.setenv("NETSH_DEBUG", "1")
    session.run("fail bug")
    assert "Traceback" in session.err


def test_what_kernels_say_is_complained() -> None:
    session = Toys()
    session.lab["a"].arp.log("arp info overwritten")
    assert session.err == "a: arp info overwritten\n"


def test_words_run_as_they_are() -> None:
    session = Toys()
    assert session.finish(session.start_words(["lines", "a;b", "$x", "|", "grep"])) == 0
    assert session.out == "a;b\n$x\n|\ngrep\n"


COMMANDS = (
    """
say x|b say $x|lines 'q q'|fail 3 no|fail usage|fail errno|fail silently|count 3|count 2 0.5|forever|forever stubborn
nope|a|x=1|x=$((x + 1))|say $nope|exit 4|wait|wait %1|jobs|sleep 1|sleep x|host z|host -d b|link p q|bus y loss 1%|lab
echo $?|source /no/such|kill %1|kill 999|cat|b cat|host|-fail 3 no|clock|clock fast|help|$x
""".replace("\n", "|")
    .strip("|")
    .split("|")
)
PIPED = st.tuples(
    st.sampled_from(COMMANDS),
    st.sampled_from(["", "", " | head -1", " | grep a", " | json", " | sort | wc", " | nope"]),
).map("".join)
LINES = st.recursive(
    PIPED,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["; ", " && ", " || ", " & ", "\n"]), inner).map("".join),
        inner.map(lambda text: f"for x in 1..2 a {{ {text}\n}}"),
    ),
    max_leaves=8,
)


@given(LINES, st.sampled_from(["-", "script"]), st.booleans())
def test_no_line_ends_the_shell(text: str, source: str, interactive: bool) -> None:
    session = Toys(interactive=interactive)
    status = session.run(text, source)
    assert 0 <= status < 256
    session.end_jobs()
    assert session.foreground == []
    assert session.lab.procs == {}
    assert "internal error" not in session.err
    session.exiting = None
    assert session.run("host zz; lines well") == 0
    assert session.out.endswith("well\n")


def test_the_same_lines_give_the_same_events() -> None:
    def events() -> tuple[int, float, str]:
        session = Toys()
        session.run("count 3 & b count 5 0.3 | head -3; wait; for i in 1..5 { count 1 0.1 }")
        return session.lab.callouts.events, session.lab.callouts.now, session.out

    assert events() == events()
