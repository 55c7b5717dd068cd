"""Fixtures of the codecs' tests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.codecs.request_samples import MakeParser
from tests.parser_traces import make_recording_sink


@pytest.fixture
def http1_parser(impl: Any) -> MakeParser:
    """Makes a parser of one column and the recording sink it tells."""

    def make_parser_and_sink(**limits: int) -> tuple[Any, Any]:
        sink = make_recording_sink(impl)
        return impl.http1_parser.RequestParser(sink, **limits), sink

    return make_parser_and_sink
