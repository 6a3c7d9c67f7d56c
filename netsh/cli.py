"""The program `netsh`: it reads the command line, then is a shell, a server of labs, or a client of one.

Only what one of these needs is imported: a client should be there at once.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from netsh.options import BadOption, Options, parse, refuse_for_served


def main(argv: list[str] | None = None) -> int:
    """Be the program; its exit status."""
    words = sys.argv[1:] if argv is None else argv
    _open_streams()
    try:
        match words:
            case ["serve", *rest]:
                status = _serve(rest)
            case ["router" | "bridge" as kind, *rest]:  # scripts of these names are ./router and ./bridge
                status = _join(kind, rest)
            case _:
                status = _run(parse(words))
        sys.stdout.flush()
    except BadOption as bad:
        sys.stderr.write(f"netsh: {bad}\n")
        return 2
    except BrokenPipeError:
        status = 128 + 13
    except KeyboardInterrupt:  # before anybody listens for it
        return 128 + 2
    except SystemExit as leaving:
        _forget_closed()
        raise leaving
    if status == 128 + 13:
        _forget_stdout()
    return status


def _forget_closed() -> None:
    """The terminal may have disappeared, which is no fault at exit."""
    try:
        sys.stdout.flush()
    except OSError:
        _forget_stdout()


def _serve(words: list[str]) -> int:
    """Serve a lab."""
    from netsh.served import serve

    return serve.main(words)


def _join(kind: str, words: list[str]) -> int:
    """Be a router or a bridge between this machine's TAPs."""
    from netsh import local

    return local.join(kind, words)


def _run(options: Options) -> int:
    """Be a shell, in a lab of our own or in one that is served."""
    if options.show is not None:
        sys.stdout.write(options.show)
        return 0
    server = options.server or os.environ.get("NETSH_SERVER")
    if server and not options.version:
        try:
            refuse_for_served(options)
            from netsh.served import client

            return client.main(server, options)
        except BadOption as bad:
            raise bad if options.server else BadOption(f"{bad} (NETSH_SERVER is {server})") from None
    from netsh import local

    if options.version:
        sys.stdout.write(f"netsh {local.VERSION}\n")
        return 0
    return local.main(options)


def _open_streams() -> None:
    """Standard streams that we were started without lead nowhere; their descriptors are the lowest that are free."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _forget_stdout() -> None:
    """Nobody reads it any more; what is left in its buffer must not fail at exit."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


