"""`netsh --sockets host` and the command `sockets`: the same programs on the machine's own sockets, on loopback."""

from __future__ import annotations

import functools
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from commands import command
from commands.command import FOR_ANY_SOCKETS
from netsh import home
from netsh.world import end
from stack.lab import Lab
from tests.commands.certificates import Authority
from tests.netsh.toys import Toys
from tests.netsh_terminal.terminal import Terminal

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 20.0
REFUSAL = "not with the host's sockets (sockets stack goes back)"
BIG = os.urandom(5_000_000)

needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


def netsh(*words: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Status, output and complaints of the shell on the machine's sockets."""
    done = subprocess.run(
        [sys.executable, "-m", "netsh", "--sockets", "host", *words],
        input=stdin, capture_output=True, check=False, cwd=ROOT,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr.decode()


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[bytes]]:
    """The shell on the machine's sockets, while something else goes on."""
    child = subprocess.Popen(
        [sys.executable, "-m", "netsh", "--sockets", "host", *words],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    with child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Something that goes on at the same time."""
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    yield
    thread.join(PATIENCE)
    assert not thread.is_alive()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def call(port: int) -> socket.socket:
    """A connection to what will listen soon."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), PATIENCE)
        except ConnectionRefusedError:
            assert time.monotonic() < deadline
            time.sleep(0.02)


def say(conn: socket.socket, data: bytes) -> None:
    """Send it, and then no more."""
    conn.sendall(data)
    conn.shutdown(socket.SHUT_WR)


def read_all(conn: socket.socket) -> bytes:
    parts = []
    while part := conn.recv(1 << 16):
        parts.append(part)
    return b"".join(parts)


class Pages(http.server.BaseHTTPRequestHandler):
    """A few pages."""

    def do_GET(self) -> None:
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/big")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        body = BIG if self.path == "/big" else f"{self.path} for {self.client_address[0]}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A folder."""

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A web server of Python's own; its URL."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def at_home() -> Toys:
    session = Toys(Lab(1))
    home.build(session)
    return session


# --- the programs -----------------------------------------------------------------------------------------


def test_fetch(url: str, tmp_path: Path) -> None:
    assert netsh("-c", f"fetch {url}/page") == (0, b"/page for 127.0.0.1\n", "")
    assert netsh("--", "fetch", f"{url.replace('127.0.0.1', 'localhost')}/x")[0] == 0
    file = tmp_path / "big"
    assert netsh("-c", f"fetch -q -o {file} {url}/moved")[0] == 0
    assert file.read_bytes() == BIG
    status, out, err = netsh("-c", f"fetch http://127.0.0.1:{free_port()}/")
    assert (status, out) == (1, b"") and "Connection refused" in err and err.count("\n") == 1


@needs_curl
def test_curl_at_our_httpd(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(BIG)
    (tmp_path / "small").write_text("small\n")
    port = free_port()
    with running("-c", f"httpd -v -p {port} {tmp_path}") as server:
        call(port).close()
        base = f"http://127.0.0.1:{port}"
        for _ in range(3):
            assert subprocess.check_output(["curl", "-sS", f"{base}/small"]) == b"small\n"
        assert subprocess.check_output(["curl", "-sS", f"{base}/big"]) == BIG
        both = subprocess.check_output(["curl", "-sS", f"{base}/small", f"{base}/small"])
        assert both == b"small\nsmall\n"
        clients = [subprocess.Popen(["curl", "-sS", f"{base}/big"], stdout=subprocess.PIPE) for _ in range(4)]
        assert [client.communicate()[0] == BIG for client in clients] == [True] * 4
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=PATIENCE)
    assert out.count(b"GET /small 200 6") == 5 and not err


def test_fetch_over_tls(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca")
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "big").write_bytes(BIG)
    handler = functools.partial(Quiet, directory=str(folder))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue("localhost", "127.0.0.1"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        port, good = server.server_address[1], f"--ca-cert={authority.ca}"
        for name in ("127.0.0.1", "localhost"):
            line = f"fetch -o {tmp_path}/got {good} https://{name}:{port}/big"
            assert netsh("-c", line) == (0, b"", "")
            assert (tmp_path / "got").read_bytes() == BIG
        status, out, err = netsh("-c", f"fetch https://localhost:{port}/big")
        assert (status, out) == (1, b"") and "the certificate is not to be trusted" in err and err.count("\n") == 1
        _, _, err = netsh("-c", f"fetch --no-verify-peer https://localhost:{port}/none")
        assert err.endswith("/none: 404 File not found\n")
        server.shutdown()
        thread.join()


def test_our_httpd_over_tls(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path / "ca"), free_port()
    made = authority.issue("localhost")
    (tmp_path / "big").write_bytes(BIG)
    with running("-c", f"httpd -v -p {port} {made.option} {tmp_path}") as server:
        call(port).close()
        context = ssl.create_default_context(cafile=authority.ca)
        for _ in range(3):
            with urllib.request.urlopen(f"https://localhost:{port}/big", timeout=PATIENCE, context=context) as answer:
                assert answer.read() == BIG
        line = f"fetch --ca-cert={authority.ca} https://localhost:{port}/big | wc -c"
        assert netsh("-c", line) == (0, b"%d\n" % len(BIG), "")
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=PATIENCE)
    assert out.count(b"GET /big 200 5000000") == 4 and not err


def test_nc_calls() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(PATIENCE)
        with running("-c", f"nc 127.0.0.1 {listener.getsockname()[1]}") as nc:
            conn, _ = listener.accept()
            with conn, beside(lambda: say(conn, BIG)):
                out, err = nc.communicate(b"from nc", timeout=PATIENCE)
                assert out == BIG and not err and nc.returncode == 0
                assert read_all(conn) == b"from nc"


def test_nc_listens() -> None:
    port = free_port()
    with running("-c", f"nc -l 127.0.0.1 {port}") as nc:
        answers: list[tuple[bytes, bytes]] = []
        with beside(lambda: answers.append(nc.communicate(BIG, timeout=PATIENCE))), call(port) as conn:
            conn.sendall(b"question")
            conn.shutdown(socket.SHUT_WR)
            assert read_all(conn) == BIG
        assert answers == [(b"question", b"")] and nc.returncode == 0


def test_nc_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(PATIENCE)
        with running("-c", f"nc -u -w 1 127.0.0.1 {peer.getsockname()[1]}") as nc:
            assert nc.stdin is not None
            nc.stdin.write(b"hello")
            nc.stdin.flush()
            data, source = peer.recvfrom(100)
            assert data == b"hello"
            peer.sendto(b"HELLO", source)
            assert nc.communicate(timeout=PATIENCE) == (b"HELLO", b"")


def test_ports_are_looked_at() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        status, out, err = netsh("-c", f"nc -z 127.0.0.1 {port}; nc -zv 127.0.0.1 {free_port()}")
        assert status == 1 and out.decode() == f"Connection to 127.0.0.1 port {port} [tcp/*] succeeded!\n".replace(
            f"port {port}", f"{port} port"
        )
        assert "Connection refused" in err
        status, _, err = netsh("-c", f"httpd -p {port}")
        assert status == 1 and err == f"httpd: port {port}: Address already in use\n"


# --- the mode ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(set(command.names()) - FOR_ANY_SOCKETS))
def test_what_cannot_work_says_so(name: str) -> None:
    session = at_home()
    for words in ("", " -a", " www"):
        assert session.run(f"sockets host; {name}{words}") == 1
        assert session.err == f"{name}: {REFUSAL}\n" and session.out == ""
    session.run(f"gw {name} --such-an-option")
    assert REFUSAL not in session.err  # other hosts are as they were


def test_back_and_forth(url: str) -> None:
    session = at_home()
    line = f"sockets; sockets host; sockets; fetch {url}/x; sockets stack; fetch http://www/ | head -n 1"
    assert session.run(line) == 0
    lines = session.out.splitlines()
    assert lines[:3] == ["me: sockets of the stack", "me: sockets of the host", "/x for 127.0.0.1"]
    assert lines[3].startswith("<!") and not session.err
    assert session.run("gw sockets host; gw sockets; sockets; www sockets | json") == 0
    lines = session.out.splitlines()
    assert lines[:2] == ["gw: sockets of the host", "me: sockets of the stack"]
    row = json.loads(lines[2])
    assert (row["type"], row["host"], row["sockets"]) == ("sockets-row", "www", "stack")


def test_names_of_the_lab_mean_nothing() -> None:
    session = at_home()
    assert session.run("sockets host; fetch http://www.invalid/") == 1
    assert session.err == "fetch: http://www.invalid/: Host name lookup failure\n"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("sockets machine", "sockets: machine: it is host or stack\n"),
        ("sockets host stack", "sockets: stack: one word is wanted: host or stack\n"),
    ],
)
def test_nonsense(line: str, complaint: str) -> None:
    session = at_home()
    assert session.run(line) == 2
    assert session.err == complaint


def test_without_a_host() -> None:
    session = Toys(Lab(1))
    assert session.run("sockets host") == 1
    assert session.err == "sockets: there is no host; 'host NAME' makes one\n"


def test_a_server_stays_what_it_is() -> None:
    session = at_home()
    port = free_port()
    assert session.run(f"sockets host; httpd -p {port} & sockets stack; clock; ps | grep -c httpd") == 0
    out = session.out
    assert out.startswith("clock real") and out.endswith("\n1\n")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as conn:
        conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
        session.run("sleep 0.2")
        assert conn.recv(100).startswith(b"HTTP/1.1 200")
    session.run("kill %1; sleep 0.05; clock")
    assert session.out.splitlines()[-1].startswith("clock fast")
    end(session.lab)


def test_a_saved_lab_remembers(tmp_path: Path) -> None:
    session, file, port = at_home(), tmp_path / "lab", free_port()
    assert session.run(f"gw sockets host; gw httpd -p {port} & save {file}") == 0
    end(session.lab)
    saved = file.read_text()
    assert saved.count("sockets host") == 1
    assert saved.index("host gw") < saved.index("sockets host") < saved.index("host www")
    session = at_home()
    assert session.run(f"load {file}; gw sockets; me sockets; sleep 0.1; gw ps | grep -c httpd") == 0
    assert session.out.splitlines() == ["gw: sockets of the host", "me: sockets of the stack", "1"]
    assert not session.err
    with socket.create_connection(("127.0.0.1", port), PATIENCE):
        pass
    end(session.lab)
    start = ("--lab", str(file), "-c", "me sockets; gw sockets")
    both = b"me: sockets of the %s\ngw: sockets of the %s\n"
    assert netsh("-H", "me", *start) == (0, both % (b"host", b"host"), "")
    assert netsh("-H", "gw", "--sockets", "stack", *start) == (0, both % (b"stack", b"stack"), "")


def test_a_lab_takes_over_the_ports_of_the_one_whose_place_it_takes(tmp_path: Path) -> None:
    session, file, port, other = at_home(), tmp_path / "lab", free_port(), free_port()
    assert session.run(f"gw sockets host; gw httpd -p {port} & gw nc -l {other} & sleep 0.05; save {file}") == 0
    for _ in range(2):
        assert session.run(f"load {file}; sleep 0.05; gw ps | grep -c {port}; gw ps | grep -c {other}") == 0
        assert (session.out, session.err) == ("1\n1\n", "")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as conn:
        conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
        session.run("sleep 0.2")
        assert conn.recv(100).startswith(b"HTTP/1.1 200")
    file.write_text(f"{file.read_text()}\nnope\n")
    assert session.run(f"load {file}") == 1
    session.run("sleep 0.05")
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as conn:
        conn.sendall(b"GET / HTTP/1.0\r\n\r\n")
        session.run("sleep 0.2")
        assert conn.recv(100).startswith(b"HTTP/1.1 200")  # as it was
    end(session.lab)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), PATIENCE)


def test_a_datagram_socket_is_taken_over_too(tmp_path: Path) -> None:
    session, file, port = at_home(), tmp_path / "lab", free_port()
    assert session.run(f"gw sockets host; gw nc -lu {port} & sleep 0.05; save {file}; load {file}; sleep 0.05") == 0
    assert not session.err
    assert session.run(f"gw ps | grep -c {port}") == 0
    with pytest.raises(OSError, match="in use"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rival:
        rival.bind(("127.0.0.1", port))
    end(session.lab)


def test_a_lab_that_ends_closes_them() -> None:
    session = at_home()
    port = free_port()
    session.run(f"sockets host; httpd -p {port} & sleep 0.02")
    assert session.lab.has_devices
    end(session.lab)
    assert not session.lab.has_devices
    with socket.create_server(("127.0.0.1", port)):
        pass


# --- the command line -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "out"),
    [
        ((), "* me\nme: sockets of the host\n"),
        (("--lab", "none"), "* me\nme: sockets of the host\n"),
        (("-H", "box"), "* box\nbox: sockets of the host\n"),
        (("--lab", "none", "-H", "box"), "* box\nbox: sockets of the host\n"),
        (("--sockets=stack", "-H", "gw"), "* gw          10.0.0.1 203.0.113.1\ngw: sockets of the stack\n"),
        (("--lab", "home", "-H", "gw"), "* gw          10.0.0.1 203.0.113.1\ngw: sockets of the host\n"),
    ],
)
def test_where_one_starts(words: tuple[str, ...], out: str) -> None:
    assert netsh(*words, "-c", "host | grep -F '*'; sockets") == (0, out.encode(), "")


@pytest.mark.parametrize(
    ("words", "status", "err"),
    [
        (("--sockets", "both", "-c", "lab"), 2, "netsh: --sockets both: it is host or stack\n"),
        (("--lab", "home", "-H", "box", "-c", "lab"), 1, "netsh: -H box: no such host; there are me, gw, www\n"),
    ],
)
def test_badly_started(words: tuple[str, ...], status: int, err: str) -> None:
    assert netsh(*words) == (status, b"", err)


def test_a_bad_name_for_the_host() -> None:
    status, _, err = netsh("-H", "7up", "-c", "lab")
    assert status == 1 and err.startswith("netsh: -H 7up: a host's name is") and err.count("\n") == 1


def test_at_a_prompt_that_idles(tmp_path: Path) -> None:
    """Descriptors come and go under the same numbers while a line is edited."""
    port = free_port()
    with Terminal(tmp_path, "--sockets", "host") as terminal:
        terminal.until_prompt()
        terminal.type(f"httpd -p {port} &\r")
        terminal.until_text("[1]")
        terminal.until_prompt()
        call(port).close()
        for _ in range(20):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
                assert b"</html>" in answer.read()
        good: list[bool] = []
        threads = [threading.Thread(target=_get, args=(port, good)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        assert good == [True] * 8
        terminal.type("sockets\r")
        terminal.until_text("me: sockets of the host")
        terminal.type("ifconfig -a\r")
        terminal.until_text(REFUSAL)
        terminal.type("exit\r")
        assert terminal.until_exit() == 1


def _get(port: int, good: list[bool]) -> None:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=PATIENCE) as answer:
        good.append(b"</html>" in answer.read())
