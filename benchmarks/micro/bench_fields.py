"""Checking field names and values, and the Date field, beside the standard library's format."""

from __future__ import annotations

from email.utils import formatdate
from types import SimpleNamespace

from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.samples import BROWSER_FIELDS

FIELDS = [(name.encode(), value.encode()) for name, value in BROWSER_FIELDS]
TIMESTAMP_S = 1_793_700_672.25


def bench_fields_lower_20_names(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    lower_name = impl.header_fields.lower_name
    benchmark(lambda: [lower_name(name) for name, _ in FIELDS])


def bench_fields_check_20(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    is_token = impl.header_fields.is_token
    is_field_value = impl.header_fields.is_field_value
    benchmark(lambda: [is_token(name) and is_field_value(value) for name, value in FIELDS])


def bench_fields_find_in_list(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    benchmark(impl.header_fields.has_list_member, b"keep-alive, Upgrade", b"upgrade")


def bench_fields_http_date(benchmark: BenchmarkFixture, impl: SimpleNamespace) -> None:
    benchmark(impl.http_date.format_http_date, TIMESTAMP_S)


def bench_fields_http_date_formatdate(benchmark: BenchmarkFixture) -> None:
    benchmark(formatdate, TIMESTAMP_S, usegmt=True)
