"""What is known of a drop: a sentence, what causes it, what to do about it, and where RFCs and BSD speak of it.

The tables are in _why_link, _why_ip and _why_tcp; a test holds them against the source of the stack.
"""

from __future__ import annotations

from typing import NamedTuple


class Why(NamedTuple):
    """An explanation; `rfc` and `bsd` are empty where there is nothing to name."""

    sentence: str
    cause: str
    cure: str
    rfc: str = ""
    bsd: str = ""  # the file, and the counter if BSD has one
