"""Programs that close what is not theirs, stop, loop, and outlive nobody."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.programs.theatre import ROOT, Theatre


@pytest.mark.parametrize(
    "closing",
    [
        "os.closerange(3, 1 << 16)",
        "[os.close(fd) for fd in range(3, 1024) if fd in open_ones]",
        "[fcntl.fcntl(0, fcntl.F_GETFD), os.dup2(1, 3), os.dup2(1, 4)]",
    ],
)
def test_a_program_that_closes_all_descriptors(theatre: Theatre, closing: str) -> None:
    """As daemons do; its way into the lab is none of its descriptors."""
    theatre.script(
        "daemon.py",
        f"""
        import fcntl, os, socket, threading, time
        sock = socket.create_connection(("www", 80))
        open_ones = {{sock.fileno()}}
        {closing}
        thread = threading.Thread(target=time.sleep, args=[3])
        thread.start()
        thread.join()
        print(socket.gethostbyname("www"), time.monotonic() > 3)
        """,
    )
    assert theatre.play("python daemon.py") == (0, "203.0.113.80 True\n", "")


def test_descriptors_by_number(theatre: Theatre) -> None:
    theatre.script(
        "numbers.py",
        """
        import os, socket
        sock = socket.create_connection(("www", 80))
        copy = os.dup(sock.fileno())
        print(os.dup2(copy, 50), os.dup2(50, 50))
        sock.close()
        os.close(copy)
        os.write(50, b"GET / HTTP/1.0\\r\\n\\r\\n")
        print(os.read(50, 15))
        os.dup2(1, 50)
        os.write(50, b"a file\\n")
        try:
            open(socket.socket().detach(), "rb", 0).read()
        except OSError as error:
            print(error.strerror)
        """,
    )
    assert theatre.play("python numbers.py").out == "50 50\nb'HTTP/1.1 200 OK'\na file\nBad file descriptor\n"


def test_all_that_is_wanted_or_what_there_was(theatre: Theatre) -> None:
    """MSG_WAITALL beyond the size of a packet, and what has come when time is up."""
    theatre.script(
        "all.py",
        """
        import socket, threading
        with socket.create_server(("", 7)) as listener:
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
        thread = threading.Thread(target=client.sendall, args=[bytes(300_000)])
        thread.start()
        print(len(server.recv(300_000, socket.MSG_WAITALL)))
        thread.join()
        server.settimeout(3)
        client.sendall(b"some")
        print(server.recv(10, socket.MSG_WAITALL))
        client.sendall(b"rest")
        client.close()
        print(server.recv(10, socket.MSG_WAITALL))
        """,
    )
    assert theatre.play("python all.py").out == "300000\nb'some'\nb'rest'\n"


def started(theatre: Theatre, text: str) -> tuple[subprocess.Popen[str], list[int]]:
    """A shell with a program, which has printed some process ids."""
    theatre.script("program.py", text)
    child = subprocess.Popen(
        [sys.executable, "-m", "netsh", "-c", "python program.py"],
        cwd=theatre.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    return child, [int(word) for word in child.stdout.readline().split()]


def test_one_that_stands_still_is_interrupted_all_the_same(theatre: Theatre) -> None:
    child, (pid,) = started(
        theatre,
        """
        import os, signal
        print(os.getpid())
        os.kill(os.getpid(), signal.SIGSTOP)
        while True:
            pass
        """,
    )
    with child:
        while "T" not in Path(f"/proc/{pid}/stat").read_text().split()[2]:
            pass
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 130


def test_the_end_of_the_shell_is_the_end_of_all(theatre: Theatre) -> None:
    """Even when it is killed, and its program computes and has started another one."""
    child, pids = started(
        theatre,
        """
        import os, subprocess
        print(os.getpid(), subprocess.Popen(["sleep", "1000"]).pid)
        while True:
            pass
        """,
    )
    descriptors = [os.pidfd_open(pid) for pid in pids]
    with child:
        child.kill()
    for descriptor in descriptors:
        with os.fdopen(descriptor, closefd=True):
            poller = select.poll()
            poller.register(descriptor)
            assert poller.poll(20_000)


def test_processes_talk_among_themselves(theatre: Theatre) -> None:
    """A forked one has threads, queues, pipes and what it waits for, though no way into the lab."""
    theatre.script(
        "processes.py",
        """
        import multiprocessing, multiprocessing.connection, time
        def work(queue, pipe):
            time.sleep(0.01)
            queue.put("queued")
            pipe.send("piped")
            print(multiprocessing.connection.wait([pipe], 30) == [pipe], pipe.recv())
        if __name__ == "__main__":
            fork = multiprocessing.get_context("fork")
            queue, (ours, theirs) = fork.Queue(), fork.Pipe()
            process = fork.Process(target=work, args=(queue, theirs))
            process.start()
            print(ours.poll(30), ours.recv(), queue.get())
            ours.send("answered")
            process.join()
            with fork.Pool(2) as pool:
                print(process.exitcode, pool.map(time.sleep, [0.01] * 3))
        """,
    )
    played = theatre.play("python processes.py", options=("--clock", "real"))
    assert played == (0, "True piped queued\nTrue answered\n0 [None, None, None]\n", "")


def test_a_signal_of_the_machine_wakes_asyncio(theatre: Theatre) -> None:
    """It is written to a descriptor by the interpreter itself, while the program waits in the lab."""
    theatre.script(
        "alarm.py",
        """
        import asyncio, signal
        async def main():
            rung = asyncio.Event()
            asyncio.get_running_loop().add_signal_handler(signal.SIGALRM, rung.set)
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            await asyncio.wait_for(rung.wait(), 20)
            print("rung")
        asyncio.run(main())
        handler = lambda number, frame: 0
        print(signal.signal(signal.SIGUSR1, handler), signal.signal(signal.SIGUSR1, signal.SIG_IGN) is handler)
        """,
    )
    played = theatre.play("python alarm.py", options=("--clock", "real"))
    assert played == (0, "rung\n0 True\n", "")


def test_epoll_with_one_shot_and_wrong_uses(theatre: Theatre) -> None:
    theatre.script(
        "epoll.py",
        """
        import select, socket
        def show(function):
            try:
                print(function())
            except Exception as failure:
                print(type(failure).__name__, *failure.args)
        sock = socket.create_connection(("www", 80))
        poller = select.epoll()
        poller.register(sock, select.EPOLLOUT | select.EPOLLONESHOT)
        print([len(poller.poll(1)) for _ in range(2)])
        poller.modify(sock, select.EPOLLOUT)
        print([len(poller.poll(1)) for _ in range(2)])
        show(lambda: poller.register(9999))
        show(lambda: poller.poll(0, 0))
        show(lambda: isinstance(poller, select.epoll))
        poller.close()
        show(lambda: poller.poll(0))
        show(lambda: select.select([None], [], []))
        """,
    )
    assert theatre.play("python epoll.py").out.splitlines() == [
        "[1, 0]", "[1, 1]",
        "OSError 9 Bad file descriptor", "ValueError maxevents must be greater than 0, got 0", "True",
        "ValueError I/O operation on closed epoll object",
        "TypeError argument must be an int, or have a fileno() method.",
    ]  # fmt: skip


def test_signals_at_any_moment(theatre: Theatre) -> None:
    """Between a question to the lab, its answer, and whoever takes that; the handler has questions of its own."""
    theatre.script(
        "storm.py",
        """
        import os, signal, socket, subprocess, sys
        heard = []
        def handler(number, frame):
            heard.append(socket.gethostbyname("www"))
            os.write(sender.stdin.fileno(), b".")
        signal.signal(signal.SIGUSR1, handler)
        again = "import os, time\\nwhile os.read(0, 1): time.sleep(0.003), os.kill(os.getppid(), 10)"
        sender = subprocess.Popen([sys.executable, "-c", again], stdin=subprocess.PIPE)
        os.write(sender.stdin.fileno(), b".")
        with socket.create_server(("", 7)) as listener:
            client = socket.create_connection(("me", 7))
            server, _ = listener.accept()
        count = 0
        while len(heard) < 200:
            client.sendall(b"%06d" % count)
            assert server.recv(6, socket.MSG_WAITALL) == b"%06d" % count
            count += 1
        sender.kill()
        sender.wait()
        print("whole", set(heard))
        """,
    )
    assert theatre.play("python storm.py") == (0, "whole {'203.0.113.80'}\n", "")


def test_a_signal_does_not_end_a_connect(theatre: Theatre) -> None:
    theatre.script(
        "connect.py",
        """
        import signal, socket, time
        signal.signal(signal.SIGTERM, lambda *_: print("heard", time.monotonic()))
        try:
            socket.create_connection(("www", 81 + 2), timeout=5)
        except OSError as error:
            print(error, time.monotonic())
        """,
    )
    lines = ["bus wan loss 100%", "python connect.py &", "sleep 1", "kill -TERM %1", "wait %1"]
    assert theatre.play(*lines).out == "heard 1.0\ntimed out 5.0\n"


def test_tracebacks_of_threads_and_of_causes_are_the_programs_own(theatre: Theatre) -> None:
    theatre.script(
        "causes.py",
        """
        import socket, threading, urllib.request
        thread = threading.Thread(target=socket.create_connection, args=[("www", 81)])
        thread.start()
        thread.join()
        urllib.request.urlopen("http://www:81/")
        """,
    )
    err = theatre.play("python causes.py").err
    assert err.count("ConnectionRefusedError: [Errno 111] Connection refused\n") == 2
    assert "URLError" in err
    assert "hijack" not in err


def test_dates_are_the_labs(theatre: Theatre) -> None:
    theatre.script(
        "dates.py",
        """
        import time
        time.sleep(5)
        from datetime import UTC, date, datetime, timedelta
        import pickle
        print(datetime.now(UTC), datetime.utcnow(), time.strftime("%S"), time.asctime()[-4:])
        print(repr(datetime.now(UTC).date()), isinstance(datetime.now().date(), date), issubclass(datetime, date))
        moment = datetime(2020, 1, 2) + timedelta(1)
        print(repr(moment), pickle.loads(pickle.dumps(moment)) == moment, isinstance(moment, datetime))
        print(isinstance(date.today(), datetime), datetime.strptime("2020", "%Y"), date.today().year)
        class Mine(datetime): pass
        print(isinstance(moment, Mine), isinstance(Mine.now(), Mine), time.clock_gettime(time.CLOCK_MONOTONIC))
        """,
    )
    assert theatre.play("python dates.py").out.splitlines() == [
        "2026-01-01 00:00:05+00:00 2026-01-01 00:00:05 05 2026",
        "datetime.date(2026, 1, 1) True True",
        "datetime.datetime(2020, 1, 3, 0, 0) True True",
        "False 2020-01-01 00:00:00 2026",
        "False True 5.0",
    ]
