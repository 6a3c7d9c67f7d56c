"""What may stand behind a `|`: grep, head, tail, wc and sort as in BSD, and json, csv and text for rows.

A filter is fed bytes as they come and feeds the next one; `head` says when it has enough.  `!program` is in
netsh.program, since it needs the real machine.
"""

from __future__ import annotations

import re
from getopt import GetoptError, getopt

from commands.command import Usage
from netsh.patterns import basic, extended

_LONGEST = 1 << 20  # a line longer than this is cut, so that one without an end does not fill the memory


class Sink:
    """Where bytes go: a filter, a file, the printer."""

    def __init__(self) -> None:
        self.done = False  # it wants no more
        self.status = 0

    def feed(self, data: bytes) -> None:
        """Take some bytes."""
        raise NotImplementedError

    def end(self) -> None:
        """There will be no more."""


class Filter(Sink):
    """A filter of lines; each kind says what it does with a line, and what at the end."""

    synopsis = ""

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__()
        self.argv = argv
        self.target = target
        self.rest = b""

    def feed(self, data: bytes) -> None:
        """Cut the bytes into lines."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            if self.done:
                return
            self.line(line)
        if len(self.rest) > _LONGEST and not self.done:
            self.line(self.rest)
            self.rest = b""

    def end(self) -> None:
        """A last line without its newline is a line, too."""
        if self.rest and not self.done:
            self.line(self.rest)
        self.rest = b""
        self.finish()
        self.target.end()

    def line(self, line: bytes) -> None:
        """Take a line, which has lost its newline."""
        raise NotImplementedError

    def finish(self) -> None:
        """All lines have been seen."""

    def put(self, line: bytes) -> None:
        """Hand a line on; when the next one has had enough, so have we."""
        self.target.feed(line + b"\n")
        self.done = self.done or self.target.done


def _getopt(argv: list[str], letters: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The options as they came, and the other words."""
    try:
        return getopt(argv, letters)
    except GetoptError as error:
        what = "unknown option" if "not recognized" in error.msg else "option requires an argument"
        raise Usage(f"{what} -- {error.opt}") from None


def _options(argv: list[str], letters: str) -> tuple[dict[str, str], list[str]]:
    """The options (the last of each counts) and the other words."""
    options, words = _getopt(argv, letters)
    return dict(options), words


def _none_left(words: list[str]) -> None:
    if words:
        raise Usage(f"{words[0]}: a filter reads what stands before it, no files")


def _count(text: str, what: str = "lines") -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise Usage(f"{text}: not a number of {what}")
    return int(text)


def _pattern(text: str, options: dict[str, str]) -> re.Pattern[str]:
    """A pattern of grep's: basic, extended with -E, a text with -F."""
    flags = re.IGNORECASE if "-i" in options else 0
    translate = re.escape if "-F" in options else extended if "-E" in options else basic
    whole = {"-x": r"(?:{})\Z", "-w": r"(?<!\w)(?:{})(?!\w)"}
    try:
        found = translate(text)
        for option in whole.keys() & options.keys():
            found = whole[option].format(found)
        return re.compile(found, flags)
    except (re.error, OverflowError, RecursionError) as error:
        raise Usage(f"{text}: {error}") from None


class Grep(Filter):
    """grep: lines in which a pattern is found, a basic one or with -E an extended one."""

    synopsis = "grep [-cEFinqvwx] [-e] pattern"

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        found, words = _getopt(argv, "ce:EFinqvwx")
        options = dict(found)
        patterns = [value for option, value in found if option == "-e"]  # of several, any may match
        if not patterns:
            if not words:
                raise Usage("a pattern is missing")
            patterns.append(words.pop(0))
        _none_left(words)
        self.patterns = [_pattern(text, options) for text in patterns]
        self.find = re.Pattern.match if "-x" in options else re.Pattern.search
        self.options = options
        self.number = self.found = 0
        self.status = 1

    def line(self, line: bytes) -> None:
        """Hand it on, if it is one of those wanted."""
        self.number += 1
        text = _text(line)
        if any(self.find(pattern, text) for pattern in self.patterns) is ("-v" in self.options):
            return
        self.found += 1
        self.status = 0
        if "-q" in self.options:
            self.done = True
        elif "-c" not in self.options:
            self.put(b"%d:%b" % (self.number, line) if "-n" in self.options else line)

    def finish(self) -> None:
        """Say how many."""
        if "-c" in self.options and "-q" not in self.options:
            self.put(b"%d" % self.found)


