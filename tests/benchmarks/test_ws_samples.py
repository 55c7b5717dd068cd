"""Frames of the benchmarks are RFC 6455's and RFC 7692's."""

import json
import zlib

import pytest

from benchmarks.ws_samples import (
    BINARY,
    BINARY_64K,
    CLOSE_FRAME,
    DEFLATE_TAIL,
    JSON_MESSAGES,
    TEXT,
    TEXT_32B,
    compress,
    encode_frame,
    mask_payload,
    read_header,
)


def test_encode_frame_writes_the_masked_example():  # RFC 6455 section 5.7
    assert encode_frame(b"Hello", TEXT) == bytes.fromhex("818537fa213d7f9f4d5158")


def test_encode_frame_writes_the_unmasked_example():  # RFC 6455 section 5.7
    assert encode_frame(b"Hello", TEXT, is_masked=False) == bytes.fromhex("810548656c6c6f")


def test_encode_frame_marks_a_compressed_message():  # RFC 7692 section 7.2.3.1
    payload = bytes.fromhex("f248cdc9c90700")
    frame = encode_frame(payload, TEXT, is_compressed=True, is_masked=False)
    assert frame == bytes.fromhex("c107f248cdc9c90700")


def test_compress_writes_the_example():  # RFC 7692 section 7.2.3.1
    assert compress(b"Hello") == bytes.fromhex("f248cdc9c90700")


@pytest.mark.parametrize("message", JSON_MESSAGES[:3])
def test_compressed_message_fits_any_window_that_holds_it(message):
    inflate = zlib.decompressobj(wbits=-10)
    assert inflate.decompress(compress(message) + DEFLATE_TAIL) == message


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_read_header_reads_what_encode_frame_wrote(size):
    frame = encode_frame(b"x" * size, BINARY, is_masked=False)
    header_bytes, payload_bytes = read_header(frame)
    assert (header_bytes + payload_bytes, payload_bytes) == (len(frame), size)
    assert all(read_header(frame[:end]) is None for end in range(header_bytes))


def test_masking_twice_gives_the_payload_back():
    assert mask_payload(b"Hello") != b"Hello"
    assert mask_payload(mask_payload(b"Hello")) == b"Hello"


def test_messages_have_the_sizes_that_scenarios_name():
    assert (len(TEXT_32B), len(BINARY_64K)) == (32, 65536)
    assert {len(message) for message in JSON_MESSAGES} == {1024}


def test_json_messages_are_different_documents_beyond_a_window():
    assert len({json.loads(message)["sequence"] for message in JSON_MESSAGES}) == len(JSON_MESSAGES)
    assert sum(map(len, JSON_MESSAGES)) > 1 << zlib.MAX_WBITS


def test_close_frame_says_1000():
    assert CLOSE_FRAME[:2] == b"\x88\x82"
    assert mask_payload(CLOSE_FRAME[6:]) == (1000).to_bytes(2)
