"""What may come next on a line: a table of lines, the cursor at their ends."""

from __future__ import annotations

import pytest

from netsh.prompt.complete import Next, Vocabulary, options_of, what_comes_next

SYNOPSES = {
    "ping": "ping [-dfnoqRv] [-c count] [-I interface] [-i wait] host",
    "ifconfig": "ifconfig [-L] [-m] interface [parameters]\nifconfig -a [-bdhLmsuvz]",
    "route": "route [-n] add|delete|change [-net|-host] destination gateway\nroute get address\nroute show",
    "fetch": "fetch [-v] [-o file] [--ca-cert=file] [--no-verify-peer] URL ...",
    "httpd": "httpd [-v] [-Z cert key] [-p port] [folder]",
    "source": "source FILE [ARG ...]",
    "sysctl": "sysctl [-a] [name ...]",
    "nc": "nc [-46lu] [host] port",
    "host": "host [-d] [NAME]",
    "lab": "lab",
    "arp": "arp [-n] host\narp [-nv] -a\narp [-v] -d [-a | host [proxy]]\narp [-v] -s host lladdr\narp [-v] -f file",
}
WORDS = {
    "ifconfig": {"up": "", "alias": "", "mtu": "", "linkstr": ""},
    "route": {"add": "", "delete": "", "change": "", "get": "", "show": "", "-net": "", "-host": ""},
}
VOCABULARY = Vocabulary({"me", "gw", "www", "lab"}, SYNOPSES.get, lambda command: WORDS.get(command, {}))


def after(line: str) -> Next:
    return what_comes_next(line, len(line), VOCABULARY)


@pytest.mark.parametrize(
    ("line", "kinds", "word"),
    [
        ("", ("command", "host"), ""),
        ("pi", ("command", "host"), "pi"),
        ("-pi", ("command", "host"), "pi"),
        ("- pi", ("command", "host"), "pi"),
        ("gw ", ("command",), ""),
        ("gw pi", ("command",), "pi"),
        ("-gw pi", ("command",), "pi"),
        ("lab ", (), ""),  # a command is a command, whatever hosts are called
        ("ping ", ("host",), ""),
        ("ping w", ("host",), "w"),
        ("ping -", ("option",), "-"),
        ("ping -c ", (), ""),
        ("ping -c 3 ", ("host",), ""),
        ("ping -c3 ", ("host",), ""),
        ("ping -nc 3 w", ("host",), "w"),
        ("ping -I ", ("interface",), ""),
        ("ping www ", (), ""),
        ("gw ping w", ("host",), "w"),
        ("gw ping www; pi", ("command", "host"), "pi"),
        ("lab && pi", ("command", "host"), "pi"),
        ("lab || pi", ("command", "host"), "pi"),
        ("lab & pi", ("command", "host"), "pi"),
        ("lab\npi", ("command", "host"), "pi"),
        ("ifconfig sh", ("interface",), "sh"),
        ("ifconfig shmif0 ", ("keyword", "host"), ""),
        ("ifconfig shmif0 inet 10.0.0.1/24 a", ("keyword", "host"), "a"),
        ("ifconfig shmif0 linkstr ", ("bus",), ""),
        ("ifconfig shmif0 mtu ", (), ""),
        ("ifconfig shmif0 mtu 1400 ", ("keyword", "host"), ""),
        ("route add default ", ("host",), ""),
        ("route -n add -net 10/8 ", ("host",), ""),
        ("route get ", ("host",), ""),
        ("route get www ", (), ""),
        ("fetch ", ("url",), ""),
        ("fetch -o ", ("file",), ""),
        ("fetch http://www/ ", ("url",), ""),
        ("fetch --ca", ("option",), "--ca"),
        ("fetch --ca-cert=/tm", ("file",), "/tm"),
        ("fetch --ca-cert=foo ", ("url",), ""),
        ("fetch --ca-cert ", ("file",), ""),
        ("fetch --ca-cert foo ", ("url",), ""),
        ("fetch --no-verify-peer ", ("url",), ""),
        ("fetch --no-verify-peer=", (), ""),
        ("httpd -Z ", ("file",), ""),
        ("httpd -vZ a b", ("file",), "b"),
        ("httpd -p ", (), ""),
        ("httpd -Z a b -p ", (), ""),
        ("httpd -Z a b ", ("file",), ""),
        ("httpd -Z a b c ", (), ""),
        ("ps | ", ("filter",), ""),
        ("ps | gr", ("filter",), "gr"),
        ("ps | grep ", (), ""),
        ("ps > ", ("file",), ""),
        ("ps >> /tm", ("file",), "/tm"),
        ("ps > f ", (), ""),
        ("nc www 80 < ", ("file",), ""),
        ("for ", (), ""),
        ("for h in ", ("host",), ""),
        ("for h in me g", ("host",), "g"),
        ("for h in me { ", ("command", "host"), ""),
        ("for h in me { pi", ("command", "host"), "pi"),
        ("for h in me { lab } ", ("command", "host"), ""),
        ("echo $", ("variable",), "$"),
        ("ping ${ho", ("variable",), "${ho"),
        ("ping 'a $b", ("host",), "'a $b"),
        ("source ", ("file",), ""),
        ("source a ", (), ""),
        ("sysctl net.", ("sysctl",), "net."),
        ("host ", ("host",), ""),
        ("nosuch ", (), ""),
        ("arp ", ("host",), ""),
        ("arp -a ", (), ""),
        ("arp -vd ", ("host",), ""),
        ("arp -s ", ("host",), ""),
        ("arp -s gw ", (), ""),
        ("arp -v -f ", ("file",), ""),
        ("ping # w", (), ""),
        ('ping "w', ("host",), '"w'),
        ("ping 'w", ("host",), "'w"),
        ("ping \\", ("host",), "\\"),
    ],
)
def test_kinds(line: str, kinds: tuple[str, ...], word: str) -> None:
    found = after(line)
    assert (found.kinds, found.word) == (kinds, word)


@pytest.mark.parametrize(
    ("line", "literals"),
    [
        ("for h ", ("in",)),
        ("route ", ("add", "delete", "change", "get", "show")),
        ("route add ", ()),
        ("route get ", ()),
        ("ping ", ()),
    ],
)
def test_literals(line: str, literals: tuple[str, ...]) -> None:
    assert after(line).literals == literals


def test_whose_argument_it_is() -> None:
    assert after("ps; gw ping w")[1:4] == ("w", "ping", "gw")


def test_what_follows_the_cursor_does_not_matter() -> None:
    assert what_comes_next("ping w | grep x", 6, VOCABULARY) == after("ping w")


def test_options_of() -> None:
    assert options_of(SYNOPSES["ping"])["-c"] == "count"
    assert options_of(SYNOPSES["ping"])["-q"] == ""
    assert options_of(SYNOPSES["httpd"]) == {"-v": "", "-Z": "cert key", "-p": "port"}
    assert options_of(SYNOPSES["fetch"]) == {"-v": "", "-o": "file"}
    assert options_of("netstat -r [-n]") == {"-r": "", "-n": ""}
    assert options_of("nc [-lu] [-p port] host") == {"-l": "", "-u": "", "-p": "port"}
