"""Parsing a request into what a scope is made of, beside httptools and h11."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import h11
import httptools
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from asgiserve._twins import load_column
from benchmarks.micro.conftest import COLUMNS
from benchmarks.samples import (
    API_POST_FIELDS,
    BROWSER_FIELDS,
    CURL_FIELDS,
    encode_chunked,
    encode_request,
)

POST_BODY = b'{"name": "value"}' * 60
LARGE_BODY = bytes(range(256)) * 256
# The largest TLS record.
PIECE_BYTES = 16384
CHUNK_BYTES = 4096
PIPELINED_GETS = 16

Parse = Callable[[bytes], Any]
ParsePieces = Callable[[Sequence[bytes]], None]


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


def parse_pieces_with_h11(pieces: Sequence[bytes]) -> None:
    """Parse what comes in several reads with a new h11 connection."""
    connection = h11.Connection(h11.SERVER)
    for piece in pieces:
        connection.receive_data(piece)
        event = connection.next_event()
        while event is not h11.NEED_DATA and type(event) is not h11.EndOfMessage:
            event = connection.next_event()


def feed_pieces(parse: Parse, pieces: Sequence[bytes]) -> None:
    """Parse what comes in several reads."""
    for piece in pieces:
        parse(piece)


def split_pieces(data: bytes) -> list[bytes]:
    """Cut *data* into what single reads give."""
    return [data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES)]


@pytest.fixture(params=[*COLUMNS, "httptools", "h11"])
def parse_pieces(request: pytest.FixtureRequest) -> ParsePieces:
    """Something that parses one request a call, from several reads."""
    if request.param == "h11":
        return parse_pieces_with_h11
    return partial(feed_pieces, make_parse(request.param))


@pytest.fixture(params=[*COLUMNS, "httptools"])
def parse_pipelined(request: pytest.FixtureRequest) -> Parse:
    """Something that parses several requests a call, as h11 does not without answers to them."""
    return make_parse(request.param)


@pytest.fixture(params=[*COLUMNS, "httptools", "h11"])
def parse(request: pytest.FixtureRequest) -> Parse:
    """Something that parses one request a call."""
    return parse_with_h11 if request.param == "h11" else make_parse(request.param)


def make_parse(name: str) -> Parse:
    """A parser that lives as long as its connection: httptools', or that of a column."""
    if name == "httptools":
        return make_httptools_parse()
    return make_asgiserve_parse(load_column(name)["http1_parser"])


def bench_parser_get_3_fields(benchmark: BenchmarkFixture, parse: Parse) -> None:
    benchmark(parse, encode_request(CURL_FIELDS))


def bench_parser_get_20_fields(benchmark: BenchmarkFixture, parse: Parse) -> None:
    benchmark(parse, encode_request(BROWSER_FIELDS, target="/products/list?page=3"))


def bench_parser_post_1k(benchmark: BenchmarkFixture, parse: Parse) -> None:
    request = encode_request(API_POST_FIELDS, method="POST", target="/items", body=POST_BODY)
    benchmark(parse, request)


def bench_parser_post_64k_in_pieces(benchmark: BenchmarkFixture, parse_pieces: ParsePieces) -> None:
    request = encode_request(API_POST_FIELDS, method="POST", target="/items", body=LARGE_BODY)
    benchmark(parse_pieces, split_pieces(request))


def bench_parser_chunked_64k_in_pieces(
    benchmark: BenchmarkFixture, parse_pieces: ParsePieces
) -> None:
    chunks = [LARGE_BODY[at : at + CHUNK_BYTES] for at in range(0, len(LARGE_BODY), CHUNK_BYTES)]
    request = encode_chunked(API_POST_FIELDS, chunks, target="/items")
    benchmark(parse_pieces, split_pieces(request))


def bench_parser_16_pipelined_gets(benchmark: BenchmarkFixture, parse_pipelined: Parse) -> None:
    benchmark(parse_pipelined, encode_request(CURL_FIELDS) * PIPELINED_GETS)
