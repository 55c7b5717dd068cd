"""Gates between transport and application: when they close, when they open, who is woken."""

from __future__ import annotations

import asyncio
import socket

import pytest

from asgiserve.connection.unsent_limit import READER_BYTES, STRANGER_BYTES, limit_unsent
from tests.fakes import ManualClock, ManualLoop


class Transport:
    """Counts what the gates ask of it."""

    def __init__(self):
        self.calls = []
        self.socket = None
        self.is_lost = False
        self.unsent_bytes = 0
        self.error = None

    def is_closing(self):
        return self.is_lost

    def pause_reading(self):
        self.calls.append("pause")

    def resume_reading(self):
        self.calls.append("resume")

    def abort(self):
        self.is_lost = True

    def write(self, data):
        if self.error is not None:
            raise self.error
        self.calls.append(data)

    def writelines(self, pieces):
        self.calls.append(list(pieces))

    def get_write_buffer_size(self):
        return self.unsent_bytes

    def get_extra_info(self, name):
        return {"socket": self.socket}[name]


@pytest.fixture
def loop():
    loop = ManualLoop()
    yield loop
    loop.close()


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def batch(impl, loop, clock):
    return impl.flow_control.WriteBatch(loop, clock)


@pytest.fixture
def transport():
    return Transport()


@pytest.fixture
def gate(impl, batch, transport):
    gate = impl.flow_control.WriteGate(batch)
    gate.attach(transport)
    return gate


def make_busy(loop, batch):
    for _ in range(100):
        batch.count_write()
    loop.run_until_idle()


async def wait_turn(gate):
    await gate.waiters().wait()


def test_read_gate_pauses_above_high_water_and_resumes_at_low_water(impl):
    transport = Transport()
    gate = impl.flow_control.ReadGate(transport)
    high, low = impl.flow_control.HIGH_WATER_BYTES, impl.flow_control.LOW_WATER_BYTES
    for held_bytes in (0, high, high + 1, high + 2, high, low + 1, low, 0):
        gate.update(held_bytes)
    assert transport.calls == ["pause", "resume"]
    assert gate.is_open


def test_write_gate_writes_open_or_closed(gate, transport):
    gate.write(b"a")
    gate.close()
    gate.write(b"b")
    assert transport.calls == [b"a", b"b"]
    assert not gate.is_open


async def test_write_gate_wakes_every_waiter_when_it_opens(gate):
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


