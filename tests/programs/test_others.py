"""Programs that others wrote, unchanged, on hosts of a lab: web, mail, files, shells and databases."""

from __future__ import annotations

from pathlib import Path

import pytest
import trustme

from tests.programs.theatre import Theatre

HTTP = """
    import http.server, socketserver

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            body = b"x" * int(self.path[1:] or 0)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[::-1])

        def log_message(self, *words):
            pass

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    Server(("", 8080), Handler).serve_forever()
"""


@pytest.mark.parametrize("lossy", [False, True])
def test_http_server_and_urllib(theatre: Theatre, lossy: bool) -> None:
    client = """
        import urllib.request, urllib.error, hashlib
        for size in (0, 1, 1000, 300_000):
            with urllib.request.urlopen(f"http://www:8080/{size}") as answer:
                print(answer.status, len(answer.read()))
        request = urllib.request.Request("http://www:8080/", data=b"abc" * 50_000, method="POST")
        with urllib.request.urlopen(request) as answer:
            print(answer.status, answer.read() == b"cba" * 50_000)
        try:
            urllib.request.urlopen("http://www:8081/")
        except urllib.error.URLError as error:
            print(repr(error.reason))
        try:
            urllib.request.urlopen("http://nobody/")
        except urllib.error.URLError as error:
            print(repr(error.reason))
    """
    assert theatre.pair(HTTP, client, lossy=lossy).splitlines() == [
        "200 0",
        "200 1",
        "200 1000",
        "200 300000",
        "201 True",
        "ConnectionRefusedError(111, 'Connection refused')",
        "gaierror(-2, 'Name or service not known')",
    ]


def test_http_client_keeps_a_connection(theatre: Theatre) -> None:
    client = """
        import http.client
        connection = http.client.HTTPConnection("www", 8080, timeout=5)
        ports = set()
        for n in range(20):
            connection.request("GET", f"/{n}")
            answer = connection.getresponse()
            assert len(answer.read()) == n
            ports.add(connection.sock.getsockname()[1])
        print(len(ports), connection.sock.getpeername())
        connection.close()
    """
    assert theatre.pair(HTTP, client) == "1 ('203.0.113.80', 8080)\n"


def test_a_module_is_a_program(theatre: Theatre) -> None:
    """`python -m http.server`, as everybody starts it, and our own fetch as its client."""
    (theatre.folder / "page.txt").write_text("hello from a file\n")
    played = theatre.play("www python -m http.server 8000 > log &", "sleep 1", "fetch -q -o - http://www:8000/page.txt")
    assert played.out == "hello from a file\n"
    assert '"GET /page.txt HTTP/1.1" 200 -' in played.err
    assert (theatre.folder / "log").read_text() == "Serving HTTP on 0.0.0.0 port 8000 (http://0.0.0.0:8000/) ...\n"


def test_our_httpd_and_their_clients(theatre: Theatre) -> None:
    client = theatre.script(
        "client.py",
        """
        import httpx, requests
        for get in requests.get, httpx.get:
            answer = get("http://www/")
            print(answer.status_code, answer.headers["content-type"], "<title>www</title>" in answer.text)
            print(get("http://www/nothing").status_code)
        """,
    )
    played = theatre.play(f"python {client}")
    assert played.out == "200 text/html; charset=utf-8 True\n404\n" * 2, played


@pytest.mark.parametrize("lossy", [False, True])
def test_requests_and_httpx(theatre: Theatre, lossy: bool) -> None:
    client = """
        import httpx, requests
        with requests.Session() as session:
            print([len(session.get(f"http://www:8080/{n}").content) for n in (0, 10, 100_000)])
            print(session.post("http://www:8080/", data=b"12345").content)
            try:
                session.get("http://gw:9/", timeout=3)
            except requests.ConnectionError as error:
                print("refused" in str(error))
        with httpx.Client() as client:
            print([len(client.get(f"http://www:8080/{n}").content) for n in (0, 10, 100_000)])
            print(client.post("http://www:8080/", content=b"12345").content)
        import asyncio
        async def many():
            async with httpx.AsyncClient() as client:
                answers = await asyncio.gather(*(client.get(f"http://www:8080/{n}") for n in range(8)))
                print([len(answer.content) for answer in answers])
        asyncio.run(many())
    """
    assert theatre.pair(HTTP, client, lossy=lossy).splitlines() == [
        "[0, 10, 100000]", "b'54321'", "True", "[0, 10, 100000]", "b'54321'", "[0, 1, 2, 3, 4, 5, 6, 7]",
    ]  # fmt: skip


