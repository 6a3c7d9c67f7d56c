"""The rules of the house that a machine can check: imports point one way, the stack asks nobody for the time.

Each rule is a function from a module's syntax to complaints; it is run over the whole tree, and over
a bad example of its own, so that a rule which has gone blind is noticed.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("stack", "commands", "netsh")

# From the ground up; what shares a line may import each other, but never in a circle.
ORDER = (
    ("stack.addr",),
    ("stack.header",),
    ("stack.mbuf", "stack.callout"),
    ("stack.probe",),
    ("stack.kern",),  # below the protocols, as in BSD: sockets reach them through what they registered
    ("stack.net",),
    ("stack.netinet", "stack.netinet6"),
    ("stack.host",),
    ("stack.lab",),
    ("stack.trace",),
    ("stack.dev",),
    ("commands",),
    ("netsh",),
)
RANK = {name: rank for rank, names in enumerate(ORDER) for name in names}

# Slow to import or not always there, so imported where needed; all else stands at the head of its file.
# (A module of ours that has one of these at its own head counts as heavy itself.)
HEAVY = {
    *("scapy", "pytun", "libpcap", "prompt_toolkit", "rich", "pygments", "h11", "networkx", "markdown_it", "drawsvg"),
    "greenlet",
    *("asyncio", "concurrent", "ctypes", "dataclasses", "http", "inspect", "multiprocessing", "pydoc", "shutil"),
    *("platformdirs", "tomlkit", "tomllib"),
    *("socket", "ssl", "subprocess", "tempfile", "traceback", "urllib"),
}
# ours: all that a lab needs, 30 ms, which a client of a served one should not take; what a prompt knows, 15 ms more
SLOW = {"netsh.local", "netsh.prompt.candidates"}
NOT_AT_START = {"prompt_toolkit", "rich", "scapy", "asyncio", "dataclasses", "networkx", "drawsvg"}

# The world outside: only stack/dev may touch it.  Commands have the lab's clock and the host's sockets.
OUTSIDE = {
    *("asyncio", "fcntl", "mmap", "multiprocessing", "os", "pathlib", "secrets", "select", "selectors", "shutil"),
    *("signal", "socket", "subprocess", "tempfile", "threading", "time", "uuid", "datetime", "io", "logging"),
}
OUTSIDE_COMMANDS = {"asyncio", "multiprocessing", "select", "selectors", "signal", "socket", "subprocess", "threading"}
PURE = {"time": {"gmtime", "localtime", "strftime", "struct_time"}, "random": {"Random"}}
TALK = {"open", "print", "input"}

FUNCTION_LINES, FILE_LINES = 60, 600  # the goals are 40 and 400


class Module(NamedTuple):
    """One file of the tree."""

    name: str  # dotted, as imported
    source: str
    tree: ast.Module

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]

    @property
    def is_core(self) -> bool:
        """Of the stack, but not one of its devices: it may do no input or output of its own."""
        return self.top == "stack" and not self.name.startswith("stack.dev") and not self.name.endswith("__main__")


class Import(NamedTuple):
    """One name that a module imports."""

    target: str  # the module; `from stack.net import route` names stack.net.route if that is one
    name: str  # what is taken from it; empty for the module itself
    line: int
    late: bool  # inside a function


def module(name: str, source: str) -> Module:
    return Module(name, source, ast.parse(source))


def load() -> dict[str, Module]:
    found = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
            found[name] = module(name, path.read_text())
    return found


MODULES = load()


def imports(found: Module) -> list[Import]:
    """All that a module imports, wherever it stands."""
    late = {
        id(node)
        for function in ast.walk(found.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for node in ast.walk(function)
    }
    result = []
    for node in ast.walk(found.tree):
        if isinstance(node, ast.Import):
            result += [Import(alias.name, "", node.lineno, id(node) in late) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                target, name = (inner, "") if inner in MODULES else (base, alias.name)
                result.append(Import(target, name, node.lineno, id(node) in late))
    return result


def first(name: str) -> str:
    return name.partition(".")[0]


def rank(name: str) -> int | None:
    """How high a module stands; None when ORDER does not know it."""
    place = ".".join(name.split(".")[: 2 if first(name) == "stack" else 1])
    return RANK.get(place)


def is_heavy(name: str) -> bool:
    """Whether to import a module at a file's head would import something heavy."""
    seen, waiting = {name}, [name]
    while waiting:
        module_name = waiting.pop()
        if module_name in SLOW:
            return True
        if first(module_name) not in PACKAGES:
            if first(module_name) in HEAVY:
                return True
        elif module_name in MODULES:
            targets = {i.target for i in imports(MODULES[module_name]) if not i.late} - seen
            seen |= targets
            waiting += targets
    return False


# The rules: each yields (line, what is wrong).

Complaints = Iterator[tuple[int, str]]


def points_up(found: Module) -> Complaints:
    here = rank(found.name)
    if here is None and found.name != "stack":
        yield 1, "has no place in ORDER"
        return
    for i in imports(found):
        if i.target.startswith("."):
            yield i.line, "a relative import"
        elif i.target == "stack" or first(i.target) not in PACKAGES:
            continue
        elif (there := rank(i.target)) is None or (here is not None and there > here):
            yield i.line, f"imports {i.target}, which stands above it"


def imports_strangers(found: Module) -> Complaints:
    allowed = {"stack": set[str](), "commands": {"drawsvg", "h11"}}.get(found.top)
    if allowed is None or found.name.startswith("stack.dev"):
        return
    for i in imports(found):
        top = first(i.target)
        if top in sys.stdlib_module_names or top in PACKAGES or (top in allowed and i.late):
            continue
        yield i.line, f"imports {top}, a third party"


