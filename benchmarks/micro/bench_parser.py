"""Parsing a request into what a scope is made of, beside httptools and h11."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import h11
import httptools
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from asgiserve._twins import load_column
from benchmarks.micro.conftest import COLUMNS
from benchmarks.samples import API_POST_FIELDS, BROWSER_FIELDS, CURL_FIELDS, encode_request

POST_BODY = b'{"name": "value"}' * 60

Parse = Callable[[bytes], Any]


class HttptoolsSink:
    """Keeps what uvicorn keeps of a request."""

    def on_message_begin(self) -> None:
        self.headers: list[tuple[bytes, bytes]] = []

    def on_url(self, url: bytes) -> None:
        self.target = url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.method = self.parser.get_method()
        self.http_version = self.parser.get_http_version()
        self.keep_alive = self.parser.should_keep_alive()

    def on_body(self, body: bytes) -> None:
        self.body = body


def make_asgiserve_parse(parser_module: Any) -> Parse:
    """A parser that lives as long as its connection."""

    class Sink(parser_module.RequestSink):
        def on_head(self, head: Any) -> None:
            self.head = head

        def on_body(self, data: bytes) -> None:
            self.body = data

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            pass

    parse: Parse = parser_module.RequestParser(Sink()).feed
    return parse


def make_httptools_parse() -> Parse:
    """A parser that lives as long as its connection, with callbacks as uvicorn has them."""
    sink = HttptoolsSink()
    sink.parser = httptools.HttpRequestParser(sink)
    parse: Parse = sink.parser.feed_data
    return parse


def parse_with_h11(data: bytes) -> None:
    """Parse with a new h11 connection: one with no answer takes no second request."""
    connection = h11.Connection(h11.SERVER)
    connection.receive_data(data)
    while type(connection.next_event()) is not h11.EndOfMessage:
        pass


@pytest.fixture(params=[*COLUMNS, "httptools", "h11"])
def parse(request: pytest.FixtureRequest) -> Parse:
    """Something that parses one request a call."""
    if request.param == "httptools":
        return make_httptools_parse()
    if request.param == "h11":
        return parse_with_h11
    return make_asgiserve_parse(load_column(request.param)["http1_parser"])


def bench_parser_get_3_fields(benchmark: BenchmarkFixture, parse: Parse) -> None:
    benchmark(parse, encode_request(CURL_FIELDS))


def bench_parser_get_20_fields(benchmark: BenchmarkFixture, parse: Parse) -> None:
    benchmark(parse, encode_request(BROWSER_FIELDS, target="/products/list?page=3"))


def bench_parser_post_1k(benchmark: BenchmarkFixture, parse: Parse) -> None:
    request = encode_request(API_POST_FIELDS, method="POST", target="/items", body=POST_BODY)
    benchmark(parse, request)
