"""permessage-deflate (RFC 7692): what is agreed on, what is inflated and how far, what pays."""

from __future__ import annotations

import os
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode

from asgiserve.codecs.ws_deflate import DeflateParams, Deflater, Inflater, negotiate_deflate
from asgiserve.errors import HttpRequestError, WebSocketError

TAKEOVER = DeflateParams(False, False, 12, 12)
NO_TAKEOVER = DeflateParams(True, True, 12, 12)
JSON = b'{"type": "price", "symbol": "ABC", "bid": 101.25, "ask": 101.5, "volume": 12000}' * 4
PLENTY = 1 << 20


def deflate_whole(data, *, compressor=None):
    compressor = compressor or zlib.compressobj(wbits=-12)
    return (compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH))[:-4]


def inflate_pieces(inflater, payload, sizes, max_bytes=PLENTY):
    """Inflate *payload* in pieces of the given *sizes*, and what is left."""
    inflated = b""
    for size in sizes:
        inflated += inflater.inflate(payload[:size], False, max_bytes - len(inflated))
        payload = payload[size:]
    return inflated + inflater.inflate(payload, True, max_bytes - len(inflated))


# Negotiation (RFC 7692 sections 5 and 7.1) ----------------------------------------------------


@pytest.mark.parametrize(
    ("offers", "params", "answer"),
    [
        (
            [b"permessage-deflate"],
            DeflateParams(False, False, 12, 15),
            b"permessage-deflate; server_max_window_bits=12",
        ),
        # What browsers offer.
        (
            [b"permessage-deflate; client_max_window_bits"],
            DeflateParams(False, False, 12, 12),
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
        ),
        (
            [b"permessage-deflate; client_max_window_bits=8;server_max_window_bits=9"],
            DeflateParams(False, False, 9, 8),
            b"permessage-deflate; server_max_window_bits=9; client_max_window_bits=8",
        ),
        (
            [b'permessage-deflate; client_max_window_bits="10"; server_max_window_bits=15'],
            DeflateParams(False, False, 12, 10),
            b"permessage-deflate; server_max_window_bits=12; client_max_window_bits=10",
        ),
        (
            [b"permessage-deflate; server_no_context_takeover; client_no_context_takeover"],
            DeflateParams(True, True, 12, 15),
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover;"
            b" server_max_window_bits=12",
        ),
    ],
)
def test_offer_is_answered_with_small_windows(offers, params, answer):
    assert negotiate_deflate(offers) == (params, answer)


@pytest.mark.parametrize(
    "offers",
    [
        # The first is not served: zlib has no raw window of 8 bits.
        [b"permessage-deflate; server_max_window_bits=8, permessage-deflate"],
        [b"permessage-deflate; server_max_window_bits=8", b"permessage-deflate"],
        [b"x-webkit-deflate-frame; a=b", b"", b"permessage-deflate, permessage-deflate; nonsense"],
        [b",permessage-deflate,,"],
    ],
)
def test_first_offer_that_can_be_served_is_taken(offers):
    params, answer = negotiate_deflate(offers)
    assert params == DeflateParams(False, False, 12, 15)
    assert answer == b"permessage-deflate; server_max_window_bits=12"


@pytest.mark.parametrize(
    "offers",
    [
        [],
        [b""],
        [b"bbf-usp-protocol"],
        [b"permessage-deflate; server_max_window_bits=8"],
        [b"permessage-deflate; server_max_window_bits=16"],
        [b"permessage-deflate; server_max_window_bits=09"],
        [b"permessage-deflate; server_max_window_bits"],
        [b"permessage-deflate; client_max_window_bits=7"],
        [b"permessage-deflate; server_no_context_takeover=1"],
        [b"permessage-deflate; client_no_context_takeover; client_no_context_takeover"],
        [b"permessage-deflate; level=9"],
    ],
)
def test_offer_that_cannot_be_served_is_declined(offers):  # RFC 7692 section 7.1
    assert negotiate_deflate(offers) is None


