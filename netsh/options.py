"""The words of the command line, and what they ask for."""

from __future__ import annotations

from collections.abc import Callable

from netsh.mode import parse_mode

FORMATS = ("text", "rich", "json")
USAGE = """\
usage: netsh [-i] [-H host] [--lab name|file|none] [--sockets host|stack] [--clock real|fast|xRATE]
             [--seed number] [--format text|rich|json] [--config file]
             [script [arg ...] | -c lines [arg ...] | -- word ...]
       netsh -s URL [-i] [-H host] [--format text|rich|json] [script [arg ...] | -c lines [arg ...] | -- word ...]
       netsh run [options] script|-c text|-m module [arg ...]
       netsh router interface address/length interface address/length ...
       netsh bridge interface interface ...
       netsh serve URL [-d | --until-eof] [--public] [-H host] [--lab name|file|none] [--sockets host|stack]
             [--clock real|xRATE] [--seed number]
"""
HELP = """\
The shell, on the built-in lab `home`; with a script, or with lines behind -c, it runs those and exits.
In a script the first line that fails is the last, unless it begins with `-`.

  -c lines      run lines; $1 $2 ... are the words behind them
  -- word ...   run one command, its words as they are
  -i            stay at the prompt afterwards
  -s URL        run them in the lab that is served there: unix://PATH or tcp://127.0.0.1:PORT   ($NETSH_SERVER)
  -H host       start on this host
  --lab LAB     the lab to start with: home, a file that 'save' wrote, or none   (home)
  --sockets S   whose sockets the programs of the host have that the prompt is on: its own stack's, or the real
                host's, this machine's; then the lab is one host and nothing else, unless --lab says more   (stack)
  --clock MODE  real, fast, or a rate such as x0.1   (real at the prompt, else fast)
  --seed N      what all chance comes from   (1)
  --format F    text, rich or json   (rich on a terminal, else text)
  --config FILE  your options, which the command 'option' shows and sets   ($NETSH_CONFIG)
  --version     say which this is

'netsh run -H www server.py' runs a Python program on a host of the lab, as the command 'python' does.
'netsh router virt0 192.168.1.1/24 virt1 192.168.2.1/24' routes between this machine's TAPs, 'netsh bridge virt0 virt1'
bridges them; 'netsh router --help' says more.
'netsh serve URL' serves a lab until 'netsh -s URL -- halt', Ctrl-C, or SIGTERM; 'netsh serve --help' says more.
'help' at the prompt lists the commands.
"""


class BadOption(Exception):
    """The words of the command line make no sense."""


class Unusable(Exception):
    """What the command line names cannot be had."""


class Options:
    """What the command line asks for."""

    def __init__(self) -> None:
        self.lines: str | None = None
        self.words: list[str] | None = None  # behind `--`
        self.watch: list[str] | None = None  # a command that goes on until a signal ends it, once the lines have run
        self.script: str | None = None
        self.arguments: list[str] = []
        self.stay = False
        self.server: str | None = None  # whose lab it is; None for our own
        self.host: str | None = None
        self.lab: str | None = None
        self.sockets: str | None = None
        self.clock: str | None = None
        self.seed: int | None = None
        self.format: str | None = None
        self.config: str | None = None  # the file of the user's options
        self.show: str | None = None  # a text to print instead of all else
        self.version = False  # say which netsh this is, and do nothing else


def parse(argv: list[str]) -> Options:
    """Read the command line; BadOption, with words, when it makes no sense."""
    if argv[:1] == ["run"]:
        return _parse_run(argv[1:])
    options = Options()
    words = list(argv)
    while words:
        word = words.pop(0)
        if word == "--":
            if options.lines is None:
                options.words = words
            else:
                options.arguments += words
            break
        if not word.startswith("-") or word == "-":
            if options.lines is None:
                options.script, options.arguments = word, words
                break
            options.arguments.append(word)
        elif word.startswith("--"):
            _long(options, word, words)
        else:
            _short(options, word, words)
    if options.words == []:
        raise BadOption("--: a command is missing behind it")
    return options


