"""Options of sockets that take time, TCP_INFO, edges of epoll, alarms: as a program on a host finds them."""

from __future__ import annotations

import pytest

from tests.programs.theatre import Theatre


def test_time_outs_of_a_socket(theatre: Theatre) -> None:
    """SO_RCVTIMEO and SO_SNDTIMEO: EAGAIN after so long, for connections of a listener that has them, too."""
    theatre.script(
        "timeo.py",
        """
        import os, socket, struct, time
        SOL, RCV, SND = socket.SOL_SOCKET, socket.SO_RCVTIMEO, socket.SO_SNDTIMEO
        def failure(call, *arguments):
            began = time.monotonic()
            try:
                call(*arguments)
            except OSError as error:
                return type(error).__name__, error.errno, round(time.monotonic() - began, 6)
        with socket.create_server(("", 7)) as listener:
            listener.setsockopt(SOL, RCV, struct.pack("ll", 2, 500_000))
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
        print([struct.unpack("ll", sock.getsockopt(SOL, RCV, 16)) for sock in (server, client)])
        print(failure(server.recv, 1), failure(os.read, server.fileno(), 1))
        client.setsockopt(SOL, SND, struct.pack("ll", 3, 0))
        print(failure(client.sendall, bytes(10_000_000))[1], 3 <= failure(client.sendall, b"x")[2] < 4)
        server.settimeout(1)
        print(len(server.recv(100)), failure(client.setsockopt, SOL, RCV, b"short")[1])
        print([failure(client.setsockopt, SOL, RCV, wrong)[1] for wrong in (struct.pack("ll", 0, 2_000_000), 5)])
        client.setsockopt(SOL, SND, struct.pack("ll", 0, 0))
        datagram = socket.socket(type=socket.SOCK_DGRAM)
        datagram.setsockopt(SOL, RCV, struct.pack("ll", 0, 250_000))
        print(failure(datagram.recv, 1))
        """,
    )
    played = theatre.play("python timeo.py")
    assert played.out.splitlines() == [
        "[(2, 500000), (0, 0)]", "('BlockingIOError', 11, 2.5) ('BlockingIOError', 11, 2.5)", "11 True",
        "100 22", "[33, 22]", "('BlockingIOError', 11, 0.25)",
    ], played  # fmt: skip


def test_linger(theatre: Theatre) -> None:
    """close waits until all has arrived, or so long; not when the socket does not block."""
    theatre.script("server.py", """
        import socket, time
        with socket.create_server(("", 7)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            while True:
                sock, _ = listener.accept()
                time.sleep(float(sock.recv(2)))
                while sock.recv(65536):
                    pass
                sock.close()
    """)
    theatre.script("client.py", """
        import socket, struct, time
        def close(pause, linger, blocking):
            sock = socket.create_connection(("www", 7))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, linger))
            sock.sendall(b"%2d" % pause + bytes(20_000))
            sock.setblocking(blocking)
            began = time.monotonic()
            sock.close()
            print(pause, linger, blocking, int(time.monotonic() - began), flush=True)
            time.sleep(30)
        close(5, 60, True)
        close(9, 3, True)
        close(5, 60, False)
    """)
    played = theatre.play("www python server.py &", "sleep 1", "python client.py")
    first, second, third = (line.rsplit(" ", 1) for line in played.out.splitlines())
    assert (first[0], 5 <= int(first[1]) < 15) == ("5 60 True", True), played
    assert (second, third) == (["9 3 True", "3"], ["5 60 False", "0"])


def test_tcp_info(theatre: Theatre) -> None:
    """As Linux lays it out, which is what programs have been built to read."""
    theatre.script("info.py", """
        import socket, struct, time
        def info(sock):
            data = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
            found = struct.unpack_from("8B24I4Q6I", data)
            places = {"state": 0, "options": 5, "rto": 8, "snd_mss": 10, "unacked": 12, "pmtu": 21, "rtt": 23,
                      "snd_cwnd": 26, "total_retrans": 31, "acked": 34}
            return {name: found[place] for name, place in places.items()}, len(data)
        sock = socket.socket()
        print(info(sock)[0]["state"])
        sock.connect(("www", 7))
        sock.sendall(bytes(100_000))
        time.sleep(30)
        found, size = info(sock)
        print(size, found["state"], found["options"], found["snd_mss"], found["pmtu"], found["acked"], found["unacked"])
        print(20_000 < found["rtt"] < 200_000, found["rto"] >= 1_000_000)
        print(found["snd_cwnd"] > 1, found["total_retrans"] > 0)
        sock.shutdown(socket.SHUT_WR)
        time.sleep(5)
        print(info(sock)[0]["state"], len(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)))
    """)
    server = (
        "import socket, time; s = socket.create_server((chr(0)[:0], 7)); c = s.accept()[0];"
        " [0 for _ in iter(lambda: c.recv(65536), b``)]; time.sleep(100)"
    ).replace("``", '""')
    theatre.script("server.py", server)
    played = theatre.play("bus wan delay 10ms loss 2%", "www python server.py &", "sleep 1", "python info.py")
    assert played.out.splitlines() == [
        "7", "232 1 7 1448 1500 100000 0", "True True", "True True", "5 104",
    ], played  # fmt: skip


