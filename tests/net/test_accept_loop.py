"""When connections are taken from listening sockets, and when they are left there."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from asgiserve.logs.rate_limit import REPORT_INTERVAL_S
from asgiserve.net import accept_loop
from asgiserve.net.accept_loop import (
    BEAT_INTERVAL_S,
    FULL_RETRY_S,
    MAX_BALANCED_ACCEPTS,
    MAX_REST_S,
    MIN_REST_S,
    STARVED_RETRY_S,
    AcceptLoop,
    Watch,
)
from asgiserve.net.listener import Listener
from asgiserve.net.sockets import open_tcp
from tests.fakes import ManualLoop

# Enough for everything that waits at a listening socket in these tests.
TURNS = 20


class FailingListener(Listener):
    """Listens at a free port; accept() fails as a test says."""

    def __init__(self) -> None:
        sock = open_tcp(socket.AF_INET, ("127.0.0.1", 0), is_shared=False)
        super().__init__(sock, "http://127.0.0.1")
        self.failures: list[Exception] = []
        self.listen(200)

    def accept(self) -> tuple[socket.socket, Any]:
        if self.failures:
            raise self.failures.pop(0)
        return super().accept()


class FakeSpread:
    """The counts of other workers, as a test says."""

    def __init__(self) -> None:
        self.slot = 1
        self.others: list[int] = []
        self.own = 0
        self.beats = 0
        self.is_left_out = True

    def set(self, connections: int) -> None:
        self.own = connections

    def beat(self, now: float) -> None:
        self.beats += 1
        self.is_left_out = False

    def clear(self, slot: int) -> None:
        assert slot == self.slot
        self.is_left_out = True

    def excess(self) -> float:
        return self.own - (self.own + sum(self.others)) / (1 + len(self.others))


class Site:
    """An accept loop, its listeners, and the clients that connect to them."""

    def __init__(self, listeners: int = 1, **options: Any) -> None:
        self.loop = ManualLoop()
        self.listeners = [FailingListener() for _ in range(listeners)]
        self.clients: list[socket.socket] = []
        self.taken: list[socket.socket] = []
        self.already = 0
        self.accept_loop = AcceptLoop(
            self.loop, self.listeners, self.take, lambda: self.already + len(self.taken), **options
        )
        self.accept_loop.start()

    @property
    def watch(self) -> Watch:
        return self.accept_loop.watch

    def take(self, sock: socket.socket, peer: Any, listener: Any) -> None:
        assert peer in [client.getsockname() for client in self.clients]
        self.taken.append(sock)

    def connect(self, count: int, listener: int = 0) -> None:
        """Have *count* clients wait in the queue of a listener, and the loop turn."""
        for _ in range(count):
            address = self.listeners[listener].sock.getsockname()
            self.clients.append(socket.create_connection(address))
        self.advance(0)

    def advance(self, seconds: float) -> None:
        """Let *seconds* pass, then turn the loop until no socket has anything to tell."""
        self.loop.advance(seconds)
        for _ in range(TURNS):
            self.loop.run_until_idle()

    def fail(self, *numbers: int) -> None:
        """Let the next calls of accept() fail."""
        self.listeners[0].failures += [OSError(each, errno.errorcode[each]) for each in numbers]

    def end_connections(self, count: int) -> None:
        """Let *count* connections end."""
        for _ in range(count):
            self.taken.pop().close()

    def close(self) -> None:
        self.accept_loop.stop()
        self.loop.run_until_idle()
        errors = self.loop.errors
        self.loop.close()
        sockets = [*self.clients, *self.taken, *[each.sock for each in self.listeners]]
        for sock in sockets:
            sock.close()
        assert not errors


@pytest.fixture
def open_site() -> Iterator[Callable[..., Site]]:
    opened: list[Site] = []

    def open_one(**options: Any) -> Site:
        opened.append(Site(**options))
        return opened[-1]

    yield open_one
    for site in opened:
        site.close()


@pytest.fixture
def spread() -> FakeSpread:
    return FakeSpread()


def test_connections_of_all_listeners_are_taken(open_site: Callable[..., Site]) -> None:
    site = open_site(listeners=2)
    site.connect(3)
    site.connect(2, listener=1)
    assert len(site.taken) == 5


def test_one_turn_takes_no_more_than_its_share(
    open_site: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_loop, "MAX_ACCEPTS", 2)
    site = open_site()
    for _ in range(5):
        site.clients.append(socket.create_connection(site.listeners[0].sock.getsockname()))
    site.loop.run_until_idle()
    assert len(site.taken) == 2
    site.advance(0)
    assert len(site.taken) == 5


def test_stopped_loop_leaves_connections_in_the_queue(open_site: Callable[..., Site]) -> None:
    site = open_site()
    site.accept_loop.stop()
    site.connect(2)
    assert not site.taken
    site.accept_loop.take_waiting()
    assert len(site.taken) == 2


def test_connections_above_the_limit_wait_until_some_end(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site(limit=2)
    site.connect(5)
    assert len(site.taken) == 2
    assert site.watch is Watch.FULL
    site.end_connections(1)
    site.advance(FULL_RETRY_S)
    assert len(site.taken) == 2
    assert site.watch is Watch.FULL
    site.end_connections(2)
    site.advance(FULL_RETRY_S)
    assert len(site.taken) == 2
    site.end_connections(2)
    site.advance(FULL_RETRY_S)
    assert site.watch is Watch.OPEN
    assert [record.message for record in caplog.records] == [
        "At the limit of 2 connections: more have to wait"
    ]


def test_what_waits_is_taken_up_to_the_limit(open_site: Callable[..., Site]) -> None:
    site = open_site(limit=2)
    site.accept_loop.stop()
    site.connect(3)
    site.accept_loop.take_waiting()
    assert len(site.taken) == 2


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM])
def test_lack_of_resources_pauses_accepting_until_it_is_over(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, number: int
) -> None:
    site = open_site()
    site.fail(*[number] * 20)
    site.connect(2)
    assert site.watch is Watch.STARVED
    for _ in range(19):
        site.advance(STARVED_RETRY_S)
        assert not site.taken
    site.advance(STARVED_RETRY_S)
    assert len(site.taken) == 2
    assert site.watch is Watch.OPEN
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message == (
        f"Cannot accept connections at http://127.0.0.1 for now: [Errno {number}] "
        f"{errno.errorcode[number]}"
    )


def test_unknown_error_does_not_end_accepting(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site()
    site.fail(errno.EINVAL)
    site.connect(1)
    assert not site.taken
    site.advance(STARVED_RETRY_S)
    assert len(site.taken) == 1
    assert len(caplog.records) == 1


def test_error_of_the_servers_own_is_logged_once_and_does_not_end_accepting(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site()
    site.listeners[0].failures += [ValueError("ours")] * 3
    site.connect(1)
    for failures_left in (2, 1, 0):
        assert len(site.listeners[0].failures) == failures_left
        site.advance(STARVED_RETRY_S)
    assert len(site.taken) == 1
    (record,) = caplog.records
    assert record.levelname == "ERROR"
    assert record.exc_info is not None


def test_error_in_a_look_at_the_limit_does_not_end_accepting(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture
) -> None:
    site = open_site(limit=1)
    site.connect(2)
    assert site.watch is Watch.FULL
    already, site.already = site.already, "none"  # type: ignore[assignment]
    site.advance(FULL_RETRY_S)
    assert site.watch is Watch.STARVED
    site.already = already
    site.end_connections(1)
    site.advance(STARVED_RETRY_S)
    assert len(site.taken) == 1
    assert len(caplog.records) == 2


@pytest.mark.parametrize("number", [errno.ECONNABORTED, errno.EPROTO, errno.ENETDOWN])
def test_peer_that_has_gone_does_not_keep_others_waiting(
    open_site: Callable[..., Site], caplog: pytest.LogCaptureFixture, number: int
) -> None:
    site = open_site()
    site.fail(number)
    site.connect(1)
    assert len(site.taken) == 1
    assert not caplog.records


def test_errors_are_logged_once_in_a_while(
    open_site: Callable[..., Site],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    site = open_site()
    monkeypatch.setattr(site.accept_loop._errors, "_clock", site.loop.time)
    site.fail(*[errno.EMFILE] * 1000)
    site.connect(1)
    while len(caplog.records) < 2:
        site.advance(STARVED_RETRY_S)
    left_out = round(REPORT_INTERVAL_S / STARVED_RETRY_S)
    assert "more such events since the line before" in caplog.records[1].message
    assert abs(caplog.records[1].args[-1] - left_out) <= 1
    site.listeners[0].failures.clear()


def test_worker_above_the_mean_leaves_connections_to_others(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    spread.others = [10, 10, 10]
    site = open_site(spread=spread)
    site.already = 20
    site.connect(3)
    assert not site.taken
    assert site.watch is Watch.RESTING
    # They have taken two of them, and have more by now.
    spread.others = [20, 20, 20]
    site.advance(MAX_REST_S)
    assert len(site.taken) == 3
    assert site.watch is Watch.OPEN


def test_worker_takes_few_at_a_time_so_that_others_are_woken(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    spread.others = [100, 100]
    site = open_site(spread=spread)
    seen: list[int] = []
    take = site.accept_loop._take

    def take_and_look(*arguments: Any) -> None:
        take(*arguments)
        seen.append(spread.own)

    site.accept_loop._take = take_and_look
    site.connect(MAX_BALANCED_ACCEPTS * 3)
    assert len(site.taken) == MAX_BALANCED_ACCEPTS * 3
    assert set(seen) <= {0, *range(len(site.taken))}
    assert seen[-1] >= len(site.taken) - MAX_BALANCED_ACCEPTS


def test_connection_that_nobody_else_takes_waits_only_for_a_moment(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    spread.others = [0]
    site = open_site(spread=spread)
    site.already = 1000
    site.connect(1)
    assert not site.taken
    site.advance(MAX_REST_S)
    assert len(site.taken) == 1


def test_worker_takes_more_and_more_of_what_busy_workers_leave(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    spread.others = [0]
    site = open_site(spread=spread)
    site.already = 1000
    site.connect(100)
    taken = []
    while len(site.taken) < 100:
        before = len(site.taken)
        site.advance(MAX_REST_S)
        taken.append(len(site.taken) - before)
    assert taken == [1, 2, 4, 8, 16, 32, 37]
    # When they are back, it begins anew.
    site.advance(MAX_REST_S)
    assert site.watch is Watch.OPEN
    site.connect(10)
    site.advance(MAX_REST_S)
    assert len(site.taken) == 101


def test_worker_that_rests_watches_again_when_nothing_is_left(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    spread.others = [0]
    site = open_site(spread=spread)
    site.already = 50
    site.connect(1)
    # Another worker takes it.
    site.listeners[0].accept()[0].close()
    assert site.watch is Watch.RESTING
    site.advance(MAX_REST_S)
    assert site.watch is Watch.OPEN


def test_rest_is_as_long_as_the_worker_is_above_the_mean(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    assert accept_loop.rest_s(-0.01) == MIN_REST_S
    assert MIN_REST_S < accept_loop.rest_s(-2) < accept_loop.rest_s(-3) < MAX_REST_S
    assert accept_loop.rest_s(-1000) == MAX_REST_S


def test_worker_tells_how_many_connections_it_has(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    site = open_site(spread=spread)
    assert spread.beats == 1
    site.already = 7
    site.advance(BEAT_INTERVAL_S)
    assert (spread.beats, spread.own) == (2, 7)
    site.accept_loop.stop()
    site.advance(BEAT_INTERVAL_S)
    assert (spread.beats, spread.is_left_out) == (2, True)


def test_nobody_waits_for_a_worker_that_cannot_accept(
    open_site: Callable[..., Site], spread: FakeSpread
) -> None:
    site = open_site(spread=spread, limit=2)
    site.connect(3)
    assert site.watch is Watch.FULL
    assert spread.is_left_out
    site.advance(BEAT_INTERVAL_S)
    assert spread.is_left_out
    site.end_connections(2)
    site.fail(errno.EMFILE)
    site.advance(BEAT_INTERVAL_S)
    assert site.watch is Watch.STARVED
    assert spread.is_left_out
    site.advance(STARVED_RETRY_S)
    site.advance(BEAT_INTERVAL_S)
    assert site.watch is Watch.OPEN
    assert not spread.is_left_out
