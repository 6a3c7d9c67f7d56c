"""The language for pygments: colours at the prompt, and in documents that show sessions.

A command and the host before it cannot be told apart without a lab, so `NetshLexer(hosts=...)` may be
given the hosts' names; all else is the grammar of netsh.grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, ClassVar

from pygments.lexer import RegexLexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text, Whitespace, _TokenType

_STRINGS = [
    (r"'[^']*'?", String.Single),
    (r'"', String.Double, "quoted"),
    (r"\\(.|\n)", String.Escape),
    (r"\$\(\(.*?(\)\)|$)", Name.Variable),
    (r"\$(\w+|[#@*?]|\{[^}]*\}?)", Name.Variable),
]


class NetshLexer(RegexLexer):
    """The language of the shell; `hosts` is a callable that yields names of hosts, or nothing."""

    name = "netsh"
    aliases: ClassVar[list[str]] = ["netsh"]
    filenames: ClassVar[list[str]] = ["*.netsh"]
    url = ""

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"[ \t\r\n]+", Whitespace),
            (r"#.*", Comment.Single),
            (r"for(?=\s)", Keyword, "for"),
            (r"[{}]", Punctuation),
            (r"[;&|]+", Operator),
            (r"-(?=[\w ])", Operator),
            (r"[A-Za-z_]\w*(?==)", Name.Variable),
            (r"=", Operator, "arguments"),
            (r"![^\s;&|<>]+", Name.Other, "arguments"),
            (r"[^\s;&|<>'\"\\$]+", Name.Function, "arguments"),
            *_STRINGS,
            (r".", Text),
        ],
        "for": [
            (r"\{", Punctuation, "#pop"),
            (r"\bin(?=\s)", Keyword),
            (r"\d+(?=\.\.)|(?<=\.\.)\d+", Number),
            (r"\.\.", Operator),
            (r"\n|;", Whitespace, "#pop"),
            (r"[ \t\r]+", Whitespace),
            *_STRINGS,
            (r"[^\s{;'\"\\$]+", Text),
            (r".", Text),
        ],
        "arguments": [
            (r"(?=[;&|\n])", Text, "#pop"),
            (r"[ \t\r]+(?=\}\s*($|[;&|]))", Whitespace, "#pop"),
            (r"[ \t\r]+#.*", Comment.Single),
            (r"[ \t\r]+", Whitespace),
            (r">>|[<>]", Operator),
            (r"(?<!\S)-{1,2}[\w-]+", Name.Attribute),
            (r"(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}\b", Number.Hex),
            (r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?(?![\w.])", Number.Float),
            (r"\d+(?:\.\d+)?(?:%|[A-Za-z][\w/]*)?(?![\w.])", Number.Integer),
            (r"https?://[^\s;&|<>'\"]+", String.Other),
            *_STRINGS,
            (r"[^\s;&|<>'\"\\$]+", Text),
            (r".", Text),
        ],
        "quoted": [
            (r'"', String.Double, "#pop"),
            (r'\\[\\"$`]', String.Escape),
            *_STRINGS[3:],
            (r'[^"\\$]+', String.Double),
            (r"[\\$]", String.Double),
        ],
    }

    def __init__(self, hosts: Callable[[], Collection[str]] = frozenset, **options: Any) -> None:
        super().__init__(**options)
        self.hosts = hosts

    def get_tokens_unprocessed(
        self, text: str, stack: Iterable[str] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """As the table above says, but a host's name before a command is one, and the command is the next word."""
        hosts = self.hosts()
        after_host = False
        for at, token, value in super().get_tokens_unprocessed(text, stack):
            if token is Name.Function and value in hosts:
                token, after_host = Name.Namespace, True
            elif after_host and token is Text:
                token, after_host = Name.Function, False
            elif token is not Whitespace:
                after_host = False
            yield at, token, value