def test_edges_of_epoll(theatre: Theatre) -> None:
    """What was reported is not again before it has been used; one that was closed by its peer is reported so once."""
    theatre.script(
        "edges.py",
        """
        import select, socket, threading, time
        from select import EPOLLET as ET, EPOLLHUP as HUP, EPOLLIN as IN, EPOLLOUT as OUT, EPOLLRDHUP as RDHUP
        from select import EPOLLONESHOT as ONESHOT
        with socket.create_server(("", 7)) as listener:
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
        server.setblocking(False)
        with select.epoll() as epoll:
            def poll(timeout=1):
                return [events for _, events in epoll.poll(timeout)]
            epoll.register(server, IN | OUT | RDHUP | ET)
            print(poll(), poll(), time.monotonic())
            client.sendall(b"abc")
            time.sleep(0.1)
            print(poll(), poll(), server.recv(2), poll(), server.recv(2), poll())
            server.send(b"x")
            print(poll(), poll())
            epoll.modify(server, IN | OUT | ET)
            print(poll(), poll())
            epoll.modify(server, IN | RDHUP | ET)
            client.shutdown(socket.SHUT_WR)
            time.sleep(0.1)
            print([events == IN | RDHUP for events in poll()], poll(), server.recv(1), poll() == [IN])
            server.close()
            client.recv(1)
            epoll.register(client, OUT | ET)
            print([events & HUP for events in poll()], poll())
            epoll.unregister(client)
            for thing in open(__file__), 12345:
                try:
                    epoll.register(thing, IN)
                except OSError as error:
                    print(error.errno)
        # one thread waits, another one changes what it waits for
        with select.epoll() as epoll:
            ours, theirs = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
            ours.bind(("", 9))
            epoll.register(ours, IN | ONESHOT)
            theirs.sendto(b"1", ("me", 9))
            print(len(epoll.poll(1)), len(epoll.poll(1)))
            threading.Timer(2, epoll.modify, [ours, IN | ONESHOT]).start()
            began = time.monotonic()
            print(len(epoll.poll(10)), round(time.monotonic() - began, 6))
        """,
    )
    played = theatre.play("python edges.py")
    assert played.out.splitlines() == [
        "[4] [] 1.0", "[1] [] b'ab' [1] b'c' []", "[4] []", "[4] []", "[True] [] b'' True", "[16] []", "1", "9",
        "1 0", "1 2.0",
    ], played  # fmt: skip


def test_alarms_ring_in_the_labs_time(theatre: Theatre) -> None:
    theatre.script(
        "alarm.py",
        """
        import signal, socket, time
        class Ring(Exception): pass
        def ring(*_):
            raise Ring(time.monotonic())
        signal.signal(signal.SIGALRM, ring)
        print(signal.alarm(100), signal.alarm(5))
        try:
            socket.create_server(("", 7)).accept()
        except Ring as ring:
            print(ring)
        rings = []
        signal.signal(signal.SIGALRM, lambda *_: rings.append(time.monotonic()))
        signal.setitimer(signal.ITIMER_REAL, 0.5, 2)
        time.sleep(6)
        print(rings, signal.getitimer(signal.ITIMER_REAL), signal.setitimer(signal.ITIMER_REAL, 0))
        try:
            signal.setitimer(signal.ITIMER_REAL, -1)
        except signal.ItimerError as error:
            print(error.errno)
        time.sleep(6)
        signal.alarm(3)
        signal.pause()
        print(rings[3:])
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        signal.alarm(5)
        print(signal.sigtimedwait([signal.SIGALRM], 2), time.monotonic())
        print(signal.sigwait([signal.SIGALRM]), time.monotonic())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(1)
        time.sleep(10)
        """,
    )
    played = theatre.play("python alarm.py || echo $?")
    assert played.out.splitlines() == [
        "0 100", "5.0", "[5.5, 7.5, 9.5] (0.5, 2.0) (0.5, 2.0)", "22", "[20.0]",
        "None 22.0", "14 25.0", "142",
    ], played  # fmt: skip