@pytest.mark.parametrize("lossy", [False, True])
def test_aiohttp(theatre: Theatre, lossy: bool) -> None:
    server = """
        from aiohttp import web

        async def hello(request):
            return web.json_response({"name": request.match_info["name"], "query": dict(request.query)})

        async def talk(request):
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            async for message in ws:
                await ws.send_str(message.data.upper())
            return ws

        async def file(request):
            return web.FileResponse("big")

        app = web.Application()
        app.add_routes([web.get("/hello/{name}", hello), web.get("/talk", talk), web.get("/file", file)])
        web.run_app(app, port=8080, print=None)
    """
    client = """
        import aiohttp, asyncio
        async def main():
            async with aiohttp.ClientSession() as session:
                async with session.get("http://www:8080/hello/me?a=1") as answer:
                    print(await answer.json())
                async with session.ws_connect("http://www:8080/talk") as ws:
                    for word in "one", "two":
                        await ws.send_str(word)
                        print((await ws.receive()).data)
                async with session.get("http://www:8080/file") as answer:
                    print(len(await answer.read()))
                try:
                    await session.get("http://gw:9/")
                except aiohttp.ClientConnectorError as error:
                    print(error.errno)
        asyncio.run(main())
    """
    (theatre.folder / "big").write_bytes(bytes(400_000))
    assert theatre.pair(server, client, lossy=lossy).splitlines() == [
        "{'name': 'me', 'query': {'a': '1'}}", "ONE", "TWO", "400000", "111",
    ]  # fmt: skip


@pytest.mark.parametrize("lossy", [False, True])
def test_asyncssh(theatre: Theatre, lossy: bool) -> None:
    server = """
        import asyncio, asyncssh

        async def shell(process):
            if process.command == "read":
                process.stdout.write((await process.stdin.read()).upper())
            else:
                process.stdout.write(f"you said {process.command}\\n")
                process.stderr.write("quietly\\n")
            process.exit(7)

        class Server(asyncssh.SSHServer):
            def password_auth_supported(self):
                return True
            def validate_password(self, username, password):
                return (username, password) == ("user", "secret")

        async def main():
            key = asyncssh.generate_private_key("ssh-ed25519")
            await asyncssh.create_server(Server, "", 22, server_host_keys=[key], process_factory=shell)
            await asyncio.Event().wait()

        asyncio.run(main())
    """
    client = """
        import asyncio, asyncssh
        async def main():
            way = dict(username="user", password="secret", known_hosts=None, config=None, client_keys=None)
            async with asyncssh.connect("www", **way) as connection:
                done = await connection.run("hello")
                print(done.stdout, done.stderr, done.exit_status)
                done = await connection.run("read", input="x" * 100_000)
                print(len(done.stdout), set(done.stdout))
            try:
                await asyncssh.connect("www", **{**way, "password": "wrong"})
            except asyncssh.PermissionDenied as error:
                print("denied")
        asyncio.run(main())
    """
    assert theatre.pair(server, client, lossy=lossy) == "you said hello\n quietly\n 7\n100000 {'X'}\ndenied\n"


def test_smtplib_and_aiosmtpd(theatre: Theatre) -> None:
    server = """
        import asyncio
        from aiosmtpd.controller import Controller

        class Handler:
            async def handle_DATA(self, server, session, envelope):
                print(envelope.mail_from, envelope.rcpt_tos, envelope.content.decode().splitlines()[-1], flush=True)
                return "250 taken"

        controller = Controller(Handler(), hostname="", port=25)
        controller.start()
        import threading
        threading.Event().wait()
    """
    client = """
        import smtplib
        from email.message import EmailMessage
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "a@me", "b@www", "greetings"
        message.set_content("the last line")
        with smtplib.SMTP("www", 25) as smtp:
            print(smtp.send_message(message))
            try:
                smtp.sendmail("a@me", [], "x")
            except smtplib.SMTPException as error:
                print(type(error).__name__)
    """
    out = theatre.pair(server, client)
    assert sorted(out.splitlines()) == ["SMTPDataError", "a@me ['b@www'] the last line", "{}"] or "{}" in out


