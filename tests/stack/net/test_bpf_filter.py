"""The BPF machine against libpcap's own, over programs that libpcap compiles and programs that nobody would write."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stack.dev import libpcap
from stack.net.bpf import DLT_EN10MB, DLT_NULL
from stack.net.bpf_filter import BPF_MEM, BPF_RET, Insn, bpf_filter, bpf_validate

FILTERS = (
    "tcp port 80", "ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2) != 0", "vlan and vlan and ip",
    "udp portrange 1-1023", "ether[0] & 1 != 0", "len > 100 or ip[6:2] * 3 / 2 % 7 = 1",
    "not (src net 10.0.0.0/8 or dst net 192.168.0.0/16)", "-ip[8] = -64 or (ip[4:2] ^ 5) >> 1 = 3",
)  # fmt: skip


class _Insn(ctypes.Structure):
    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


def theirs(program: list[Insn], frame: bytes) -> int:
    """What libpcap's machine says."""
    library: Any = libpcap._library()
    library.bpf_filter.restype = ctypes.c_uint
    insns = (_Insn * len(program))(*(_Insn(*insn) for insn in program))
    answer: int = library.bpf_filter(insns, frame, ctypes.c_uint(len(frame)), ctypes.c_uint(len(frame)))
    return answer


def valid(program: list[Insn]) -> bool:
    """What libpcap says of a program."""
    library: Any = libpcap._library()
    return bool(library.bpf_validate((_Insn * len(program))(*(_Insn(*insn) for insn in program)), len(program)))


@pytest.mark.parametrize("text", FILTERS)
@given(st.binary(max_size=80))
@settings(max_examples=50)
def test_programs_of_libpcap(text: str, noise: bytes) -> None:
    program = libpcap.compile_filter(text, DLT_EN10MB, 262144)
    ipv4 = bytes(12) + b"\x08\x00\x45" + noise
    for frame in (noise, ipv4, bytes(12) + b"\x81\x00\x00\x05\x81\x00\x00\x06\x08\x00\x45" + noise):
        assert bpf_filter(program, frame, len(frame)) == theirs(program, frame)


# without loads from memory, which libpcap does not clear
CODES = [kind | rest for kind in range(8) for rest in range(0, 0x100, 8) if kind > 1 or rest & 0xE0 != BPF_MEM]
INSN = st.builds(
    Insn, st.sampled_from(CODES), st.integers(0, 6), st.integers(0, 6), st.integers(0, 40) | st.integers(0, 0xFFFFFFFF)
)


@given(st.lists(INSN, max_size=12), st.binary(max_size=40))
@settings(max_examples=1500)
def test_any_program(insns: list[Insn], frame: bytes) -> None:
    program = [*insns, Insn(BPF_RET | 0x10, 0, 0, 0)]
    if bpf_validate(program):
        assert valid(program)
        assert bpf_filter(program, frame, len(frame)) == theirs(program, frame)


@pytest.mark.parametrize(
    "program",
    [
        [],
        [Insn(0x20, 0, 0, 0)],  # no return
        [Insn(0x05, 0, 0, 5), Insn(0x06, 0, 0, 1)],  # a jump beyond the end
        [Insn(0x15, 0, 9, 5), Insn(0x06, 0, 0, 1)],
        [Insn(0x02, 0, 0, 16), Insn(0x06, 0, 0, 1)],  # memory that is not there
        [Insn(0xD4, 0, 0, 1), Insn(0x06, 0, 0, 1)],  # no such operation
    ],
)
def test_programs_that_cannot_run(program: list[Insn]) -> None:
    assert not bpf_validate(program)


def test_what_libpcap_says_of_nonsense() -> None:
    with pytest.raises(ValueError, match="syntax error"):
        libpcap.compile_filter("tcp prot 80", DLT_EN10MB, 96)
    with pytest.raises(ValueError, match="NUL"):
        libpcap.compile_filter("tcp\0", DLT_EN10MB, 96)
    with pytest.raises(ValueError, match="a program with a loop"):
        libpcap.compile_filter("ip6 protochain 6", DLT_EN10MB, 96)
    with pytest.raises(ValueError, match="netmask not known"):
        libpcap.compile_filter("ip broadcast", DLT_EN10MB, 96)


def test_the_link_type_and_the_netmask_count() -> None:
    packet = bytes.fromhex("4500001c000000004011") + bytes(2) + bytes([10, 0, 0, 1, 10, 0, 0, 255]) + bytes(8)
    loopback = libpcap.compile_filter("udp", DLT_NULL, 262144)
    assert bpf_filter(loopback, b"\2\0\0\0" + packet, 32) == 262144
    broadcast = libpcap.compile_filter("ip broadcast", DLT_EN10MB, 96, 0xFFFFFF00)
    frame = bytes(12) + b"\x08\x00" + packet
    assert bpf_filter(broadcast, frame, len(frame)) == 96
    assert bpf_filter(broadcast, frame[:33] + b"\x07" + frame[34:], len(frame)) == 0
