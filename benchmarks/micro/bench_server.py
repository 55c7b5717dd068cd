"""What a connection uses beside codecs: access lines and gates."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.wire.one_connection import FakeTransport

# What one turn of a busy loop writes, which is less than what a connection may write in a turn.
WRITES = 100
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, world!"


def bench_server_100_access_lines(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    lines = impl.access_line.AccessLines()

    def write_lines() -> bytes:
        for _ in range(WRITES):
            lines.write("192.0.2.7:50505", "GET", b"/items?page=2", "1.1", 200, 4211, 0.00215)
        taken: bytes = lines.take()
        return taken

    benchmark(write_lines)


def bench_server_100_gated_writes(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    loop = asyncio.new_event_loop()

    # A batch of its own for each turn, since the loop that would end the turn does not run.
    def write_answers() -> None:
        gate = impl.flow_control.WriteGate(impl.flow_control.WriteBatch(loop))
        gate.attach(FakeTransport())
        for _ in range(WRITES):
            gate.write_pieces([ANSWER])
        assert not gate.must_wait()

    benchmark(write_answers)
    loop.close()
