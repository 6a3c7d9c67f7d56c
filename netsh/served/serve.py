"""`netsh serve URL`: a lab as a process of its own, in the foreground or, with -d, as a daemon.

A daemon's parent waits until the lab can be used: a failure is told on stderr, and in the status, before that.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable
from contextlib import suppress

from netsh.clock import Clock
from netsh.local import add_host, start_lab
from netsh.mode import parse_mode
from netsh.options import SETTERS, BadOption, Options, Unusable, set_long
from netsh.render.printer import Printer
from netsh.served import url
from netsh.served.listener import Listener, NotServed, is_loopback, listen
from netsh.served.server import Keeper, Server
from netsh.signals import Signals
from stack.lab import Lab

USAGE = """\
usage: netsh serve URL [-d | --until-eof] [--public] [-H host] [--lab name|file|none] [--sockets host|stack]
             [--clock real|xRATE] [--seed number]
"""
HELP = """\
A lab in a process of its own; 'netsh -s URL ...' runs commands, scripts and prompts in it, many at once.
It ends with 'netsh -s URL -- halt', Ctrl-C, or SIGTERM.

  URL           unix://PATH, a socket that only you may use, its path meant from the current directory;
                or tcp://127.0.0.1:PORT, for all users of this machine, who get at none of its files and programs
  -d            go to the background once the lab can be used; what goes wrong before that is told, and the status
  --until-eof   end when standard input does: then it never outlives the program that started it
  --public      an address that other machines can reach, too: then anybody may run the lab
  -H host       where sessions start; in an empty lab, a host to make: '--lab none -H me' is one bare stack
  --lab LAB     home, a file that 'save' wrote, or none   (home)
  --sockets S   stack, or host: that host's programs use this machine's sockets   (stack)
  --clock MODE  real, or a rate such as x0.1   (real)
  --seed N      what all chance comes from   (1)

What it has to say goes to stderr; a daemon's is kept only if that is a file.
"""


class ServeOptions(Options):
    """What the command line asks for."""

    def __init__(self) -> None:
        super().__init__()
        self.url: url.Url | None = None
        self.background = False
        self.until_eof = False
        self.public = False


def main(words: list[str]) -> int:
    """Serve a lab; the exit status."""
    options = _parse(words)
    if options.show is not None:
        sys.stdout.write(options.show)
        return 0
    try:
        if options.background:
            return _daemon(options)
        return _serve(options, _announce)
    except (NotServed, Unusable) as failure:
        sys.stderr.write(f"netsh: {failure}\n")
        return 1


def _parse(words: list[str]) -> ServeOptions:
    options = ServeOptions()
    words = list(words)
    while words:
        word = words.pop(0)
        if word in ("-h", "--help"):
            options.show = USAGE + "\n" + HELP
            return options
        if word == "-d":
            options.background = True
        elif word == "--until-eof":
            options.until_eof = True
        elif word == "--public":
            options.public = True
        elif word.startswith("-H"):
            if not word[2:] and not words:
                raise BadOption("-H: its value is missing")
            options.host = word[2:] or words.pop(0)
        elif word.startswith("--"):
            set_long(options, word, words, SETTERS, "netsh serve --help")
        elif word.startswith("-"):
            raise BadOption(f"{word}: unknown option; 'netsh serve --help' lists them")
        elif options.url is not None:
            raise BadOption(f"serve: {word}: one URL is wanted")
        else:
            options.url = _url(word)
    if options.url is None:
        raise BadOption("serve: a URL is missing, such as unix://lab or tcp://127.0.0.1:7000")
    if options.background and options.until_eof:
        raise BadOption("--until-eof: not with -d, which lets go of standard input")
    if options.clock is not None and parse_mode(options.clock) is None:
        raise BadOption(f"--clock {options.clock}: a served lab follows the wall clock: real, or a rate such as x10")
    return options


def _url(word: str) -> url.Url:
    try:
        return url.parse(word)
    except ValueError as error:
        raise BadOption(f"serve: {error}") from None


def _serve(options: ServeOptions, ready: Callable[[Listener], None]) -> int:
    """Make the lab, and serve it until it is ended."""
    place = options.url
    assert place is not None
    if not is_loopback(place):
        if not options.public:
            raise NotServed(f"{place.text}: other machines could reach it; --public if that is meant")
        sys.stderr.write(f"netsh: warning: {place.text}: anybody who reaches this address can run the lab\n")
    listener = listen(place)
    signals = Signals()
    signals.catch()
    lab = Lab(1 if options.seed is None else options.seed)
    printer = Printer("text", sys.stdout, sys.stderr)
    keeper = Keeper(lab, printer, clock=Clock(lab, options.clock or "real", signals))
    try:
        _build(keeper, options)
        server = Server(keeper, listener)
        if options.until_eof:
            server.world.clock.readers[0] = lambda: _watch_input(server)
        ready(listener)
        server.run()
    finally:
        listener.close()
    return 0


def _watch_input(server: Server) -> None:
    """Standard input has something, which is nobody's, or its end."""
    try:
        ended = not os.read(0, 4096)
    except OSError:
        ended = True
    if ended:
        server.world.clock.readers.pop(0, None)
        server.halt()


def _build(keeper: Keeper, options: ServeOptions) -> None:
    if options.lab == "none" and options.host is not None:
        add_host(keeper, options.host)
    start_lab(keeper, options)


def _announce(listener: Listener) -> None:
    """Say where, for whoever waits to read it."""
    sys.stdout.write(f"serving {listener.text}\n")
    sys.stdout.flush()


def _daemon(options: ServeOptions) -> int:
    """Serve in the background; the status once that is so, or cannot be."""
    read, write = os.pipe()
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os.close(read)
        os.setsid()
        return _serve(options, lambda listener: _detach(listener, write, options))
    os.close(write)
    try:
        ready = os.read(read, 4096)
        if ready:
            sys.stdout.write(ready.decode().removeprefix("\n"))
            return 0
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) & 255
    except KeyboardInterrupt:
        os.kill(child, 15)
        return 130


def _detach(listener: Listener, write: int, options: ServeOptions) -> None:
    """Let go of who started us, and say that all is well."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        if descriptor < 2 or not _is_file(descriptor):
            os.dup2(nowhere, descriptor)
    os.close(nowhere)
    os.chdir("/")
    chosen = options.url is not None and not options.url.path and options.url.port == 0
    with suppress(OSError):
        os.write(write, f"\nserving {listener.text}\n".encode() if chosen else b"\n")
    os.close(write)


def _is_file(descriptor: int) -> bool:
    try:
        return stat.S_ISREG(os.fstat(descriptor).st_mode)
    except OSError:
        return False
