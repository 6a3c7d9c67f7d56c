"""What a prompt asks the server of a line that is being typed: what may come next, and which words are wrong.

Nobody waits for an answer but who has pressed Tab; a server that is stuck gets no second question before it has
answered the first.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from netsh.prompt.complete import Candidate
from netsh.served import frames

_PATIENCE = 1.0  # seconds that candidates may take to come

Answer = Callable[[list[Candidate]], None]
Spans = Sequence[tuple[int, int]]


class Questions:
    """The questions that one prompt asks."""

    def __init__(self, send: Callable[[bytes, bytes], None]) -> None:
        self.send = send
        self.number = 0  # of the latest question for candidates
        self.answered = 0  # of the latest answer
        self.found: list[Candidate] = []
        self.waiting: Answer | None = None
        self.looked = 0  # how many texts were looked at there
        self.looks = False  # one is being looked at
        self.sent = ""  # that text
        self.wanted = ""  # the one that is to be
        self.known: tuple[str, Spans] = ("", ())  # the latest that was, and its wrong words

    # -- what may come next ---------------------------------------------------------------------------

    def ask(self, line: str, answer: Answer) -> None:
        """Ask what may be typed at the end of a line; who has asked before gets no answer any more."""
        self.waiting = answer
        self.number += 1
        self.send(frames.COMPLETE, frames.texts(str(self.number), line))

    def candidates(self, line: str, receive: Callable[[float], bool]) -> list[Candidate]:
        """The same, waited for: nothing when the server does not say so soon."""
        patient = self.answered == self.number  # or one waits here for each key, for a server that is stuck
        deadline = time.monotonic() + (_PATIENCE if patient else 0.0)
        self.ask(line, lambda found: None)
        while self.answered != self.number and (left := deadline - time.monotonic()) > 0 and receive(left):
            pass
        return self.found if self.answered == self.number else []

    def offered(self, body: bytes) -> None:
        """An answer has come."""
        number, *words = frames.list_of(body)
        triples = zip(words[::3], words[1::3], words[2::3], strict=True)
        self.answered = int(number)
        self.found = [Candidate(text, help, int(replaced)) for text, help, replaced in triples]
        if self.answered == self.number and self.waiting is not None:
            waiting, self.waiting = self.waiting, None
            waiting(self.found)

    # -- wrong words ----------------------------------------------------------------------------------

    def wrong(self, text: str) -> Spans:
        """The wrong words of a text, as far as they are known: others may follow."""
        self.wanted = text
        known, spans = self.known
        if text == known:
            return spans
        if not self.looks:
            self._look()
        return [(start, end) for start, end in spans if text[:end] == known[:end]]

    def _look(self) -> None:
        self.looks, self.sent = True, self.wanted
        self.send(frames.LOOK, frames.texts(self.sent))

    def judged(self, body: bytes) -> None:
        """A text was looked at; there is another one by now, perhaps."""
        places = [int(place) for place in frames.list_of(body)]
        self.known = self.sent, list(zip(places[::2], places[1::2], strict=True))
        self.looks = False
        self.looked += 1
        if self.wanted != self.sent:
            self._look()
