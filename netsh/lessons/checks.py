"""What a task asks of the lab, a line each: `reachable me www`, `not route r1 default`, `counter r1 ip ttl > 3`.

A check looks at the lab as it is, however it became so.  One that must send something does so aside
(netsh.lessons.aside): the learner's lab has no trace of it, and its clock stands.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import NamedTuple

from netsh.lessons import aside
from netsh.lessons.bench import Begin, Bench, Look, NotYet, Verdict, Words
from netsh.lessons.looks import LOOKS
from netsh.lessons.traffic import TRAFFIC
from netsh.prompt.nearest import nearest

FORMS = {kind: form for kind, (form, _) in {**LOOKS, **TRAFFIC}.items()}


class Check(NamedTuple):
    """A check: its words, how it looks, what it notes down when its task begins."""

    text: str
    look: Look
    begin: Begin | None
    negated: bool
    sends: bool  # traffic
    line: int

    def verdict(self, bench: Bench) -> Verdict:
        """Whether it holds in a lab, and what was seen; what is sent for that leaves no trace, if that can be had."""
        return aside.run(bench, self._verdict) if self.sends else self._verdict(bench)

    def _verdict(self, bench: Bench) -> Verdict:
        try:
            holds, seen = self.look(bench)
        except NotYet as lack:
            return Verdict(False, str(lack))
        return Verdict(holds is not self.negated, seen)


def parse(text: str, line: int = 0) -> Check:
    """Read a check; ValueError says what was expected."""
    try:
        words = shlex.split(text, comments=True)
    except ValueError as error:
        raise ValueError(f"a check that can be read: {error}") from None
    negated = words[:1] == ["not"]
    kind, *rest = words[negated:] or [""]
    table = {**LOOKS, **TRAFFIC}
    if kind not in table:
        known = nearest(kind, table)
        cure = f"did you mean {known}?" if known else f"there are {', '.join(sorted(table))}"
        raise ValueError(f"a check that is known, not {kind!r}: {cure}")
    form, read = table[kind]
    left = Words(rest)
    try:
        reading = read(left)
        left.end()
    except ValueError as error:
        raise ValueError(f"'{form}': {error}") from None
    return Check(text.strip(), reading.look, reading.begin, negated, kind in TRAFFIC, line)


def begin(checks: Iterable[Check], bench: Bench) -> None:
    """The task begins: from now on is counted."""
    for check in checks:
        if check.begin is not None:
            check.begin(bench)


def failing(checks: Iterable[Check], bench: Bench) -> tuple[Check, Verdict] | None:
    """The first of the checks that does not hold, and what was seen; None when all do.

    Those that send nothing come first, since they cost nothing.
    """
    for check in sorted(checks, key=lambda check: check.sends):
        verdict = check.verdict(bench)
        if not verdict.holds:
            return check, verdict
    return None
