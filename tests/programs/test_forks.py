"""Programs that fork: each process is on the host, with the sockets that it inherits and opens, in the lab's time."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs.theatre import Theatre


@pytest.mark.parametrize("clock", ["fast", "real"])
def test_a_child_has_sockets(theatre: Theatre, clock: str) -> None:
    """Its own, and its parent's: a connection ends when both have closed it."""
    theatre.script(
        "fork.py",
        """
        import os, socket, time
        listener = socket.create_server(("", 7))
        client = socket.create_connection(("me", 7))
        server, _ = listener.accept()
        pid = os.fork()
        if not pid:
            listener.close()
            server.sendall(b"from the child")
            with socket.create_connection(("www", 80)) as sock:
                print(sock.getpeername())
            time.sleep(0.2)
            os._exit(3)
        server.close()
        print(client.recv(100), client.recv(100))
        print(os.waitpid(pid, 0)[0] == pid, socket.create_connection(("me", 7)).getpeername()[1])
        try:
            os.wait()
        except ChildProcessError as error:
            print(error.errno)
        """,
    )
    played = theatre.play("python fork.py", options=("--clock", clock))
    lines = ["('203.0.113.80', 80)", "b'from the child' b''", "True 7", "10"]
    assert (played.status, played.out.splitlines()) == (0, lines), played


@pytest.mark.parametrize("clock", ["fast", "real"])
def test_a_forking_server(theatre: Theatre, clock: str) -> None:
    theatre.script(
        "server.py",
        """
        import os, socket, socketserver, threading, time
        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                line = self.rfile.readline()
                time.sleep(0.3)
                self.wfile.write(line.upper())
                print("child", os.getpid() != main)
        def ask(number):
            with socket.create_connection(("me", 7)) as sock:
                sock.sendall(b"hello %d\\n" % number)
                answers.append(sock.makefile().read())
        main, answers = os.getpid(), []
        with socketserver.ForkingTCPServer(("", 7), Handler) as server:
            threading.Thread(target=server.serve_forever).start()
            threads = [threading.Thread(target=ask, args=[number]) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            server.shutdown()
        print(sorted(answers), server.active_children, time.monotonic() < 2)
        """,
    )
    played = theatre.play("python server.py", options=("--clock", clock))
    assert played.status == 0, played
    answers = ["HELLO 0\n", "HELLO 1\n", "HELLO 2\n", "HELLO 3\n"]
    assert played.out == "child True\n" * 4 + f"{answers} set() True\n"


WORKERS = """
    import os, socket, time
    listener = socket.create_server(("", 8080))
    def work(number):
        for _ in range(3):
            sock, peer = listener.accept()
            with sock:
                data = sock.recv(100)
                sum(range(100_000))
                time.sleep(0.5)
                sock.sendall(b"%d by %d" % (int(data), number))
    pids = []
    for number in range(3):
        pids.append(os.fork())
        if not pids[-1]:
            work(number)
            os._exit(10 + number)
    listener.close()
    for _ in pids:
        pid, status = os.wait()
        print(pids.index(pid), os.waitstatus_to_exitcode(status), round(time.monotonic(), 6))
"""
CLIENTS = """
    import socket, threading, time
    def ask(number):
        time.sleep(number / 1000)
        with socket.create_connection(("www", 8080)) as sock:
            sock.sendall(b"%d" % number)
            print(sock.recv(100), round(time.monotonic(), 6))
    for number in range(9):
        threading.Thread(target=ask, args=[number]).start()
"""


def test_a_server_of_workers_is_the_same_in_every_run(theatre: Theatre) -> None:
    """Three processes that accept from one socket, over wires that lose frames."""
    theatre.script("server.py", WORKERS)
    theatre.script("client.py", CLIENTS)
    lines = ["bus wan loss 10%", "www python server.py &", "sleep 1", "python client.py", "wait %1"]
    first, second = theatre.play(*lines), theatre.play(*lines)
    assert first.status == 0, first
    assert first == second
    assert [f"{number} {10 + number} " in first.out for number in range(3)] == [True] * 3, first
    assert first.out.count(" by ") == 9


