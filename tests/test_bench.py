"""The benchmarks as they are started (python -m bench)."""

from __future__ import annotations

import sys

import pytest

from bench.__main__ import ALL, main


def started(monkeypatch: pytest.MonkeyPatch, *words: str) -> object:
    monkeypatch.setattr(sys, "argv", ["bench", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


@pytest.mark.parametrize("name", [*ALL, "lossy", "tap"])
def test_one_that_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert started(monkeypatch, name, "--help") == 0
    assert capsys.readouterr().out.startswith(f"usage: bench.{name} ")


def test_one_that_there_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    told = str(started(monkeypatch, "tcq", "--repeat", "1"))
    assert told.startswith("bench: tcq: no such benchmark; there are boot, ") and " tcp, tcp_many, " in told
    assert "\n" not in told and "measure" not in told
