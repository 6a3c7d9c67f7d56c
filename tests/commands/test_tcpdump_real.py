"""What our tcpdump says of a capture is what the real one says, line for line (tcpdump 4.99 of Debian).

What is left out of the captures is where we differ, and why:

- protocols that nobody here speaks are named, not taken apart: GRE, OSPF, SCTP, DHCP, SNMP, LLDP and the like;
- without -n the names are those of the lab, not of the machine's name service, and addresses of Ethernet have no
  `(oui Unknown)`;
- a file with several interfaces says which, where the real one cannot read it, or does not say.
"""

from __future__ import annotations

import difflib
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from stack.lab import Lab
from tests.commands import captures
from tests.commands.runner import run

TCPDUMP = shutil.which("tcpdump") or "/usr/sbin/tcpdump"
pytestmark = pytest.mark.skipif(not Path(TCPDUMP).exists(), reason="the real tcpdump is not installed")

OPTIONS = (
    "-n", "-ne", "-nv", "-nvv", "-nvvve", "-nq", "-neq", "-nS", "-nx", "-nxxe", "-nX", "-nXX", "-nA", "-nAA", "-n#tttt",
    "-ntt", "-nttt", "-nttttt", "-nt",
)  # fmt: skip


def differences(path: Path, options: str, *words: str) -> list[str]:
    """Where the two differ; the real one is the first."""
    line = [options, "-r", str(path), *words]
    real = subprocess.run([TCPDUMP, *line], capture_output=True, text=True, errors="replace", check=False)
    ours = run(Lab(), "me", ["tcpdump", *line])
    found = difflib.unified_diff(
        real.stdout.splitlines(), ours.text.split("\n")[:-1], "tcpdump", "ours", lineterm="", n=0
    )
    return list(found)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", captures.KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_packet(tmp_path: Path, kind: Any, options: str) -> None:
    captures.write(tmp_path / "x.pcap", captures.frames(kind))
    assert differences(tmp_path / "x.pcap", options) == []
