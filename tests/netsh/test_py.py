"""`py`: Python at the prompt, with the lab's live objects."""

from __future__ import annotations

from pathlib import Path

import pytest

from netsh.api import CommandFailed, Lab
from tests.netsh.test_cli import netsh


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("py '1 + 1'", "2\n"),
        ("py 1 + 1", "2\n"),
        ("py 'x = 3'; py 'x * 2'; py '_ + 1'", "6\n7\n"),
        ("py 'for host in lab: print(host)'", "me\ngw\nwww\n"),
        ("py here.name; gw py here.name", "'me'\n'gw'\n"),
        ("py 'me.hostname()'", "me\n"),
        ("py 'me.run(\"arp\", \"-d\", \"-a\")'", ""),  # a command that has nothing to say
        ("py 'lab.host(\"new\")'; py new; host -d new; py '\"new\" in lab'", "<host new: 127.0.0.1>\n" * 2 + "False\n"),
        ("py 'me.ping(\"-c1\", www)' | grep packets", "1 packets transmitted, 1 packets received, 0.0% packet loss\n"),
        ("-py 'import sys; sys.exit(3)'; echo $?", "3\n"),
    ],
)
def test_what_it_shows(line: str, out: str) -> None:
    with Lab.home() as home:
        assert home.lines(line) == out


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("py nope", "NameError: name 'nope' is not defined"),
        ("py 1/0", "ZeroDivisionError: division by zero"),
        ("py 'x ='", "SyntaxError: invalid syntax"),
        ("py 'me.ping(\"nobody\")'", "netsh.api.rows.CommandFailed: ping nobody: nobody: Host name lookup failure"),
        ("py -f", "py: -f: a file is missing"),
        ("py -f /nowhere/x.py", "py: /nowhere/x.py: No such file or directory"),
    ],
)
def test_what_goes_wrong(line: str, said: str) -> None:
    with Lab.home() as home, pytest.raises(CommandFailed) as failed:
        home.lines(line)
    assert failed.value.status in (1, 2) and said in "\n".join(failed.value.rows.complained)


def test_a_dialogue() -> None:
    lines = "1+1\nfor host in lab:\n  print(host)\n\nx = 5\nx\ndef f(n):\n  return n * 2\n\nf(x)\nnope\nprint('end')"
    _, out, complaints = netsh("--", "py", stdin=lines)
    assert out == "2\nme\ngw\nwww\n5\n10\nend\n" and complaints == "NameError: name 'nope' is not defined\n"


def test_a_file_and_its_words(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text("import sys\nprint(sys.argv[1:], lab)\n\ndef f():\n    raise KeyError('x')\n\nf()\n")
    status, out, complaints = netsh("-c", f"py -f {program} a 'b c'")
    assert status == 1 and out == "['a', 'b c'] <lab: 3 hosts, 2 buses, 0 s>\n"
    assert complaints.startswith("Traceback") and f'File "{program}", line 5, in f' in complaints
    assert "netsh/builtins" not in complaints
