"""help: every page has its parts, every example of every page runs, and the words of the language are explained."""

from __future__ import annotations

import io
import re
from importlib import import_module
from pathlib import Path

import pytest

from commands.command import names as command_names
from netsh import builtins, helptext
from netsh.api import Lab
from netsh.filters import FILTERS
from netsh.grammar import KEYWORDS, parse, tokenize
from netsh.helptext import HelpText, kind_of, see_line
from netsh.settings import Settings
from netsh.syntax import Pipeline
from netsh.topics import TOPICS, topic_of
from stack.kern.proc import SIGINT

PAGES: dict[str, HelpText] = {
    **{name: helptext.parse(import_module(f"commands.{name}").__doc__ or "") for name in command_names()},
    **{name: helptext.parse(import_module(f"netsh.builtins.{name}").__doc__ or "") for name in builtins.names()},
    **{name: helptext.parse(topic.page) for name, topic in TOPICS.items()},
}
FEW = {"comments": 2, "demo": 1, "false": 1, "halt": 1, "tour": 1, "true": 2}  # there are no three sensible ones

_PROMPT = "it needs a prompt: a person at a terminal"
_MACHINE = "it starts a program of the machine, which may not be there"
NOT_HERE = {
    **dict.fromkeys(("demo", "record", "tour"), _PROMPT),
    **dict.fromkeys(("tutorial 1", "tutorial end"), _PROMPT),
    "halt": "it needs a served lab",
    **dict.fromkeys(("netsh ", "python", "www python", "fetch http://www:8000/"), _MACHINE),
    **dict.fromkeys(("tcpdump -w - | !wireshark", "tcpdump -c 10 -w - | !wireshark"), _MACHINE),
    "shmif_dumpbus -p - ./bus1 | !tcpdump": _MACHINE,
}
STATUS = {"exit 3": 3, "ping -c 1 www || exit 1": 0, "drop: go": 2}  # else 0; ping's packet is gone
FOREVER = ("netstat -w 1", "watch netstat", "gw route show --live")  # until Ctrl-C


def bare(example: str) -> str:
    """A line without its comment."""
    tokens = tokenize(example)
    return example[: tokens[-2].end] if len(tokens) > 1 else ""


LINES = [(name, tuple(map(bare, page.examples))) for name, page in PAGES.items()]


