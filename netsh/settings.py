"""The options of a user, in a TOML file that is theirs to write; what is wrong in it is told, and does no harm.

    edit = "vi"
    [keys]
    f5 = "ps -a"
    [aliases]
    rt = "netstat -rn"
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import NamedTuple

from netsh.mode import parse_mode
from netsh.prompt.nearest import nearest
from stack.dev.files import write_whole
from stack.kern.errors import reason

Value = str | int | bool
Complain = Callable[[str], None]

_AT = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")
_KEY = re.compile(r"f([1-9]|1[0-9]|2[0-4])|c-[a-z]|escape [a-z]")
_NAME = re.compile(r"[A-Za-z_][\w.-]*", re.ASCII)
_LINES = 1_000_000


class Setting(NamedTuple):
    """An option: its value unless the user says, how another is read (ValueError in words), and what it is for."""

    default: Value
    read: Callable[[object], Value]
    help: str


def _one_of(*words: str) -> Callable[[object], Value]:
    def read(value: object) -> Value:
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"it is one of {', '.join(words)}")
        return value

    return read


def _flag(value: object) -> Value:
    if isinstance(value, bool) or value in ("true", "false"):
        return value if isinstance(value, bool) else value == "true"
    raise ValueError("it is true or false")


def _lines(value: object) -> Value:
    text = str(value)
    if isinstance(value, bool) or not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= _LINES):
        raise ValueError(f"it is a number of lines, {_LINES} at the most")
    return int(text)


def _text(value: object) -> Value:
    if not isinstance(value, str):
        raise ValueError("it is a text in quotes")
    return value


def _mode(value: object) -> Value:
    parse_mode(str(value))
    return str(value)


SETTINGS: dict[str, Setting] = {
    "edit": Setting("emacs", _one_of("emacs", "vi"), "whose keys edit a line"),
    "menu": Setting(True, _flag, "show what may come next while you type"),
    "suggest": Setting(True, _flag, "suggest the last line that began so"),
    "abbreviate": Setting(True, _flag, "take abbreviations of commands and verbs"),
    "history": Setting(10_000, _lines, "lines to keep for the next time"),
    "theme": Setting("auto", _one_of("auto", "dark", "light"), "the background that colours are for"),
    "pager": Setting("less -RFX", _text, "what shows an output longer than the window"),
    "clock": Setting("real", _mode, "how time runs when the prompt begins"),
}
TABLES = {"keys": "lines that keys are, as f5", "aliases": "names for commands"}


class Settings:
    """What the user has said, and where it is kept: None for nowhere."""

    def __init__(self, path: str | None = None) -> None:
        self.path = path
        self.values: dict[str, Value] = {}
        self.tables: dict[str, dict[str, str]] = {name: {} for name in TABLES}

    def __getitem__(self, name: str) -> Value:
        return self.values.get(name, SETTINGS[name].default)

    @property
    def keys(self) -> dict[str, str]:
        """Keys that are whole lines."""
        return self.tables["keys"]

    @property
    def aliases(self) -> dict[str, str]:
        """Names for commands."""
        return self.tables["aliases"]

    def take(self, name: str, value: object) -> None:
        """Set one of them, `keys.f5` for instance; ValueError, with the cure, when that makes no sense."""
        table, dot, inner = name.partition(".")
        if dot and table in TABLES:
            if not isinstance(value, str):
                raise ValueError(f"{name}: it is a text in quotes")
            if (_KEY if table == "keys" else _NAME).fullmatch(inner) is None:
                cure = "f1 to f24, c-a to c-z, or 'escape a'" if table == "keys" else "letters and digits"
                raise ValueError(f"{name}: no name for one; it is {cure}")
            self.tables[table][inner] = value
            return
        if name not in SETTINGS:
            known = nearest(name, [*SETTINGS, *TABLES])
            raise ValueError(f"{name}: unknown option" + (f"; did you mean {known}?" if known else ""))
        try:
            self.values[name] = SETTINGS[name].read(value)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None

    def forget(self, name: str) -> None:
        """Go back to what it is by default."""
        table, _, inner = name.partition(".")
        self.values.pop(name, None)
        if table in TABLES:
            self.tables[table].pop(inner, None)

    def rows(self) -> Iterator[tuple[str, Value, str]]:
        """Each with its value and what it is for."""
        for name, setting in SETTINGS.items():
            yield name, self[name], setting.help
        for table, help in TABLES.items():
            for name, text in self.tables[table].items():
                yield f"{table}.{name}", text, help

    def given(self) -> dict[str, str]:
        """What the user has said, each by its name, as it would be typed."""
        said = self.values | {f"{table}.{name}": text for table in TABLES for name, text in self.tables[table].items()}
        return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in said.items()}

    def keep(self, name: str) -> None:
        """Write one of them down, if there is a place; ValueError, in words, when that cannot be done."""
        if self.path is None:
            return
        try:
            text = self.text_with(name)
            os.makedirs(os.path.dirname(os.path.abspath(self.path)), mode=0o700, exist_ok=True)
            write_whole(self.path, text.encode())
        except (OSError, ValueError) as error:
            raise ValueError(f"{self.path}: {reason(error)}; it holds until you leave") from None

    def text_with(self, name: str) -> str:
        """The file with one of them as it is now, and all else as it was; OSError, ValueError when it cannot be had."""
        import tomlkit

        document = tomlkit.parse((_read(self.path) if self.path is not None else "") or "")
        table, dot, inner = name.partition(".")
        within = document.setdefault(table, tomlkit.table()) if dot else document
        known = self.tables[table] if dot else self.values
        within.pop(inner if dot else name, None)
        if (inner if dot else name) in known:
            within[inner if dot else name] = known[inner if dot else name]
        return tomlkit.dumps(document)


def standard_path(given: str | None) -> str:
    """The file that was asked for, by --config or $NETSH_CONFIG, or the user's."""
    if path := given or os.environ.get("NETSH_CONFIG"):
        return path
    from platformdirs import user_config_dir

    return os.path.join(user_config_dir("netsh"), "config.toml")


