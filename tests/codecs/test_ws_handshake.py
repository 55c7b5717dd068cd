"""The opening handshake (RFC 6455 section 4): what is a WebSocket, what is refused, the answer."""

from __future__ import annotations

import pytest
from websockets.client import ClientProtocol
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.protocol import State
from websockets.uri import parse_uri

from asgiserve.codecs.ws_deflate import DeflateParams
from asgiserve.codecs.ws_handshake import Handshake, frame_accept, is_websocket, read_handshake
from asgiserve.errors import AppError, HttpRequestError

REQUEST = b"GET /chat HTTP/1.1\r\nhost: a\r\n"
UPGRADE = b"upgrade: websocket\r\nconnection: upgrade\r\n"
# RFC 6455 section 1.3's own example.
KEY = b"sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
ACCEPT = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
VERSION = b"sec-websocket-version: 13\r\n"
HANDSHAKE = REQUEST + UPGRADE + KEY + VERSION


@pytest.fixture
def parse_head(http1_parser):
    """Parse the head of one request; its empty line is added."""

    def parse_head(lines):
        parser, sink = http1_parser()
        parser.feed(lines + b"\r\n")
        (head,) = sink.trace.heads
        return head

    return parse_head


# What is a WebSocket --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "lines",
    [
        UPGRADE,
        b"upgrade: WebSocket\r\nConnection: Upgrade\r\n",
        b"upgrade: h2c, websocket\r\nconnection: keep-alive, Upgrade\r\n",
        b"upgrade: h2c\r\nupgrade: WEBSOCKET\r\nconnection: keep-alive\r\nconnection: upgrade\r\n",
        b"upgrade: ,\twebsocket ,\r\nconnection: ,upgrade\r\n",
    ],
)
def test_upgrade_is_a_list_in_any_case(parse_head, lines):  # RFC 9110 section 7.8
    head = parse_head(REQUEST + lines + KEY + VERSION)
    assert is_websocket(head)
    assert read_handshake(head, allows_deflate=True) == Handshake(ACCEPT, [], None, b"")


@pytest.mark.parametrize(
    "request_head",
    [
        REQUEST,
        REQUEST + b"upgrade: websocket\r\n",
        REQUEST + b"upgrade: websocket\r\nconnection: keep-alive\r\n",
        REQUEST + b"upgrade: websockets\r\nconnection: upgrade\r\n",
        REQUEST + b"upgrade: web socket\r\nconnection: upgrade\r\n",
        REQUEST + b"upgrade: h2c\r\nconnection: upgrade\r\n",
        REQUEST + b"connection: upgrade\r\n",
        b"GET / HTTP/1.0\r\nhost: a\r\n" + UPGRADE,
    ],
)
def test_other_requests_are_no_websocket(parse_head, request_head):
    assert not is_websocket(parse_head(request_head + KEY + VERSION))


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_head", "reason"),
    [
        (HANDSHAKE.replace(b"GET", b"POST"), "WebSocket handshake by POST"),
        (HANDSHAKE + b"content-length: 1\r\n", "WebSocket handshake with a body"),
        (HANDSHAKE + b"transfer-encoding: chunked\r\n", "WebSocket handshake with a body"),
        (HANDSHAKE.replace(KEY, b""), "no Sec-WebSocket-Key fields"),
        (HANDSHAKE + KEY, "2 Sec-WebSocket-Key fields"),
        (
            HANDSHAKE + b"sec-websocket-extensions: permessage-deflate;;\r\n",
            "malformed Sec-WebSocket-Extensions b'permessage-deflate;;'",
        ),
        (
            HANDSHAKE + b"sec-websocket-protocol: chat, a b\r\n",
            "malformed Sec-WebSocket-Protocol b'chat, a b'",
        ),
        (
            HANDSHAKE + b"sec-websocket-protocol: \xe2\x82\xac\r\n",
            r"malformed Sec-WebSocket-Protocol b'\xe2\x82\xac'",
        ),
    ],
)
def test_wrong_handshake_is_refused(parse_head, request_head, reason):
    with pytest.raises(HttpRequestError) as caught:
        read_handshake(parse_head(request_head), allows_deflate=True)
    assert (caught.value.status, caught.value.fields) == (400, ())
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "key",
    [
        b"",
        b"dGhlIHNhbXBsZSBub25jZQ",
        b"dGhlIHNhbXBsZSBub25j",
        b"dGhlIHNhbXBsZSBub25jZQAA",
        b"dGhlIHNhbXBsZSBub25jZQ== dGhlIHNhbXBsZSBub25jZQ==",
        b"dGhl IHNhbXBsZSBub25jZQ==",
        b"dGhlIHNhbXBsZSBub25j\xc3\xa9==",
        b"A" * 5000,
    ],
)
def test_key_is_16_bytes_in_base64(parse_head, key):  # RFC 6455 section 4.2.1
    request_head = REQUEST + UPGRADE + VERSION + b"sec-websocket-key: " + key + b"\r\n"
    with pytest.raises(HttpRequestError, match="malformed Sec-WebSocket-Key b'") as caught:
        read_handshake(parse_head(request_head), allows_deflate=True)
    assert caught.value.status == 400
    assert len(caught.value.reason) < 100