def test_a_pool(theatre: Theatre) -> None:
    """Of multiprocessing and of concurrent.futures, whose processes wait for semaphores, pipes and the lab."""
    theatre.script(
        "pool.py",
        """
        import concurrent.futures, multiprocessing, os, socket, time
        context = multiprocessing.get_context("fork")
        def work(number):
            time.sleep(1)
            with socket.create_connection(("www", 80)) as sock:
                return number * number, sock.getpeername()[1]
        def put(queue, lock, event, size):
            with lock:
                time.sleep(5)
                queue.put("x" * size)
            event.wait()
            queue.put(time.monotonic())
        with context.Pool(2) as pool:
            print(pool.map(abs, range(-3, 0)), time.monotonic())
            print(pool.map(work, range(4)), int(time.monotonic()))
        with concurrent.futures.ProcessPoolExecutor(2, context) as pool:
            print(list(pool.map(work, range(2))), int(time.monotonic()))
        queue, lock, event = context.Queue(), context.Lock(), context.Event()
        child = context.Process(target=put, args=[queue, lock, event, 300_000])
        child.start()
        time.sleep(1)
        print(lock.acquire(timeout=2), int(time.monotonic()), lock.acquire(), int(time.monotonic()))
        print(len(queue.get()))
        event.set()
        print(int(queue.get()))
        child.join()
        child = context.Process(target=time.sleep, args=[1000])
        child.start()
        child.join(3)
        child.terminate()
        child.join()
        print(child.exitcode, int(time.monotonic()))
        """,
    )
    first = theatre.play("python pool.py")
    lines = [
        "[3, 2, 1] 0.0", "[(0, 80), (1, 80), (4, 80), (9, 80)] 2", "[(0, 80), (1, 80)] 3", "False 6 True 8", "300000",
        "8", "-15 11",
    ]  # fmt: skip
    assert (first.status, first.out.splitlines()) == (0, lines), first


def test_a_pool_of_processes_in_real_time(theatre: Theatre) -> None:
    theatre.script(
        "pool.py",
        """
        import multiprocessing, socket
        def work(number):
            with socket.create_connection(("www", 80)) as sock:
                return number, sock.getpeername()[1]
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(work, range(3)))
        """,
    )
    assert theatre.play("python pool.py", options=("--clock", "real")).out == "[(0, 80), (1, 80), (2, 80)]\n"


def test_pipes_between_processes(theatre: Theatre) -> None:
    """Who reads one waits in the lab's time, and sees its end when the writer ends."""
    theatre.script(
        "pipes.py",
        """
        import os, socket, time
        read, write = os.pipe()
        ours, theirs = socket.socketpair()
        if not os.fork():
            ours.close()
            for word in b"one", b"two":
                time.sleep(10)
                os.write(write, word)
            print(theirs.recv(100), time.monotonic())
            time.sleep(100)
            os._exit(0)
        os.close(write)
        theirs.close()
        print(os.read(read, 100), time.monotonic())
        print(os.read(read, 100), time.monotonic())
        ours.settimeout(5)
        try:
            ours.recv(1)
        except TimeoutError as error:
            print(error, time.monotonic())
        ours.send(b"go")
        print(os.read(read, 100), time.monotonic())
        """,
    )
    played = theatre.play("python pipes.py")
    lines = ["b'one' 10.0", "b'two' 20.0", "timed out 25.0", "b'go' 25.0", "b'' 125.0"]
    assert (played.status, played.out.splitlines()) == (0, lines), played


def test_file_objects_on_pipes(theatre: Theatre) -> None:
    theatre.script(
        "files.py",
        """
        import os, time
        read, write = os.pipe()
        if not os.fork():
            os.close(read)
            with os.fdopen(write, "w", encoding="utf-8") as file:
                file.write("gr\u00fc\u00dfe\\n")
                file.flush()
                time.sleep(7)
                print("and more", "x" * 200_000, file=file)
            time.sleep(7)
            os._exit(0)
        os.close(write)
        with os.fdopen(read, encoding="utf-8") as file:
            print(file.readline().strip(), time.monotonic())
            print(len(file.read()), time.monotonic())
        read, write = os.pipe()
        with os.fdopen(write, "wb", 0) as raw, os.fdopen(read, "rb", closefd=False) as file:
            print(raw.write(b"abc"), file.read(2), raw.name == write, file.closed, os.wait()[1])
        os.close(read)
        """,
    )
    played = theatre.play("python files.py")
    assert played.out == "gr\u00fc\u00dfe 0.0\n200010 7.0\n3 b'ab' True False 0\n", played


