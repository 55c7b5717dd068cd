"""Making the connection scope from a request head."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.samples import BROWSER_FIELDS, CURL_FIELDS, Fields, encode_request


@pytest.fixture
def scopes(impl: SimpleNamespace) -> Any:
    """The factory of one connection of a server with lifespan state."""
    return impl.scope.ScopeFactory(
        "http", ("127.0.0.1", 8000), ("127.0.0.1", 50000), {}, {"http.response.trailers": {}}
    )


def parse_head(impl: SimpleNamespace, fields: Fields, target: str) -> Any:
    """Return the head of one request as this column's parser makes it."""
    heads = []

    class Sink(impl.http1_parser.RequestSink):
        def on_head(self, head: Any) -> None:
            heads.append(head)

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            pass

    impl.http1_parser.RequestParser(Sink()).feed(encode_request(fields, target=target))
    return heads[0]


def bench_scope_root(benchmark: BenchmarkFixture, impl: SimpleNamespace, scopes: Any) -> None:
    benchmark(scopes.http, parse_head(impl, CURL_FIELDS, "/"))


def bench_scope_encoded_path(
    benchmark: BenchmarkFixture, impl: SimpleNamespace, scopes: Any
) -> None:
    benchmark(scopes.http, parse_head(impl, BROWSER_FIELDS, "/caf%C3%A9/menu?page=3&sort=name"))
