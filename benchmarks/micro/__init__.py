"""One call at a time, by pytest-benchmark: ``python -m pytest benchmarks/micro``."""