@pytest.mark.parametrize(
    "value",
    [
        b";",
        b"permessage-deflate;",
        b"permessage-deflate client_max_window_bits",
        b"permessage-deflate; client_max_window_bits=",
        b'permessage-deflate; client_max_window_bits="1 2"',
        b'permessage-deflate; client_max_window_bits="12',
        b"permessage-deflate\xff",
        b"\xe2\x82\xac" * 100,
    ],
)
def test_malformed_extensions_are_refused(value):
    with pytest.raises(HttpRequestError, match="malformed Sec-WebSocket-Extensions b") as caught:
        negotiate_deflate([value])
    assert caught.value.status == 400
    assert len(caught.value.reason) < 320


# Inflating -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "payload",
    [
        b"\xf2\x48\xcd\xc9\xc9\x07\x00",
        b"\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00",
        b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
        b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
    ],
    ids=["one block", "stored", "final block", "two blocks"],
)
@pytest.mark.parametrize("params", [TAKEOVER, NO_TAKEOVER], ids=["takeover", "no takeover"])
def test_payloads_of_the_rfc_are_hello(payload, params):  # RFC 7692 section 7.2.3
    inflater = Inflater(params)
    for size in range(len(payload) + 1):
        assert inflate_pieces(inflater, payload, [size]) == b"Hello"
    assert inflate_pieces(inflater, payload, [1] * len(payload)) == b"Hello"


def test_messages_refer_to_those_before_them():  # RFC 7692 section 7.2.3.2
    inflater = Inflater(TAKEOVER)
    assert inflater.inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00", True, 5) == b"Hello"
    assert inflater.inflate(b"\xf2\x00\x11\x00\x00", True, 5) == b"Hello"


def test_messages_without_takeover_refer_to_nothing():
    inflater = Inflater(NO_TAKEOVER)
    assert inflater.inflate(b"\xf2\x48\xcd\xc9\xc9\x07\x00", True, 5) == b"Hello"
    with pytest.raises(WebSocketError) as caught:
        inflater.inflate(b"\xf2\x00\x11\x00\x00", True, 5)
    assert caught.value.code == 1007


def test_empty_message_inflates_to_nothing():
    assert Inflater(TAKEOVER).inflate(b"\x00", True, 0) == b""
    assert inflate_pieces(Inflater(TAKEOVER), b"\x00", [0, 1], 0) == b""


@pytest.mark.parametrize("sizes", [[], [3], [1] * 20])
def test_message_at_the_limit_is_inflated_and_one_above_it_is_not(sizes):
    payload = deflate_whole(JSON)
    assert inflate_pieces(Inflater(TAKEOVER), payload, sizes, len(JSON)) == JSON
    with pytest.raises(WebSocketError, match="too large") as caught:
        inflate_pieces(Inflater(TAKEOVER), payload, sizes, len(JSON) - 1)
    assert caught.value.code == 1009


def test_bomb_is_not_inflated_beyond_the_limit():
    tracemalloc = pytest.importorskip("tracemalloc", reason="PyPy does not trace memory")
    bomb = deflate_whole(bytes(64 << 20))
    tracemalloc.start()
    try:
        with pytest.raises(WebSocketError) as caught:
            Inflater(TAKEOVER).inflate(bomb, True, 1000)
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert caught.value.code == 1009
    assert peak < 4 * len(bomb) + 65536  # what came, its copies, and none of the 64 MiB


def test_bomb_behind_a_final_block_is_not_inflated_beyond_the_limit():
    compressor = zlib.compressobj(wbits=-12)
    final_block = compressor.compress(b"Hello") + compressor.flush()
    payload = final_block + deflate_whole(bytes(1 << 20))
    with pytest.raises(WebSocketError) as caught:
        Inflater(TAKEOVER).inflate(payload, True, 1000)
    assert caught.value.code == 1009
    assert Inflater(TAKEOVER).inflate(payload, True, PLENTY + 5) == b"Hello" + bytes(1 << 20)


def test_streams_without_end_are_refused():
    with pytest.raises(WebSocketError, match="too many deflate streams") as caught:
        Inflater(TAKEOVER).inflate(b"\x03\x00" * 1000, True, PLENTY)
    assert caught.value.code == 1007