@pytest.mark.parametrize("lossy", [False, True])
def test_ftplib_and_pyftpdlib(theatre: Theatre, lossy: bool) -> None:
    server = """
        import warnings
        warnings.simplefilter("ignore")
        import os
        from pyftpdlib.authorizers import DummyAuthorizer
        from pyftpdlib.handlers import FTPHandler
        from pyftpdlib.servers import FTPServer
        import logging
        logging.disable()
        os.makedirs("files", exist_ok=True)
        authorizer = DummyAuthorizer()
        authorizer.add_user("user", "secret", "files", perm="elradfmwMT")
        FTPHandler.authorizer = authorizer
        FTPServer(("", 21), FTPHandler).serve_forever()
    """
    client = """
        import ftplib, io
        for passive in True, False:
            with ftplib.FTP("www", "user", "secret") as ftp:
                ftp.set_pasv(passive)
                ftp.storbinary("STOR data", io.BytesIO(b"0123456789" * 20_000))
                back = io.BytesIO()
                ftp.retrbinary("RETR data", back.write)
                ftp.voidcmd("TYPE I")
                print(ftp.size("data"), back.getvalue() == b"0123456789" * 20_000)
                try:
                    ftp.retrbinary("RETR nothing", print)
                except ftplib.error_perm as error:
                    print(str(error)[:3])
    """
    assert theatre.pair(server, client, lossy=lossy) == "200000 True\n550\n" * 2


def test_redis(theatre: Theatre) -> None:
    """redis-py against as much of a server as it needs."""
    server = """
        import socketserver

        class Redis(socketserver.StreamRequestHandler):
            store = {}

            def handle(self):
                while line := self.rfile.readline():
                    words = []
                    for _ in range(int(line[1:])):
                        size = int(self.rfile.readline()[1:])
                        words.append(self.rfile.read(size + 2)[:-2])
                    self.wfile.write(self.answer(words[0].upper(), words[1:]))

            def answer(self, name, words):
                if name == b"SET":
                    self.store[words[0]] = words[1]
                    return b"+OK\\r\\n"
                if name == b"GET":
                    value = self.store.get(words[0])
                    return b"$-1\\r\\n" if value is None else b"$%d\\r\\n%b\\r\\n" % (len(value), value)
                if name in (b"INCR", b"INCRBY"):
                    self.store[words[0]] = b"%d" % (int(self.store.get(words[0], 0)) + 1)
                    return b":%b\\r\\n" % self.store[words[0]]
                return {b"PING": b"+PONG\\r\\n", b"CLIENT": b"+OK\\r\\n"}.get(name, b"-ERR unknown\\r\\n")

        socketserver.ThreadingTCPServer.allow_reuse_address = True
        socketserver.ThreadingTCPServer.daemon_threads = True
        socketserver.ThreadingTCPServer(("", 6379), Redis).serve_forever()
    """
    client = """
        import redis, threading
        client = redis.Redis("www", protocol=2)
        print(client.ping(), client.set("a", "1" * 50_000), len(client.get("a")), client.get("b"))
        threads = [threading.Thread(target=lambda: [client.incr("n") for _ in range(5)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        print(int(client.get("n")))
        client.close()
    """
    assert theatre.pair(server, client) == "True True 50000 None\n20\n"


