"""Benchmarks: micro (a call), wire (a connection under callgrind), load and memory (servers)."""