class Head(Filter):
    """head: the first lines, or bytes."""

    synopsis = "head [-n count | -c bytes]"

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        options, words = _options(_dashed_count(argv), "c:n:")
        _none_left(words)
        self.bytes = "-c" in options
        if self.bytes and "-n" in options:
            raise Usage("-c and -n: one of them")
        self.left = _count(options["-c"], "bytes") if self.bytes else _count(options.get("-n", "10"))
        self.done = not self.left

    def feed(self, data: bytes) -> None:
        """Bytes are handed on as they come, lines when they are whole."""
        if not self.bytes:
            return super().feed(data)
        if not self.done:
            self.target.feed(data[: self.left])
            self.left = max(self.left - len(data), 0)
            self.done = not self.left or self.target.done
        return None

    def line(self, line: bytes) -> None:
        """Hand it on, and stop after the last one wanted."""
        self.put(line)
        self.left -= 1
        self.done = self.done or not self.left


class Tail(Filter):
    """tail: the last lines, or with `-n +5` those from the fifth on."""

    synopsis = "tail [-n count | -n +first]"

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        options, words = _options(_dashed_count(argv), "n:")
        _none_left(words)
        text = options.get("-n", "10")
        self.skip = max(_count(text[1:]) - 1, 0) if text.startswith("+") else None
        self.count = _count(text.lstrip("+"))
        self.kept: list[bytes] = []

    def line(self, line: bytes) -> None:
        """Keep it, or hand it on when enough were skipped."""
        if self.skip is None:
            self.kept.append(line)
            if len(self.kept) > 2 * self.count + 100:
                del self.kept[: len(self.kept) - self.count]
        elif self.skip:
            self.skip -= 1
        else:
            self.put(line)

    def finish(self) -> None:
        """Now it is known which were the last."""
        for line in self.kept[len(self.kept) - self.count if self.count < len(self.kept) else 0 :]:
            self.put(line)


class Wc(Filter):
    """wc: how many lines, words and bytes."""

    synopsis = "wc [-clw]"

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        options, words = _options(argv, "clmw")
        _none_left(words)
        self.wanted = [name for name in ("-l", "-w", "-c") if name in options or (name == "-c" and "-m" in options)]
        self.counts = {"-l": 0, "-w": 0, "-c": 0}
        self.inside = False  # a word that may go on

    def feed(self, data: bytes) -> None:
        """Count, whether or not the last line has its newline."""
        self.counts["-c"] += len(data)
        self.counts["-l"] += data.count(b"\n")
        if data:
            self.counts["-w"] += len(data.split()) - (self.inside and not data[:1].isspace())
            self.inside = not data[-1:].isspace()

    def end(self) -> None:
        """Say how many there were."""
        self.put(" ".join(f"{self.counts[name]:7d}" for name in self.wanted or self.counts).encode())
        self.target.end()


class Sort(Filter):
    """sort: lines in order."""

    synopsis = "sort [-nru] [-k field]"

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        options, words = _options(argv, "nruk:")
        _none_left(words)
        field = options.get("-k", "0").partition(",")[0]
        self.numeric = "-n" in options or field.endswith("n")
        self.field = _count(field.rstrip("n"))
        self.reverse = "-r" in options
        self.unique = "-u" in options
        self.lines: list[bytes] = []

    def line(self, line: bytes) -> None:
        """Keep it until all are there."""
        self.lines.append(line)

    def finish(self) -> None:
        """All are there."""
        before: tuple[float, str] | None = None
        for line in sorted(self.lines, key=self.key, reverse=self.reverse):
            key = self.key(line)
            if not (self.unique and key == before):
                self.put(line)
            before = key

    def key(self, line: bytes) -> tuple[float, str]:
        """What is compared: the line from a field on, as a number perhaps."""
        text = _text(line)
        if self.field:
            text = " ".join(text.split()[self.field - 1 :])
        if not self.numeric:
            return 0.0, text
        number = re.match(r"\s*(-?[0-9]*\.?[0-9]+)", text, re.ASCII)
        return float(number[1]) if number else 0.0, ""


class Form(Filter):
    """A form for rows, as which they come already, since it must be the first: a line has no fields."""

    def __init__(self, argv: list[str], target: Sink) -> None:
        super().__init__(argv, target)
        _none_left(argv)

    def feed(self, data: bytes) -> None:
        """Hand them on."""
        self.target.feed(data)
        self.done = self.target.done


class Json(Form):
    """json: rows as JSON, one object a line; it must come first, since a line has no fields."""

    synopsis = "json"


class Csv(Form):
    """csv: rows as comma-separated values, the names of the fields first; it must come first."""

    synopsis = "csv"


class Text(Form):
    """text: rows as BSD's text, whatever the format is; it must come first."""

    synopsis = "text"


def _dashed_count(argv: list[str]) -> list[str]:
    """`-3` is short for `-n 3`."""
    return [f"-n{word[1:]}" if re.fullmatch(r"-[0-9]+", word, re.ASCII) else word for word in argv]


def _text(line: bytes) -> str:
    return line.decode(errors="surrogateescape")


FILTERS: dict[str, type[Filter]] = {
    "grep": Grep, "head": Head, "tail": Tail, "wc": Wc, "sort": Sort, "json": Json, "csv": Csv, "text": Text,
}  # fmt: skip
