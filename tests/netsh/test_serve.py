"""A served lab and its clients, each a process of its own: what they print, where, and how they end."""

from __future__ import annotations

import os
import random
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netsh.served import frames
from tests.netsh.served import NETSH, PATIENCE, Done, Served, answers, environ, hello, netsh, rest, run_frame, until


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A lab that all tests of this file share: they leave it as they found it."""
    with Served(tmp_path_factory.mktemp("served")) as served:
        yield served


def procs(lab: Served) -> str:
    """What runs in the lab, apart from who asks."""
    return lab.run("-c", "ps -a | grep -v -E 'ps -a|sh$|httpd|COMMAND'").out


# --- a line, a script, words, standard input --------------------------------------------------------


def test_a_line(lab: Served) -> None:
    assert lab.run("-c", "echo $1 $#; nope; echo $?", "a", "b") == Done(
        0, "a 2\n127\n", "netsh: nope: unknown command\n"
    )


def test_words_as_they_are(lab: Served) -> None:
    assert lab.run("--", "echo", "a;b", "$x", "|") == Done(0, "a;b $x |\n", "")


def test_a_script_is_sent_from_the_client(lab: Served, tmp_path: Path) -> None:
    (tmp_path / "x.netsh").write_text("echo $1\n-nope\nexit 5\n")
    where = "x.netsh:2: netsh: nope: unknown command\n"
    assert lab.run("x.netsh", "one", folder=tmp_path) == Done(5, "one\n", where)


def test_a_script_that_fails_says_where(lab: Served) -> None:
    assert lab.run(stdin="echo a\nnope\necho b\n") == Done(127, "a\n", "stdin:2: netsh: nope: unknown command\n")
    assert lab.run("/no/such") == Done(1, "", "netsh: /no/such: No such file or directory\n")
    cure = "the command of that name: netsh -- ping ..."
    assert lab.run("ping").err == f"netsh: ping: No such file or directory; {cure}\n"


def test_what_is_too_long_to_send(lab: Served) -> None:
    (lab.folder / "long.netsh").write_text(f"# {'x' * frames.LONGEST}\necho x\n")
    told = "netsh: long.netsh: more than 16 MiB to send; 'source FILE' has it read there\n"
    assert lab.run("long.netsh") == Done(1, "", told)
    assert lab.run("-c", "source ./long.netsh") == Done(0, "x\n", "")
    (lab.folder / "long.netsh").unlink()


def test_standard_input_goes_to_a_command_that_reads(lab: Served) -> None:
    line = "www nc -l 7 > got & sleep 0.1; nc -N www 7; wait"
    assert lab.run("-c", line, stdin="hello\n" * 20000) == Done(0, "", "")
    assert (lab.folder / "got").read_text() == "hello\n" * 20000


def test_standard_input_is_left_alone_by_what_does_not_read(lab: Served) -> None:
    with (lab.folder / "input").open("w+") as file:
        file.write("for another\n")
        file.seek(0)
        client = lab.start("-c", "echo x", stdin=file)
        assert client.communicate() == ("x\n", "")
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == 0


def test_the_environment_names_the_server(lab: Served) -> None:
    assert netsh(lab.folder, "-c", "echo x", NETSH_SERVER=lab.url) == Done(0, "x\n", "")
    assert netsh(lab.folder, "--version", NETSH_SERVER="unix:///nowhere").status == 0


def test_a_host_to_start_on(lab: Served) -> None:
    assert lab.run("-H", "gw", "-c", "hostname").out == "gw\n"
    done = lab.run("-H", "nobody", "-c", "hostname")
    assert (done.status, done.out) == (1, "")
    assert done.err == f"netsh: {lab.url}: -H nobody: no such host; there are me, gw, www\n"


def test_formats(lab: Served) -> None:
    words = ("--format", "json", "--", "hostname")
    assert lab.run(*words) == netsh(lab.folder, *words)
    assert "destination" in lab.run("--format", "rich", "-c", "netstat -rn").out


def test_exit_and_status(lab: Served) -> None:
    assert lab.run("-c", "exit 7; echo never") == Done(7, "", "")
    assert lab.run("-c", "ping -c 1 -w 1 10.0.0.99 > lost").status == 2


@pytest.mark.parametrize(
    ("streams", "said"),
    [
        ("<&-", Done(127, "x\n", "netsh: nope: unknown command\n")),
        (">&-", Done(127, "", "netsh: nope: unknown command\n")),
        ("<&- >&- 2>&-", Done(127, "", "")), ("2>&-", Done(127, "x\n", "")),
        (">/dev/full", Done(1, "", "netsh: standard output: No space left on device\n")),
    ],
)  # fmt: skip
def test_streams_that_are_closed_or_full(lab: Served, streams: str, said: Done) -> None:
    done = subprocess.run(
        f"{sys.executable} -m netsh -s {lab.url} -c 'echo x; nope' {streams}", shell=True, capture_output=True,
        text=True, check=False, env=environ(),
    )  # fmt: skip
    assert Done(done.returncode, done.stdout, done.stderr) == said


def test_bytes_go_through_as_they_are(lab: Served) -> None:
    done = subprocess.run(
        [*NETSH, "-s", lab.url, "-c", "echo x | !head -c 300000 /dev/urandom | !tee sent"], cwd=lab.folder,
        capture_output=True, check=True, env=environ(),
    )  # fmt: skip
    assert done.stdout == (lab.folder / "sent").read_bytes()


# --- files and programs are the client's folder -----------------------------------------------------


def test_files_are_meant_from_the_folder_of_each_client(lab: Served, tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir()
        (folder / "in").write_text(f"{folder.name}\n")
    clients = []
    for folder in folders:
        line = "for i in 1..20 { echo $i >> out; sleep 0.01 }; source in.netsh; !cat; save lab.netsh"
        (folder / "in.netsh").write_text("echo sourced | !cat >> out\n")
        clients.append((folder, lab.run("-c", line.replace("!cat; ", ""), folder=folder)))
    for folder, done in clients:
        assert done == Done(0, "", "")
        assert (folder / "out").read_text() == "".join(f"{i}\n" for i in range(1, 21)) + "sourced\n"
        assert (folder / "lab.netsh").read_text().startswith("# A lab of netsh")
    assert not (lab.folder / "out").exists()


def test_a_bus_file_is_meant_from_the_folder_of_each_client(lab: Served, tmp_path: Path) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    for folder in (a, b):
        folder.mkdir()
    assert lab.run("-c", "host a; ifconfig shmif0 create linkstr ./bus", folder=a) == Done(0, "", "")
    assert lab.run("-c", "host b; ifconfig shmif0 create linkstr ./bus; save lab.netsh", folder=b) == Done(0, "", "")
    assert (a / "bus").stat().st_size == (b / "bus").stat().st_size == 1 << 20
    saved = (b / "lab.netsh").read_text()  # to be loaded from there
    assert f"linkstr {a}/bus\n" in saved and "linkstr ./bus\n" in saved
    assert lab.run("--", "bus", "./bus") == Done(0, "./bus: ideal\n\ta:shmif0\n", "")
    assert lab.run("-c", "host -d a; host -d b") == Done(0, "", "")
    assert not (a / "bus").exists() and not (b / "bus").exists()


def test_a_program_complains_to_its_client(lab: Served, tmp_path: Path) -> None:
    done = lab.run("-c", "echo x | !sh -c 'pwd; echo odd >&2; exit 3'", folder=tmp_path)
    assert done == Done(3, f"{tmp_path}\n", "odd\n")
    assert lab.log == ""


# --- many at once -----------------------------------------------------------------------------------


def script(number: int) -> tuple[str, Done]:
    """Two hundred commands, and what must come of them."""
    lines, out, err = [f"host c{number}", f"x={number}"], "", ""
    for turn in range(40):
        lines += [f"echo {turn} $x", "-zzz", "echo $?", "hostname", "x=$(($x + 1))"]
        out += f"{turn} {number + turn}\n127\nc{number}\n"
        err += f"{number}.netsh:{len(lines) - 3}: netsh: zzz: unknown command\n"
    lines += [f"host -d c{number}", f"exit {number % 9}"]
    return "\n".join(lines) + "\n", Done(number % 9, out, err)


def test_fifty_clients_at_once(lab: Served) -> None:
    expected = []
    for number in range(50):
        text, done = script(number)
        (lab.folder / f"{number}.netsh").write_text(text)
        expected.append(done)
    victims = [lab.begin("-c", "for i in 1..999999999 { echo $i; host me; hostname }") for _ in range(4)]
    clients = [lab.start(f"{number}.netsh") for number in range(50)]
    for victim in victims:
        victim.kill()
        victim.communicate()
    for client, done in zip(clients, expected, strict=True):
        out, err = client.communicate(timeout=60)
        assert Done(client.returncode, out, err) == done


def test_clients_that_are_killed_take_with_them_what_they_ran(lab: Served) -> None:
    lines = ["ping www", "ping -q www & ping -q gw", "for i in 1..999999 { echo $i }", "www nc -l 99 & wait"]
    victims = [lab.begin("-c", f"echo up; {lines[number % len(lines)]}") for number in range(12)]
    for victim in victims:
        victim.kill()
    assert lab.run("-c", "for i in 1..50 { echo $i }").out == "".join(f"{i}\n" for i in range(1, 51))
    for victim in victims:
        victim.communicate()
    until(lambda: procs(lab) == "", "the end of what they ran")
    assert lab.log == ""


def test_a_host_that_another_removes_is_left(lab: Served) -> None:
    with lab.begin("-c", "host away; echo up; sleep 1000; hostname") as client:
        assert lab.run("--", "host", "-d", "away") == Done(0, "", "")
        lab.run("-c", "ps -a | grep 'sleep 1000' | !awk '{print $1}' > pid")
        lab.run("--", "kill", "-INT", (lab.folder / "pid").read_text().strip())
        assert rest(client) == Done(0, "me\n", "away: removed by somebody else; you are on me now\n")


# --- signals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_travels_to_the_command(lab: Served, number: int, status: int) -> None:
    with lab.begin("--", "ping", "www") as client:
        assert client.stdout is not None
        assert "icmp_seq=0" in client.stdout.readline()
        client.send_signal(number)
        done = rest(client)
        assert (done.status, done.err) == (status, "")
        assert ("packets transmitted" in done.out) is (number == signal.SIGINT)  # as ping does it
    assert lab.process.poll() is None


def test_a_reader_that_goes_away_ends_the_command(lab: Served) -> None:
    done = subprocess.run(
        f"{sys.executable} -m netsh -s {lab.url} -c 'for i in 1..1000000 {{ echo $i }}' | head -1",
        shell=True, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("1\n", "")
    until(lambda: procs(lab) == "")


# --- clients of no manners --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "garbage",
    [
        b"GET / HTTP/1.0\r\n\r\n", b"\0" * 100, b"netsh/", b"netsh/\0\1" + b"\xff" * 5, os.urandom(3000),
        frames.GREETING + frames.frame(frames.RUN, b"x"),
        frames.GREETING + frames.frame(frames.HELLO, b"\0\0\0\xffx"),
        frames.GREETING + frames.frame(frames.HELLO, frames.texts("columns", "many", "cwd", "/")),
        frames.GREETING + frames.frame(frames.HELLO, frames.texts("format", "odd", "cwd", "/")),
    ],
)  # fmt: skip
def test_garbage_is_cut_off(lab: Served, garbage: bytes) -> None:
    before = len(lab.log.splitlines())
    with lab.connect() as link:
        link.sendall(garbage)
        link.shutdown(socket.SHUT_WR)
        answers(link)
    assert lab.run("-c", "echo x").out == "x\n"
    assert len(lab.log.splitlines()) <= before + 1
    assert "Traceback" not in lab.log


@pytest.mark.parametrize(
    "nonsense",
    [
        frames.frame(b"?"), frames.frame(frames.RUN, frames.texts("odd", "", "")), frames.frame(frames.RUN),
        frames.frame(frames.SIGNAL, b"\x63"), frames.frame(frames.SIGNAL), frames.frame(frames.WINDOW, b"xyz"),
        frames.frame(frames.COMPLETE, frames.texts("1")), frames.frame(frames.END) + frames.frame(frames.END),
        frames.frame(frames.HELLO),
    ],
)  # fmt: skip
def test_nonsense_is_cut_off_with_a_word(lab: Served, nonsense: bytes) -> None:
    before = len(lab.log.splitlines())
    with lab.connect() as link:
        link.sendall(hello(lab.folder) + run_frame("lines", "sleep 1000") + nonsense)
        assert answers(link)[-1][0] == frames.BYE
    until(lambda: len(lab.log.splitlines()) == before + 1, "a line in the log")
    until(lambda: procs(lab) == "")


def test_a_client_that_stops_reading_waits_alone(lab: Served) -> None:
    with lab.connect() as link:
        link.sendall(hello(lab.folder) + run_frame("lines", "for i in 1..300 { fetch http://www/ >> f; echo $x }"))
        link.sendall(run_frame("lines", f"for i in 1..1000000 {{ echo {'x' * 1000} }}"))
        done = lab.run("-c", "for i in 1..100 { echo $i }")
        assert done.out.count("\n") == 100
        status = (Path("/proc") / str(lab.process.pid) / "status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        assert int(resident.split()[1]) < 200_000
    until(lambda: procs(lab) == "")


def test_complaints_that_nobody_reads_are_bounded(lab: Served) -> None:
    with lab.connect() as link:
        link.sendall(hello(lab.folder, prompt="1") + run_frame("lines", "for i in 1..100000000 { nope }"))
        for _ in range(5):
            assert lab.run("-c", "echo x").out == "x\n"
    until(lambda: procs(lab) == "")


def flood(link: socket.socket, data: bytes) -> None:
    """Send until nobody takes it."""
    while True:
        link.sendall(data)


def test_answers_that_nobody_reads_are_bounded(lab: Served) -> None:
    with lab.connect() as link:
        link.sendall(hello(lab.folder, prompt="1"))
        question = frames.frame(frames.COMPLETE, frames.texts("1", "")) * 100
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            flood(link, question)
    assert "does not read; cut off with" in lab.log


def test_any_frames_in_any_order_harm_nobody(lab: Served) -> None:
    rng = random.Random(7)
    kinds = [bytes([letter]) for letter in b"HRISWCEwoerdscxb?"]
    bodies = [b"", b"\0", b"\2", b"\xff" * 9, frames.texts("lines", "", "ping www & echo x"), frames.texts("7", "p")]
    bodies += [frames.texts("typed", "", "host x; host -d x; nc -l 9"), frames.texts("cwd", "/", "prompt", "1")]
    for _ in range(150):
        said = [frames.frame(rng.choice(kinds), rng.choice(bodies)) for _ in range(rng.randrange(12))]
        with lab.connect() as link:
            link.sendall(hello(lab.folder) * rng.randrange(2) + b"".join(said))
            if rng.random() < 0.5:
                link.shutdown(socket.SHUT_WR)
                answers(link)
    until(lambda: procs(lab) == "")
    assert "internal error" not in lab.log
    descriptors = Path("/proc") / str(lab.process.pid) / "fd"
    until(lambda: len(list(descriptors.iterdir())) < 15, "the end of all connections")


def test_a_client_of_another_version_is_told_so(lab: Served) -> None:
    with lab.connect() as link:
        link.sendall(frames.MAGIC + b"\x09\x09" + b"whatever it says")
        ((kind, text),) = answers(link)
    assert kind == frames.BYE
    assert text.decode().startswith(f"the server speaks version {frames.VERSION} of the protocol (netsh ")


def test_a_server_of_another_version_is_noticed(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "other"))
        server.listen()
        client = subprocess.Popen(
            [*NETSH, "-s", "unix://other", "-c", "echo"], cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=environ()
        )
        with server.accept()[0] as link:
            link.sendall(frames.MAGIC + b"\0\7")
            err = client.communicate()[1]
    assert client.returncode == 1
    assert err == (
        f"netsh: unix://other: the server speaks version 7 of the protocol, this netsh version {frames.VERSION}\n"
    )


def test_a_server_that_does_not_answer_can_be_left(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "dumb"))
        server.listen()
        client = subprocess.Popen(
            [*NETSH, "-s", "unix://dumb", "-c", "x"], cwd=tmp_path, env=environ(), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        with client, server.accept()[0] as link:
            link.settimeout(PATIENCE)
            link.sendall(frames.GREETING + frames.frame(frames.WELCOME) + frames.frame(frames.READ))
            heard = frames.Reader()
            kinds: list[bytes] = []
            for interrupts in range(4):
                while kinds.count(frames.SIGNAL) < interrupts or frames.INPUT not in kinds:
                    kinds += [kind for kind, _ in heard.feed(link.recv(65536))]
                client.send_signal(signal.SIGINT)
            assert rest(client) == Done(130, "", "netsh: the server does not answer; it was left\n")


# --- the URL ----------------------------------------------------------------------------------------


def test_the_socket_is_for_its_owner_alone(lab: Served) -> None:
    assert stat.S_IMODE((lab.folder / "lab").stat().st_mode) == 0o600


def test_a_url_that_is_taken(lab: Served) -> None:
    done = netsh(lab.folder, "serve", "unix://lab")
    assert (done.status, done.out) == (1, "")
    cure = "'netsh -s unix://lab -- halt' ends it"
    assert done.err == f"netsh: unix://lab: taken; a lab is served there already ({cure})\n"
    assert lab.run("-c", "echo x").out == "x\n"


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        ((), 2, "serve: a URL is missing, such as unix://lab or tcp://127.0.0.1:7000"),
        (("lab",), 2, "serve: lab: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT"),
        (("http://x/",), 2, "serve: http://x/: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT"),
        (("tcp://127.0.0.1",), 2, "serve: tcp://127.0.0.1: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT"),
        (("unix://a", "unix://b"), 2, "serve: unix://b: one URL is wanted"),
        (("unix://a", "-x"), 2, "-x: unknown option; 'netsh serve --help' lists them"),
        (("unix://a", "--bogus"), 2, "--bogus: unknown option; 'netsh serve --help' lists them"),
        (("unix://a", "-d", "--until-eof"), 2, "--until-eof: not with -d, which lets go of standard input"),
        (("unix://a", "--clock", "fast"), 2,
         "--clock fast: a served lab follows the wall clock: real, or a rate such as x10"),
        (("tcp://0.0.0.0:0",), 1, "tcp://0.0.0.0:0: other machines could reach it; --public if that is meant"),
        (("unix://no/such/folder",), 1, "unix://no/such/folder: No such file or directory"),
        (("unix://file",), 1, "unix://file: a file is there that is no socket; it was left alone"),
        (("unix://" + "x" * 120,), 1,
         "unix://" + "x" * 120 + ": a socket's path has at most 107 bytes; a relative one may be shorter"),
        (("unix://a", "--lab", "none", "-H", "1x"), 1,
         "-H 1x: a host's name is letters, digits, `-` and `_`, and begins with a letter"),
        (("unix://a", "--lab", "none", "-H", "ping"), 1,
         "-H ping: a command is called so; a host of that name could not be spoken to"),
        (("unix://a", "--lab", "nowhere"), 1,
         "--lab nowhere: no such lab; it is home, none, or a file that 'save' wrote"),
    ],
)  # fmt: skip
def test_what_cannot_be_served(tmp_path: Path, words: tuple[str, ...], status: int, err: str) -> None:
    (tmp_path / "file").write_text("mine")
    daemon = ["-d"] if len(err) % 2 else []  # it says the same
    assert netsh(tmp_path, "serve", *words, *daemon) == Done(status, "", f"netsh: {err}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (("-s", "unix://none", "-c", "x"), 1,
         "unix://none: no lab is served there ('netsh serve unix://none' serves one)"),
        (("-s", "tcp://127.0.0.1:1", "-c", "x"), 1,
         "tcp://127.0.0.1:1: no lab is served there ('netsh serve tcp://127.0.0.1:1' serves one)"),
        (("-s", "none", "-c", "x"), 2, "none: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT"),
        (("-s", "unix://none", "--seed", "3", "-c", "x"), 2,
         "--seed: the lab is served by another netsh, whose option it is ('netsh serve --help')"),
        (("-c", "halt"), 1, None),
    ],
)  # fmt: skip
def test_what_cannot_be_reached(tmp_path: Path, words: tuple[str, ...], status: int, err: str | None) -> None:
    told = f"netsh: {err}\n" if err else "halt: this lab is not served; 'exit' leaves it\n"
    assert netsh(tmp_path, *words) == Done(status, "", told)


@pytest.mark.parametrize(
    ("words", "err"),
    [
        (("-c", "x"), "none: not a URL; it is unix://PATH or tcp://127.0.0.1:PORT"),
        (("--lab", "none", "-c", "x"), "--lab: the lab is served by another netsh, whose option it is "
         "('netsh serve --help')"),
    ],
)  # fmt: skip
def test_who_has_forgotten_the_variable_is_reminded(tmp_path: Path, words: tuple[str, ...], err: str) -> None:
    told = f"netsh: {err} (NETSH_SERVER is none)\n"
    assert netsh(tmp_path, *words, NETSH_SERVER="none") == Done(2, "", told)


def test_a_stale_socket_is_taken_over(tmp_path: Path) -> None:
    with Served(tmp_path) as first:
        first.process.kill()
        first.process.wait()
        assert (tmp_path / "lab").is_socket()
    with Served(tmp_path) as second:
        assert second.run("-c", "echo x").out == "x\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_server_in_good_order(tmp_path: Path, number: int) -> None:
    with Served(tmp_path) as served, served.begin("-c", "ping www") as client:
        assert served.end(number) == 0
        done = rest(client)
        assert (done.status, done.err) == (1, f"netsh: {served.url}: the lab has ended\n")
        assert not (tmp_path / "lab").exists()
        assert served.log == ""


def test_it_ends_with_its_input_if_that_is_wanted(tmp_path: Path) -> None:
    words = [*NETSH, "serve", "unix://lab", "--until-eof"]
    with subprocess.Popen(words, cwd=tmp_path, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environ()) as server:
        assert server.stdin is not None and server.stdout is not None
        assert server.stdout.readline().startswith(b"serving ")
        server.stdin.write(b"nobody's\n")
        server.stdin.flush()
        assert netsh(tmp_path, "-s", "unix://lab", "-c", "echo x").out == "x\n"
        server.stdin.close()
        assert server.wait(PATIENCE) == 0
    assert list(tmp_path.iterdir()) == []


def test_halt_ends_it_and_returns_when_it_has_ended(tmp_path: Path) -> None:
    assert netsh(tmp_path, "serve", "unix://lab", "-d") == Done(0, "", "")
    assert netsh(tmp_path, "-s", "unix://lab", "--", "halt") == Done(0, "", "")
    assert list(tmp_path.iterdir()) == []
    assert netsh(tmp_path, "serve", "unix://lab", "-d") == Done(0, "", "")
    assert netsh(tmp_path, "-s", "unix://lab", "-c", "halt; echo never") == Done(0, "", "")


def test_one_bare_stack_as_a_daemon(tmp_path: Path) -> None:
    assert netsh(tmp_path, "serve", "unix://me.sock", "--lab", "none", "--host", "me", "-d") == Done(0, "", "")
    client = ("-s", "unix://me.sock")
    try:
        assert netsh(tmp_path, *client, "--", "host") == Done(0, "* me\n", "")
        assert netsh(tmp_path, *client, "-c", "ping -c 1 -q localhost > x; clock | grep -c real").out == "1\n"
    finally:
        assert netsh(tmp_path, *client, "--", "halt").status == 0


def test_a_lab_that_is_loaded_is_everybodys(tmp_path: Path) -> None:
    netsh(tmp_path, "--lab", "none", "-c", "host x; link x y; save other.netsh")
    with Served(tmp_path) as served, served.begin("-c", "echo up; sleep 1000; hostname") as client:
        assert served.run("-c", "load other.netsh; hostname") == Done(0, "x\n", "")
        assert rest(client) == Done(0, "x\n", "")


def test_a_lab_that_takes_for_ever_to_load_holds_up_nobody(lab: Served) -> None:
    (lab.folder / "endless.netsh").write_text("host h\nfor i in 1..999999999 { x=$i }\n")
    with lab.begin("-c", "echo up; load endless.netsh; hostname") as client:
        assert lab.run("-c", "ping -c 1 -q www | grep -c ' 0.0%'").out == "1\n"
        client.send_signal(signal.SIGINT)
        done = rest(client)
    assert (done.status, done.out) == (130, "")
    assert done.err.endswith("load: endless.netsh: not loaded; the lab is as it was\n")


# --- over TCP ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def over_tcp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with Served(tmp_path_factory.mktemp("tcp"), url="tcp://127.0.0.1:0") as served:
        yield served


def test_over_tcp_all_of_the_lab_is_there(over_tcp: Served) -> None:
    assert over_tcp.run("-c", "fetch http://www/ | head -1; help ping | grep -c usage").out == "<!doctype html>\n1\n"
    assert over_tcp.run("--format", "rich", "-c", "netstat -rn").status == 0
    assert over_tcp.run("-c", "source drop ip/ttl | grep -c '^>'").out == "1\n"


def test_over_tcp_filters_are_compiled(over_tcp: Served) -> None:
    done = over_tcp.run("-c", "tcpdump -n -t -c 1 -i shmif0 icmp & ping -c 1 www | wc -c")
    assert "IP 10.0.0.2 > 203.0.113.80: ICMP echo request" in done.out


@pytest.mark.parametrize(
    "line",
    [
        "echo x > made", "echo x >> made", "arp -f - < there", "echo x | !touch made", "source there", "save made",
        "load there", "fetch -o made http://www/", "sockets host",
        "python there", "tcpdump -i shmif0 -w made", "tcpdump -r there",
        "shmif_dumpbus there", "shmif_dumpbus no-such-file", "netsh --version",
    ],
)  # fmt: skip
def test_over_tcp_the_machine_is_out_of_reach(over_tcp: Served, line: str) -> None:
    (over_tcp.folder / "there").write_text("echo read\n")
    done = over_tcp.run("-c", line)
    assert done.status
    assert "read" not in done.out
    assert done.err.endswith(
        "not over TCP, where anybody may come: the machine's files, programs and sockets are for its Unix socket\n"
    )
    assert done.err.count("\n") == 1
    assert not (over_tcp.folder / "made").exists()


def test_over_tcp_no_tap_is_made() -> None:
    """Asked in a process of its own, without a server, and of a device that is none."""
    program = """
import sys
from types import SimpleNamespace
from netsh.served.confine import Guard
from stack.dev import tap
sys.modules["pytun"] = SimpleNamespace(IFF_NO_PI=0, IFF_TAP=0, TunTapDevice=lambda **_: print("made"))
guard = Guard()
guard.up = True
try:
    tap.open_tap("tap0")
except PermissionError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environ(), check=True)
    assert done.stdout.startswith("not over TCP")


def test_over_tcp_with_the_machines_sockets_nobody_gets_at_them(tmp_path: Path) -> None:
    with Served(tmp_path, "--sockets", "host", url="tcp://127.0.0.1:0") as served:
        done = served.run("-c", "fetch http://127.0.0.1:9/")
        assert done == Done(1, "", "fetch: Operation not permitted\n")
