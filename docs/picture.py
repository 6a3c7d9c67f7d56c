"""Make the README's picture: run lines in the shell on a terminal, and draw what it showed as SVG.

    python docs/picture.py docs/first-lesson.svg
"""

from __future__ import annotations

import os
import pty
import re
import sys
import termios
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

COLUMNS = 92
PROMPT = "me# "
LINES = (
    "lab",
    "ping -c 2 www",
    "route get www",
    "ladder -c 10 tcp & fetch -qo /dev/null http://www/; sleep 1s",
)


def run(lines: tuple[str, ...]) -> str:
    """What a terminal shows of a session, with its colours."""
    quoted = "\n".join(f"echo '{PROMPT}{line}'\n{line}\necho" for line in lines)
    pid, terminal = pty.fork()
    if pid == 0:
        termios.tcsetwinsize(0, (50, COLUMNS))
        os.environ.update(COLUMNS=str(COLUMNS), TERM="xterm-256color", COLORTERM="truecolor")
        os.environ.pop("NO_COLOR", None)
        os.execv(sys.executable, [sys.executable, "-m", "netsh", "-c", quoted])
    shown = b""
    while True:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the terminal is gone when its last program is
            break
        if not piece:
            break
        shown += piece
    if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
        raise SystemExit(shown.decode())
    return shown.decode().replace("\r\n", "\n").rstrip("\n")


def main() -> None:
    """Draw the picture into the file that was named."""
    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True, color_system="truecolor")
    for line in run(LINES).split("\n"):
        text = Text.from_ansi(line)
        if line.startswith(PROMPT):
            text.stylize("bold", 0, len(PROMPT))
        console.print(text, no_wrap=True, crop=False)
    svg = re.sub(r"@font-face\s*{.*?}\s*", "", console.export_svg(title="netsh"), flags=re.DOTALL)
    Path(sys.argv[1]).write_text(svg)  # without fonts from elsewhere: any monospaced one will do


if __name__ == "__main__":
    main()
