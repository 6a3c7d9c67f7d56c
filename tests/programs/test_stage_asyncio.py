"""netsh.socket with asyncio: Python's own event loop on hosts of a lab, and libraries that know nothing of it."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import aiohttp.web
import httpx
import pytest
import trustme

from netsh import socket
from stack.lab import Deadlock, Lab
from stack.net.wire import Personality
from tests.commands.labs import bus, chain, pair

Story = Callable[[socket.Net], Coroutine[Any, Any, Any]]


@pytest.fixture
def lab() -> Lab:
    return pair(delay=0.01)


def play(lab: Lab, server: Story, client: Story) -> Any:
    """What a client on `a` returns that talks to a server on `b`."""
    with socket.Stage(lab) as stage:
        stage.thread("b", server)
        stage.sleep(0.1)
        net = stage.on("a")
        answer = net.asyncio.run(client(net))
        stage.sleep(100)  # until all is closed at the other end, too
        return answer


def alone(lab: Lab, story: Story) -> Any:
    """What a coroutine on `a` returns."""
    with socket.Stage(lab) as stage:
        net = stage.on("a")
        return net.asyncio.run(story(net))


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say what is heard, loudly."""
    try:
        while data := await reader.read(65536):
            writer.write(data.upper())
            await writer.drain()
    finally:
        writer.close()


async def serve(_net: socket.Net, **options: Any) -> None:
    server = await asyncio.start_server(shout, "b", 7, **options)
    async with server:
        await server.serve_forever()


def test_streams(lab: Lab) -> None:
    async def client(net: socket.Net) -> tuple[bytes, tuple[str, int], float]:
        reader, writer = await asyncio.open_connection("b", 7)
        writer.write(b"x" * 100_000)
        got = await reader.readexactly(100_000)
        peer = writer.get_extra_info("peername")
        writer.close()
        await writer.wait_closed()
        return got, peer, net.time.monotonic()

    got, peer, now = play(lab, serve, client)
    assert (got, peer) == (b"X" * 100_000, ("10.0.0.2", 7))
    assert 0.1 < now < 2


def test_time_is_the_labs(lab: Lab) -> None:
    async def client(net: socket.Net) -> list[float]:
        loop = asyncio.get_running_loop()
        times = [loop.time()]
        await asyncio.sleep(1e6)
        times.append(loop.time())
        reader, writer = await asyncio.open_connection("b", 7)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 100)
        times.append(loop.time())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await asyncio.gather(reader.read(1), asyncio.Event().wait())
        times.append(loop.time())
        loop.call_later(3, writer.close)
        await writer.wait_closed()
        return times

    began, slept, waited, timed = play(lab, serve, client)
    assert slept == pytest.approx(began + 1e6)
    assert waited == pytest.approx(slept + 100.02)
    assert timed == pytest.approx(waited + 0.5)


def test_a_loop_for_whoever_wants_one(lab: Lab) -> None:
    """The modules of asyncio's own know the factory, too."""

    async def story() -> float:
        await asyncio.sleep(5)
        return asyncio.get_running_loop().time()

    with socket.Stage(lab) as stage:
        net = stage.on("a")
        with asyncio.Runner(loop_factory=net.asyncio.new_event_loop) as runner:
            assert runner.run(story()) == pytest.approx(5)
        with net.asyncio.Runner(debug=True) as runner:
            assert runner.run(story()) == pytest.approx(10)
            assert runner.get_loop().get_debug()
        assert net.asyncio.Task is asyncio.Task


def test_tls(lab: Lab, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("b").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "b.pem"))

    async def server(net: socket.Net) -> None:
        context = net.ssl.SSLContext(net.ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "b.pem")
        await serve(net, ssl=context)

    async def client(net: socket.Net) -> tuple[bytes, str]:
        context = net.ssl.create_default_context(cafile=tmp_path / "ca.pem")
        reader, writer = await asyncio.open_connection("b", 7, ssl=context)
        writer.write(b"secret" * 10_000)
        got = await reader.readexactly(60_000)
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
        return got, version

    assert play(lab, server, client) == (b"SECRET" * 10_000, "TLSv1.3")


def test_sockets_of_ones_own(lab: Lab) -> None:
    async def server(net: socket.Net) -> None:
        loop = asyncio.get_running_loop()
        with net.socket.create_server(("", 7)) as listener:
            listener.setblocking(False)
            sock, _ = await loop.sock_accept(listener)
        with sock:
            while data := await loop.sock_recv(sock, 1000):
                await loop.sock_sendall(sock, data.upper())

    async def client(net: socket.Net) -> bytes:
        loop = asyncio.get_running_loop()
        with net.socket.socket() as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, ("b", 7))
            await loop.sock_sendall(sock, b"hello")
            buffer = bytearray(10)
            count = await loop.sock_recv_into(sock, buffer)
            return bytes(buffer[:count])

    assert play(lab, server, client) == b"HELLO"


