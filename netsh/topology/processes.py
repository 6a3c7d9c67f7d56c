"""A network with one stack a process, as a program of its own: `chain N --processes FOLDER` runs it.

    python -m netsh.topology.processes FOLDER

The first line of standard input is a JSON object: `stacks` has for each host the commands that make it what it is,
`buses` are folders that they want.  All is imported once, then a process a host is forked off; each serves its lab
at unix://FOLDER/NAME.  `ready` on standard output says that all of them do, any other line why not.  When standard
input ends, so do they, and what they have made goes with them.
"""

from __future__ import annotations

import gc
import io
import json
import os
import signal
import sys
from contextlib import suppress
from typing import NoReturn

from netsh.clock import Clock
from netsh.render.printer import Printer
from netsh.served import url
from netsh.served.listener import NotServed, listen
from netsh.served.server import Keeper, Server
from netsh.signals import Signals
from netsh.topology.stacks import READY
from netsh.world import end
from stack.kern.errors import reason
from stack.lab import Lab

_USED = ("host", "ifconfig", "route", "sysctl", "ping", "routed")  # imported before there are many
_HARMLESS = "host ", "sysctl ", "ifconfig shmif", "route "  # lines that leave nothing behind when their lab ends


def main(folder: str) -> int:
    """Fork them all, wait for the end of our input, end them all."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # who started us hears of it, and closes our input
    wanted = json.loads(sys.stdin.buffer.readline())
    plan: dict[str, list[str]] = wanted["stacks"]
    made: list[str] = []
    try:
        for each in (folder, *(f"{folder}/{bus}" for bus in wanted["buses"])):
            if not os.path.isdir(each):
                os.mkdir(each, 0o700)
                made.append(each)
    except OSError as error:
        print(f"{each}: {reason(error)}")
        _remove(made)
        return 1
    name, script = next(iter(plan.items()))
    _warm_up(name, [line for line in script if line.startswith(_HARMLESS)])
    read, write = os.pipe()
    children: list[int] = []
    try:
        for name, script in plan.items():
            pid = os.fork()
            if not pid:
                os.close(read)
                _be(f"{folder}/{name}", name, script, write)
            children.append(pid)
        os.close(write)
        print(_outcome(read, len(plan)), flush=True)
        sys.stdin.buffer.read()
    finally:
        for pid in children:
            os.kill(pid, signal.SIGTERM)
        ends = [(name, os.waitpid(pid, 0)[1]) for name, pid in zip(plan, children, strict=False)]
        if killed := [name for name, status in ends if os.WIFSIGNALED(status)]:
            _sweep([*(f"{folder}/{name}" for name in killed), *(f"{each}/bus" for each in made if each != folder)])
        _remove(made)
    return 0


def _sweep(paths: list[str]) -> None:
    """Remove what a stack that was killed has left: its socket, and a bus on which nobody outlived it."""
    for path in paths:
        with suppress(OSError):
            os.unlink(path)


def _remove(folders: list[str]) -> None:
    for folder in reversed(folders):
        with suppress(OSError):  # somebody has put something into it
            os.rmdir(folder)


def _warm_up(name: str, script: list[str]) -> None:
    """Import what all of them need, and be one of them once; and let the collector not write to what they share.

    What is imported and remembered only now takes no memory in each of them; what goes wrong they will say.
    """
    lab = Lab()
    keeper = Keeper(lab, Printer("text", sys.stdout, io.StringIO()), clock=Clock(lab, "real"))
    for command in _USED:
        keeper.find(command)
    with suppress(Exception):
        keeper.run("\n".join(script), name)
    end(lab)
    gc.collect()
    gc.freeze()


def _outcome(read: int, count: int) -> str:
    """Wait until all have said that they serve, or one why it cannot."""
    said = b""
    while said.count(b"\n") < count:
        data = os.read(read, 65536)
        said += data
        failed = next((line for line in said.decode().splitlines() if line != READY), None)
        if failed is not None or not data:
            return failed or "a stack has ended"
    return READY


def _be(path: str, name: str, script: list[str], ready: int) -> NoReturn:
    """Be one of them, whatever happens: nothing of what our parent has still to do is for us."""
    status = 1
    try:
        status = _stack(path, name, script, ready)
    except Exception as defect:
        _fail(ready, f"{name}: internal error: {type(defect).__name__}: {defect}")
    finally:
        os._exit(status)


def _stack(path: str, name: str, script: list[str], ready: int) -> int:
    """Serve one of them until it is ended."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    signals = Signals()
    signals.catch()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lab, complaints = Lab(), io.StringIO()
    keeper = Keeper(lab, Printer("text", sys.stdout, complaints), clock=Clock(lab, "real", signals))
    try:
        listener = listen(url.parse(f"unix://{path}"))
    except NotServed as failure:
        return _fail(ready, f"{failure}")
    try:
        if keeper.run("\n".join(script), name):
            return _fail(ready, complaints.getvalue())
        server = Server(keeper, listener)
        os.write(ready, f"{READY}\n".encode())
        server.run()
    finally:
        listener.close()
        end(lab)
    return 0


def _fail(ready: int, text: str) -> int:
    os.write(ready, f"{' '.join(text.split())[:400]}\n".encode())
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
