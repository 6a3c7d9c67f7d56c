"""The program `netsh`: its options, which lab it starts with, what it runs, and its exit status.

Nothing slow is imported here: `netsh -c 'ifconfig -a'` should feel like ifconfig.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress

from netsh import home, repl, saved
from netsh.clock import Clock, Signals, parse_mode
from netsh.files import read_text
from netsh.render.printer import FORMATS, Printer
from netsh.session import Session
from netsh.state import end
from netsh.words import Scope
from stack.host import Host
from stack.kern.errors import reason
from stack.kern.pipe import Pipe
from stack.lab import Lab

VERSION = Host.osrelease
USAGE = """\
usage: netsh [-i] [-H host] [--lab name|file|none] [--sockets host|stack] [--clock real|fast|xRATE]
             [--seed number] [--format text|rich|json] [script [arg ...] | -c lines [arg ...] | -- word ...]
"""
HELP = """\
The shell, on the built-in lab `home`; with a script, or with lines behind -c, it runs those and exits.
In a script the first line that fails is the last, unless it begins with `-`.

  -c lines      run lines; $1 $2 ... are the words behind them
  -- word ...   run one command, its words as they are
  -i            stay at the prompt afterwards
  -H host       start on this host
  --lab LAB     the lab to start with: home, a file that 'save' wrote, or none   (home)
  --sockets S   whose sockets the programs of the host have that the prompt is on: its own stack's, or the real
                host's, this machine's; then the lab is one host and nothing else, unless --lab says more   (stack)
  --clock MODE  real, fast, or a rate such as x0.1   (real at the prompt, else fast)
  --seed N      what all chance comes from   (1)
  --format F    text, rich or json   (rich on a terminal, else text)
  --version     say which this is

'help' at the prompt lists the commands.
"""
_CHOICES = {"--format": tuple(FORMATS)}


class BadOption(Exception):
    """The words of the command line make no sense."""


class Options:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.lines: str | None = None
        self.words: list[str] | None = None  # behind `--`
        self.script: str | None = None
        self.arguments: list[str] = []
        self.stay = False
        self.host: str | None = None
        self.lab: str | None = None
        self.sockets: str | None = None
        self.clock: str | None = None
        self.seed = 1
        self.format: str | None = None
        self.show: str | None = None  # a text to print instead of all else


def parse(argv: list[str]) -> Options:
    """Read the command line; BadOption, with words, when it makes no sense."""
    options = Options()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            if options.lines is None:
                options.words = words
            else:
                options.arguments += words
            break
        if not word.startswith("-") or word == "-":
            if options.lines is None:
                options.script, options.arguments = word, words
                break
            options.arguments.append(word)
        elif word.startswith("--"):
            _long(options, word, words)
        else:
            _short(options, word, words)
    if options.words == []:
        raise BadOption("--: a command is missing behind it")
    return options


def _short(options: Options, word: str, words: list[str]) -> None:
    """Options of one letter, several in one word perhaps."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in "cHs":
            value = letters or (words.pop(0) if words else None)
            if value is None:
                raise BadOption(f"-{letter}: its value is missing")
            _set_short(options, letter, value)
            return
        if letter == "i":
            options.stay = True
        elif letter == "h":
            options.show = USAGE + "\n" + HELP
        else:
            raise BadOption(f"-{letter}: unknown option; 'netsh --help' lists them")


def _set_short(options: Options, letter: str, value: str) -> None:
    if letter == "s":
        raise BadOption("-s: served labs are still to come")
    if letter == "c":
        options.lines = value
    else:
        options.host = value


def _long(options: Options, word: str, words: list[str]) -> None:
    """Options of a word, their value behind `=` or in the next word."""
    name, equals, value = word.partition("=")
    if name in ("--help", "--version") and not equals:
        options.show = USAGE + "\n" + HELP if name == "--help" else f"netsh {VERSION}\n"
        return
    if name not in _SETTERS:
        raise BadOption(f"{name}: unknown option; 'netsh --help' lists them")
    if not equals:
        if not words:
            raise BadOption(f"{name}: its value is missing")
        value = words.pop(0)
    _SETTERS[name](options, value)


