"""Benchmarks: each module is one command, `python -m bench.NAME`, that prints medians beside a fixed loop."""