def test_datagrams_and_names(lab: Lab) -> None:
    class Echo(asyncio.DatagramProtocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.transport.sendto(data.upper(), addr)

    class Ask(asyncio.DatagramProtocol):
        def __init__(self) -> None:
            self.answer: asyncio.Future[tuple[bytes, Any]] = asyncio.get_running_loop().create_future()

        def datagram_received(self, data: bytes, addr: Any) -> None:
            self.answer.set_result((data, addr))

    async def server(net: socket.Net) -> None:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(Echo, ("b", 7))
        try:
            await asyncio.Event().wait()
        finally:
            transport.close()

    async def client(net: socket.Net) -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_datagram_endpoint(Ask, remote_addr=("b", 7))
        transport.sendto(b"hello")
        answer = await protocol.answer
        transport.close()
        found = await loop.getaddrinfo("b", 80, type=net.socket.SOCK_STREAM)
        with pytest.raises(net.socket.gaierror):
            await asyncio.open_connection("nobody", 80)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("b", 80)
        return answer, found[0][-1], await loop.getnameinfo(("10.0.0.2", 7))

    answer, address, name = play(lab, server, client)
    assert answer == (b"HELLO", ("10.0.0.2", 7))
    assert address == ("10.0.0.2", 80)
    assert name == ("b", "echo")


def test_threads_beside_the_loop(lab: Lab) -> None:
    """A function in an executor computes, or waits in the lab; the loop goes on."""

    def blocking(net: socket.Net, word: bytes) -> bytes:
        with net.socket.create_connection(("b", 7)) as sock:
            net.time.sleep(1)
            sock.sendall(word)
            data: bytes = sock.recv(100)
            return data

    async def client(net: socket.Net) -> tuple[Any, ...]:
        loop = asyncio.get_running_loop()
        variable = contextvars.ContextVar[int]("variable")
        variable.set(5)
        began = loop.time()
        answers = await asyncio.gather(*(asyncio.to_thread(blocking, net, word) for word in (b"one", b"two")))
        took = loop.time() - began
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            total = await loop.run_in_executor(pool, sum, range(100_000))
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 / 0)
        loop.set_default_executor(concurrent.futures.ThreadPoolExecutor(1))
        return answers, took, total, await asyncio.to_thread(variable.get)

    answers, took, total, value = play(lab, serve, client)
    assert answers == [b"ONE", b"TWO"]
    assert 1.04 <= took < 1.1  # both at once
    assert (total, value) == (4_999_950_000, 5)


def test_call_soon_threadsafe_wakes_a_loop(lab: Lab) -> None:
    async def story(net: socket.Net) -> float:
        loop, event = asyncio.get_running_loop(), asyncio.Event()

        def call(_: socket.Net) -> None:
            net.time.sleep(7)
            loop.call_soon_threadsafe(event.set)

        net.stage.thread("a", call)
        await event.wait()
        return loop.time()

    assert alone(lab, story) == pytest.approx(7)


def test_nothing_more_can_happen(lab: Lab) -> None:
    async def story(_: socket.Net) -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        alone(lab, story)
    assert alone(lab, lambda net: asyncio.sleep(1, "again")) == "again"


def test_a_socket_of_the_machines_is_not_connected(lab: Lab) -> None:
    """A library that makes one would go out to the real network, to an address of the lab's."""

    async def story(net: socket.Net) -> None:
        import socket as machines

        with machines.socket() as sock:
            sock.setblocking(False)
            with pytest.raises(ValueError, match="made by its own"):
                await asyncio.get_running_loop().sock_connect(sock, ("10.0.0.2", 7))
        ours, theirs = net.socket.socketpair()
        with ours, theirs:
            ours.setblocking(False)
            theirs.send(b"x")
            assert await asyncio.get_running_loop().sock_recv(ours, 1) == b"x"

    alone(lab, story)


def test_every_run_is_the_same_run() -> None:
    """Twenty clients at once, tasks and threads, on lossy wires."""

    def story() -> list[tuple[int, float]]:
        lab = chain("a", "b", delay=0.01)
        bus(lab).set(Personality(delay=0.01, loss=0.05))
        told: list[tuple[int, float]] = []

        async def one(number: int) -> None:
            reader, writer = await asyncio.open_connection("b", 7)
            writer.write(b"x" * 5000 * number)
            writer.write_eof()
            assert len(await reader.read(-1)) == 5000 * number
            writer.close()
            await writer.wait_closed()
            told.append((number, asyncio.get_running_loop().time()))

        async def client(net: socket.Net) -> None:
            def job(seconds: int) -> None:
                net.time.sleep(seconds)
                told.append((-seconds, lab.callouts.now))

            jobs = (asyncio.to_thread(job, seconds) for seconds in (1, 2))
            await asyncio.gather(*(one(number) for number in range(20)), *jobs)

        play(lab, serve, client)
        return told

    first = story()
    assert len(first) == 22
    assert story() == first


def test_libraries_need_not_know(lab: Lab) -> None:
    """An aiohttp server, asked by aiohttp and by httpx: with the lab's time, names and sockets."""

    async def hello(request: aiohttp.web.Request) -> aiohttp.web.Response:
        await asyncio.sleep(2)
        return aiohttp.web.Response(text=f"hello {request.remote} {(await request.text()).upper()}")

    async def server(net: socket.Net) -> None:
        application = aiohttp.web.Application()
        application.router.add_route("*", "/", hello)
        runner = aiohttp.web.AppRunner(application)
        await runner.setup()
        await aiohttp.web.TCPSite(runner, "b", 80).start()
        try:
            await asyncio.Event().wait()
        finally:
            await runner.cleanup()

    async def client(net: socket.Net) -> list[str]:
        texts = []
        async with httpx.AsyncClient(trust_env=False) as browser:
            texts.append((await browser.get("http://b/")).text)
            with pytest.raises(httpx.ReadTimeout):
                await browser.get("http://b/", timeout=1)
        connector = aiohttp.TCPConnector(socket_factory=lambda info: net.socket.socket(*info[:3]))
        async with aiohttp.ClientSession(connector=connector) as session, session.post("http://b/", data="x") as answer:
            texts.append(await answer.text())
        return texts

    assert play(lab, server, client) == ["hello 10.0.0.1 ", "hello 10.0.0.1 X"]
    assert 105 < lab.callouts.now < 106
    assert threading.active_count() < 50
