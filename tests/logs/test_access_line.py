"""Access lines, both columns."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asgiserve.logs.access_layout import (
    JSON_LAYOUT,
    LOGFMT_LAYOUT,
    TEXT_LAYOUT,
    Layout,
    Part,
    make_text_layout,
)
from asgiserve.logs.formatters import escape_client, escape_target, format_duration

REQUEST = {
    "client": "192.0.2.1:5000",
    "method": "GET",
    "target": b"/path?x=1",
    "http_version": "1.1",
    "status": 200,
    "body_bytes": 13,
    "duration_s": 0.000_312,
}


WEBSOCKET = {
    "client": "192.0.2.1:5000",
    "target": b"/chat?x=1",
    "code": 1000,
    "received_messages": 12,
    "sent_messages": 34,
    "duration_s": 5.231,
}


def write_one(lines, **changes):
    lines.write(*{**REQUEST, **changes}.values())
    return lines.take()


def write_end(lines, **changes):
    lines.write_websocket_end(*{**WEBSOCKET, **changes}.values())
    return lines.take()


def test_line_holds_client_request_status_size_and_duration(impl):
    lines = impl.access_line.AccessLines()
    assert write_one(lines) == b'192.0.2.1:5000 - "GET /path?x=1 HTTP/1.1" 200 13 0.31ms\n'


def test_every_line_begins_with_the_prefix(impl):
    lines = impl.access_line.AccessLines()
    lines.prefix = b"INFO: "
    for status in (200, 404):
        lines.write(*{**REQUEST, "status": status}.values())
    first, second = lines.take().splitlines()
    assert first.startswith(b"INFO: 192")
    assert second.startswith(b"INFO: 192")
    assert b" 200 " in first
    assert b" 404 " in second


def test_colours_surround_the_request_line_and_the_status(impl):
    colors = tuple(b"<%d>" % digit for digit in range(10))
    lines = impl.access_line.AccessLines(make_text_layout(b"<b>", b"</>", colors))
    assert b'"<b>GET /path?x=1 HTTP/1.1</>" <2>200</> 13 ' in write_one(lines)
    assert b" <0>0</> 13 " in write_one(lines, status=0)
    assert b" <9>999</> 13 " in write_one(lines, status=999)


def test_quiet_target_has_a_line_only_when_it_is_not_answered_200(impl):
    lines = impl.access_line.AccessLines()
    lines.quiet_target = b"/ready"
    assert write_one(lines, target=b"/ready") == b""
    assert b" 503 " in write_one(lines, target=b"/ready", status=503)
    assert b"/ready?" in write_one(lines, target=b"/ready?")
    assert write_one(lines)


def test_taking_forgets(impl):
    lines = impl.access_line.AccessLines()
    assert lines.take() == b""
    assert write_one(lines)
    assert lines.take() == b""


@pytest.mark.parametrize("body_bytes", [0, 1, 10, 2**32, 2**63])
def test_size_of_any_body_is_written(impl, body_bytes):
    line = write_one(impl.access_line.AccessLines(), body_bytes=body_bytes)
    assert b" 200 %d 0.31ms\n" % body_bytes in line


@given(
    client=st.text(max_size=40),
    target=st.binary(max_size=300),
    status=st.integers(0, 999),
    body_bytes=st.integers(0, 2**64 - 1),
    duration_s=st.floats(0, 1e9),
)
def test_no_request_can_forge_a_line(impl, client, target, status, body_bytes, duration_s):
    line = write_one(
        impl.access_line.AccessLines(),
        client=client,
        target=target,
        status=status,
        body_bytes=body_bytes,
        duration_s=duration_s,
    ).decode("ascii")
    assert line == (
        f'{escape_client(client)} - "GET {escape_target(target)} HTTP/1.1" '
        f"{status} {body_bytes} {format_duration(duration_s)}\n"
    )
    assert line.count("\n") == 1
    assert line.isascii()
    assert line[:-1].isprintable()
    assert re.fullmatch(r'\S* - "GET \S* HTTP/1.1" \d+ \d+ \d+\.\d\dms\n', line)
    assert line.count('"') == 2


@pytest.mark.parametrize("name", ["method", "http_version"])
def test_text_of_the_parser_is_ascii(impl, name):
    with pytest.raises(UnicodeEncodeError):
        write_one(impl.access_line.AccessLines(), **{name: "é"})


def test_lines_before_a_refused_one_are_kept(impl):
    lines = impl.access_line.AccessLines()
    lines.write(*REQUEST.values())
    with pytest.raises(UnicodeEncodeError):
        lines.write(*{**REQUEST, "method": "é"}.values())
    assert lines.take().count(b"\n") == 1


def test_hook_sets_the_prefix_of_each_batch(impl):
    class Numbered(impl.access_line.AccessLines):
        batches = 0

        def begin_batch(self):
            self.batches += 1
            self.prefix = b"%d " % self.batches
            return True

    lines = Numbered()
    lines.write(*REQUEST.values())
    lines.write(*REQUEST.values())
    assert [line[:2] for line in lines.take().splitlines()] == [b"1 ", b"1 "]
    assert write_one(lines).startswith(b"2 ")


def test_hook_can_ask_for_records_instead(impl):
    class Records(impl.access_line.AccessLines):
        def begin_batch(self):
            return False

        def write_record(self, *request):
            self.requests = [*getattr(self, "requests", []), request]

    lines = Records()
    lines.write(*REQUEST.values())
    lines.write(*REQUEST.values())
    assert lines.requests == [tuple(REQUEST.values())] * 2
    assert lines.take() == b""


# Structured lines ------------------------------------------------------------------------------


@given(
    client=st.text(max_size=40),
    target=st.binary(max_size=300),
    status=st.integers(0, 999),
    body_bytes=st.integers(0, 2**64 - 1),
    duration_s=st.floats(0, 1e9),
)
def test_every_request_is_one_json_object(impl, client, target, status, body_bytes, duration_s):
    lines = impl.access_line.AccessLines(JSON_LAYOUT)
    lines.prefix = b'{"level":"INFO"'
    line = write_one(
        lines,
        client=client,
        target=target,
        status=status,
        body_bytes=body_bytes,
        duration_s=duration_s,
    ).decode("ascii")
    assert line[:-1].isprintable()
    client_text, target_text = escape_client(client), escape_target(target)
    assert json.loads(line) == {
        "level": "INFO",
        "message": f'{client_text} - "GET {target_text} HTTP/1.1" {status}',
        "client": client_text,
        "method": "GET",
        "target": target_text,
        "http_version": "1.1",
        "status": status,
        "body_bytes": body_bytes,
        "duration_ms": float(format_duration(duration_s)[:-2]),
    }


def test_end_of_a_websocket_is_one_json_object(impl):
    lines = impl.access_line.AccessLines(JSON_LAYOUT)
    lines.prefix = b'{"level":"INFO"'
    found = json.loads(write_end(lines, target=b'/"\n\\'))
    assert found["message"] == r'192.0.2.1:5000 - "WEBSOCKET /\x22\x0a\x5c HTTP/1.1" 1000'
    assert found["target"] == r"/\x22\x0a\x5c"
    assert (found["close_code"], found["received_messages"], found["sent_messages"]) == (
        1000,
        12,
        34,
    )
    assert found["duration_ms"] == 5231


def test_logfmt_line_quotes_what_a_peer_has_written(impl):
    lines = impl.access_line.AccessLines(LOGFMT_LAYOUT)
    lines.prefix = b"level=INFO"
    assert write_one(lines, target=b'/a b="') == (
        b'level=INFO message="192.0.2.1:5000 - \\"GET /a\\\\x20b=\\\\x22 HTTP/1.1\\" 200" '
        b'client="192.0.2.1:5000" method=GET target="/a\\\\x20b=\\\\x22" http_version=1.1 '
        b"status=200 body_bytes=13 duration_ms=0.31\n"
    )
    assert write_end(lines).endswith(
        b" close_code=1000 received_messages=12 sent_messages=34 duration_ms=5231.00\n"
    )


@pytest.mark.parametrize("layout", [TEXT_LAYOUT, JSON_LAYOUT, LOGFMT_LAYOUT])
def test_layouts_fit(layout):
    # What the compiled column has room for.
    assert len(layout.request) <= 32
    assert len(layout.websocket) <= 32


def test_percent_signs_of_a_layout_stay(impl):
    pieces = (b"100% ", Part.STATUS, b"%b", Part.METHOD, b"\n")
    lines = impl.access_line.AccessLines(Layout(pieces, pieces))
    assert write_one(lines) == b"100% 200%bGET\n"


# WebSockets -----------------------------------------------------------------------------------


def test_line_of_a_websocket_holds_close_code_messages_and_duration(impl):
    assert write_end(impl.access_line.AccessLines()) == (
        b'192.0.2.1:5000 - "WEBSOCKET /chat?x=1 HTTP/1.1" 1000 12 received 34 sent 5231.00ms\n'
    )


def test_close_code_is_coloured_by_its_first_digit(impl):
    colors = tuple(b"<%d>" % digit for digit in range(10))
    lines = impl.access_line.AccessLines(make_text_layout(b"<b>", b"</>", colors))
    line = b'"<b>WEBSOCKET /chat?x=1 HTTP/1.1</>" <%d>%d</> 12 received '
    for code in (1000, 1015, 3000, 4999):
        assert line % (code // 1000, code) in write_end(lines, code=code)


@given(
    client=st.text(max_size=40),
    target=st.binary(max_size=300),
    code=st.integers(1000, 4999),
    received_messages=st.integers(0, 2**63 - 1),
    sent_messages=st.integers(0, 2**63 - 1),
    duration_s=st.floats(0, 1e9),
)
def test_no_websocket_can_forge_a_line(impl, client, target, **numbers):
    line = write_end(impl.access_line.AccessLines(), client=client, target=target, **numbers)
    assert line.decode("ascii") == (
        f'{escape_client(client)} - "WEBSOCKET {escape_target(target)} HTTP/1.1" '
        f"{numbers['code']} {numbers['received_messages']} received "
        f"{numbers['sent_messages']} sent {format_duration(numbers['duration_s'])}\n"
    )
    assert re.fullmatch(
        r'\S* - "WEBSOCKET \S* HTTP/1.1" \d{4} \d+ received \d+ sent \d+\.\d\dms\n',
        line.decode("ascii"),
    )


@pytest.mark.parametrize("name", ["client", "target"])
def test_end_of_a_websocket_needs_client_and_target(impl, name):
    lines = impl.access_line.AccessLines()
    # The compiled connection calls it without checks of its own.
    with pytest.raises((AttributeError, TypeError)):
        write_end(lines, **{name: None})
    assert lines.take() == b""


def test_lines_of_requests_and_websockets_share_a_batch(impl):
    class Counted(impl.access_line.AccessLines):
        batches = 0

        def begin_batch(self):
            self.batches += 1
            return True

    lines = Counted()
    lines.write_websocket_end(*WEBSOCKET.values())
    lines.write(*REQUEST.values())
    lines.write_websocket_end(*WEBSOCKET.values())
    assert [line.split()[2] for line in lines.take().splitlines()] == [
        b'"WEBSOCKET',
        b'"GET',
        b'"WEBSOCKET',
    ]
    assert lines.batches == 1


def test_hook_can_ask_for_records_of_websockets_instead(impl):
    class Records(impl.access_line.AccessLines):
        def begin_batch(self):
            return False

        def write_websocket_record(self, *end):
            self.end = end

    lines = Records()
    assert write_end(lines) == b""
    assert lines.end == tuple(WEBSOCKET.values())
