"""Messages from a client's frames, in both columns; sections are those of RFC 6455."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from asgiserve.errors import WebSocketError
from tests.frame_traces import (
    DoublingInflater,
    close_payload,
    make_message_sink,
    read_every_way,
)
from tests.ws_peer import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, client_frame

MakeReader = Callable[..., tuple[Any, Any]]

MAX_SIZE = 1 << 20
RSV1 = 0x40


@pytest.fixture
def make_reader(impl: Any) -> MakeReader:
    """Makes a reader of one column and the recording sink it tells."""

    def make_reader_and_sink(max_size: int = MAX_SIZE, inflater: Any = None) -> tuple[Any, Any]:
        sink = make_message_sink(impl)
        return impl.ws_messages.MessageReader(sink, max_size, inflater), sink

    return make_reader_and_sink


EURO = "€".encode()

MESSAGES: dict[str, tuple[bytes, list[tuple[Any, ...]]]] = {
    "5.7: text": (
        b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58",
        [("message", "Hello")],
    ),
    "5.6: empty text": (client_frame(TEXT), [("message", "")]),
    "5.6: empty binary": (client_frame(BINARY), [("message", b"")]),
    "5.6: one byte": (
        client_frame(BINARY, b"a") + client_frame(TEXT, b"b"),
        [("message", b"a"), ("message", "b")],
    ),
    "5.6: text outside ASCII": (
        client_frame(TEXT, "κόσμε 🌍".encode()),
        [("message", "κόσμε 🌍")],
    ),
    "5.2: largest short length": (client_frame(BINARY, b"x" * 125), [("message", b"x" * 125)]),
    "5.2: smallest length of two bytes": (
        client_frame(TEXT, b"x" * 126),
        [("message", "x" * 126)],
    ),
    "5.2: a length of two bytes": (
        client_frame(BINARY, bytes(range(256)) * 7),
        [("message", bytes(range(256)) * 7)],
    ),
    "5.4: text in three frames": (
        client_frame(TEXT, b"a", is_final=False)
        + client_frame(CONTINUATION, b"bc", is_final=False)
        + client_frame(CONTINUATION, b"d"),
        [("message", "abcd")],
    ),
    "5.4: binary in two frames of other masks": (
        client_frame(BINARY, b"\xff\xee\xdd", is_final=False, mask=b"abcd")
        + client_frame(CONTINUATION, b"\x00\x01", mask=b"\xff\x00\xfe\x01"),
        [("message", b"\xff\xee\xdd\x00\x01")],
    ),
    "5.4: empty frames": (
        client_frame(TEXT, is_final=False)
        + client_frame(CONTINUATION, is_final=False)
        + client_frame(CONTINUATION),
        [("message", "")],
    ),
    "5.4: empty frames of binary": (
        client_frame(BINARY, is_final=False) + client_frame(CONTINUATION),
        [("message", b"")],
    ),
    "5.4: a character in two frames": (
        client_frame(TEXT, EURO[:1], is_final=False) + client_frame(CONTINUATION, EURO[1:]),
        [("message", "€")],
    ),
    "5.5: control frames in the middle of a message": (
        client_frame(TEXT, b"a", is_final=False)
        + client_frame(PING, b"p")
        + client_frame(PONG)
        + client_frame(CONTINUATION, b"b")
        + client_frame(PING, b"q" * 125),
        [("ping", b"p"), ("pong", b""), ("message", "ab"), ("ping", b"q" * 125)],
    ),
    "5.5.1: close without a code": (client_frame(CLOSE), [("close", 1005, "")]),
    "5.5.1: close with a code": (
        client_frame(CLOSE, close_payload(1000)),
        [("close", 1000, "")],
    ),
    "5.5.1: close with a reason": (
        client_frame(CLOSE, close_payload(4999, b"x" * 120 + EURO)),
        [("close", 4999, "x" * 120 + "€")],
    ),
    "5.5.1: close in the middle of a message, and bytes behind it": (
        client_frame(TEXT, b"a", is_final=False)
        + client_frame(CLOSE, close_payload(1001))
        + client_frame(CONTINUATION, b"b")
        + b"\xff\xff",
        [("close", 1001, "")],
    ),
}


@pytest.mark.parametrize("name", MESSAGES)
def test_reader_tells_messages_and_control_frames(make_reader, name):
    wire, events = MESSAGES[name]
    trace = read_every_way(make_reader, wire)
    assert trace.events == events
    assert trace.error is None
    assert not trace.has_open_message


@pytest.mark.parametrize("size", [1023, 1024, 1025, 4096, 65535, 65536, 300_000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_reader_takes_messages_of_any_size(make_reader, opcode, size):
    payload = bytes(32 + i % 90 for i in range(size))
    expected = payload.decode() if opcode == TEXT else payload
    for wire in (
        client_frame(opcode, payload),
        client_frame(opcode, payload[:70], is_final=False) + client_frame(0, payload[70:]),
    ):
        for step in (len(wire), 65536, 4093, 1021):
            reader, sink = make_reader()
            for start in range(0, len(wire), step):
                reader.feed(wire[start : start + step])
            assert sink.trace.events == [("message", expected)]


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 4999]
)
def test_reader_takes_close_code(make_reader, code):  # section 7.4
    trace = read_every_way(make_reader, client_frame(CLOSE, close_payload(code)))
    assert trace.events == [("close", code, "")]


OPEN_TEXT = client_frame(TEXT, b"a", is_final=False)

# Each ends with the first byte that is wrong.
REFUSALS: dict[str, tuple[bytes, int, str]] = {
    "5.2: RSV1 without an extension": (b"\xc1", 1002, "reserved bits are set"),
    "5.2: RSV2": (b"\xa2", 1002, "reserved bits are set"),
    "5.2: RSV3": (b"\x99", 1002, "reserved bits are set"),
    "5.2: opcode 3": (b"\x83", 1002, "opcode 3 is reserved"),
    "5.2: opcode 7": (b"\x07", 1002, "opcode 7 is reserved"),
    "5.2: opcode 11": (b"\x8b", 1002, "opcode 11 is reserved"),
    "5.2: opcode 15": (b"\x0f", 1002, "opcode 15 is reserved"),
    "5.1: no mask": (b"\x81\x05", 1002, "a frame is not masked"),
    "5.1: a control frame without a mask": (b"\x89\x00", 1002, "a frame is not masked"),
    "5.2: a length of two bytes that fits in one": (
        b"\x81\xfe\x00\x7d",
        1002,
        "a frame's length is not in its shortest form",
    ),
    "5.2: a length of eight bytes that fits in two": (
        b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff",
        1002,
        "a frame's length is not in its shortest form",
    ),
    "5.2: a length with its top bit": (
        b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00",
        1002,
        "a frame's length has its top bit set",
    ),
    "5.4: a continuation of nothing": (
        b"\x80",
        1002,
        "a continuation frame has no message to continue",
    ),
    "5.4: a continuation behind the end": (
        client_frame(TEXT, b"a") + b"\x00",
        1002,
        "a continuation frame has no message to continue",
    ),
    "5.4: a message within a message": (
        OPEN_TEXT + b"\x82",
        1002,
        "a new message begins before the last one has ended",
    ),
    "5.5: a fragmented ping": (b"\x09", 1002, "a control frame is fragmented"),
    "5.5: a fragmented close": (OPEN_TEXT + b"\x08", 1002, "a control frame is fragmented"),
    "5.5: a ping of 126 bytes": (b"\x89\xfe", 1002, "a control frame has more than 125 bytes"),
    "5.5: a close of 64 KiB": (b"\x88\xff", 1002, "a control frame has more than 125 bytes"),
    "5.5.1: a close of one byte": (b"\x88\x81", 1002, "a close frame has a payload of 1 byte"),
    "8.1: a byte that no character has": (
        client_frame(TEXT, b"abc\xff rest")[: 6 + 4],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: a wrong continuation byte": (
        client_frame(TEXT, b"\xe2\x82\x20 rest")[: 6 + 3],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: an overlong form": (
        client_frame(TEXT, b"\xe0\x80\x80 rest")[: 6 + 2],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: a surrogate": (
        client_frame(TEXT, b"\xed\xa0\x80 rest")[: 6 + 2],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: above U+10FFFF": (
        client_frame(TEXT, b"\xf4\x90\x80\x80 re")[: 6 + 2],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: a surrogate in two frames": (
        client_frame(TEXT, b"\xed", is_final=False)
        + client_frame(CONTINUATION, b"\xa0\x80", is_final=False)[:7],
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: a text that lacks its end": (
        client_frame(TEXT, b"abc\xf0\x90\x80"),
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: a text in two frames that lacks its end": (
        OPEN_TEXT + client_frame(CONTINUATION, EURO[:2]),
        1007,
        "a text message is not UTF-8",
    ),
    "8.1: an empty last frame behind half a character": (
        client_frame(TEXT, EURO[:2], is_final=False) + client_frame(CONTINUATION)[:6],
        1007,
        "a text message is not UTF-8",
    ),
    "5.5.1: a close reason that is no text": (
        client_frame(CLOSE, close_payload(1000, b"ab\xffcd"))[: 6 + 5],
        1007,
        "a close reason is not UTF-8",
    ),
    "5.5.1: a surrogate in a close reason": (
        client_frame(CLOSE, close_payload(1000, b"\xed\xbf\xbf"))[: 6 + 4],
        1007,
        "a close reason is not UTF-8",
    ),
    "5.5.1: a close reason that lacks its end": (
        client_frame(CLOSE, close_payload(1000, EURO[:2])),
        1007,
        "a close reason is not UTF-8",
    ),
    **{
        f"7.4: close code {code}": (
            client_frame(CLOSE, close_payload(code, b"x"))[: 6 + 2],
            1002,
            f"close code {code} is not allowed",
        )
        for code in (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    },
}


@pytest.mark.parametrize("name", REFUSALS)
def test_reader_refuses_at_the_first_wrong_byte(make_reader, name):
    wire, code, reason = REFUSALS[name]
    before = read_every_way(make_reader, wire[:-1])
    assert before.error is None
    trace = read_every_way(make_reader, wire)
    assert trace.error == (code, reason)
    assert trace.events == before.events
    assert not trace.has_open_message


@pytest.mark.parametrize("name", REFUSALS)
def test_reader_ignores_what_follows_an_error(make_reader, name):
    wire, _code, _reason = REFUSALS[name]
    reader, sink = make_reader()
    with pytest.raises(WebSocketError):
        reader.feed(wire + client_frame(TEXT, b"more"))
    events = list(sink.trace.events)
    reader.feed(client_frame(TEXT, b"more"))
    reader.resume()
    assert sink.trace.events == events
    assert reader.buffered == 0


# The size of a message ------------------------------------------------------------------------


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_reader_takes_a_message_of_the_largest_size(make_reader, opcode):
    whole = client_frame(opcode, b"x" * 200)
    parts = client_frame(opcode, b"x" * 125, is_final=False) + client_frame(0, b"x" * 75)
    expected = [("message", "x" * 200 if opcode == TEXT else b"x" * 200)]
    for wire in (whole, parts):
        assert read_every_way(lambda: make_reader(200), wire).events == expected


# Each ends with the last byte of the length that is too much.
TOO_LARGE = {
    "in one byte": (100, b"\x82\xe5", 101),
    "in two bytes": (200, b"\x81\xfe\x00\xc9", 201),
    "in eight bytes": (MAX_SIZE, b"\x82\xff\x00\x00\x00\x00\x00\x10\x00\x01", MAX_SIZE + 1),
    "the largest": (MAX_SIZE, b"\x82\xff\x7f" + b"\xff" * 7, (1 << 63) - 1),
    "with what came before": (200, client_frame(2, b"x" * 100, is_final=False) + b"\x80\xe5", 101),
    "with a frame that is not the last": (2, OPEN_TEXT + b"\x00\x82", 2),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_reader_refuses_a_large_message_by_its_header(make_reader, name):
    max_size, wire, length = TOO_LARGE[name]
    assert read_every_way(lambda: make_reader(max_size), wire[:-1]).error is None
    trace = read_every_way(lambda: make_reader(max_size), wire)
    assert trace.error == (1009, f"a frame of {length} bytes makes the message too large")


def test_control_frames_do_not_count_as_message(make_reader):
    wire = client_frame(TEXT, b"abc", is_final=False) + client_frame(PING, b"x" * 100)
    wire += client_frame(CONTINUATION, b"d") + client_frame(CLOSE, close_payload(1000, b"x" * 100))
    trace = read_every_way(lambda: make_reader(4), wire)
    assert trace.error is None
    assert [event[0] for event in trace.events] == ["ping", "message", "close"]


def test_limit_begins_anew_with_each_message(make_reader):
    wire = client_frame(BINARY, b"abcd") * 3
    assert len(read_every_way(lambda: make_reader(4), wire).events) == 3


# Compression: RFC 7692 section 6 --------------------------------------------------------------


def read_compressed(make_reader: MakeReader, wire: bytes, max_size: int = MAX_SIZE) -> Any:
    return read_every_way(lambda: make_reader(max_size, DoublingInflater()), wire)


@pytest.mark.parametrize(
    ("wire", "message"),
    [
        (client_frame(TEXT, b"abc", bits=RSV1), "aabbcc"),
        (client_frame(BINARY, b"\xf0\x01", bits=RSV1), b"\xf0\xf0\x01\x01"),
        (client_frame(TEXT, b"", bits=RSV1), ""),
        (client_frame(TEXT, b"abc"), "abc"),
        (
            client_frame(TEXT, b"ab", bits=RSV1, is_final=False)
            + client_frame(CONTINUATION, b"", is_final=False)
            + client_frame(CONTINUATION, b"c"),
            "aabbcc",
        ),
        (
            client_frame(BINARY, b"ab", bits=RSV1, is_final=False) + client_frame(CONTINUATION),
            b"aabb",
        ),
    ],
)
def test_reader_inflates_what_is_marked(make_reader, wire, message):
    for _ in range(2):
        trace = read_compressed(make_reader, wire + client_frame(PING))
        assert trace.events == [("message", message), ("ping", b"")]


def test_inflater_is_told_of_the_end_of_each_message(make_reader):
    inflater = DoublingInflater()
    reader, _sink = make_reader(100, inflater)
    reader.feed(client_frame(TEXT, b"ab", bits=RSV1, is_final=False))
    reader.feed(client_frame(CONTINUATION, b"", is_final=False))
    last = client_frame(CONTINUATION, b"cd")
    reader.feed(last[:-1])
    reader.feed(last[-1:])
    reader.feed(client_frame(TEXT, b"e", bits=RSV1) + client_frame(BINARY, b"f"))
    assert inflater.calls == [
        (b"ab", False, 100),
        (b"c", False, 96),
        (b"d", True, 94),
        (b"e", True, 100),
    ]


@pytest.mark.parametrize(
    "wire",
    [
        client_frame(TEXT, b"a", bits=RSV1, is_final=False) + b"\xc0",  # on a continuation
        b"\xc9",  # on a ping
        b"\xe1",  # with RSV2
    ],
)
def test_mark_of_compression_stands_on_first_frames_alone(make_reader, wire):
    assert read_compressed(make_reader, wire[:-1]).error is None
    assert read_compressed(make_reader, wire).error == (1002, "reserved bits are set")


def test_compressed_text_is_checked_as_it_comes(make_reader):
    wire = client_frame(TEXT, b"ab\xff", bits=RSV1, is_final=False)
    assert read_compressed(make_reader, wire[:-1]).error is None
    assert read_compressed(make_reader, wire).error == (1007, "a text message is not UTF-8")


def test_compressed_message_is_measured_when_inflated(make_reader):
    wire = client_frame(BINARY, b"ab", bits=RSV1, is_final=False) + client_frame(0, b"c")
    assert read_compressed(make_reader, wire, 6).events == [("message", b"aabbcc")]
    assert read_compressed(make_reader, wire, 5).error == (1009, "too large when inflated")


def test_bad_deflate_data_is_an_error(make_reader):
    trace = read_compressed(make_reader, client_frame(BINARY, b"a\xee", bits=RSV1))
    assert trace.error == (1007, "malformed deflate data")


# Pausing, and sinks that call back ------------------------------------------------------------


def test_paused_reader_keeps_what_is_fed(make_reader):
    reader, sink = make_reader()
    reader.pause()
    wire = client_frame(TEXT, b"a") + client_frame(TEXT, b"b")
    reader.feed(wire[:5])
    reader.feed(wire[5:])
    assert (sink.trace.events, reader.buffered) == ([], len(wire))
    assert not reader.has_open_message
    reader.resume()
    assert sink.trace.events == [("message", "a"), ("message", "b")]
    assert reader.buffered == 0


def test_reader_stops_behind_the_message_at_which_it_is_paused(make_reader):
    reader, sink = make_reader()
    frame = client_frame(TEXT, b"abc")
    sink.on_message = record_and(sink, reader.pause)
    reader.feed(frame * 3 + frame[:4])
    assert len(sink.trace.events) == 1
    assert reader.buffered == 2 * len(frame) + 4
    reader.feed(frame[4:])
    assert reader.buffered == 3 * len(frame)
    for left in (2, 1, 0):
        reader.resume()
        assert reader.buffered == left * len(frame)
    assert sink.trace.events == [("message", "abc")] * 4


def record_and(sink: Any, *calls: Callable[[], Any]) -> Callable[[Any], None]:
    def on_message(message: Any) -> None:
        sink.trace.events.append(("message", message))
        for call in calls:
            call()

    return on_message


def test_reader_goes_on_when_the_sink_pauses_and_resumes_it(make_reader):
    reader, sink = make_reader()
    sink.on_message = record_and(sink, reader.pause, reader.resume)
    reader.feed(client_frame(TEXT, b"a") * 3)
    assert len(sink.trace.events) == 3
    assert reader.buffered == 0


def test_what_the_sink_feeds_comes_behind_what_is_being_read(make_reader):
    reader, sink = make_reader()
    more = [client_frame(TEXT, b"c"), client_frame(TEXT, b"d")]
    sink.on_message = record_and(sink, lambda: more and reader.feed(more.pop(0)))
    reader.feed(client_frame(TEXT, b"a") + client_frame(TEXT, b"b"))
    assert [event[1] for event in sink.trace.events] == ["a", "b", "c", "d"]


def test_what_the_sink_feeds_is_kept_behind_the_rest(make_reader):
    reader, sink = make_reader()
    more = [client_frame(TEXT, b"c")]
    sink.on_message = record_and(sink, lambda: more and reader.feed(more.pop(0)), reader.pause)
    reader.feed(client_frame(TEXT, b"a") + client_frame(TEXT, b"b"))
    for _ in range(2):
        reader.resume()
    assert [event[1] for event in sink.trace.events] == ["a", "b", "c"]


@pytest.mark.parametrize("size", [3, 3000])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_sink_may_detach_the_reader(make_reader, opcode, size):
    reader, sink = make_reader()
    sink.on_message = record_and(sink, reader.detach)
    frame = client_frame(opcode, b"a" * size)
    reader.feed(frame[:5])
    reader.feed(frame[5:] + frame + frame[:7])
    reader.feed(frame[7:])
    assert len(sink.trace.events) == 1
    assert (reader.buffered, reader.has_open_message) == (0, False)


def test_detached_reader_forgets_its_bytes(make_reader):
    reader, sink = make_reader()
    reader.feed(client_frame(TEXT, b"a" * 300, is_final=False))
    assert reader.has_open_message
    reader.pause()
    reader.feed(b"abc")
    reader.detach()
    reader.resume()
    reader.feed(b"\xff")
    assert (reader.buffered, reader.has_open_message, sink.trace.events) == (0, False, [])


def test_error_of_the_sink_ends_reading(make_reader):
    reader, sink = make_reader()

    def fail(message: Any) -> None:
        raise ZeroDivisionError

    sink.on_message = fail
    with pytest.raises(ZeroDivisionError):
        reader.feed(client_frame(TEXT, b"a") * 2 + client_frame(TEXT, b"b")[:3])
    assert (reader.buffered, reader.has_open_message) == (0, False)
    reader.feed(client_frame(PING))
    assert sink.trace.events == []


def test_pause_within_a_message_holds_its_rest(make_reader):
    reader, sink = make_reader()
    sink.on_ping = lambda payload: reader.pause()
    reader.feed(OPEN_TEXT + client_frame(PING) + client_frame(CONTINUATION, b"b"))
    assert reader.has_open_message
    assert sink.trace.events == []
    reader.resume()
    assert sink.trace.events == [("message", "ab")]


@pytest.mark.parametrize("count", range(1, 14))
def test_reader_knows_of_a_header_that_has_begun(make_reader, count):
    reader, _sink = make_reader()
    reader.feed(client_frame(BINARY, b"a" * 65536)[:count])
    assert reader.has_open_message


def test_reader_knows_of_a_message_between_its_frames(make_reader):
    reader, _sink = make_reader()
    assert not reader.has_open_message
    reader.feed(client_frame(TEXT, is_final=False))
    assert reader.has_open_message
    reader.feed(client_frame(CONTINUATION))
    assert not reader.has_open_message


def test_announced_bytes_take_no_memory(make_reader):
    tracemalloc = pytest.importorskip("tracemalloc")
    size = 1 << 30
    readers = [make_reader(size) for _ in range(8)]
    wire = b"\x82\xff" + size.to_bytes(8, "big") + b"mask" + b"x"
    tracemalloc.start()
    try:
        for reader, _sink in readers:
            reader.feed(wire)
        assert tracemalloc.get_traced_memory()[1] < 8 * 1_100_000
    finally:
        tracemalloc.stop()


def test_tiny_frames_take_no_memory_of_their_own(make_reader):
    tracemalloc = pytest.importorskip("tracemalloc")
    reader, sink = make_reader()
    reader.feed(OPEN_TEXT)
    wire = client_frame(CONTINUATION, b"x", is_final=False) * 1000
    tracemalloc.start()
    try:
        for _ in range(20):
            reader.feed(wire)
        assert tracemalloc.get_traced_memory()[1] < 100_000
    finally:
        tracemalloc.stop()
    reader.feed(client_frame(CONTINUATION))
    assert sink.trace.events == [("message", "a" + "x" * 20_000)]
