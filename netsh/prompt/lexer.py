"""The language for pygments: colours at the prompt, and in documents that show sessions.

A command and the host before it cannot be told apart without a lab, so `NetshLexer(hosts=...)` may be
given the hosts' names, and who knows which words cannot be right; all else is the grammar of netsh.grammar.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, ClassVar

from pygments.lexer import RegexLexer, include
from pygments.token import (
    Comment,
    Error,
    Keyword,
    Name,
    Number,
    Operator,
    Punctuation,
    String,
    Text,
    Whitespace,
    _TokenType,
)

_STRINGS = [
    (r"'[^']*'?", String.Single),
    (r'"', String.Double, "quoted"),
    (r"\\(.|\n)", String.Escape),
    (r"\$\(\(.*?(\)\)|$)", Name.Variable),
    (r"\$\(", Name.Variable, "command"),
    (r"\$(\w+|[#@*?]|\{[^}]*\}?)", Name.Variable),
]


class NetshLexer(RegexLexer):
    """The language of the shell; `hosts` yields names of hosts, `wrong` where the wrong words of a text stand."""

    name = "netsh"
    aliases: ClassVar[list[str]] = ["netsh"]
    filenames: ClassVar[list[str]] = ["*.netsh"]
    url = ""

    tokens: ClassVar[dict[str, Any]] = {
        "root": [
            (r"[ \t\r\n]+", Whitespace),
            (r"#.*", Comment.Single),
            (r"for(?=\s)", Keyword, "for"),
            (r"(?:if|elif|while|else|!)(?=\s|\{|$)", Keyword),
            (r"(?:break|continue|return)(?=\s*(?:[;&|}\n]|$))", Keyword),
            (r"return(?=\s)", Keyword, "arguments"),
            (r"[A-Za-z_]\w*(?=\s*\(\)\s*(\{|$))", Name.Function),
            (r"\(\)", Punctuation),
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
            (r"[ \t\r]+(?=\}\s*($|[;&|]|el(se|if)\b))", Whitespace, "#pop"),
            (r"[ \t\r]+(?=\{(\s|$))", Whitespace, "#pop"),
            (r"(?=\))", Text, "#pop"),
            (r"[ \t\r]+#.*", Comment.Single),
            (r"[ \t\r]+", Whitespace),
            (r">>|<<<|[<>]", Operator),
            (r"(?<!\S)-{1,2}[\w-]+", Name.Attribute),
            (r"(?:[0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}\b", Number.Hex),
            (r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d+)?(?![\w.])", Number.Float),
            (r"\d+(?:\.\d+)?(?:%|[A-Za-z][\w/]*)?(?![\w.])", Number.Integer),
            (r"https?://[^\s;&|<>'\"]+", String.Other),
            (r"/(?=[A-Za-z_]\w*\()", Punctuation),
            (r"[A-Za-z_]\w*\(", Name.Class, "call"),
            *_STRINGS,
            (r"[^\s;&|<>'\"\\$)]+", Text),
            (r".", Text),
        ],
        "command": [
            (r"\)", Name.Variable, "#pop"),
            include("root"),
        ],
        "call": [  # IP(dst="www", ttl=(1, 3)): quotes are its own
            (r"\n", Text, "#pop"),
            (r"\)", Name.Class, "#pop"),
            (r"[A-Za-z_]\w*\(", Name.Class, "call"),
            (r"\(", Punctuation, "call"),
            (r"b?'(?:[^'\\\n]|\\.)*'?", String.Single),
            (r'b?"(?:[^"\\\n]|\\.)*"?', String.Double),
            (r"[A-Za-z_]\w*(?=\s*=)", Name.Attribute),
            (r"0x[0-9a-fA-F]+|\d+(?:\.\d+)?", Number),
            (r"\$(\w+|\{[^}]*\}?)", Name.Variable),
            (r"[ \t]+", Whitespace),
            (r"[^\s]", Text),
        ],
        "quoted": [
            (r'"', String.Double, "#pop"),
            (r'\\[\\"$`]', String.Escape),
            *_STRINGS[3:],
            (r'[^"\\$]+', String.Double),
            (r"[\\$]", String.Double),
        ],
    }

    def __init__(
        self, hosts: Callable[[], Collection[str]] = frozenset,
        wrong: Callable[[str], Sequence[tuple[int, int]]] = lambda text: (), **options: Any,
    ) -> None:  # fmt: skip
        super().__init__(**options)
        self.hosts = hosts
        self.wrong = wrong

    def get_tokens_unprocessed(
        self, text: str, stack: Iterable[str] = ("root",)
    ) -> Iterator[tuple[int, _TokenType, str]]:
        """As the table above says, but a host's name before a command is one, and the command is the next word."""
        hosts = self.hosts()
        wrong = dict(self.wrong(text))
        after_host, bad = False, -1
        for at, token, value in super().get_tokens_unprocessed(text, stack):
            if token is Name.Function and value in hosts:
                token, after_host = Name.Namespace, True
            elif after_host and token is Text:
                token, after_host = Name.Function, False
            elif token is not Whitespace:
                after_host = False
            bad = max(bad, wrong.get(at, -1))
            yield at, Error if at < bad else token, value
