"""Benchmarks: each module is one command, `python -m bench.NAME`; medians, and a ratio to a fixed loop of the same run."""