def _parse_run(words: list[str]) -> Options:
    """Read what stands behind `run`: our options, then a program and its arguments, which are its own."""
    options = Options()
    while words and words[0].startswith("-") and words[0] != "-" and words[0][:2] not in ("-c", "-m"):
        word, *words = words
        if word == "--":
            break
        if word.startswith("--"):
            _long(options, word, words)
        else:
            _short(options, word, words)
    if not words and options.show is None and not options.version:
        raise BadOption("run: a program is missing: a file, -c text, or -m module")
    options.words = ["python", *words]
    return options


def has_work(options: Options) -> bool:
    """Whether something is to be run, a prompt apart."""
    return any(work is not None for work in (options.script, options.lines, options.words))


def refuse_for_served(options: Options) -> None:
    """A served lab is what it is: BadOption for the options that make one."""
    for name in ("lab", "sockets", "clock", "seed"):
        if getattr(options, name) is not None:
            raise BadOption(f"--{name}: the lab is served by another netsh, whose option it is ('netsh serve --help')")


def _short(options: Options, word: str, words: list[str]) -> None:
    """Options of one letter, several in one word perhaps."""
    letters = word[1:]
    while letters:
        letter, letters = letters[0], letters[1:]
        if letter in "cHs":
            value = letters or (words.pop(0) if words else None)
            if value is None:
                raise BadOption(f"-{letter}: its value is missing")
            _set_short(options, letter, value)
            return
        if letter == "i":
            options.stay = True
        elif letter == "h":
            options.show = USAGE + "\n" + HELP
        else:
            raise BadOption(f"-{letter}: unknown option; 'netsh --help' lists them")


def _set_short(options: Options, letter: str, value: str) -> None:
    if letter == "s":
        options.server = value
    elif letter == "c":
        options.lines = value
    else:
        options.host = value


def _long(options: Options, word: str, words: list[str]) -> None:
    """Options of a word, their value behind `=` or in the next word."""
    if word == "--help":
        options.show = USAGE + "\n" + HELP
    elif word == "--version":
        options.version = True
    else:
        set_long(options, word, words, SETTERS)


Setters = dict[str, Callable[[Options, str], None]]


def set_long(options: Options, word: str, words: list[str], setters: Setters, page: str = "netsh --help") -> None:
    """Take an option of a word, and its value from behind `=` or from the next of the words."""
    name, equals, value = word.partition("=")
    if name not in setters:
        raise BadOption(f"{name}: unknown option; '{page}' lists them")
    if not equals:
        if not words:
            raise BadOption(f"{name}: its value is missing")
        value = words.pop(0)
    setters[name](options, value)


def _set_host(options: Options, value: str) -> None:
    options.host = value


def _set_lab(options: Options, value: str) -> None:
    options.lab = value


def _set_sockets(options: Options, value: str) -> None:
    if value not in ("host", "stack"):
        raise BadOption(f"--sockets {value}: it is host or stack")
    options.sockets = value


def _set_clock(options: Options, value: str) -> None:
    try:
        parse_mode(value)
    except ValueError as error:
        raise BadOption(f"--clock {error}") from None
    options.clock = value


def _set_seed(options: Options, value: str) -> None:
    if not (value.isascii() and value.isdigit() and len(value) < 19):
        raise BadOption(f"--seed {value}: not a whole number")
    options.seed = int(value)


def _set_format(options: Options, value: str) -> None:
    if value not in FORMATS:
        raise BadOption(f"--format {value}: it is one of {', '.join(FORMATS)}")
    options.format = value


def _set_config(options: Options, value: str) -> None:
    options.config = value


SETTERS: Setters = {
    "--host": _set_host,
    "--lab": _set_lab,
    "--sockets": _set_sockets,
    "--clock": _set_clock,
    "--seed": _set_seed,
    "--format": _set_format,
    "--config": _set_config,
}
