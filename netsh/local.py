"""A lab of one's own: the program `netsh` where it is no client of a served one."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress

from netsh import appliance, home, saved, settings
from netsh.aliases import drop_wrong
from netsh.builtins.host import refusal
from netsh.clock import Clock
from netsh.files import read_text
from netsh.options import Options, Unusable, has_work
from netsh.recorder import Recorder
from netsh.render.printer import Printer
from netsh.render.screen import terminal_size
from netsh.session import Session
from netsh.signals import Signals
from netsh.words import Scope
from netsh.world import end
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.lab import Lab

VERSION = Host.osrelease


def main(options: Options) -> int:
    """Run what is asked for in a lab of our own; the exit status."""
    signals = Signals()
    signals.catch()
    session = _session(options, signals)
    if not _wants_prompt(options) and (session.terminal or _asks_for_options(options)):
        _use_options(session, options)
    try:
        start_lab(session, options)
        status = _work(session, options)
    except Unusable as error:
        session.complain("netsh", str(error))
        return 1
    finally:
        session.end_jobs()
        _end_record(session)
        end(session.lab)
    session.printer.out.flush()
    return status


def _end_record(session: Session) -> None:
    """Keep what was recorded."""
    assert session.recorder is not None
    try:
        session.recorder.stop()
    except (OSError, ValueError) as error:
        session.complain("record", f"{session.recorder.path}: {reason(error)}")


def join(kind: str, words: list[str]) -> int:
    """Be a router or a bridge between interfaces of this machine; the exit status."""
    options = appliance.parse(kind, words, terminal=sys.stdout.isatty())
    if options.show is not None:
        sys.stdout.write(options.show)
        return 0
    return main(options)


def _session(options: Options, signals: Signals) -> Session:
    """A session on an empty lab."""
    lab = Lab(1 if options.seed is None else options.seed)
    terminal = sys.stdout.isatty()
    printer = Printer(options.format or ("rich" if terminal else "text"), sys.stdout, sys.stderr)
    prompt = _wants_prompt(options)
    clock = Clock(lab, options.clock or ("real" if prompt and not has_work(options) else "fast"), signals)
    session = Session(lab, printer, clock=clock, terminal=terminal)
    session.recorder = Recorder()
    clock.before_waiting = session.flush
    return session


def _asks_for_options(options: Options) -> bool:
    return options.config is not None or bool(os.environ.get("NETSH_CONFIG"))


def _use_options(session: Session, options: Options) -> None:
    """Do as the user's file says; aliases are for what is typed, and change no script."""
    path = settings.standard_path(options.config)
    found = settings.load(path, lambda text: session.complain("netsh", text), asked=_asks_for_options(options))
    if not session.interactive:
        found.aliases.clear()
    drop_wrong(found, lambda text: session.complain("netsh", text))
    session.use(found)
    if session.interactive and options.clock is None and not session.lab.has_devices:
        session.clock.set_mode(str(found["clock"]))


def _wants_prompt(options: Options) -> bool:
    return options.stay or (not has_work(options) and sys.stdin.isatty())


def start_lab(session: Session, options: Options) -> None:
    """Fill the lab, and go to the host that was asked for."""
    outside = options.sockets == "host"
    lab = options.lab or ("none" if outside else "home")
    if lab == "home":
        home.build(session)
    elif lab != "none":
        _load(session, lab)
    if outside and not session.lab.hosts:
        add_host(session, options.host or "me")
    if options.host is not None:
        host = session.lab.hosts.get(options.host)
        if host is None:
            there = ", ".join(list(session.lab.hosts)[:10])
            raise Unusable(f"-H {options.host}: no such host" + (f"; there are {there}" if there else " in this lab"))
        session.host = host
    if outside and session.host is not None:
        from stack.dev import sockin

        sockin.use(session.lab, session.host)
    elif options.sockets is not None and session.host is not None:
        session.host.machine = None


def add_host(session: Session, name: str) -> None:
    """Make the first host; Unusable when none can be called so."""
    if (why := refusal(session, name)) is not None:
        raise Unusable(f"-H {why}")
    try:
        session.host = session.lab.add_host(name)
    except ValueError as error:
        raise Unusable(f"-H {error}") from None


def _load(session: Session, path: str) -> None:
    try:
        text = read_text(path)
    except FileNotFoundError:
        raise Unusable(f"--lab {path}: no such lab; it is home, none, or a file that 'save' wrote") from None
    except (OSError, ValueError) as error:
        raise Unusable(f"--lab {path}: {reason(error)}") from None
    try:
        saved.adopt(session, saved.load(text, path, session))
    except saved.NotLoaded:
        raise Unusable(f"--lab {path}: not loaded") from None


def _work(session: Session, options: Options) -> int:
    """Run what is to be run, then be at the prompt if that is wanted."""
    prompt = _wants_prompt(options)
    status = 0
    session.scope.arguments = options.arguments
    if options.words is not None:
        _use_stdin(session)
        status = session.finish(session.start_words(options.words))
    elif options.lines is not None:
        _use_stdin(session)
        status = session.run(options.lines)
        if options.watch is not None and not status:
            status = _watch(session, options.watch)
    elif options.script is not None:
        status = _script(session, options)
    elif not prompt:
        status = session.run(_text_of_stdin(), "stdin")
    if prompt and session.exiting is None and not session.closed:
        return _prompt(session, options, status)
    return status


def _watch(session: Session, words: list[str]) -> int:
    """Run a command that has no end of its own: a signal is the end that it is meant to have."""
    status = session.finish(session.start_words(words))
    return 0 if status in (128 + signal.SIGINT, 128 + signal.SIGTERM) else status


def _use_stdin(session: Session) -> None:
    """Commands read our own standard input, when they do read."""
    with suppress(OSError, ValueError):
        session.stdin = Pipe()
        session.clock.feed(session.stdin, sys.stdin.fileno())


def _script(session: Session, options: Options) -> int:
    path = options.script or "-"
    if path == "-":
        return session.run(_text_of_stdin(), "stdin")
    try:
        text = read_text(path)
    except (OSError, ValueError) as error:
        cure = f"; the command of that name: netsh -- {path} ..." if session.find(path) is not None else ""
        raise Unusable(f"{path}: {reason(error)}{cure}") from None
    _use_stdin(session)
    return session.run(text, path, Scope(options.arguments, session.scope.variables, path))


def _text_of_stdin() -> str:
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except ValueError:
        raise Unusable("stdin: this is no text") from None


def _prompt(session: Session, options: Options, status: int) -> int:
    """Sit at the prompt."""
    if not sys.stdin.isatty():
        raise Unusable("-i: standard input is no terminal")
    if options.clock is None and not session.lab.readers:
        session.clock.set_mode("real")
    session.interactive = True
    assert session.recorder is not None
    session.recorder.size = lambda: terminal_size(sys.stdout)
    from netsh.prompt import repl  # completion and all it knows take 15 ms

    return repl.main(session, lambda: _use_options(session, options))
