"""The command `python`: programs in the shell, their ends, their signals, their time, and their sockets."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import zipapp
from pathlib import Path

import pytest

from tests.programs.theatre import ROOT, Theatre

# Where the answers are BSD's and not the machine's own.
BSD = {
    "unconnected send": "unconnected send !! OSError (107, 'Transport endpoint is not connected')",
    "no type": "no type !! OSError (93, 'Protocol not supported')",
    "connect twice": "connect twice !! OSError (106, 'Transport endpoint is already connected')",
}


def said(line: str) -> str:
    """A line of every_call without numbers that no two runs have in common."""
    line = re.sub(r"fd=\d+|\(FD \d+\)|'127.0.0.1', \d+|KeyError \(\d+,\)", "N", line)
    return BSD.get(re.split(" !! | -> ", line)[0], line)


def test_every_call_answers_as_pythons_own(theatre: Theatre) -> None:
    script = ROOT / "tests" / "programs" / "every_call.script"
    real = subprocess.run(
        [sys.executable, "-W", "ignore", script], capture_output=True, text=True, check=True
    )
    ours = theatre.play(f"python {script}")
    assert ours.status == 0, ours
    assert [said(line) for line in ours.out.splitlines()] == [said(line) for line in real.stdout.splitlines()]
    assert len(ours.out.splitlines()) > 90


@pytest.mark.parametrize(
    ("program", "status", "out", "err"),
    [
        ("-c 'print(1)'", 0, "1\n", ""),
        ("-cprint(2)", 0, "2\n", ""),
        ("-c 'import sys; print(sys.argv)' a -b", 0, "['-c', 'a', '-b']\n", ""),
        ("-c 'import sys; sys.exit(7)'", 7, "", ""),
        ("-c 'import sys; sys.exit(\"no\")'", 1, "", "no\n"),
        ("-c 'import os; os._exit(9)'", 9, "", ""),
        ("-c 'import os, signal; os.kill(os.getpid(), signal.SIGTERM)'", 143, "", ""),
        ("-c 'raise ValueError(3)'", 1, "",
         'Traceback (most recent call last):\n  File "<string>", line 1, in <module>\nValueError: 3\n'),
        ("-c 'x ='", 1, "", '  File "<string>", line 1\n    x =\n       ^\nSyntaxError: invalid syntax\n'),
        ("nosuch.py", 2, "", "python: can't open file 'nosuch.py': No such file or directory\n"),
        ("-m nosuch", 1, "", f"{sys.executable}: No module named nosuch\n"),
        ("", 2, "", "python: a program is missing: a file, -c text, or -m module\n"),
        ("-c", 2, "", "python: option requires an argument -- c\n"),
        ("-x", 2, "", "python: unknown option -- x\n"),
        ("-c 'import threading; threading.Thread(target=lambda: 1 / 0).start(); print(5)'", 0, "5\n", "division"),
        ("-c 'import socket; socket.create_server((\"\", 7)); print(socket.gethostname())'", 0, "me\n", ""),
        ("-c 'import threading, time; threading.Thread(target=time.sleep, args=[9], daemon=True).start()'", 0, "", ""),
        ("-c 'import threading, time; threading.Thread(target=time.sleep, args=[9]).start()'; clock", 0, "9.0000", ""),
        ("-c 'import _thread, time; _thread.start_new_thread(int, [\"x\"]); time.sleep(1); print(6)'", 0, "6\n",
         "Exception ignored in thread started by: <class 'int'>\nValueError: invalid literal"),
        ("-c 'import time; time.sleep(float(\"inf\"))'", 1, "", "OverflowError"),
        ("-c 'import time; time.sleep(float(\"nan\"))'", 1, "", "ValueError"),
        ("-c 'open(\"/dev/full\", \"w\").write(\"x\" * 10000)'", 1, "", "No space left on device"),
    ],
)  # fmt: skip
def test_ends(theatre: Theatre, program: str, status: int, out: str, err: str) -> None:
    played = theatre.play(f"python {program}")
    assert (played.status, out in played.out, err in played.err) == (status, True, True), played
    assert out or not played.out
    assert err or not played.err


def test_a_traceback_is_the_programs_own(theatre: Theatre) -> None:
    theatre.script("bad.py", "import socket\n\ndef f():\n    socket.socket().recv(1)\n\nf()\n")
    err = theatre.play("python bad.py").err
    assert err.startswith('Traceback (most recent call last):\n  File "bad.py", line 6, in <module>\n    f()\n')
    assert err.endswith("    socket.socket().recv(1)\nOSError: [Errno 107] Transport endpoint is not connected\n")
    assert "hijack" not in err


def test_time_is_the_labs(theatre: Theatre) -> None:
    theatre.script(
        "clock.py",
        """
        import asyncio, datetime, select, threading, time
        began = time.monotonic()
        time.sleep(1000)
        select.select([], [], [], 500)
        threading.Event().wait(250)
        asyncio.run(asyncio.sleep(250))
        print(time.monotonic() - began, time.ctime(), time.time_ns())
        end = time.monotonic() + 2
        while time.monotonic() < end:
            pass
        print("passed")
        """,
    )
    began = time.monotonic()
    played = theatre.play("python clock.py")
    assert played.out == "2000.0 Thu Jan  1 00:33:20 2026 1767227600000000000\npassed\n"
    assert time.monotonic() - began < 30


def test_threads_queues_and_locks(theatre: Theatre) -> None:
    theatre.script(
        "threads.py",
        """
        import concurrent.futures, queue, threading, time
        box = queue.Queue()
        threads = [threading.Thread(target=lambda n=n: (time.sleep(n), box.put(n))) for n in range(5)]
        for thread in threads:
            thread.start()
        print([box.get() for _ in threads], time.monotonic())
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            print(list(pool.map(lambda n: (time.sleep(1), n * n)[1], range(8))), time.monotonic())
        lock = threading.Lock()
        with lock:
            print(lock.acquire(timeout=2), time.monotonic())
        gate = threading.Barrier(3)
        threads = [threading.Thread(target=gate.wait) for _ in range(2)]
        for thread in threads:
            thread.start()
        gate.wait()
        again = threading.RLock()
        with again, again:
            print(threading.Thread(target=again.release).start())
        event = threading.Event()
        threading.Timer(7, event.set).start()
        print(event.wait(), event.wait(1), time.monotonic())
        simple = queue.SimpleQueue()
        try:
            simple.get(timeout=3)
        except queue.Empty:
            print("empty", time.monotonic())
        """,
    )
    played = theatre.play("python threads.py")
    assert played.out.splitlines() == [
        "[0, 1, 2, 3, 4] 4.0", "[0, 1, 4, 9, 16, 25, 36, 49] 6.0", "False 8.0", "None", "True True 15.0", "empty 18.0",
    ], played  # fmt: skip
    assert "cannot release un-acquired lock" in played.err


def test_every_run_is_the_same_run(theatre: Theatre) -> None:
    """Threads and processes on three hosts that compute for as long as the machine likes, over wires that lose."""
    theatre.script(
        "server.py",
        """
        import socket, threading, time
        def serve(sock):
            with sock, sock.makefile("rwb") as file:
                for line in file:
                    sum(range(50_000))
                    file.write(line)
                    file.flush()
        with socket.create_server(("", 7)) as listener:
            while True:
                threading.Thread(target=serve, args=[listener.accept()[0]], daemon=True).start()
        """,
    )
    theatre.script(
        "client.py",
        """
        import socket, sys, threading, time
        def talk(n):
            with socket.create_connection(("www", 7)) as sock, sock.makefile("rwb") as file:
                for turn in range(10):
                    file.write(b"%d %d " % (n, turn) + b"x" * 2000 + b"\\n")
                    file.flush()
                    file.readline()
                    print(sys.argv[1], n, turn, time.monotonic())
        threads = [threading.Thread(target=talk, args=[n]) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        """,
    )
    lines = ["bus wan loss 3%", "www python server.py &", "sleep 1", "gw python client.py gw &", "python client.py me"]
    first, second = (theatre.play(*lines, "wait %2", "netstat -s -p tcp") for _ in range(2))
    assert first.out == second.out
    assert len(re.findall(r"^(me|gw) \d \d ", first.out, re.MULTILINE)) == 80, first


def test_prints_come_when_they_are_printed(theatre: Theatre) -> None:
    theatre.script(
        "server.py",
        """
        import socket, sys
        with socket.create_server(("", 7)) as listener:
            print("listening")
            sock, peer = listener.accept()
            print("from", peer[0])
            while data := sock.recv(100):
                print("got", data)
                sys.stdout.flush()
                sock.sendall(data)
        """,
    )
    theatre.script(
        "client.py",
        """
        import os, socket
        sock = socket.create_connection(("www", 7))
        for word in b"one", b"two":
            print("sending", word)
            sock.sendall(word)
            os.write(1, b"answer %b\\n" % sock.recv(100))
        """,
    )
    played = theatre.play("www python server.py &", "sleep 1", "echo now", "python client.py")
    assert played.out.splitlines() == [
        "listening", "now", "sending b'one'", "from 10.0.0.2", "got b'one'", "answer one", "sending b'two'",
        "got b'two'", "answer two",
    ]  # fmt: skip


def test_standard_input(theatre: Theatre) -> None:
    program = "import sys; print(repr(input())); print(repr(sys.stdin.read())); print(repr(sys.stdin.readline()))"
    played = theatre.play(f"python -c '{program}'", stdin="a b\nc\nd")
    assert played.out == "'a b'\n'c\\nd'\n''\n"
    (theatre.folder / "file").write_text("from a file\n")
    assert theatre.play("python -c 'print(input())' < file").out == "from a file\n"


def test_files_and_filters(theatre: Theatre) -> None:
    many = "import sys\nfor n in range(20_000):\n    print('line', n)\nprint('end', file=sys.stderr)\n"
    theatre.script("many.py", many)
    played = theatre.play("python many.py > out", "python many.py | tail -n 1", "python many.py | head -n 1")
    assert played.out == "line 19999\nline 0\n"
    assert played.err.count("end\n") >= 2
    assert len((theatre.folder / "out").read_text().splitlines()) == 20_000


@pytest.mark.parametrize("taker", ["head -n 2", "!head -n 2"])
def test_one_that_prints_for_ever_ends_when_nobody_reads(theatre: Theatre, taker: str) -> None:
    theatre.script("ever.py", "while True:\n    print('y' * 100)\n")
    assert theatre.play(f"python ever.py | {taker}", "echo after") == (0, f"{'y' * 100}\n" * 2 + "after\n", "")


def test_one_that_prints_much_waits_for_a_slow_reader(theatre: Theatre) -> None:
    theatre.script("much.py", "for n in range(50_000):\n    print('y' * 99)\n")
    assert theatre.play("python much.py | !sh -c 'sleep 0.2; wc -c'") == (0, "5000000\n", "")


def test_a_program_from_standard_input(theatre: Theatre) -> None:
    program = "import sys; print(sys.argv, __name__)"
    assert theatre.play("python - a -b", stdin=program).out == "['-', 'a', '-b'] __main__\n"
    theatre.script("file", program)
    assert theatre.play("python - < file").out == "['-'] __main__\n"


def test_a_folder_or_an_archive_is_a_program(theatre: Theatre) -> None:
    (theatre.folder / "app").mkdir()
    played = theatre.play("python app")
    assert (played.status, played.err) == (1, f"{sys.executable}: can't find '__main__' module in 'app'\n")
    theatre.script("app/__main__.py", "import sys, other; print(sys.argv, other.NAME)")
    theatre.script("app/other.py", "NAME = 'other'")
    zipapp.create_archive(theatre.folder / "app")
    assert theatre.play("python app x", "python app.pyz y").out == "['app', 'x'] other\n['app.pyz', 'y'] other\n"


def test_signals(theatre: Theatre) -> None:
    theatre.script(
        "tough.py",
        """
        import signal, time
        signal.signal(signal.SIGTERM, lambda *_: print("not yet", time.monotonic()))
        try:
            time.sleep(100)
            print("slept", time.monotonic())
            time.sleep(100)
        except KeyboardInterrupt:
            print("interrupted", time.monotonic())
        """,
    )
    lines = ["python tough.py &", "sleep 5", "kill -TERM %1", "sleep 145", "kill -INT %1", "wait %1", "echo $?"]
    assert theatre.play(*lines).out == "not yet 5.0\nslept 100.0\ninterrupted 150.0\n0\n"
    assert theatre.play("python tough.py &", "sleep 5", "kill -KILL %1", "-wait %1", "echo $?").out.endswith("137\n")
    asyncio_ends = """
        import asyncio, signal
        async def main():
            stop = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
            await stop.wait()
            print("told to stop")
        asyncio.run(main())
    """
    theatre.script("loop.py", asyncio_ends)
    assert theatre.play("python loop.py &", "sleep 5", "kill %1", "wait %1", "echo $?").out == "told to stop\n0\n"


@pytest.mark.parametrize(
    ("clock", "program"),
    [("fast", "while True: pass"), ("fast", "input()"), ("real", "while True: pass"), ("real", "time.sleep(100)"),
     ("real", "socket.create_server(('', 7)).accept()"), ("real", "threading.Event().wait()")],
)  # fmt: skip
def test_ctrl_c(theatre: Theatre, clock: str, program: str) -> None:
    """The real one, to a shell whose program computes, reads, sleeps, or waits."""
    theatre.script("long.py", f"import socket, threading, time\nprint('begun')\n{program}\n")
    child = subprocess.Popen(
        [sys.executable, "-m", "netsh", "--clock", clock, "-c", "python long.py"],
        cwd=theatre.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    with child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130
        assert "KeyboardInterrupt" in child.stderr.read()


@pytest.mark.parametrize("clock", ["fast", "real"])
@pytest.mark.parametrize("handler", ["pass", "socket.gethostname(); time.sleep(0)"])
def test_a_storm_of_signals(theatre: Theatre, clock: str, handler: str) -> None:
    """Signals at any moment, whose handler has questions itself: every call is answered, with its own answer."""
    theatre.script(
        "storm.py",
        f"""
        import ctypes, os, signal, socket, time
        hits = 0
        handled, tell = os.pipe()
        def handler(*_):
            global hits
            hits += 1
            {handler}
            os.write(tell, b".")
        signal.signal(signal.SIGUSR1, handler)
        pid = os.getpid()
        sender = os.fork()
        if not sender:  # three at once at most, or else a slow machine has ever more of them in each other
            sleep = ctypes.CDLL(None).usleep
            os.set_blocking(handled, False)
            os.write(tell, b"...")
            for _ in range(1000):
                for _ in range(50):
                    try:
                        os.read(handled, 1)
                        break
                    except BlockingIOError:  # perhaps two of them became one
                        sleep(2000)
                sleep(1500)
                os.kill(pid, signal.SIGUSR1)
            os._exit(0)
        listener = socket.create_server(("", 7))
        done, calm = 0, False
        while done < 10 or hits < 300 and not calm:  # on a busy machine several signals become one
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
            client.sendall(b"%d" % done)
            assert server.recv(100) == b"%d" % done
            assert socket.gethostname() == "me"
            client.close()
            server.close()
            done += 1
            calm = calm or os.waitpid(sender, os.WNOHANG) != (0, 0)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        print("done", hits > 20)
        """,
    )
    assert theatre.play("python storm.py", options=("--clock", clock)) == (0, "done True\n", "")


def test_nothing_more_can_happen(theatre: Theatre) -> None:
    played = theatre.play("python -c 'import socket; socket.create_server((\"\", 7)).accept()'")
    assert played.status == 1
    assert played.err.endswith("python: nothing more can happen\n")


def test_what_it_leaves_behind_is_gone(theatre: Theatre) -> None:
    theatre.script(
        "careless.py",
        """
        import os, socket, subprocess, sys, threading, time
        socket.create_server(("", 7)).detach()
        socket.create_connection(("www", 80)).detach()
        threading.Thread(target=time.sleep, args=[1e9], daemon=True).start()
        child = subprocess.Popen(["sleep", "1000"])
        print(child.pid)
        os._exit(0)
        """,
    )
    played = theatre.play("python careless.py", "sleep 100", "netstat -an -f inet | grep -v httpd", "ps")
    pid, rest = played.out.split("\n", 1)
    assert ".7 " not in rest
    assert "ESTABLISHED" not in rest
    assert "python" not in rest
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]


@pytest.mark.parametrize(
    "packet",
    [
        "b'garbage'", "b''", "marshal.dumps(5)", "marshal.dumps(())", "marshal.dumps((5,))",
        "marshal.dumps(('x',) * 9)",
        "marshal.dumps(('recv', 0, -1, 0, None))", "marshal.dumps(('socket', 'a', 2, 1, 0))", "bytes(200_000)",
        "marshal.dumps(('poll', 5, 'x'))", "marshal.dumps(('sethostname', 5))", "marshal.dumps(('sleep', 'x', 1))",
        "marshal.dumps(('resolve', 5))", "marshal.dumps(('cancel',))", "marshal.dumps(('lwp_create',))",
        "marshal.dumps(('lwp_exit',))", "marshal.dumps(('sleep', None, True))",
    ],
)  # fmt: skip
def test_garbage_at_the_gate(theatre: Theatre, packet: str) -> None:
    """A program that speaks to the lab behind our library's back ends by itself, if at all."""
    answer = "" if "cancel" in packet else "; os.read(3, 1000)"
    theatre.script("rude.py", f"import marshal, os\nfor _ in range(3):\n    os.write(3, {packet}){answer}\n")
    played = theatre.play("python rude.py || true; -ping -c 1 www", "hostname")
    assert "1 packets received" in played.out, played
    assert played.out.endswith("me\n")
    assert "internal error" not in played.err


def test_a_script_that_ends_ends_its_programs(theatre: Theatre) -> None:
    stubborn = "import os, signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(os.getpid())\ntime.sleep(1e8)\n"
    theatre.script("stubborn.py", stubborn)
    played = theatre.play("python stubborn.py &", "sleep 1")
    assert played.status == 0
    assert not Path(f"/proc/{played.out.strip()}").exists()


def test_the_hosts_own_sockets(theatre: Theatre) -> None:
    """With `sockets host` the same program talks through the machine: here to itself, on loopback."""
    theatre.script(
        "both.py",
        """
        import socket
        with socket.create_server(("127.0.0.1", 0)) as listener:
            with socket.create_connection(listener.getsockname()) as client:
                server, _ = listener.accept()
                client.sendall(b"hello")
                print(server.recv(10), socket.gethostbyname("localhost"))
                server.close()
        """,
    )
    assert theatre.play("python both.py", options=("--sockets", "host")).out == "b'hello' 127.0.0.1\n"
    assert theatre.play("sockets host", "python both.py", "sockets stack", "python both.py").out == (
        "b'hello' 127.0.0.1\n" * 2
    )


def test_run_from_outside(theatre: Theatre) -> None:
    def run(*words: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-m", "netsh", *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            cwd=theatre.folder, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        return done.returncode, done.stdout, done.stderr

    theatre.script("who.py", "import socket, sys\nprint(socket.gethostname(), sys.argv)\nsys.exit(4)\n")
    assert run("run", "-H", "www", "who.py", "-x", "--lab") == (4, "www ['who.py', '-x', '--lab']\n", "")
    assert run("run", "-c", "import socket; print(socket.gethostbyname('www'))") == (0, "203.0.113.80\n", "")
    assert run("run", "--seed", "2", "-m", "platform")[0] == 0
    assert run("run", "-H", "www", "-", "a")[:2] == (0, "")
    assert run("run") == (2, "", "netsh: run: a program is missing: a file, -c text, or -m module\n")
    assert run("run", "-H", "nobody", "who.py")[0] == 1


def test_urgent_data(theatre: Theatre) -> None:
    theatre.script(
        "urgent.py",
        """
        import select, socket
        with socket.create_server(("", 7)) as listener:
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
        client.send(b"abc")
        client.send(b"!", socket.MSG_OOB)
        client.send(b"def")
        print([len(ready) for ready in select.select([server], [], [server], 5)])
        print(server.recv(1, socket.MSG_OOB), server.recv(10), server.recv(10))
        try:
            server.recv(1, socket.MSG_OOB)
        except OSError as error:
            print(error.errno)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_OOBINLINE, 1)
        client.send(b"gh", socket.MSG_OOB)
        print(server.recv(10), server.recv(10))
        """,
    )
    assert theatre.play("python urgent.py").out == "[1, 0, 1]\nb'!' b'abc' b'def'\n22\nb'g' b'h'\n"


def test_multicast_raw_and_options(theatre: Theatre) -> None:
    theatre.script(
        "kinds.py",
        """
        import socket, struct
        listener = socket.socket(type=socket.SOCK_DGRAM)
        listener.bind(("", 5000))
        me = socket.inet_aton(socket.gethostbyname("me"))
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton("239.1.2.3") + me)
        sender = socket.socket(type=socket.SOCK_DGRAM)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, me)
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 3)
        sender.sendto(b"all", ("239.1.2.3", 5000))
        print(listener.recv(10), sender.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL))
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        request = struct.pack("!BBHHH", 8, 0, 0, 7, 1)
        total = sum(struct.unpack("!4H", request))
        raw.sendto(request[:2] + struct.pack("!H", 0xFFFF - total) + request[4:], ("gw", 0))
        answer, source = raw.recvfrom(100)
        print(source, answer[20])
        tcp = socket.create_connection(("www", 80))
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 10000)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"newreno")
        print(tcp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))
        print(tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        print(tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16))
        print(socket.if_nameindex(), socket.getfqdn(), socket.gethostbyaddr("203.0.113.80")[0])
        """,
    )
    assert theatre.play("python kinds.py").out.splitlines() == [
        "b'all' 3", "('10.0.0.1', 0) 0", "10000", "1", "b'newreno\\x00'", "[(1, 'lo0'), (2, 'shmif0')] me www",
    ]  # fmt: skip