@pytest.mark.parametrize("payload", [b"\x06", b"\xff" * 20, b"Hello, World!"])
@pytest.mark.parametrize("is_last", [True, False])
def test_data_that_no_compressor_makes_is_refused(payload, is_last):
    with pytest.raises(WebSocketError, match="malformed deflate data") as caught:
        Inflater(TAKEOVER).inflate(payload, is_last, PLENTY)
    assert caught.value.code == 1007


def test_reference_beyond_the_agreed_window_is_refused():
    random_bytes = os.urandom(8192)
    compressor = zlib.compressobj(wbits=-15)
    first = deflate_whole(random_bytes, compressor=compressor)
    second = deflate_whole(random_bytes, compressor=compressor)
    large = Inflater(DeflateParams(False, False, 12, 15))
    assert large.inflate(first, True, PLENTY) == large.inflate(second, True, PLENTY)
    small = Inflater(TAKEOVER)
    assert small.inflate(first, True, PLENTY) == random_bytes
    with pytest.raises(WebSocketError) as caught:
        small.inflate(second, True, PLENTY)
    assert caught.value.code == 1007


# Deflating -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"", b"ok", JSON[:63]])
def test_small_message_is_not_deflated(data):
    assert Deflater(TAKEOVER).deflate(data) is None


def test_deflated_messages_refer_to_those_before_them():
    deflater = Deflater(TAKEOVER)
    first, second, third = [deflater.deflate(JSON) for _ in range(3)]
    # Only one that is followed by another is remembered.
    assert len(third) < 20 < len(first) == len(second) < len(JSON)
    assert not first.endswith(b"\x00\x00\xff\xff")


def test_deflater_that_forgets_goes_on():
    deflater, inflater = Deflater(TAKEOVER), Inflater(TAKEOVER)
    sizes = []
    for _ in range(3):
        for _ in range(3):
            sizes.append(len(deflated := deflater.deflate(JSON)))
            assert inflater.inflate(deflated, True, PLENTY) == JSON
        deflater.forget()
    assert sizes[0] == sizes[3] > sizes[2]


def test_deflated_messages_without_takeover_are_all_alike():
    deflater = Deflater(NO_TAKEOVER)
    assert deflater.deflate(JSON) == deflater.deflate(JSON)


def test_large_message_is_deflated_when_its_middle_can_be():
    random_bytes = os.urandom(40000)
    deflater, inflater = Deflater(TAKEOVER), Inflater(TAKEOVER)
    assert deflater.deflate(random_bytes) is None
    for data in (JSON, JSON * 200, bytes(20000) + JSON + random_bytes[:20000], JSON):
        assert inflater.inflate(deflater.deflate(data), True, PLENTY) == data


@pytest.mark.parametrize("params", [TAKEOVER, NO_TAKEOVER, DeflateParams(False, False, 9, 15)])
def test_message_that_does_not_pay_stays_out_of_the_window(params):
    random_bytes = os.urandom(3000)
    deflater, inflater = Deflater(params), zlib.decompressobj(-params.server_max_window_bits)
    for data in (JSON, random_bytes, random_bytes + random_bytes, JSON, random_bytes, JSON):
        deflated = deflater.deflate(data)
        if deflated is not None:
            assert len(deflated) < len(data)
            assert inflater.decompress(deflated + b"\x00\x00\xff\xff") == data
        else:
            assert data.startswith(random_bytes)


@pytest.mark.parametrize("server_forgets", [False, True])
@pytest.mark.parametrize("client_forgets", [False, True])
@given(
    messages=st.lists(
        st.tuples(st.binary(max_size=300), st.integers(0, 9), st.lists(st.integers(0, 400))),
        max_size=6,
    )
)
def test_both_ends_understand_each_other(server_forgets, client_forgets, messages):
    params = DeflateParams(server_forgets, client_forgets, 9, 10)
    deflater, inflater = Deflater(params), Inflater(params)
    client = PerMessageDeflate(server_forgets, client_forgets, 9, 10)
    for seed, repetitions, sizes in messages:
        data = seed * repetitions
        payload = client.encode(Frame(Opcode.TEXT, data)).data
        assert inflate_pieces(inflater, bytes(payload), sizes, len(data)) == data
        deflated = deflater.deflate(data)
        if deflated is not None:
            assert client.decode(Frame(Opcode.TEXT, deflated, rsv1=True)).data == data
