"""All benchmarks, one after the other (python -m bench); options go to each of them."""

from __future__ import annotations

from bench import boot, bus, chain, forward, networks, processes, programs, start, tcp, tcp_many


def main() -> None:
    """Run them in the order of the README's table."""
    for bench in (boot, chain, processes, networks, forward, tcp, tcp_many, bus, programs, start):
        bench.main()


if __name__ == "__main__":
    main()