def test_signals_between_processes(theatre: Theatre) -> None:
    theatre.script(
        "signals.py",
        """
        import os, signal, time
        def told(number, _):
            print("told", number, time.monotonic())
            os._exit(7)
        children = []
        for how in told, signal.SIG_DFL, signal.SIG_IGN:
            children.append(os.fork())
            if not children[-1]:
                signal.signal(signal.SIGTERM, how)
                time.sleep(1000)
                os._exit(0)
        time.sleep(5)
        print(os.wait3(os.WNOHANG)[:2], os.wait4(-1, os.WNOHANG)[:2], os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG))
        for child in children:
            print(os.waitpid(child, os.WNOHANG))
            os.kill(child, signal.SIGTERM)
        time.sleep(5)
        os.kill(children[2], signal.SIGKILL)
        print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children], time.monotonic())
        """,
    )
    played = theatre.play("python signals.py")
    assert played.out == "(0, 0) (0, 0) None\n(0, 0)\ntold 15 5.0\n(0, 0)\n(0, 0)\n[7, -15, -9] 10.0\n", played


def test_ctrl_c_is_for_all_of_them(theatre: Theatre) -> None:
    theatre.script(
        "family.py",
        """
        import os, time
        child = os.fork()
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            if child:
                os.waitpid(child, 0)
            print("parent" if child else "child", time.monotonic())
        """,
    )
    played = theatre.play("python family.py &", "sleep 5", "kill -INT %1", "wait %1")
    assert played.out == "child 5.0\nparent 5.0\n", played


def test_children_end_with_the_job(theatre: Theatre) -> None:
    """Even those that made a session of their own, and with them their sockets."""
    theatre.script(
        "leave.py",
        """
        import os, socket, time
        socket.create_server(("", 7)).detach()
        if not os.fork():
            os.setsid()
            print(os.getpid())
            time.sleep(1e6)
        time.sleep(1)
        """,
    )
    played = theatre.play("python leave.py", "netstat -an -f inet | grep -v httpd", "ps")
    pid, rest = played.out.split("\n", 1)
    assert ".7 " not in rest
    assert not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_child_that_becomes_another_program(theatre: Theatre) -> None:
    """It has the machine's network then; to wait for it counts as computing, as with subprocess."""
    theatre.script(
        "exec.py",
        """
        import os, subprocess, time
        child = os.fork()
        if not child:
            os.execvp("sh", ["sh", "-c", "sleep 0.05; exit 5"])
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), time.monotonic())
        done = subprocess.run(["sh", "-c", "echo hello; exit 6"], capture_output=True, preexec_fn=os.getpid)
        print(done.returncode, done.stdout)
        """,
    )
    assert theatre.play("python exec.py").out == "5 0.0\n6 b'hello\\n'\n"


def test_a_child_in_a_loop_of_its_own_holds_nobody_up_for_long(theatre: Theatre) -> None:
    """It waits where the lab cannot see it, for something that its parent does: time stands, but all goes on."""
    theatre.script(
        "loop.py",
        """
        import os, socket, time
        if not os.fork():
            while not os.path.exists("flag"):
                pass
            os._exit(0)
        with socket.create_server(("", 7)) as listener, socket.create_connection(("me", 7)) as client:
            server, _ = listener.accept()
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(100):
                client.sendall(b"x")
                server.recv(1)
        open("flag", "w").close()
        print(os.waitstatus_to_exitcode(os.wait()[1]), time.monotonic())
        """,
    )
    played = theatre.play("python loop.py")
    assert played.out == "0 0.0\n", played
