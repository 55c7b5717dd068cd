"""Gates between transport and application: when they close, when they open, who is woken."""

from __future__ import annotations

import asyncio

import pytest


class Transport:
    """Counts what the gates ask of it."""

    def __init__(self):
        self.calls = []
        self.unsent_bytes = 0

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")

    def write(self, data):
        self.calls.append(data)

    def get_write_buffer_size(self):
        return self.unsent_bytes


def test_read_gate_pauses_above_high_water_and_resumes_at_low_water(impl):
    transport = Transport()
    gate = impl.flow_control.ReadGate(transport)
    high, low = impl.flow_control.HIGH_WATER_BYTES, impl.flow_control.LOW_WATER_BYTES
    for held_bytes in (0, high, high + 1, high + 2, high, low + 1, low, 0):
        gate.update(held_bytes)
    assert transport.calls == ["pause", "resume"]
    assert gate.is_open


def test_write_gate_writes_open_or_closed(impl):
    transport = Transport()
    gate = impl.flow_control.WriteGate()
    gate.attach(transport)
    gate.write(b"a")
    gate.close()
    gate.write(b"b")
    assert transport.calls == [b"a", b"b"]
    assert not gate.is_open


async def test_write_gate_wakes_every_waiter_when_it_opens(impl):
    gate = impl.flow_control.WriteGate()
    gate.close()
    waiting = [asyncio.ensure_future(gate.waiters().wait()) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    await asyncio.sleep(0)
    gate.open()
    await asyncio.gather(*waiting[1:])
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]
    assert gate.is_open


def test_write_gate_counts_the_ticks_without_progress(impl):
    transport = Transport()
    gate = impl.flow_control.WriteGate()
    gate.attach(transport)
    gate.write(b"x" * 100)
    transport.unsent_bytes = 100
    gate.close()
    assert [gate.count_stalled_tick() for _ in range(3)] == [1, 2, 3]
    transport.unsent_bytes = 99
    assert [gate.count_stalled_tick() for _ in range(2)] == [1, 2]
    # The buffer is as full as before, yet what was in it has gone.
    gate.write(b"y")
    transport.unsent_bytes = 99
    assert gate.count_stalled_tick() == 1
