"""All benchmarks, one after the other (python -m bench); options go to each of them."""

from __future__ import annotations

from bench import boot, bus, capture, chain, flood, forward, networks, processes, programs, start, tcp, tcp_many, trace


def main() -> None:
    """Run them in the order of the README's table; bench.lossy wants root and Linux, and stands alone."""
    all_of_them = (
        boot, chain, networks, processes, forward, tcp, tcp_many, bus, capture, trace, programs, flood, start,
    )  # fmt: skip
    for bench in all_of_them:
        bench.main()


if __name__ == "__main__":
    main()