@pytest.mark.parametrize(("name", "lines"), LINES, ids=[name for name, _ in LINES])
def test_every_example_runs(
    name: str, lines: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with Lab.home() as lab:
        lab.session.use(Settings(str(tmp_path / "config.toml")))
        for line in lines:
            if line.startswith(tuple(NOT_HERE)):
                makes_sense(lab, line)
                continue
            began = lab.now
            status, complaints = run(lab, line)
            wanted = STATUS.get(f"{name}: {line}", STATUS.get(line, 0))
            assert status == wanted, f"{name}: {line}: {status}\n{complaints}"
            assert not re.search("Traceback|defect|usage:|nothing more can happen", complaints), complaints
            assert lab.now < began + 120, f"{name}: {line}: takes {lab.now - began} seconds"


def run(lab: Lab, line: str) -> tuple[int, str]:
    """Run a line as at a prompt; its status, and what it complained of."""
    session, err = lab.session, lab.session.printer.err
    assert isinstance(err, io.StringIO)
    err.seek(0)
    err.truncate()
    session.exiting = None
    if line.startswith(FOREVER):
        proc = session.start(line)
        session.run("sleep 5")
        assert proc.status is None, line
        proc.signal(SIGINT)
        return session.finish(proc) - (128 + SIGINT), err.getvalue()
    return session.run(line), err.getvalue()


def makes_sense(lab: Lab, line: str) -> None:
    """A line that is not run here is one all the same, and its command takes these words."""
    (statement,) = parse(line)
    link = statement.node.links[0][1]
    assert isinstance(link, Pipeline)
    words = [word.source.strip("'") for word in link.words]
    command = lab.session.find(words[int(words[0] in lab)])
    assert command is not None
    command.parse(words[1 + int(words[0] in lab) :])


# --- the form of a page -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_its_parts(name: str) -> None:
    page = PAGES[name]
    assert page.text and "Examples" not in page.text
    assert len([line for line in page.examples if bare(line)]) >= FEW.get(name, 3)
    assert page.see
    for other in page.see:
        pattern = {"RFC": r"RFC \d+( \d+(\.\d+)*)?", "manual": r"[a-z_-]+\([1-9]\)", "help": r"\w+"}[kind_of(other)]
        assert re.fullmatch(pattern, other), other
        assert kind_of(other) != "help" or other in PAGES, other
    assert [kind_of(other) for other in page.see] == sorted(map(kind_of, page.see), key=["RFC", "manual", "help"].index)


def test_a_page_reads_as_it_is_written() -> None:
    for name, topic in TOPICS.items():
        assert helptext.page(PAGES[name]) == topic.page
    for name in ("ping", "ifconfig", "chain"):
        folder = "commands" if name in command_names() else "netsh.builtins"
        assert helptext.page(PAGES[name]) == (import_module(f"{folder}.{name}").__doc__ or "").strip()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("A.", HelpText("A.", (), ())),
        ("A.\n\nExamples:\n\n    a\n", HelpText("A.", ("a",), ())),
        ("A.\n\nExamples:\n\n    a\n    b  # c\n\nSee RFC 1, RFC 2; a(8).\n",
         HelpText("A.", ("a", "b  # c"), ("RFC 1", "RFC 2", "a(8)"))),
    ],
)  # fmt: skip
def test_a_page_is_taken_apart(text: str, parts: HelpText) -> None:
    assert helptext.parse(text) == parts
    assert see_line(("RFC 1", "RFC 2", "a(8)")) == "RFC 1, RFC 2; a(8)"


# --- the words of the language ------------------------------------------------------------------------------------


def test_every_word_of_the_language_has_a_page() -> None:
    signs = ["|", ">", ">>", "<", "<<<", "&", "&&", "||", ";", "{", "}", "!", "#", "$", "$x", "$(a)", "!less"]
    for word in (*KEYWORDS, *FILTERS, *signs, "functions", "variables", "redirections", "continue"):
        assert topic_of(word) in TOPICS, word
    assert topic_of("nope") is None
    assert all(TOPICS[name].synopsis == kind.synopsis for name, kind in FILTERS.items())


def test_help_explains_words_and_lists_them() -> None:
    with Lab.home() as lab:
        listed = lab.lines("help")
        for name, topic in TOPICS.items():
            assert f"\n  {name:<13} {topic.summary}\n" in listed
            assert lab.lines(f"help {name}").startswith(f"usage: {topic.synopsis.splitlines()[0]}\n")
        assert lab.lines("help '>'") == lab.lines("help redirections")
        assert lab.lines("help else | head -1") == lab.lines("help if | head -1")
        assert '"see": ["sh(1)", "while", "variables"]' in lab.lines("help for | json")


def test_every_command_shows_its_own_page() -> None:
    with Lab.home() as lab:
        for name in {*command_names(), *builtins.names()} - {"drop"}:  # 'help drop' lists the reasons
            assert PAGES[name].text in lab.lines(f"help {name}"), name


def test_the_forms_of_a_command_fit_into_80_columns() -> None:
    with Lab.home() as lab:
        for name in {*command_names(), *builtins.names()} - {"drop"}:  # 'help drop' lists the reasons
            usage = lab.lines(f"help {name}").partition("\n\n")[0].splitlines()
            assert max(map(len, usage)) <= 80
            command = lab.session.find(name)
            assert command is not None
            assert " ".join(" ".join(usage).split()) == f"usage: {' '.join(command.synopsis.split())}"
