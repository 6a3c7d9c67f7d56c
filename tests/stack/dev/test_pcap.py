"""Capture files: scapy reads what we write; a file is there whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from scapy.packet import Packet
from scapy.utils import PcapReader, rdpcap

from stack.dev import pcap
from stack.net.bpf import Captured

FRAMES = [
    Captured(0.0, "shmif0", True, b"\xff" * 6 + b"\xb2\xa0\0\0\0\1\x08\x06" + b"\0" * 28),
    Captured(1.000000001, "shmif0", False, b"\xb2\xa0\0\0\0\1\xb2\xa0\0\0\0\2\x12\x34"),
    Captured(86400.5, "shmif1", False, b"\xb2\xa0\0\0\0\1\xb2\xa0\0\0\0\2\x12\x34" + bytes(range(256)) * 255),
]


def read(path: Path) -> list[Packet]:
    return list(rdpcap(str(path)))


def test_scapy_reads_frames_and_times(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    pcap.write(str(path), FRAMES)
    assert [bytes(packet) for packet in read(path)] == [captured.frame for captured in FRAMES]
    assert [float(packet.time) for packet in read(path)] == [captured.time for captured in FRAMES]
    with PcapReader(str(path)) as reader:
        assert reader.nano and reader.linktype == 1


def test_nanoseconds_survive_the_epoch(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    pcap.write(str(path), FRAMES, epoch=1_700_000_000.0)
    times = [packet.time for packet in read(path)]
    assert str(times[1] - times[0]) == "1.000000001"
    assert int(times[0]) == 1_700_000_000


def test_no_frames_are_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    pcap.write(str(path), [])
    assert path.stat().st_size == 24 and read(path) == []


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    def frames() -> Iterator[Captured]:
        yield FRAMES[0]
        raise RuntimeError

    path = tmp_path / "x.pcap"
    path.write_bytes(b"what was there")
    with pytest.raises(RuntimeError):
        pcap.write(str(path), frames())
    assert path.read_bytes() == b"what was there"
    assert os.listdir(tmp_path) == ["x.pcap"]


def test_who_may_read_it_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.pcap"
    path.touch(0o600)
    pcap.write(str(path), FRAMES)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_link_goes_on_pointing_there(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_bytes(b"old")
    link.symlink_to(target)
    pcap.write(str(link), FRAMES)
    assert link.is_symlink() and len(read(target)) == len(FRAMES)


def test_a_pipe_takes_it_as_it_comes(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        pcap.write(str(pipe), FRAMES[:2])
        assert os.read(reader, 65536) == b"".join(pcap.pack(FRAMES[:2]))
    finally:
        os.close(reader)


def test_where_nothing_can_be_written_says_so(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        pcap.write(str(tmp_path / "nowhere" / "x.pcap"), FRAMES)