def imports_late(found: Module) -> Complaints:
    for i in imports(found):
        if i.late and not is_heavy(i.target):
            yield i.line, f"imports {i.target} inside a function"


def imports_for_types(found: Module) -> Complaints:
    for node in ast.walk(found.tree):
        if (isinstance(node, ast.Name) and node.id == "TYPE_CHECKING") or (
            isinstance(node, ast.Attribute) and node.attr == "TYPE_CHECKING"
        ):
            yield node.lineno, "TYPE_CHECKING"


def touches_the_world(found: Module) -> Complaints:
    """The clock, threads, files, sockets, and randomness that nobody seeded."""
    if not found.is_core and found.top != "commands":
        return
    forbidden = OUTSIDE if found.is_core else OUTSIDE_COMMANDS | {"time"}
    for i in imports(found):
        top = first(i.target)
        if (top in forbidden or (top == "random" and i.name)) and i.name not in PURE.get(top, ()):
            yield i.line, f"imports {i.target}"
    for node in ast.walk(found.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="random"), attr=attribute) if attribute != "Random":
                yield node.lineno, f"random.{attribute} is everybody's"
            case ast.Call(func=ast.Name(id=name)) if name in (TALK if found.is_core else TALK - {"open"}):
                yield node.lineno, f"calls {name}"


def names_somebodys_path(found: Module) -> Complaints:
    for number, line in enumerate(found.source.splitlines(), 1):
        if path := re.search(r"(?<![\w.*])/(?:home|root|Users|work)/\w+", line):
            yield number, f"names {path[0]}"


def lacks_docstring(found: Module) -> Complaints:
    if ast.get_docstring(found.tree) is None:
        yield 1, "has no docstring"


def is_too_long(found: Module) -> Complaints:
    if found.top != "stack":
        return
    if (length := found.source.count("\n")) > FILE_LINES:
        yield 1, f"has {length} lines (at most {FILE_LINES})"
    for node in ast.walk(found.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                yield node.lineno, f"{node.name} has {length} lines (at most {FUNCTION_LINES})"


# A rule, and an example that it must object to.
RULES: list[tuple[Callable[[Module], Complaints], str, str]] = [
    (points_up, "stack.net.x", "from stack.host import Host"),
    (points_up, "stack.kern.x", "def f():\n import netsh"),
    (points_up, "stack.newcomer", ""),
    (points_up, "commands.x", "from . import y"),
    (imports_strangers, "stack.net.x", "import scapy"),
    (imports_strangers, "commands.x", "import h11"),
    (imports_late, "netsh.x", "def f():\n import json"),
    (imports_late, "netsh.x", "def f():\n from stack import addr"),
    (imports_for_types, "netsh.x", "from typing import TYPE_CHECKING\nif TYPE_CHECKING: import y"),
    (touches_the_world, "stack.net.x", "import time"),
    (touches_the_world, "stack.net.x", "from time import monotonic"),
    (touches_the_world, "stack.net.x", "import random\nrandom.random()"),
    (touches_the_world, "stack.net.x", "from random import randint"),
    (touches_the_world, "stack.net.x", "open('x')"),
    (touches_the_world, "commands.x", "print()"),
    (names_somebodys_path, "netsh.x", "x = '/" + "home/somebody'"),
    (lacks_docstring, "netsh.x", "import re"),
    (is_too_long, "stack.net.x", "def f():\n" + " pass\n" * FUNCTION_LINES),
    (is_too_long, "stack.net.x", "pass\n" * (FILE_LINES + 1)),
]


@pytest.mark.parametrize("rule", dict.fromkeys(rule for rule, _, _ in RULES), ids=lambda rule: rule.__name__)
def test_nothing_in_the_tree(rule: Callable[[Module], Complaints]) -> None:
    complaints = [f"{m.name}:{line}: {what}" for m in MODULES.values() for line, what in rule(m)]
    assert not complaints, "\n".join(["", *complaints])


@pytest.mark.parametrize(("rule", "name", "source"), RULES)
def test_the_rule_sees(rule: Callable[[Module], Complaints], name: str, source: str) -> None:
    assert list(rule(module(name, source)))


@pytest.mark.parametrize(
    ("rule", "name", "source"),
    [
        (points_up, "stack.dev.x", "from stack.lab import Lab"),
        (imports_strangers, "stack.dev.x", "import pytun"),
        (imports_strangers, "commands.x", "def f():\n import h11"),
        (imports_late, "netsh.x", "def f():\n from rich.table import Table"),
        (touches_the_world, "stack.net.x", "import random\nrng = random.Random(1)"),
        (touches_the_world, "stack.dev.x", "import time"),
        (touches_the_world, "commands.x", "from time import strftime"),
    ],
)
def test_the_rule_allows(rule: Callable[[Module], Complaints], name: str, source: str) -> None:
    assert not list(rule(module(name, source)))


def test_no_module_imports_itself_by_a_detour() -> None:
    graph = {name: {i.target for i in imports(m) if i.target in MODULES} for name, m in MODULES.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(reversed(error.args[1])))


@pytest.mark.skipif("netsh.cli" not in MODULES, reason="there is no netsh/cli.py yet")
def test_start_imports_nothing_heavy() -> None:
    program = "import sys, netsh.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not NOT_AT_START & set(done.stdout.split())
