"""Many requests on one connection over a fake transport, beside uvicorn's on httptools.

A call is all of them, so that starting and stopping the event loop is shared. What of asgiserve is
called by nothing but a connection (its states, the cycle of ASGI, the task) is timed here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from functools import partial
from types import SimpleNamespace

import pytest
import uvloop
from pytest_benchmark.fixture import BenchmarkFixture

from asgiserve._twins import load_column
from benchmarks.apps.raw import count_body
from benchmarks.micro.conftest import COLUMNS
from benchmarks.samples import API_POST_FIELDS, encode_request
from benchmarks.wire.exchanges import EXCHANGES, App, Exchange
from benchmarks.wire.one_connection import Client, make_column_protocol, make_uvicorn_protocol

REQUESTS = 100
LARGE_BODY = b"x" * 65536
LARGE_POST = Exchange(
    count_body,
    encode_request(API_POST_FIELDS, method="POST", body=LARGE_BODY),
    b"%013d" % len(LARGE_BODY),
)

MakeProtocol = Callable[[App], asyncio.Protocol]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The event loop that production has."""
    event_loop = uvloop.new_event_loop()
    yield event_loop
    assert not asyncio.all_tasks(event_loop)
    event_loop.close()


@pytest.fixture(params=[*COLUMNS, "uvicorn"])
def make_protocol(request: pytest.FixtureRequest) -> MakeProtocol:
    """The connection of a column, or uvicorn's."""
    if request.param == "uvicorn":
        pytest.importorskip("uvicorn")
        return make_uvicorn_protocol
    return partial(make_column_protocol, SimpleNamespace(**load_column(request.param)))


def answer_requests(
    loop: asyncio.AbstractEventLoop, make_protocol: MakeProtocol, exchange: Exchange
) -> None:
    """Answer all requests on a new connection, which the client then leaves."""

    async def run() -> bytes:
        client = Client(make_protocol(exchange.app), exchange, REQUESTS)
        last_written = await client.run()
        client.transport.lose()
        # A WebSocket's application ends in the next turn.
        await asyncio.sleep(0)
        return last_written

    assert loop.run_until_complete(run()).endswith(exchange.answer_end)


def bench_connection_100_gets_3_fields(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, make_protocol: MakeProtocol
) -> None:
    benchmark(answer_requests, loop, make_protocol, EXCHANGES["curl"])


def bench_connection_100_gets_20_fields(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, make_protocol: MakeProtocol
) -> None:
    benchmark(answer_requests, loop, make_protocol, EXCHANGES["browser"])


def bench_connection_100_posts_64k(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, make_protocol: MakeProtocol
) -> None:
    benchmark(answer_requests, loop, make_protocol, LARGE_POST)


def bench_connection_100_messages_32b(
    benchmark: BenchmarkFixture, loop: asyncio.AbstractEventLoop, impl: SimpleNamespace
) -> None:
    make_protocol = partial(make_column_protocol, impl)
    benchmark(answer_requests, loop, make_protocol, EXCHANGES["ws-text-32b"])