@pytest.mark.parametrize(
    "version",
    [
        b"",
        b"sec-websocket-version: 8\r\n",
        b"sec-websocket-version: 13, 8\r\n",
        b"sec-websocket-version: 013\r\n",
        VERSION + VERSION,
    ],
)
def test_other_versions_are_told_which_is_served(parse_head, version):  # RFC 6455 section 4.2.2
    with pytest.raises(HttpRequestError, match="is not served") as caught:
        read_handshake(parse_head(REQUEST + UPGRADE + version), allows_deflate=True)
    assert caught.value.status == 426
    assert caught.value.fields == (
        (b"sec-websocket-version", b"13"),
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
    )


# What is read ---------------------------------------------------------------------------------


def test_empty_body_is_no_body(parse_head):
    head = parse_head(HANDSHAKE + b"content-length: 0\r\n")
    assert read_handshake(head, allows_deflate=False).accept == ACCEPT


@pytest.mark.parametrize(
    ("lines", "subprotocols"),
    [
        (b"", []),
        (b"sec-websocket-protocol:\r\n", []),
        (b"sec-websocket-protocol: graphql-transport-ws\r\n", ["graphql-transport-ws"]),
        (
            b"sec-websocket-protocol: a,b\r\nsec-websocket-protocol:\r\n"
            b"Sec-WebSocket-Protocol: C, ,d\r\n",
            ["a", "b", "C", "d"],
        ),
    ],
)
def test_subprotocols_are_read_from_all_fields_in_order(parse_head, lines, subprotocols):
    handshake = read_handshake(parse_head(HANDSHAKE + lines), allows_deflate=True)
    assert handshake.subprotocols == subprotocols


def test_compression_is_negotiated_where_it_is_allowed(parse_head):
    offer = b"sec-websocket-extensions: x-other\r\nsec-websocket-extensions: permessage-deflate\r\n"
    head = parse_head(HANDSHAKE + offer)
    handshake = read_handshake(head, allows_deflate=True)
    assert handshake.deflate == DeflateParams(False, False, 12, 15)
    assert handshake.extension == b"permessage-deflate; server_max_window_bits=12"
    handshake = read_handshake(head, allows_deflate=False)
    assert (handshake.deflate, handshake.extension) == (None, b"")


# The answer -----------------------------------------------------------------------------------


@pytest.fixture
def defaults(impl):
    """The default fields of a server that sends all of them."""
    fields = impl.http1_framing.DefaultFields(b"asgiserve", [(b"x-default", b"1")])
    fields.set_date(b"today")
    return fields


PLAIN = Handshake(ACCEPT, ["chat", "superchat"], None, b"")


def test_answer_has_what_was_agreed_on_and_all_other_fields(defaults):
    handshake = Handshake(ACCEPT, ["chat"], None, b"permessage-deflate")
    headers = [(b"Set-Cookie", b"a=1"), [b"set-cookie", b"b=2"], (b"X-Default", b"2")]
    assert frame_accept(handshake, "chat", headers, defaults) == (
        b"HTTP/1.1 101 Switching Protocols\r\n"
        b"upgrade: websocket\r\n"
        b"connection: upgrade\r\n"
        b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
        b"sec-websocket-protocol: chat\r\n"
        b"sec-websocket-extensions: permessage-deflate\r\n"
        b"set-cookie: a=1\r\n"
        b"set-cookie: b=2\r\n"
        b"x-default: 2\r\n"
        b"server: asgiserve\r\n"
        b"date: today\r\n"
        b"\r\n"
    )


def test_answer_names_nothing_that_was_not_agreed_on(defaults):
    answer = frame_accept(PLAIN, None, [], defaults)
    assert b"sec-websocket-protocol" not in answer
    assert b"sec-websocket-extensions" not in answer
    assert b"x-default: 1\r\n" in answer


@pytest.mark.parametrize("subprotocol", ["CHAT", "other", "", b"chat", 5, "x" * 500])
def test_subprotocol_that_was_not_offered_is_the_applications_error(defaults, subprotocol):
    with pytest.raises(AppError, match="that the client offers: 'chat, superchat'") as caught:
        frame_accept(PLAIN, subprotocol, [], defaults)
    assert str(subprotocol)[:64] in str(caught.value)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    "name",
    [
        b"Sec-WebSocket-Accept",
        b"sec-websocket-protocol",
        b"sec-websocket-extensions",
        b"Upgrade",
        b"connection",
        b"content-length",
        b"transfer-encoding",
    ],
)
def test_fields_of_the_server_are_the_applications_error(defaults, name):
    with pytest.raises(AppError, match="is for the server to set"):
        frame_accept(PLAIN, None, [(name, b"1")], defaults)


@pytest.mark.parametrize(
    "headers",
    [None, 5, [b"x"], [(b"x", "1")], [(b"", b"1")], [(b"x y", b"1")], [(b"x", b"1\r\ny: 2")]],
)
def test_malformed_headers_are_the_applications_error(defaults, headers):
    with pytest.raises(AppError):
        frame_accept(PLAIN, None, headers, defaults)


@pytest.mark.parametrize("allows_deflate", [True, False])
def test_client_accepts_the_answer(parse_head, defaults, allows_deflate):
    client = ClientProtocol(
        parse_uri("ws://a/chat"),
        subprotocols=["superchat"],
        extensions=[ClientPerMessageDeflateFactory()],
    )
    client.send_request(client.connect())
    request_head = b"".join(client.data_to_send()).removesuffix(b"\r\n")
    handshake = read_handshake(parse_head(request_head), allows_deflate=allows_deflate)
    client.receive_data(frame_accept(handshake, "superchat", [], defaults))
    assert client.handshake_exc is None
    assert client.state is State.OPEN
    assert client.subprotocol == "superchat"
    assert len(client.extensions) == allows_deflate
