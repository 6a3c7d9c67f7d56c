"""What command lines have in common: options as getopt(3) reads them, numbers, addresses, one-line complaints."""

from __future__ import annotations

from collections.abc import Collection

from commands.command import Failure
from stack.addr import Ip4
from stack.lab import is_name

_LONGEST = 1e9  # seconds: thirty years
USAGE = 2  # the status of a command that was called wrongly


def wrong(text: str, *, line: str = "", column: int = 0) -> Failure:
    """A word of the command line makes no sense: one line says which and what would, and the status is 2."""
    return Failure(text, USAGE, line=line, column=column)


def getopt(name: str, argv: list[str], letters: str, long: Collection[str] = ()) -> tuple[dict[str, str], list[str]]:
    """The options before the first operand, by letter, and the operands (getopt(3), getopt_long(3)).

    `letters` is BSD's: `nc:` has a flag -n and an option -c with a value.  An option given twice has its
    last value; a flag's value is its letter as often as it was given.  `long` are names, `ca-cert=` if one
    has a value; they are found under their name.
    """
    options: dict[str, str] = {}
    words = list(argv)
    while words and len(words[0]) > 1 and words[0].startswith("-"):
        word = words.pop(0)
        if word == "--":
            break
        if long and word.startswith("--"):
            _long_option(name, word[2:], words, long, options)
        else:
            _option(name, word[1:], words, letters, options)
    return options, words


def _long_option(name: str, word: str, words: list[str], long: Collection[str], options: dict[str, str]) -> None:
    """One word such as --ca-cert=FILE; its value may be a word of its own, too."""
    option, equals, value = word.partition("=")
    if option in long and not equals:
        options[option] = option
    elif f"{option}=" not in long:
        raise wrong(
            f"option --{option} takes no value" if option in long
            else f"unknown option -- {option} ('help {name}' lists them)"
        )  # fmt: skip
    elif equals or words:
        options[option] = value if equals else words.pop(0)
    else:
        raise wrong(f"option requires an argument -- {option} ('help {name}' says which)")


def _option(name: str, cluster: str, words: list[str], letters: str, options: dict[str, str]) -> None:
    """One word of options, such as the `rn` of -rn or the `c3` of -c3."""
    for at, letter in enumerate(cluster, 1):
        if letter not in letters or letter == ":":
            raise wrong(f"unknown option -- {letter} ('help {name}' lists them)")
        if letters[letters.index(letter) + 1 :][:1] != ":":
            options[letter] = options.get(letter, "") + letter
            continue
        if cluster[at:]:
            options[letter] = cluster[at:]
        elif words:
            options[letter] = words.pop(0)
        else:
            raise wrong(f"option requires an argument -- {letter} ('help {name}' says which)")
        return


def number(word: str, what: str, low: int = 0, high: int = 0x7FFFFFFF) -> int:
    """A whole number in its range; `what` is what it counts."""
    try:
        value = int(word, 0)
    except ValueError:
        raise wrong(f"{word}: not a number; {what} is wanted") from None
    if not low <= value <= high:
        raise wrong(f"{word}: {what} is between {low} and {high}")
    return value


def seconds(word: str, *, least: float = 0.0) -> float:
    """A time in seconds, fractions allowed."""
    try:
        value = float(word)
    except ValueError:
        raise wrong(f"{word}: not a number of seconds") from None
    if value > _LONGEST:
        raise wrong(f"{word}: seconds are at most {_LONGEST:.0f}")
    if not value >= least:
        raise wrong(f"{word}: seconds are at least {least:g}")
    return value


def host(word: str) -> str:
    """A word that may be an address or the name of a host; it is looked up when the command runs."""
    if is_name(word):
        return word
    try:
        Ip4.parse(word)
    except ValueError:
        raise wrong(f"{word}: not an address; one is four numbers from 0 to 255, or the name of a host") from None
    return word


def too_many(word: str) -> Failure:
    """A word behind those that are wanted, perhaps because options are written last elsewhere."""
    return wrong(f"{word}: one word too many" + ("; options stand first" if word.startswith("-") else ""))


def one_of(words: list[str], what: str) -> str:
    """The only operand there may be."""
    if not words:
        raise wrong(f"{what} is missing")
    if len(words) > 1:
        raise too_many(words[1])
    return words[0]


def add_to_page(page: str, part: str) -> str:
    """A page of help (the docstring of a command's module) with a part more, before its examples."""
    return page.replace("\nExamples:\n", f"\n{part}\n\nExamples:\n", 1)
