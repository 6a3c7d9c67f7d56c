"""The protocol between `netsh -s` and `netsh serve`: frames, and what stands in them (docs/served-lab.md).

Both sides greet with eight bytes that carry the version; all else is frames: a letter that says what it is, four
bytes of length, a body.  A body is bytes, or a list of texts.
"""

from __future__ import annotations

VERSION = 1
MAGIC = b"netsh/"
GREETING = MAGIC + VERSION.to_bytes(2, "big")
LONGEST = 1 << 24  # bytes of a body; a script is sent in one
CHUNK = 65536  # bytes of standard input in a frame, at most

# From the client
HELLO = b"H"  # pairs: who it is, and what its terminal is like
RUN = b"R"  # kind (lines, script, words, typed), name, text, arguments ...
INPUT = b"I"  # bytes of its standard input, none for their end; an answer to READ
SIGNAL = b"S"  # the number, in one byte
WINDOW = b"W"  # columns, lines; who knows only columns may leave out the rest
COMPLETE = b"C"  # a number, the line up to the cursor
LOOK = b"L"  # a text that is being typed
OPTIONS = b"O"  # pairs: what the user has said in his options
ANSWER = b"A"  # to ASK: its number, what is wrong or nothing, what was asked for
END = b"E"  # nothing more will be run

# From the server
WELCOME = b"w"  # pairs: the state, as in STATE
STDOUT = b"o"
STDERR = b"e"
READ = b"r"  # a command reads: send INPUT once; with a byte in it: each key when it is pressed
DONE = b"d"  # what was to be run is over: status, the status to exit with or nothing, what was not read
STATE = b"s"  # pairs: host, clock, stands, jobs, told, hosts; for those who sit at a prompt
CANDIDATES = b"c"  # the number, then three texts a candidate: text, help, characters replaced
WRONG = b"l"  # to LOOK: where each wrong word begins and ends
ASK = b"a"  # do this where the user sits: a number, record, demo or option, its words
JOB = b"j"  # standard output of a job
JOB_ERROR = b"k"  # its standard error
PAUSE = b"p"  # what runs waits for something, or takes its time: what it has said is to be seen
HEARD = b"h"  # the same as plain text, while it is recorded
EXIT = b"x"  # the session is over; the status in one byte
BYE = b"b"  # why the connection ends, a line of UTF-8

_HEAD = 5


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A frame."""
    return kind + len(body).to_bytes(4, "big") + body


def texts(*words: str) -> bytes:
    """A list of texts as a body."""
    pieces = [word.encode("utf-8", "surrogateescape") for word in words]
    return b"".join(len(piece).to_bytes(4, "big") + piece for piece in pieces)


def pairs(known: dict[str, str]) -> bytes:
    """Texts by their names as a body."""
    return texts(*(word for pair in known.items() for word in pair))


def list_of(body: bytes) -> list[str]:
    """The texts of a body; ValueError when it is no such list."""
    words, at = [], 0
    while at < len(body):
        end = at + 4 + int.from_bytes(body[at : at + 4], "big")
        if at + 4 > len(body) or end > len(body):
            raise ValueError("a list that is cut short")
        words.append(body[at + 4 : end].decode("utf-8", "surrogateescape"))
        at = end
    return words


def pairs_of(body: bytes) -> dict[str, str]:
    """The texts of a body by their names; ValueError when it is no list of pairs."""
    words = list_of(body)
    if len(words) % 2:
        raise ValueError("a name without its value")
    return dict(zip(words[::2], words[1::2], strict=True))


def some_of(body: bytes, least: int, most: int) -> list[str]:
    """The texts of a body that has so many; ValueError when it has not."""
    words = list_of(body)
    if not least <= len(words) <= most:
        raise ValueError(f"a list of {len(words)}")
    return words


class OtherVersion(Exception):
    """The other side speaks another version of the protocol."""

    def __init__(self, version: int) -> None:
        super().__init__(version)
        self.version = version


class Reader:
    """Takes bytes as they come and gives frames; `greeted` once the other side's greeting was right."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.greeted = False

    def feed(self, data: bytes) -> list[tuple[bytes, bytes]]:
        """The frames that are whole now; ValueError for what is none, OtherVersion for who must not be talked to."""
        self.buffer += data
        if not self.greeted and not self._greeting():
            return []
        found = []
        while (length := self._length()) is not None:
            found.append((bytes(self.buffer[:1]), bytes(self.buffer[_HEAD : _HEAD + length])))
            del self.buffer[: _HEAD + length]
        return found

    def _greeting(self) -> bool:
        start = bytes(self.buffer[: len(GREETING)])
        if not start.startswith(MAGIC[: len(start)]):
            raise ValueError("this is not netsh's protocol")
        if len(start) < len(GREETING):
            return False
        version = int.from_bytes(start[len(MAGIC) :], "big")
        if version != VERSION:
            raise OtherVersion(version)
        del self.buffer[: len(GREETING)]
        self.greeted = True
        return True

    def _length(self) -> int | None:
        """The length of the first frame's body once all of it is here."""
        if len(self.buffer) < _HEAD:
            return None
        length = int.from_bytes(self.buffer[1:_HEAD], "big")
        if length > LONGEST:
            raise ValueError(f"a frame of {length} bytes")
        return length if len(self.buffer) >= _HEAD + length else None
