"""Rows as JSON: one object a line, `type` first, then the fields of the row.

Addresses are strings, a tuple is an array, a row inside a row is an object.  Bytes are text where they
are printable UTF-8, else `{"base64": "..."}`.  `PingReply` has the type `ping-reply`; a `type` of its own a
`RoutingMessage` gives as `message_type`.  A field that is a Python keyword loses its underscore (`from_` is `from`).
"""

from __future__ import annotations

import base64
import json
import math
import re
from enum import Enum
from typing import Any

from commands.command import Data
from stack.addr import Ip4, Mac, Prefix


def json_of(row: Any, **tags: Any) -> str:
    """One line of JSON, without its newline; `tags` come last, and yield to a field of the same name."""
    fields = {"data": value_of(row.data)} if isinstance(row, Data) else _typed(row)
    return json.dumps(fields | {name: tag for name, tag in tags.items() if name not in fields}, ensure_ascii=False)


def _typed(row: Any) -> dict[str, Any]:
    kind, fields = type_of(row), fields_of(row)
    own = {f"{kind.rpartition('-')[2]}_type": fields.pop("type")} if "type" in fields else {}
    return {"type": kind, **own, **fields}


def type_of(row: Any) -> str:
    """The kind of a row, in a word: its class, `PingReply` as `ping-reply`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", type(row).__name__).lower()


def fields_of(row: Any) -> dict[str, Any]:
    """The fields of a row by name, as JSON knows values."""
    return {name.rstrip("_"): value_of(value) for name, value in zip(row._fields, row, strict=True)}


def value_of(value: Any) -> Any:
    """A value as JSON knows it; what it does not know becomes its `str`."""
    match value:
        case None | bool() | str():
            return value
        case Enum():
            return value.name.lower()
        case Ip4() | Mac() | Prefix():
            return str(value)
        case int():
            return int(value)
        case float():
            return value if math.isfinite(value) else None
        case bytes() | bytearray() | memoryview():
            return _text_or_base64(bytes(value))
        case dict():
            return {str(key): value_of(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_fields"):
            return fields_of(value)
        case tuple() | list() | set() | frozenset():
            return [value_of(item) for item in value]
    return str(value)


def _text_or_base64(data: bytes) -> str | dict[str, str]:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        text = "\0"
    if all(char.isprintable() or char in "\n\r\t" for char in text):
        return text
    return {"base64": base64.b64encode(data).decode()}