def _set_lab(options: Options, value: str) -> None:
    options.lab = value


def _set_sockets(options: Options, value: str) -> None:
    if value not in ("host", "stack"):
        raise BadOption(f"--sockets {value}: it is host or stack")
    options.sockets = value


def _set_clock(options: Options, value: str) -> None:
    try:
        parse_mode(value)
    except ValueError as error:
        raise BadOption(f"--clock {error}") from None
    options.clock = value


def _set_seed(options: Options, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise BadOption(f"--seed {value}: not a whole number")
    options.seed = int(value)


def _set_format(options: Options, value: str) -> None:
    if value not in FORMATS:
        raise BadOption(f"--format {value}: it is one of {', '.join(FORMATS)}")
    options.format = value


_SETTERS: dict[str, Callable[[Options, str], None]] = {
    "--lab": _set_lab,
    "--sockets": _set_sockets,
    "--clock": _set_clock,
    "--seed": _set_seed,
    "--format": _set_format,
}


class Unusable(Exception):
    """What the command line names cannot be had."""


def main(argv: list[str] | None = None) -> int:
    """Be the program; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    _open_streams()
    try:
        if words[:1] == ["serve"] or os.environ.get("NETSH_SERVER"):
            raise BadOption(f"{'serve' if words[:1] == ['serve'] else 'NETSH_SERVER'}: served labs are still to come")
        options = parse(words)
    except BadOption as bad:
        sys.stderr.write(f"netsh: {bad}\n")
        return 2
    try:
        status = _show(options.show) if options.show is not None else _run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        status = 128 + 13
    if status == 128 + 13:
        _forget_stdout()
    return status


def _open_streams() -> None:
    """Standard streams that we were started without lead nowhere; their descriptors are the lowest that are free."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115


def _show(text: str) -> int:
    sys.stdout.write(text)
    return 0


def _forget_stdout() -> None:
    """Nobody reads it any more; what is left in its buffer must not fail at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def _run(options: Options) -> int:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    signals = Signals()
    signals.catch()
    session = _session(options, signals)
    try:
        _start_lab(session, options)
        status = _work(session, options)
    except Unusable as error:
        session.complain("netsh", str(error))
        return 1
    finally:
        session.end_jobs()
        end(session.lab)
    session.printer.out.flush()
    return status


def _session(options: Options, signals: Signals) -> Session:
    """A session on an empty lab."""
    lab = Lab(options.seed)
    terminal = sys.stdout.isatty()
    printer = Printer(options.format or ("rich" if terminal else "text"), sys.stdout, sys.stderr)
    prompt = _wants_prompt(options)
    clock = Clock(lab, options.clock or ("real" if prompt and not _has_work(options) else "fast"), signals)
    session = Session(lab, printer, clock=clock, terminal=terminal)
    clock.before_waiting = session.flush
    return session


def _has_work(options: Options) -> bool:
    return any(work is not None for work in (options.script, options.lines, options.words))


def _wants_prompt(options: Options) -> bool:
    return options.stay or (not _has_work(options) and sys.stdin.isatty())


def _start_lab(session: Session, options: Options) -> None:
    """Fill the lab, and go to the host that was asked for."""
    outside = options.sockets == "host"
    lab = options.lab or ("none" if outside else "home")
    if lab == "home":
        home.build(session)
    elif lab != "none":
        _load(session, lab)
    if outside and not session.lab.hosts:
        _add_host(session, options.host or "me")
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


def _add_host(session: Session, name: str) -> None:
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
    elif options.script is not None:
        status = _script(session, options)
    elif not prompt:
        status = session.run(_text_of_stdin(), "stdin")
    if prompt and session.exiting is None and not session.closed:
        return _prompt(session, options, status)
    return status


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
    return repl.main(session)
