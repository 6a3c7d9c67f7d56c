"""`netsh-extcap`: the interfaces and buses of a served lab, in Wireshark's own list (wireshark doc/extcap.adoc).

Wireshark runs it to ask what there is (--extcap-interfaces), what a frame begins with (--extcap-dlts), which options
there are (--extcap-config), and to capture into a FIFO (--capture).  Which lab it is says NETSH_SERVER, or the
option Server of the interface in Wireshark.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from netsh.local import VERSION

_PREFIX = "netsh:"  # before the names that Wireshark shows and passes on
_LAB = "lab"
_MOST = 200  # interfaces in the list
_PATIENCE = 5.0  # seconds that a server may take to answer
_BAD = 1
# What tcpdump says when all is well: Wireshark would show it as an error.
_WELL = re.compile(r"tcpdump: listening on |\d+ packets? (captured|received|dropped)")


def main(argv: Sequence[str] | None = None) -> int:
    """Do what Wireshark asks for; the exit status."""
    found, _ = _options().parse_known_args(argv)
    if found.extcap_interfaces:
        sys.stdout.write(f"extcap {{version={VERSION}}}{{display=netsh: a served lab}}\n")
        for name, shown in _interfaces(found.server):
            sys.stdout.write(f"interface {{value={_PREFIX}{name}}}{{display={_plain(shown)}}}\n")
        return 0
    place = found.extcap_interface.removeprefix(_PREFIX)
    if not place:
        return _fail("--extcap-interface is missing; --extcap-interfaces lists them")
    if found.extcap_dlts:
        sys.stdout.write("dlt {number=1}{name=EN10MB}{display=Ethernet}\n")
    elif found.extcap_config:
        _config(found.server)
    elif found.capture:
        return _capture(found, place) if found.fifo else _fail("--fifo is missing: where the packets go")
    elif found.extcap_capture_filter:
        return _check(found, place)
    return 0


def _options() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser("netsh-extcap", description="A served lab for Wireshark.", allow_abbrev=False)
    for flag in ("--extcap-interfaces", "--extcap-dlts", "--extcap-config", "--capture"):
        options.add_argument(flag, action="store_true")
    for name in ("--extcap-interface", "--extcap-capture-filter", "--extcap-version", "--fifo"):
        options.add_argument(name, default="")
    options.add_argument("--server", default=os.environ.get("NETSH_SERVER", ""), help="where the lab is: unix:///PATH")
    return options


def _fail(text: str) -> int:
    sys.stderr.write(f"netsh-extcap: {text}\n")
    return _BAD


def _plain(text: str) -> str:
    """A text that may stand between braces."""
    return text.replace("{", "(").replace("}", ")")


# --- what there is ------------------------------------------------------------------------------------------


def _interfaces(server: str) -> Iterator[tuple[str, str]]:
    """The whole lab, its buses and its interfaces, as tcpdump -i has them; without a lab, a place to name one."""
    yield _LAB, f"netsh: all of the lab {server}".strip() if server else "netsh: a lab (name its server)"
    ports: list[tuple[str, str]] = []
    for row in _rows(server):
        if row.get("type") == "segment":
            yield f"bus:{row['bus']}", f"netsh: bus {row['bus']} {' '.join(row['networks'])}".rstrip()
        elif row.get("type") == "port":
            place = f"{row['host']}:{row['interface']}"
            ports.append((place, f"netsh: {place} {' '.join(row['addresses'])}".rstrip()))
    yield from ports[:_MOST]


def _rows(server: str) -> list[dict[str, Any]]:
    """What `lab` says; nothing when nobody answers, since Wireshark's list is not the place to complain."""
    if not server:
        return []
    with suppress(OSError, subprocess.SubprocessError, ValueError):
        done = subprocess.run(
            _netsh(server, "--format", "json", "--", "lab"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=_PATIENCE, check=False,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]
    return []


def _netsh(server: str, *words: str) -> list[str]:
    return [sys.executable, "-m", "netsh", "-s", server, *words]


def _config(server: str) -> None:
    default = f"{{default={_plain(server)}}}" if server else ""
    sys.stdout.write(
        "arg {number=0}{call=--server}{display=Server}{type=string}"
        f"{{tooltip=Where the lab is: unix:///PATH or tcp://127.0.0.1:PORT}}{{required=true}}{default}\n"
    )


# --- a capture ----------------------------------------------------------------------------------------------


def _tcpdump(place: str, *words: str) -> list[str]:
    """tcpdump in the lab, at that place."""
    return ["--", "tcpdump", *(["--lab"] if place == _LAB else ["-i", place]), *words]


def _capture(found: argparse.Namespace, place: str) -> int:
    """Let tcpdump write into Wireshark's FIFO until Wireshark has had enough."""
    if not found.server:
        return _fail("which lab? NETSH_SERVER or the option Server says it, such as unix:///tmp/lab")
    words = [found.extcap_capture_filter] if found.extcap_capture_filter else []
    try:
        fifo = os.open(found.fifo, os.O_WRONLY | os.O_CLOEXEC)
    except OSError as error:
        return _fail(f"{found.fifo}: {error.strerror}")
    with os.fdopen(fifo, "wb") as out:
        child = subprocess.Popen(
            _netsh(found.server, *_tcpdump(place, "-w", "-", *words)), stdin=subprocess.DEVNULL, stdout=out,
            stderr=subprocess.PIPE,
        )  # fmt: skip
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: child.send_signal(signal.SIGINT))
    said = child.communicate()[1].decode(errors="replace")
    wrong = [line for line in said.splitlines() if _WELL.match(line) is None]
    sys.stderr.write("".join(f"{line}\n" for line in wrong))
    return _BAD if wrong else 0


def _check(found: argparse.Namespace, place: str) -> int:
    """Say what is wrong with a filter; nothing when it is well."""
    if not found.server:
        return 0
    words = _netsh(found.server, *_tcpdump(place, "-d", found.extcap_capture_filter))
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.stdout.write(done.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
