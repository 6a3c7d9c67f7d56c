"""The Internet checksum (RFC 1071, with the incremental update of RFC 1624).

65536 = 1 (mod 65535), so a packet read as one big number *is* the sum of its 16-bit words, and
one remainder does all end-around carries.  The result is never 0, so UDP's rule that 0 means
"no checksum" (RFC 768) needs no special case.
"""

from __future__ import annotations

_FOLD_FROM = 4096  # bytes; longer numbers are folded in halves, which is quicker than one remainder


def partial(data: bytes | bytearray | memoryview) -> int:
    """The one's complement sum of the 16-bit words, in 0..65534 (65535 counts as 0)."""
    size = len(data)
    if size <= _FOLD_FROM:
        value = int.from_bytes(data)
        return (value << 8 if size & 1 else value) % 0xFFFF
    value = int.from_bytes(data)
    bits = size * 8
    if size & 1:
        value <<= 8
        bits += 8
    while bits > 4096:
        half = bits // 2 + 15 & ~15  # whole words, so that they stay aligned
        value = (value >> half) + (value & (1 << half) - 1)
        bits = half + 16  # one word for the carry
    return value % 0xFFFF


def checksum(data: bytes | bytearray | memoryview, initial: int = 0) -> int:
    """The checksum to store, in 1..65535; `initial` adds a sum taken before (a pseudo-header's)."""
    return 0xFFFF - (partial(data) + initial) % 0xFFFF


def pseudo4(src: int, dst: int, proto: int, length: int) -> int:
    """The IPv4 pseudo-header's sum (RFC 9293 3.1, RFC 768): plain arithmetic, no bytes built."""
    return src + dst + proto + length