@pytest.fixture
def accepted():
    """The server's side of a TCP connection whose kernel holds as little as the listener's says."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        limit_unsent(listening)
        with socket.create_connection(listening.getsockname()):
            accepted, _ = listening.accept()
            with accepted:
                yield accepted


needs_limit = pytest.mark.skipif(
    not hasattr(socket, "TCP_NOTSENT_LOWAT"), reason="this system has no limit"
)


def unsent_limit(sock):
    return sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)


@needs_limit
def test_kernel_holds_more_for_a_peer_that_reads(gate, transport, accepted):
    transport.socket = accepted
    assert unsent_limit(accepted) == STRANGER_BYTES
    gate.close()
    gate.resume()
    assert gate.is_open
    assert unsent_limit(accepted) == READER_BYTES
    # Once is enough.
    limit_unsent(accepted)
    gate.close()
    gate.resume()
    assert unsent_limit(accepted) == STRANGER_BYTES


@needs_limit
def test_kernel_holds_no_more_for_a_peer_that_is_lost(gate, transport, accepted):
    transport.socket = accepted
    gate.close()
    gate.open()
    assert gate.is_open
    assert unsent_limit(accepted) == STRANGER_BYTES


@pytest.mark.skipif(not hasattr(socket, "AF_UNIX"), reason="Windows' sockets module has none")
def test_peer_at_a_unix_socket_has_no_limit_to_raise(gate, transport):
    ours, theirs = socket.socketpair()
    with ours, theirs:
        transport.socket = ours
        gate.close()
        gate.resume()
        assert gate.is_open


def test_write_gate_counts_the_ticks_without_progress(gate, transport):
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


@pytest.mark.parametrize("size", [0, 262144])
def test_writer_waits_one_turn_after_so_many_bytes_or_writes(gate, loop, size):
    data = b"x" * size
    writes = 0
    while not gate.must_wait():
        gate.write(data)
        writes += 1
    assert writes == (1 if size else 257)
    assert gate.is_open
    turn = loop.create_task(wait_turn(gate))
    loop.run_until_idle()
    assert turn.done()
    assert not gate.must_wait()


def test_quiet_loop_writes_at_once(gate, loop, transport):
    for _ in range(200):
        gate.write(b"a")
        assert transport.calls.pop() == b"a"
        loop.run_until_idle()


def test_busy_loop_writes_at_the_end_of_its_turn(gate, batch, loop, transport):
    make_busy(loop, batch)
    gate.write(b"a")
    gate.write(b"b")
    assert transport.calls == []
    loop.run_until_idle()
    assert transport.calls == [b"ab"]
    # Two writes are no busy turn.
    gate.write(b"c")
    assert transport.calls == [b"ab", b"c"]


def test_busy_loop_stays_busy_while_it_writes_much(gate, batch, loop, transport):
    make_busy(loop, batch)
    for _ in range(3):
        for _ in range(6):
            gate.write(b"a")
        loop.run_until_idle()
    assert transport.calls == [b"aaaaaa"] * 3


@pytest.mark.parametrize(
    ("gap_s", "written"),
    [(0.000_4, []), (0.000_6, [b"b"])],
    ids=["as a framework's", "too slow"],
)
def test_busy_loop_stays_busy_while_its_writes_are_close(
    gate, batch, loop, clock, transport, gap_s, written
):
    make_busy(loop, batch)
    for _ in range(6):
        gate.write(b"a")
        clock.now_s += gap_s
    loop.run_until_idle()
    transport.calls.clear()
    gate.write(b"b")
    assert transport.calls == written


def test_batch_is_not_kept_for_long(gate, batch, loop, clock, transport):
    make_busy(loop, batch)
    gate.write(b"a")
    clock.now_s += 0.000_9
    gate.write(b"b")
    assert transport.calls == []
    clock.now_s += 0.000_2
    gate.write(b"c")
    assert transport.calls == [b"ab"]


@pytest.mark.parametrize(
    ("sizes", "written"),
    [((10, 16384), [10, 16384]), ((16384, 1), [16384, 1]), ((1, 16383, 70000), [16384, 70000])],
)
def test_batch_keeps_no_more_than_its_limit(gate, batch, loop, transport, sizes, written):
    make_busy(loop, batch)
    for size in sizes:
        gate.write(b"a" * size)
    assert [len(data) for data in transport.calls] == written
    loop.run_until_idle()
    assert sum(len(data) for data in transport.calls) == sum(sizes)


def test_flushed_gate_has_nothing_left_for_the_batch(gate, batch, loop, transport):
    make_busy(loop, batch)
    gate.write(b"a")
    gate.flush()
    assert transport.calls == [b"a"]
    loop.run_until_idle()
    assert transport.calls == [b"a"]


def test_batch_writes_nothing_to_a_lost_transport(impl, gate, batch, loop, transport):
    make_busy(loop, batch)
    gate.write(b"a")
    other = impl.flow_control.WriteGate(batch)
    other.attach(other_transport := Transport())
    other.write(b"b")
    transport.is_lost = True
    loop.run_until_idle()
    assert transport.calls == []
    assert other_transport.calls == [b"b"]


def test_batch_goes_on_behind_a_gate_that_fails(impl, gate, batch, loop, transport):
    make_busy(loop, batch)
    broken, other = transport, Transport()
    second_gate = impl.flow_control.WriteGate(batch)
    second_gate.attach(other)
    gate.write(b"lost")
    second_gate.write(b"sent")
    broken.error = RuntimeError("broken")
    loop.run_until_idle()
    assert other.calls == [b"sent"]
    assert broken.is_lost
    assert [str(each["exception"]) for each in loop.errors] == ["broken"]


def test_several_pieces_come_behind_what_was_kept(gate, batch, loop, transport):
    gate.write_pieces([])
    gate.write_pieces([b"a", b"b" * 70000])
    assert transport.calls == [b"a", b"b" * 70000]
    make_busy(loop, batch)
    gate.write_pieces([b"c"])
    gate.write_pieces([b"d", b"e"])
    assert transport.calls[2:] == [b"c", b"d", b"e"]


def test_several_pieces_are_one_write_of_uvloop(impl, transport):
    uvloop = pytest.importorskip("uvloop")
    gate = impl.flow_control.WriteGate(
        impl.flow_control.WriteBatch(loop := uvloop.new_event_loop())
    )
    gate.attach(transport)
    gate.write_pieces([b"a", b"b"])
    assert transport.calls == [[b"a", b"b"]]
    loop.close()


@pytest.mark.parametrize("pieces", [[b"a"], [b"a", b"b"]])
def test_nothing_is_written_to_a_torn_transport(gate, transport, pieces):
    gate.write_pieces(pieces)
    assert not gate.is_torn
    transport.calls.clear()
    transport.is_lost = True
    gate.write_pieces(pieces)
    assert gate.is_torn
    assert transport.calls == []
