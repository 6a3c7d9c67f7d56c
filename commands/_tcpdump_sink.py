"""Where `tcpdump -w` writes: a file that can be read while it grows, or standard output (libpcap pcap_dump)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from commands.command import Data, Failure
from stack.dev.savefile import Packer, SaveFile
from stack.kern.errors import reason
from stack.net.bpf import Frame, Source


class Sink:
    """A file of captured frames, `-` for standard output."""

    def __init__(self, path: str, sources: Sequence[Source], snaplen: int, comment: str) -> None:
        self.path = path
        self.comment = comment  # what a pcapng says of itself
        self.sources = sources
        self.snaplen = snaplen
        self.file: SaveFile | None = None
        self.packer: Packer | None = None

    def begin(self) -> Iterator[Data]:
        """What it begins with, once the sources are known; Failure when they do not go into such a file."""
        mixed = len({source.linktype for source in self.sources}) > 1
        newer = self.path.endswith(".pcapng") or (self.path == "-" and mixed)
        try:
            self.packer = Packer(self.sources, self.snaplen, newer=newer, comment=self.comment)
        except ValueError as error:
            raise Failure(f"{self.path}: {error}") from None
        if self.path == "-":
            yield Data(self.packer.head)
            return
        try:
            self.file = SaveFile(self.path, self.packer.head)
        except OSError as error:
            raise Failure(f"{self.path}: {reason(error)}") from None

    def write(self, frames: Sequence[Frame]) -> Iterator[Data]:
        """Write frames, at once; Failure when the file takes no more, which is whole all the same."""
        assert self.packer is not None
        pieces = [self.packer.more(self.sources), *map(self.packer.pack, frames)]
        if self.file is None:
            yield Data(b"".join(pieces))
            return
        try:
            self.file.write(pieces)
        except OSError as error:
            raise Failure(f"{self.path}: {reason(error)}") from None

    def close(self, frames: Sequence[Frame] = ()) -> None:
        """The end, with what came last."""
        file, self.file = self.file, None
        if file is not None:
            try:
                if frames and self.packer is not None:
                    file.write([self.packer.pack(frame) for frame in frames])
            finally:
                file.close()
