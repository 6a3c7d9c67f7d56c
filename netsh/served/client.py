"""`netsh -s URL`: the client of a served lab.  It is thin, so that a short command is there at once."""

from __future__ import annotations

import os
import signal
import socket
import sys

from netsh.files import read_text
from netsh.options import BadOption, Options, Unusable, has_work
from netsh.served import url
from netsh.served.link import Client, Gone, Work, connect
from netsh.signals import Signals
from stack.kern.errors import reason


def main(server: str, options: Options) -> int:
    """Run what is asked for in a served lab; the exit status."""
    try:
        place = url.parse(server)
    except ValueError as bad:
        raise BadOption(str(bad)) from None
    try:
        prompt = options.stay or (not has_work(options) and os.isatty(0))
        work = _work(options, prompt)
        with connect(place) as link:
            return _converse(link, options, work, prompt)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except Gone as gone:
        sys.stderr.write(f"netsh: {server}: {gone}\n")
    except Unusable as unusable:
        sys.stderr.write(f"netsh: {unusable}\n")
    return 1


def _converse(link: socket.socket, options: Options, work: Work | None, prompt: bool) -> int:
    """Run what is to be run, then be at the prompt if that is wanted."""
    signals = Signals()
    signals.running = True
    signals.catch()
    if prompt and os.isatty(0):
        from netsh.served import remote

        return remote.main(link, signals, options, work)
    client = Client(link, signals)
    client.hello(options, prompt=False)
    if work is not None:
        client.run(work)
    if prompt and client.exiting is None:
        raise Unusable("-i: standard input is no terminal")
    return client.end()


def _work(options: Options, prompt: bool) -> Work | None:
    """What is to be run, a script's text with it; None for nothing but a prompt."""
    if options.words is not None:
        return Work("words", "", "", options.words)
    if options.lines is not None:
        return Work("lines", "", options.lines, options.arguments)
    if options.script is not None and options.script != "-":
        return Work("script", options.script, _text_of(options.script), options.arguments)
    if options.script is None and prompt:
        return None
    try:
        return Work("lines", "stdin", sys.stdin.buffer.read().decode("utf-8-sig"), options.arguments)
    except ValueError:
        raise Unusable("stdin: this is no text") from None


def _text_of(path: str) -> str:
    try:
        return read_text(path)
    except (OSError, ValueError) as error:
        cure = f"; the command of that name: netsh -- {path} ..." if _is_command(path) else ""
        raise Unusable(f"{path}: {reason(error)}{cure}") from None


def _is_command(name: str) -> bool:
    """Whether a command is called so, as far as we know without asking."""
    here = os.path.dirname(os.path.dirname(__file__))
    folders = (os.path.join(here, "builtins"), os.path.join(os.path.dirname(here), "commands"))
    return name.isidentifier() and any(os.path.exists(os.path.join(folder, f"{name}.py")) for folder in folders)
