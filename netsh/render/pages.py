"""Pages of the web in colours, for a terminal (pygments has the lexers); imported when there is one to be drawn."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from pygments.lexers import get_lexer_by_name
from pygments.token import Comment, Keyword, Literal, Name, Number, String, _TokenType

from netsh.render.palette import ADDRESS, DARK, FAINT, GOOD, MAC, NAME, Theme, paint, visible

_KINDS = {
    "html": re.compile(r"html"),
    "json": re.compile(r"json"),
    "css": re.compile(r"css"),
    "javascript": re.compile(r"(java|ecma)script"),
    "xml": re.compile(r"xml"),
}
_PATIENCE = 0.3  # seconds: some pages are made so that a lexer looks at them for hours
_CHARSET = re.compile(r"charset\s*=\s*\"?(iso-8859-\d\d?|windows-125\d)\b", re.IGNORECASE)
_STYLES = {
    Comment: FAINT, Name.Tag: NAME, Keyword: NAME, Name.Attribute: ADDRESS, String: GOOD, Number: MAC, Literal: MAC,
}  # fmt: skip


def coloured(data: bytes, kind: str, theme: Theme = DARK) -> str:
    """The text of a page of a media type such as `text/html; charset=utf-8`; nothing in it steers a terminal."""
    charset = _CHARSET.search(kind)
    text = visible(data.decode(charset[1] if charset is not None else "utf-8", errors="replace"))
    media = kind.partition(";")[0].lower()
    name = next((name for name, pattern in _KINDS.items() if pattern.search(media)), None)
    if name is None:
        return text
    return "".join(_parts(name, theme, text.replace("\r\n", "\n").replace("\r", "\n").removeprefix("\ufeff")))


def _parts(name: str, theme: Theme, text: str) -> Iterator[str]:
    """The text in colours, as far as they come in time."""
    lexer = get_lexer_by_name(name)
    deadline = time.monotonic() + _PATIENCE
    for at, token, part in lexer.get_tokens_unprocessed(text):
        if time.monotonic() > deadline:
            yield text[at:]
            return
        yield _painted(token, part, theme)


def _painted(token: _TokenType, text: str, theme: Theme) -> str:
    """A token in its colour, line by line, so that each line is complete in itself."""
    style = next((_STYLES[each] for each in reversed(token.split()) if each in _STYLES), None)
    if style is None or not text.strip():
        return text
    return "\n".join(paint(line, style, theme) if line else "" for line in text.split("\n"))
