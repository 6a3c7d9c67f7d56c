"""What all tests share: a neutral environment, one hypothesis profile, a table of times, and an orderly stop."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import cast

import hypothesis
import pytest

from tests import provoked, stuck

# Two busy cores make any example slow once in a while, and that is no defect.
# Every run tries the same examples, so that a change is judged by what it changes; NETSH_FUZZ=1 tries new ones.
hypothesis.settings.register_profile(
    "netsh",
    deadline=None,
    derandomize=not os.environ.get("NETSH_FUZZ"),
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("netsh")

WISHES = (
    "NETSH_SERVER", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "COLORTERM", "COLORFGBG", "COLUMNS", "LINES", "PAGER",
    "EDITOR", "LC_ALL", "LC_CTYPE",
)  # fmt: skip


@pytest.fixture(autouse=True, scope="session")
def neutral_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nobody's own wishes change what a test sees, and no test writes into somebody's home."""
    with pytest.MonkeyPatch.context() as patch:
        for name in WISHES:
            patch.delenv(name, raising=False)
        patch.setenv("TERM", "xterm")
        patch.setenv("LANG", "C.UTF-8")
        patch.setenv("PYTHONFAULTHANDLER", "1")  # who is ended by SIGABRT says where it stood
        for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"):
            patch.setenv(name, str(tmp_path_factory.mktemp(name.lower())))
        yield


provoked.note()  # before anybody looks at the door of drops

_running: list[str] = []  # tests that have begun and not ended; with workers, one each


def pytest_runtest_logstart(nodeid: str) -> None:
    _running.append(nodeid)


def pytest_runtest_logfinish(nodeid: str) -> None:
    _running.remove(nodeid)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Who stops the run by SIGTERM still gets the summary of what was found, and which tests ran at that moment."""

    def stop(number: int, frame: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise KeyboardInterrupt(f"stopped by SIGTERM in {', '.join(_running) or 'no test'}")

    if not hasattr(session.config, "workerinput"):  # a worker's end is told by its master
        signal.signal(signal.SIGTERM, stop)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: object) -> None:
    """A worker has ended: what it has seen is seen."""
    provoked.SEEN.update(map(tuple, getattr(node, "workeroutput", {}).get("drops", ())))


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """A run of everything has provoked every drop there is, or it has failed."""
    config = session.config
    if hasattr(config, "workerinput"):
        config.workeroutput["drops"] = sorted(provoked.SEEN)  # type: ignore[attr-defined]
    elif exitstatus == pytest.ExitCode.OK and _is_everything(config) and (missing := provoked.missing(provoked.SEEN)):
        _never.extend(missing)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _is_everything(config: pytest.Config) -> bool:
    """Whether nothing was left out of the suite, by hand or for want of a root's rights."""
    chosen = ("file_or_dir", "keyword", "markexpr", "lf", "ignore", "ignore_glob", "deselect", "collectonly")
    return os.geteuid() == 0 and os.path.exists("/dev/net/tun") and not any(map(config.getoption, chosen))


_never: list[str] = []  # drops that no test has provoked


@pytest.hookimpl(wrapper=True)
def pytest_timeout_set_timer() -> Generator[None, object, object]:
    """When the time of a test is over, what it has started ends first: it may be what it waits for, now or later."""
    result = yield
    ring = cast(Callable[[int, FrameType | None], None], signal.getsignal(signal.SIGALRM))
    began = time.clock_gettime(time.CLOCK_BOOTTIME) - 1.0  # the kernel's ticks are coarse

    def stop(number: int, frame: FrameType | None) -> None:
        print(stuck.end_children(began), file=sys.stderr)
        ring(number, frame)

    if callable(ring):
        signal.signal(signal.SIGALRM, stop)
    return result


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say where the time went, a line a folder, and which drops nobody has provoked."""
    if _never:
        terminalreporter.write_line(f"FAILED: no test provokes these drops: {', '.join(_never)}", red=True)
    seconds: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport):
                folder = str(Path(report.nodeid.partition("::")[0]).parent)
                seconds[folder] += report.duration  # type: ignore[assignment]  # a Counter counts floats too
                tests[folder] += report.when == "call"
    for folder in sorted(seconds):
        terminalreporter.write_line(f"{folder:24}{tests[folder]:6} tests {seconds[folder]:8.1f} s")
