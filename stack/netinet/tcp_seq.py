"""Sequence numbers: 32 bits that wrap around (BSD netinet/tcp_seq.h; RFC 9293 3.4)."""

from __future__ import annotations

SEQ_MASK = 0xFFFFFFFF


def SEQ_LT(a: int, b: int) -> bool:
    """Whether `a` comes before `b`."""
    return a - b & SEQ_MASK > 0x7FFFFFFF


def SEQ_LEQ(a: int, b: int) -> bool:
    """Whether `a` is `b` or comes before it."""
    return b - a & SEQ_MASK <= 0x7FFFFFFF


def SEQ_GT(a: int, b: int) -> bool:
    """Whether `a` comes after `b`."""
    return b - a & SEQ_MASK > 0x7FFFFFFF


def SEQ_GEQ(a: int, b: int) -> bool:
    """Whether `a` is `b` or comes after it."""
    return a - b & SEQ_MASK <= 0x7FFFFFFF


def SEQ_SUB(a: int, b: int) -> int:
    """How far `a` is after `b`, negative when it is before."""
    distance = a - b & SEQ_MASK
    return distance - (1 << 32) if distance > 0x7FFFFFFF else distance