def test_what_is_beside_the_bytes(theatre: Theatre) -> None:
    theatre.script(
        "beside.py",
        """
        import select, socket, _thread, time
        ours, theirs = (socket.socket(type=socket.SOCK_DGRAM) for _ in range(2))
        ours.bind(("", 9))
        for _ in range(3):
            theirs.sendto(b"abcdef", ("me", 9))
        print(ours.recvmsg(3)[:3], ours.recvmsg(6)[:3], ours.recvmsg_into([bytearray(2), bytearray(2)])[:3])
        def failure(call, *arguments):
            try:
                call(*arguments)
            except Exception as error:
                return type(error).__name__
        print([failure(*what) for what in (
            (ours.recvmsg, -1), (ours.recvmsg, 1, -1),
            (theirs.sendmsg, [b"x"], [(1, 2)]), (theirs.sendmsg, [b"x"], ["x"]),
            (theirs.sendmsg, [b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, b"1234")]), (ours.shutdown, 1 << 40),
            (socket.if_nametoindex, 0), (socket.if_indextoname, -1), (select.poll().register, 0, 1 << 16),
            (select.poll().poll, 1 << 64), (select.epoll, -1, 12356),
        )])
        _thread.start_new_thread(lambda: 1 / 0, ())
        time.sleep(1)
        """,
    )
    played = theatre.play("python beside.py")
    told = 0x20  # MSG_TRUNC
    assert played.out.splitlines() == [
        f"(b'abc', [], {told}) (b'abcdef', [], 0) (4, [], {told})",
        "['ValueError', 'ValueError', 'TypeError', 'TypeError', 'OSError', 'OverflowError', 'TypeError', "
        "'OverflowError', 'OverflowError', 'OverflowError', 'OSError']",
    ], played  # fmt: skip
    assert "Exception ignored in thread started by" in played.err
    assert "ZeroDivisionError" in played.err


def test_tls_takes_no_more_than_a_record(theatre: Theatre) -> None:
    """Who waits with select sees what has come behind it, and what is no TLS any more stays for the plain socket."""
    theatre.script(
        "records.py",
        """
        import select, socket, ssl, threading, trustme
        authority = trustme.CA()
        ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("me").configure_cert(ours)
        authority.configure_trust(theirs)
        def serve():
            with socket.create_server(("", 443)) as listener:
                plain, _ = listener.accept()
            sock = ours.wrap_socket(plain, server_side=True)
            sock.sendall(b"one")
            sock.sendall(b"two")
            plain = sock.unwrap()
            plain.sendall(b"plain")
        thread = threading.Thread(target=serve)
        thread.start()
        sock = theirs.wrap_socket(socket.create_connection(("me", 443)), server_hostname="me")
        import time; time.sleep(1)
        print(len(select.select([sock], [], [], 5)[0]), sock.read(-1, bytearray(3)), sock.pending())
        for _ in range(2):
            print(len(select.select([sock], [], [], 5)[0]), sock.recv(100), sock.pending())
        plain = sock.unwrap()
        print(plain.recv(100))
        thread.join()
        """,
    )
    played = theatre.play("python records.py")
    assert played.out.splitlines() == ["1 3 0", "1 b'two' 0", "1 b'' 0", "b'plain'"], played


def test_a_signal_may_come_from_a_process_of_the_machine(theatre: Theatre) -> None:
    """Nothing is pending in the lab, yet something more can happen: but not when that process is over, too."""
    theatre.script("child.py", """
        import signal, subprocess, time
        done = []
        signal.signal(signal.SIGCHLD, lambda *_: done.append(time.monotonic()))
        child = subprocess.Popen(["sleep", "0.3"])
        signal.pause()
        print(len(done), child.wait(), child.returncode)
        signal.pause()
    """)
    played = theatre.play("python child.py")
    assert (played.out, played.status) == ("1 0 0\n", 1)
    assert played.err.endswith("nothing more can happen\n")


def test_tls_over_a_pair_of_the_machines_and_services_by_name(theatre: Theatre) -> None:
    """A service that TCP has and UDP has not is found for TCP; TLS fills any buffer."""
    theatre.script(
        "pair.py",
        """
        import array, asyncio, os, socket, ssl, threading, trustme
        authority = trustme.CA()
        ours, theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
        authority.issue_cert("me").configure_cert(ours)
        authority.configure_trust(theirs)
        print([info[1:3] for info in socket.getaddrinfo("www", "http")])
        try:
            socket.getaddrinfo("www", "no-such")
        except socket.gaierror as error:
            print(error)
        a, b = socket.socketpair()
        def serve():
            with ours.wrap_socket(b, server_side=True) as sock:
                sock.sendall(b"12345678")
                sock.recv(1)
        t = threading.Thread(target=serve); t.start()
        with theirs.wrap_socket(a, server_hostname="me") as sock:
            buf = array.array("I", [0, 0])
            print(sock.recv_into(buf), sock.version())
            sock.send(b"x")
        t.join()
        """,
    )
    played = theatre.play("python pair.py")
    assert played.out.splitlines() == [
        "[(<SocketKind.SOCK_STREAM: 1>, 6)]", "[Errno -8] Servname not supported for ai_socktype", "8 TLSv1.3",
    ], played  # fmt: skip


@pytest.mark.parametrize("option", ["SO_RCVTIMEO", "SO_SNDTIMEO", "SO_LINGER"])
def test_structures_must_be_whole(theatre: Theatre, option: str) -> None:
    program = f"import socket; socket.socket().setsockopt(socket.SOL_SOCKET, socket.{option}, b'123')"
    assert "[Errno 22] Invalid argument" in theatre.play(f'python -c "{program}"').err
