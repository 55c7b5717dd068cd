"""The fake transport form answers requests with the servers' own connections."""

import pytest

pytest.importorskip("uvloop")
pytest.importorskip("uvicorn")

from benchmarks.samples import HELLO_BODY, REQUESTS
from benchmarks.wire.one_connection import PROTOCOLS, answer_requests


@pytest.mark.parametrize("name", PROTOCOLS)
async def test_connection_answers_every_request(name):
    assert (await answer_requests(name, REQUESTS["wrk"], 3)).endswith(HELLO_BODY)
