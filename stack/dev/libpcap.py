"""The filter language, compiled by libpcap itself (libpcap's gencode.c, pcap-filter(7)).

The Python package `libpcap` brings the library, but to import it takes 0.7 s and makes files; only the library is
wanted, which ctypes loads in a millisecond.  Where the package has none for this machine, the system's is taken.
"""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from stack.net.bpf_filter import Insn, bpf_validate

_NAMES = ("libpcap.so.1", "libpcap.so.0.8", "libpcap.so", "libpcap.dylib")
NETMASK_UNKNOWN = 0xFFFFFFFF  # PCAP_NETMASK_UNKNOWN


class _Insn(ctypes.Structure):
    """struct bpf_insn."""

    _fields_ = (("code", ctypes.c_ushort), ("jt", ctypes.c_ubyte), ("jf", ctypes.c_ubyte), ("k", ctypes.c_uint))


class _Program(ctypes.Structure):
    """struct bpf_program."""

    _fields_ = (("length", ctypes.c_uint), ("insns", ctypes.POINTER(_Insn)))


def compile_filter(text: str, linktype: int, snaplen: int, netmask: int = NETMASK_UNKNOWN) -> list[Insn]:
    """The program of a filter for frames of a link type; ValueError with libpcap's words when it makes no sense.

    `netmask` is that of the interface, for `ip broadcast`.
    """
    library = _library()
    if "\0" in text:
        raise ValueError("a filter has no NUL in it")
    handle = library.pcap_open_dead(linktype, snaplen)
    program = _Program()
    try:
        if library.pcap_compile(handle, ctypes.byref(program), text.encode(), 1, netmask):
            raise ValueError(library.pcap_geterr(handle).decode(errors="replace"))
        insns = [Insn(each.code, each.jt, each.jf, each.k) for each in program.insns[: program.length]]
        library.pcap_freecode(ctypes.byref(program))
    finally:
        library.pcap_close(handle)
    if not bpf_validate(insns):
        raise ValueError("this makes a program with a loop, which the BPF machine refuses (protochain does)")
    return insns


def image(insns: list[Insn]) -> list[str]:
    """A program in the words of `tcpdump -d` (bpf_image)."""
    lines = []
    for at, insn in enumerate(insns):
        text: bytes = _library().bpf_image(ctypes.byref(_Insn(*insn)), at)
        lines.append(text.decode())
    return lines


@cache
def _library() -> ctypes.CDLL:
    """libpcap; OSError when there is none."""
    for name in (*_bundled(), *_NAMES):
        try:
            library = ctypes.CDLL(name)
        except OSError:
            continue
        library.pcap_open_dead.restype = ctypes.c_void_p
        library.pcap_geterr.restype = library.bpf_image.restype = ctypes.c_char_p
        library.pcap_geterr.argtypes = library.pcap_close.argtypes = [ctypes.c_void_p]
        library.pcap_compile.argtypes = [
            ctypes.c_void_p, ctypes.POINTER(_Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint,
        ]  # fmt: skip
        return library
    raise OSError("filters need libpcap, which is not here (pip install libpcap)")


def _bundled() -> list[str]:
    """Where the package has the library for this machine."""
    spec = find_spec("libpcap")
    folders = spec.submodule_search_locations if spec is not None else None
    pattern = f"_platform/{platform.system().lower()}/{platform.machine()}/tcpdump/libpcap.*"
    return [str(path) for folder in folders or () for path in Path(folder).glob(pattern)]
