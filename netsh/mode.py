"""The modes of a lab's clock, as they are typed."""

from __future__ import annotations

_SLOWEST, _QUICKEST = 1e-6, 1e6


def parse_mode(text: str) -> float | None:
    """The virtual seconds a real one has in a mode (None is fast); ValueError for what is no mode."""
    if text in ("fast", "real"):
        return 1.0 if text == "real" else None
    try:
        rate = float(text[1:]) if text[:1] == "x" else 0.0
    except ValueError:
        rate = 0.0
    if not _SLOWEST <= rate <= _QUICKEST:
        raise ValueError(f"{text}: a clock is real, fast, or a rate such as x0.1 or x10")
    return rate
