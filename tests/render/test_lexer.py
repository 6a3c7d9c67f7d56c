"""The pygments lexer: which token each piece of a line is."""

from __future__ import annotations

import pytest
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, Punctuation, String, Text, _TokenType

from netsh.prompt.lexer import NetshLexer

LEXER = NetshLexer(hosts=lambda: {"gw", "www"})


def lexed(line: str) -> list[tuple[_TokenType, str]]:
    """The tokens of a line, without white space."""
    return [(token, text) for _, token, text in LEXER.get_tokens_unprocessed(line) if text.strip()]


@pytest.mark.parametrize(
    ("line", "tokens"),
    [
        (
            "ping -c 3 www # so",
            [
                (Name.Function, "ping"), (Name.Attribute, "-c"), (Number.Integer, "3"), (Text, "www"),
                (Comment.Single, " # so"),
            ],
        ),
        ("gw ping www", [(Name.Namespace, "gw"), (Name.Function, "ping"), (Text, "www")]),
        (
            "gw; ping 10.0.0.1/24",
            [(Name.Namespace, "gw"), (Operator, ";"), (Name.Function, "ping"), (Number.Float, "10.0.0.1/24")],
        ),
        (
            "-arp -s a b2:a0:00:00:00:01",
            [
                (Operator, "-"), (Name.Function, "arp"), (Name.Attribute, "-s"), (Text, "a"),
                (Number.Hex, "b2:a0:00:00:00:01"),
            ],
        ),
        ("bus lan delay 10ms", [(Name.Function, "bus"), (Text, "lan"), (Text, "delay"), (Number.Integer, "10ms")]),
        ("x=1", [(Name.Variable, "x"), (Operator, "="), (Number.Integer, "1")]),
        (
            "for i in 1..9 { h$i ping w }; lab",
            [
                (Keyword, "for"), (Text, "i"), (Keyword, "in"), (Number, "1"), (Operator, ".."), (Number, "9"),
                (Punctuation, "{"), (Name.Function, "h"), (Name.Variable, "$i"), (Text, "ping"), (Text, "w"),
                (Punctuation, "}"), (Operator, ";"), (Name.Function, "lab"),
            ],
        ),
        (
            'nc "a $x" | grep b > f',
            [
                (Name.Function, "nc"), (String.Double, '"'), (String.Double, "a "), (Name.Variable, "$x"),
                (String.Double, '"'), (Operator, "|"), (Name.Function, "grep"), (Text, "b"), (Operator, ">"),
                (Text, "f"),
            ],
        ),
        (
            "if ! true { f } else { break }",
            [
                (Keyword, "if"), (Keyword, "!"), (Name.Function, "true"), (Punctuation, "{"), (Name.Function, "f"),
                (Punctuation, "}"), (Keyword, "else"), (Punctuation, "{"), (Keyword, "break"), (Punctuation, "}"),
            ],
        ),
        (
            "f() { x=$(ping w) }",
            [
                (Name.Function, "f"), (Punctuation, "()"), (Punctuation, "{"), (Name.Variable, "x"), (Operator, "="),
                (Name.Variable, "$("), (Name.Function, "ping"), (Text, "w"), (Name.Variable, ")"), (Punctuation, "}"),
            ],
        ),
        (
            "send IP(dst='a;b', n=[1])/T() | wc",
            [
                (Name.Function, "send"), (Name.Class, "IP("), (Name.Attribute, "dst"), (Text, "="),
                (String.Single, "'a;b'"), (Text, ","), (Name.Attribute, "n"), (Text, "="), (Text, "["), (Number, "1"),
                (Text, "]"), (Name.Class, ")"), (Punctuation, "/"), (Name.Class, "T("),
                (Name.Class, ")"), (Operator, "|"), (Name.Function, "wc"),
            ],
        ),
        ("ps | !less", [(Name.Function, "ps"), (Operator, "|"), (Name.Other, "!less")]),
    ],
)  # fmt: skip
def test_tokens(line: str, tokens: list[tuple[_TokenType, str]]) -> None:
    assert lexed(line) == tokens


ODD = ["'", '"', "\\", "$", "ping '", 'ping "$', "for", "for x in {", "a }{", "`", "\x00é", "send IP(",
       "send IP('", "send IP(b"]  # fmt: skip


@pytest.mark.parametrize("line", ODD)
def test_what_is_unfinished_or_odd_is_lexed_whole_and_without_errors(line: str) -> None:
    tokens = list(LEXER.get_tokens_unprocessed(line))
    assert "".join(text for _, _, text in tokens) == line
    assert all(token is not Error for _, token, _ in tokens)
