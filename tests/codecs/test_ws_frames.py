"""Frames for the wire, in both columns; sections are those of RFC 6455."""

from __future__ import annotations

import pytest

from tests.frame_traces import close_payload
from tests.ws_peer import BINARY, CLOSE, PING, PONG, TEXT


def header(first: int, length: int) -> bytes:
    if length < 126:
        return bytes((first, length))
    if length < 65536:
        return bytes((first, 126)) + length.to_bytes(2, "big")
    return bytes((first, 127)) + length.to_bytes(8, "big")


def test_text_is_framed_as_in_the_rfc(impl):  # section 5.7
    assert impl.ws_frames.frame_text("Hello") == [b"\x81\x05Hello"]


def test_control_frames_are_framed_as_in_the_rfc(impl):  # section 5.7
    assert impl.ws_frames.frame_control(PING, b"Hello") == b"\x89\x05Hello"
    assert impl.ws_frames.frame_control(PONG, b"") == b"\x8a\x00"


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 255, 256, 16383, 16384])
def test_small_payload_is_joined_to_its_header(impl, size):  # section 5.2
    payload = b"x" * size
    ws_frames = impl.ws_frames
    assert ws_frames.frame_binary(payload) == [header(0x82, size) + payload]
    assert ws_frames.frame_text(payload.decode()) == [header(0x81, size) + payload]
    assert ws_frames.frame_compressed(TEXT, payload) == [header(0xC1, size) + payload]
    assert ws_frames.frame_compressed(BINARY, payload) == [header(0xC2, size) + payload]


@pytest.mark.parametrize("size", [16385, 65535, 65536, 1 << 20])
def test_large_payload_is_not_copied(impl, size):
    payload = b"x" * size
    ws_frames = impl.ws_frames
    assert ws_frames.frame_binary(payload) == [header(0x82, size), payload]
    assert ws_frames.frame_binary(payload)[1] is payload
    assert ws_frames.frame_text(payload.decode()) == [header(0x81, size), payload]
    assert ws_frames.frame_compressed(BINARY, payload) == [header(0xC2, size), payload]


@pytest.mark.parametrize("text", ["", "é", "€", "🌍", "é" * 62, "é" * 63, "aé" * 5461, "é" * 8192])
def test_text_is_sent_as_utf_8(impl, text):  # section 5.6
    for _ in range(2):
        assert impl.ws_frames.frame_text(text) == [header(0x81, len(text.encode())) + text.encode()]


@pytest.mark.parametrize("text", ["é" * 8193, "€" * 16384, "🌍" * 20000])
def test_large_text_is_measured_in_bytes(impl, text):
    payload = text.encode()
    assert impl.ws_frames.frame_text(text) == [header(0x81, len(payload)), payload]


@pytest.mark.parametrize("text", ["\ud800", "x" * 20000 + "\udfff"])
def test_lone_surrogate_is_no_text(impl, text):
    with pytest.raises(UnicodeEncodeError):
        impl.ws_frames.frame_text(text)


def test_control_frame_has_at_most_125_bytes(impl):  # section 5.5
    assert impl.ws_frames.frame_control(PONG, b"x" * 125) == b"\x8a\x7d" + b"x" * 125
    with pytest.raises(ValueError, match="payload of a control frame has 126 bytes"):
        impl.ws_frames.frame_control(PING, b"x" * 126)


@pytest.mark.parametrize(
    ("code", "reason", "payload"),
    [
        (1000, "", close_payload(1000)),
        (1005, "", b""),
        (1005, "is not sent", b""),
        (4999, "bye 🌍", close_payload(4999, "bye 🌍".encode())),
        (1011, "x" * 123, close_payload(1011, b"x" * 123)),
        (1011, "x" * 124, close_payload(1011, b"x" * 123)),
        (1011, "€" * 41, close_payload(1011, "€".encode() * 41)),
        (1011, "x" + "€" * 41, close_payload(1011, b"x" + "€".encode() * 40)),
        (1011, "x" * 121 + "🌍", close_payload(1011, b"x" * 121)),
        (1000, "a\ud800b", close_payload(1000, b"a?b")),
    ],
)
def test_close_carries_code_and_reason(impl, code, reason, payload):  # section 5.5.1
    assert impl.ws_frames.frame_close(code, reason) == header(0x88, len(payload)) + payload


def test_opcodes_are_those_of_the_rfc(impl):  # section 5.2
    opcode = impl.ws_frames.Opcode
    assert [*opcode] == [0, TEXT, BINARY, CLOSE, PING, PONG]
    assert impl.ws_frames.frame_control(opcode.PING, b"") == b"\x89\x00"