@pytest.mark.parametrize("lossy", [False, True])
def test_socketserver_of_datagrams(theatre: Theatre, lossy: bool) -> None:
    server = """
        import socketserver

        class Echo(socketserver.BaseRequestHandler):
            def handle(self):
                data, sock = self.request
                sock.sendto(data[::-1], self.client_address)

        socketserver.UDPServer(("", 7), Echo).serve_forever()
    """
    client = """
        import socket
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.settimeout(1)
        for size in (1, 100, 5000):
            while True:
                sock.sendto(bytes(range(256)) * (size // 256) + b"end", ("www", 7))
                try:
                    data, peer = sock.recvfrom(65536)
                except TimeoutError:
                    continue
                if len(data) == size // 256 * 256 + 3:
                    break
            print(len(data), data[:3], peer)
        sock.close()
    """
    assert theatre.pair(server, client, lossy=lossy).splitlines() == [
        f"{size} b'dne' ('203.0.113.80', 7)" for size in (3, 3, 4867)
    ]


# --- TLS ------------------------------------------------------------------------------------------------


@pytest.fixture
def certificates(theatre: Theatre) -> Path:
    """A certificate for `www`, and the authority that vouches for it, where the programs run."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(theatre.folder / "ca.pem"))
    own = authority.issue_cert("www")
    own.private_key_and_cert_chain_pem.write_to_path(str(theatre.folder / "www.pem"))
    return theatre.folder


HTTPS = HTTP.replace('Server(("", 8080), Handler).serve_forever()', """
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain("www.pem")
    server = Server(("", 443), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()
""".replace("\n", "\n", 1).strip())  # fmt: skip


@pytest.mark.usefixtures("certificates")
@pytest.mark.parametrize("lossy", [False, True])
def test_tls_of_threads(theatre: Theatre, lossy: bool) -> None:
    server = """
        import socketserver, ssl

        class Echo(socketserver.StreamRequestHandler):
            def handle(self):
                for line in self.rfile:
                    self.wfile.write(line.upper())

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("www.pem")
        socketserver.ThreadingTCPServer.daemon_threads = True
        server = socketserver.ThreadingTCPServer(("", 443), Echo)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        server.serve_forever()
    """
    client = """
        import socket, ssl
        context = ssl.create_default_context(cafile="ca.pem")
        with socket.create_connection(("www", 443)) as plain:
            with context.wrap_socket(plain, server_hostname="www") as sock:
                print(sock.version(), sock.getpeercert()["subjectAltName"])
                file = sock.makefile("rwb")
                for size in (1, 1000, 200_000):
                    file.write(b"x" * size + b"\\n")
                    file.flush()
                    print(len(file.readline()))
                sock.settimeout(0.5)
                try:
                    sock.recv(1)
                except TimeoutError as error:
                    print(repr(error))
                sock.setblocking(False)
                try:
                    sock.recv(1)
                except ssl.SSLWantReadError:
                    print("nothing")
        try:
            context.wrap_socket(socket.create_connection(("www", 443)), server_hostname="gw")
        except ssl.SSLCertVerificationError as error:
            print(error.verify_code)
    """
    lines = theatre.pair(server, client, lossy=lossy).splitlines()
    assert lines == [
        "TLSv1.3 (('DNS', 'www'),)", "2", "1001", "200001", "TimeoutError('The read operation timed out')", "nothing",
        "62",
    ]  # fmt: skip


@pytest.mark.usefixtures("certificates")
def test_https_of_libraries(theatre: Theatre) -> None:
    server = """
        import ssl
        from aiohttp import web

        async def hello(request):
            return web.Response(text="secret")

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("www.pem")
        app = web.Application()
        app.add_routes([web.get("/", hello)])
        web.run_app(app, port=443, ssl_context=context, print=None)
    """
    client = """
        import asyncio, ssl, urllib.request
        import aiohttp, httpx, requests
        context = ssl.create_default_context(cafile="ca.pem")
        print(urllib.request.urlopen("https://www/", context=context).read())
        print(requests.get("https://www/", verify="ca.pem").content)
        print(httpx.get("https://www/", verify=context).content)
        async def main():
            async with aiohttp.ClientSession() as session, session.get("https://www/", ssl=context) as answer:
                print(await answer.read())
        asyncio.run(main())
        try:
            requests.get("https://www/")
        except requests.exceptions.SSLError as error:
            print("certificate verify failed" in str(error))
    """
    assert theatre.pair(server, client) == "b'secret'\n" * 4 + "True\n"
