"""netsh.socket: threads beside a lab, with Python's own modules on its hosts."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from netsh import socket
from stack.lab import Deadlock, Lab
from tests.commands.labs import pair


@pytest.fixture
def lab() -> Lab:
    return pair(delay=0.01)


def echo(net: socket.Net) -> int:
    """Serve one connection; how many bytes that was."""
    with net.socket.create_server(("", 7)) as listener:
        sock, _ = listener.accept()
        total = 0
        with sock:
            while data := sock.recv(65536):
                total += len(data)
                sock.sendall(data.upper())
    return total


def test_a_thread_and_its_maker_take_turns(lab: Lab) -> None:
    with socket.Stage(lab) as stage:
        server = stage.thread("b", echo)
        stage.sleep(1)
        net = stage.on("a")
        with net.socket.create_connection(("b", 7)) as sock:
            sock.sendall(b"hello")
            assert sock.recv(10) == b"HELLO"
            assert sock.getpeername() == ("10.0.0.2", 7)
        server.join()
        assert server.value == 5
    assert 1 < lab.callouts.now < 2


def test_every_run_is_the_same_run() -> None:
    """Eight threads on two hosts that all print what time it is."""

    def story() -> list[tuple[str, int, float]]:
        lab, told = pair(delay=0.01), []

        def client(net: socket.Net) -> None:
            for turn in range(5):
                with net.socket.create_connection(("a" if net.host.name == "b" else "b", 7)) as sock:
                    sock.sendall(b"x" * 3000)
                    told.append((net.host.name, turn, lab.callouts.now))

        def server(net: socket.Net) -> None:
            with net.socket.create_server(("", 7)) as listener:
                for _ in range(20):
                    sock, _ = listener.accept()
                    while sock.recv(1000):
                        sum(range(10_000))
                    sock.close()

        with socket.Stage(lab) as stage:
            servers = [stage.thread(host, server) for host in "ab"]
            stage.sleep(0.1)
            for thread in [*(stage.thread(host, client) for host in "aabbabab"), *servers]:
                thread.join()
        return told

    first = story()
    assert len(first) == 40
    assert story() == first


def test_time_outs_and_readiness(lab: Lab) -> None:
    with socket.Stage(lab) as stage:
        stage.thread("b", echo)
        stage.sleep(0)
        net = stage.on("a")
        with net.socket.create_connection(("b", 7), timeout=3) as sock, net.selectors.DefaultSelector() as selector:
            began = lab.callouts.now
            with pytest.raises(TimeoutError, match="timed out"):
                sock.recv(1)
            assert lab.callouts.now == pytest.approx(began + 3)
            selector.register(sock, net.selectors.EVENT_READ)
            assert selector.select(2) == []
            assert lab.callouts.now == pytest.approx(began + 5)
            sock.sendall(b"x")
            assert len(selector.select()) == 1
            assert net.select.select([sock], [sock], [], 0)[:2] == ([sock], [sock])


def test_errors_are_pythons(lab: Lab) -> None:
    with socket.Stage(lab) as stage:
        net = stage.on(lab["a"])
        with pytest.raises(ConnectionRefusedError):
            net.socket.create_connection(("b", 1))
        with pytest.raises(net.socket.gaierror):
            net.socket.create_connection(("nobody", 1))
        with pytest.raises(Deadlock), net.socket.create_server(("", 1)) as listener:
            listener.accept()
        with pytest.raises(KeyError):
            stage.on("nobody")

        def faulty(_: socket.Net) -> None:
            raise ValueError("mine")

        with pytest.raises(ValueError, match="mine"):
            stage.thread("b", faulty).join()
        assert net.socket.gethostname() == "a"


def test_sockets_are_gone_with_their_stage(lab: Lab) -> None:
    with socket.Stage(lab) as stage:
        kept = stage.on("a").socket.create_server(("", 7))
    assert kept.fileno() >= 0
    kept.detach()
    with socket.Stage(lab) as stage, stage.on("a").socket.create_server(("", 7)):
        pass


def test_tls(lab: Lab, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("b").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "b.pem"))

    def server(net: socket.Net) -> bytes:
        context = net.ssl.SSLContext(net.ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "b.pem")
        with net.socket.create_server(("", 443)) as listener:
            plain, _ = listener.accept()
            with context.wrap_socket(plain, server_side=True) as sock:
                data: bytes = sock.recv(100)
                sock.sendall(data[::-1])
                return data

    with socket.Stage(lab) as stage:
        thread = stage.thread("b", server)
        stage.sleep(0)
        net = stage.on("a")
        context = net.ssl.create_default_context(cafile=tmp_path / "ca.pem")
        with context.wrap_socket(net.socket.create_connection(("b", 443)), server_hostname="b") as sock:
            sock.sendall(b"secret")
            assert sock.recv(100) == b"terces"
            assert sock.version() == "TLSv1.3"
        thread.join()
        assert thread.value == b"secret"
