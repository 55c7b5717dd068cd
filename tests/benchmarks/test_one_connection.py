"""The fake transport form answers requests with the servers' own connections."""

import pytest

pytest.importorskip("uvloop")
pytest.importorskip("uvicorn")

from benchmarks.samples import HELLO_BODY, REQUESTS
from benchmarks.wire.exchanges import EXCHANGES
from benchmarks.wire.one_connection import PROTOCOLS, answer_requests
from benchmarks.ws_samples import TEXT, TEXT_32B, encode_frame


@pytest.mark.parametrize("name", PROTOCOLS)
@pytest.mark.parametrize("request_name", REQUESTS)
async def test_connection_answers_every_request(name, request_name):
    assert (await answer_requests(name, EXCHANGES[request_name], 3)).endswith(HELLO_BODY)


@pytest.mark.parametrize("name", ["asgiserve", "asgiserve-pure"])
async def test_connection_echoes_every_message_behind_its_handshake(name):
    frame = encode_frame(TEXT_32B, TEXT, is_masked=False)
    assert await answer_requests(name, EXCHANGES["ws-text-32b"], 3) == frame


async def test_harness_answers_a_handshake_and_every_message():
    answer = await answer_requests("constant", EXCHANGES["ws-text-32b"], 3)
    assert answer.endswith(HELLO_BODY)
