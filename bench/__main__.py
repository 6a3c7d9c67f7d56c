"""Benchmarks: those that are named, or all of them, one after the other (python -m bench [NAME ...] [option ...]).

Options go to each of them; `python -m bench tcp` is `python -m bench.tcp`.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

# In the order of the README's table; those that want root and Linux, such as lossy, are run when they are named.
ALL = (
    "boot", "chain", "networks", "processes", "forward", "tcp", "tcp_many", "bus", "capture", "trace", "programs",
    "flood", "start", "echo",
)  # fmt: skip


def _doc(path: Path) -> str:
    """What a file says of itself."""
    return path.read_text().split('"""')[1]


def main() -> None:
    """Run them."""
    words = sys.argv[1:]
    count = next((at for at, word in enumerate(words) if word.startswith("-")), len(words))
    names, options = words[:count], words[count:]
    known = [path.stem for path in sorted(Path(__file__).parent.glob("*.py")) if f"bench.{path.stem}" in _doc(path)]
    for name in names:
        if name not in known:
            sys.exit(f"bench: {name}: no such benchmark; there are {', '.join(known)}")
    for name in names or ALL:
        sys.argv = [f"bench.{name}", *options]
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main()