def load(path: str, complain: Complain, *, asked: bool = False) -> Settings:
    """Read a file; what is wrong is told with its line and column, and the defaults are used instead.

    That there is none is wrong only when it was `asked` for.
    """
    import tomllib

    settings = Settings(path)
    try:
        text = _read(path)
        found = tomllib.loads(text or "")
    except tomllib.TOMLDecodeError as error:
        place = _AT.search(str(error))
        end = str((text or "").count("\n") + 1), "1"
        line, column = (place[1], place[2]) if place is not None and place[1] else end
        complain(f"{path}:{line}:{column}: {_AT.sub('', str(error))}; defaults are used")
        return settings
    except (OSError, ValueError) as error:
        complain(f"{path}: {getattr(error, 'strerror', None) or 'this is no text'}; defaults are used")
        return settings
    if text is None and asked:
        complain(f"{path}: No such file or directory; defaults are used")
    for name, value in _flat(found):
        try:
            settings.take(name, value)
        except ValueError as error:
            line, column = _place(text or "", name)
            complain(f"{path}:{line}:{column}: {error}; its default is used")
    return settings


def _flat(found: dict[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in found.items():
        if isinstance(value, dict) and name in TABLES:
            yield from ((f"{name}.{inner}", each) for inner, each in value.items())
        else:
            yield name, value


def _place(text: str, name: str) -> tuple[int, int]:
    """The line and the column where an option's value stands, or its name."""
    table, dot, inner = name.partition(".")
    within = not dot
    for number, line in enumerate(text.splitlines(), 1):
        if dot and line.strip().startswith("["):
            within = line.strip().startswith(f"[{table}]")
        found = re.match(rf"\s*[\"']?{re.escape(inner if dot else name)}[\"']?\s*=\s*|\s*\[{re.escape(name)}\]", line)
        if within and found is not None:
            return number, found.end() + 1
    return 1, 1


def _read(path: str) -> str | None:
    with suppress(FileNotFoundError), open(path, encoding="utf-8") as file:
        return file.read()
    return None
