"""Framing a response head and its body for the wire, beside h11."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import h11
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.samples import CURL_FIELDS, HELLO_BODY, encode_request

# h11 answers once a request, so each round needs a prepared connection.
H11_ROUNDS = 2000

Headers = list[tuple[bytes, bytes]]

HEADERS_2: Headers = [(b"content-type", b"text/plain"), (b"content-length", b"13")]
HEADERS_3: Headers = [*HEADERS_2, (b"cache-control", b"no-store")]
HEADERS_15: Headers = [
    (b"content-type", b"application/json"),
    (b"content-length", b"13"),
    (b"cache-control", b"no-store"),
    (b"vary", b"Accept-Encoding, Origin"),
    (b"etag", b'"6f2c41d09b7a"'),
    (b"last-modified", b"Tue, 03 Nov 2026 10:11:12 GMT"),
    (b"strict-transport-security", b"max-age=31536000"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"access-control-allow-origin", b"https://www.example.com"),
    (b"access-control-allow-credentials", b"true"),
    (b"x-request-id", b"0f8fad5b-d9cb-469f-a165-70867728950e"),
    (b"x-process-time", b"0.0031"),
    (b"set-cookie", b"sessionid=4f9c2a7be1d84c0f; Path=/; HttpOnly; SameSite=Lax"),
]


def bench_framing_2_fields(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    benchmark(make_frame(impl.http1_framing), HEADERS_2)


def bench_framing_3_fields(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    benchmark(make_frame(impl.http1_framing), HEADERS_3)


def bench_framing_15_fields(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    benchmark(make_frame(impl.http1_framing), HEADERS_15)


def bench_framing_2_fields_h11(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(frame_with_h11, setup=lambda: prepare_h11(HEADERS_2), rounds=H11_ROUNDS)


def bench_framing_3_fields_h11(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(frame_with_h11, setup=lambda: prepare_h11(HEADERS_3), rounds=H11_ROUNDS)


def bench_framing_15_fields_h11(benchmark: BenchmarkFixture) -> None:
    benchmark.pedantic(frame_with_h11, setup=lambda: prepare_h11(HEADERS_15), rounds=H11_ROUNDS)


def make_frame(framing_module: Any) -> Callable[[Headers], Any]:
    """Frame answers with a framer that lives as long as its connection, Date and Server added."""
    defaults = framing_module.DefaultFields(b"asgiserve")
    defaults.set_date(b"Tue, 03 Nov 2026 10:11:12 GMT")
    framer = framing_module.ResponseFramer(defaults)

    def frame(headers: Headers) -> Any:
        framer.begin(False, False, True, False)
        framer.hold_head(200, headers, False)
        return framer.frame_body(HELLO_BODY, False)

    return frame


def prepare_h11(headers: Headers) -> tuple[tuple[h11.Connection, Headers], dict[str, Any]]:
    """Bring a connection to where it owes an answer, which is not timed."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(encode_request(CURL_FIELDS))
    while type(connection.next_event()) is not h11.EndOfMessage:
        pass
    return (connection, headers), {}


def frame_with_h11(connection: h11.Connection, headers: Headers) -> bytes:
    """Frame one answer."""
    head = connection.send(h11.Response(status_code=200, headers=headers))
    body = connection.send(h11.Data(data=HELLO_BODY))
    return b"".join((head, body, connection.send(h11.EndOfMessage())))
