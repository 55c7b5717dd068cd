"""Requests from bytes (RFC 9112), both columns; every sample is fed whole and split."""

from __future__ import annotations

from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from asgiserve.codecs import http1_parser as pure_http1_parser
from asgiserve.errors import HttpRequestError
from tests.codecs.request_samples import CHUNKED, get
from tests.parity.request_bytes import make_sample
from tests.parser_traces import feed_every_way, make_recording_sink

KNOWN_METHODS = (
    b"DELETE GET HEAD POST PUT OPTIONS TRACE PATCH QUERY LINK UNLINK PURGE COPY LOCK MKCOL MOVE"
    b" PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT MKACTIVITY CHECKOUT MERGE"
    b" M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE MKCALENDAR SOURCE"
).split()

# Heads ---------------------------------------------------------------------------------------


def test_parser_reads_a_simple_get(http1_parser):
    trace = feed_every_way(http1_parser, b"GET /x?y HTTP/1.1\r\nHost: example.com\r\n\r\n")
    (head,) = trace.heads
    assert vars(head) == {
        "method": "GET",
        "target": b"/x?y",
        "http_version": "1.1",
        "headers": [(b"host", b"example.com")],
        "content_length": -1,
        "is_chunked": False,
        "keep_alive": True,
        "expects_continue": False,
        "upgrade": None,
        "accepts_trailers": False,
        "is_forwarded": False,
    }
    assert [event[0] for event in trace.events] == ["head", "end"]
    assert not trace.is_mid_message


def test_parser_keeps_fields_in_order_with_lower_names_and_stripped_values(http1_parser):
    data = get(
        b"X-B:1", b"x-a:\t 2 \t", b"X-b: a b\tc", b"Empty:", b"Blank: \t ", b"Text: \xe9\xff"
    )
    (head,) = feed_every_way(http1_parser, data).heads
    assert head.headers[1:] == [
        (b"x-b", b"1"),
        (b"x-a", b"2"),
        (b"x-b", b"a b\tc"),
        (b"empty", b""),
        (b"blank", b""),
        (b"text", b"\xe9\xff"),
    ]


@pytest.mark.parametrize("before", [b"\r\n", b"\n", b"\r", b"\r\n\n\r\r\n"])
def test_parser_skips_line_ends_before_a_request(http1_parser, before):  # RFC 9112 section 2.2
    trace = feed_every_way(http1_parser, before + get() + before + get() + before)
    assert len(trace.heads) == 2
    assert not trace.is_mid_message


@pytest.mark.parametrize("method", KNOWN_METHODS)
def test_parser_knows_method(http1_parser, method):
    trace = feed_every_way(http1_parser, method + b" / HTTP/1.1\r\nhost: a\r\n\r\n")
    assert trace.heads[0].method == method.decode()


@pytest.mark.parametrize(
    "target",
    [
        *(b"/", b"/?", b"/a/../b//c", b"/%00%zz", b"/?a=b?c", b"/!$%&'()*+,-.09:;=@AZ[]_az~"),
        # What browsers send in queries beyond RFC 3986.
        b"/?" + b"/?@AZ[\\]^_`az{|}~",
        *(b"http://a", b"HTTP://a:80/b?c", b"https://u:p@a/", b"x://[::1]:1?q", b"http://a@b@c"),
    ],
)
def test_parser_takes_target(http1_parser, target):
    trace = feed_every_way(http1_parser, b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    assert trace.heads[0].target == target


@pytest.mark.parametrize("target", [b"http:///", b"http://a@", b"http://:80/", b"http://[::g]/"])
def test_parser_refuses_target_without_a_valid_host(http1_parser, target):  # RFC 9110 4.2.1
    with pytest.raises(HttpRequestError) as caught:
        feed_every_way(http1_parser, b"GET " + target + b" HTTP/1.1\r\nhost: a\r\n\r\n")
    assert caught.value.status == 400


def test_parser_takes_an_asterisk_from_options(http1_parser):  # RFC 9112 section 3.2.4
    trace = feed_every_way(http1_parser, b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n")
    assert trace.heads[0].target == b"*"


@pytest.mark.parametrize("minor", range(1, 10))
def test_higher_minor_version_is_taken_for_the_highest_known(http1_parser, minor):
    lines = (b"transfer-encoding: chunked", b"connection: x", b"te: trailers", b"x-forwarded-for:a")
    data = get(*lines, version=b"1.%d" % minor) + b"1\r\na\r\n0\r\n\r\n"
    trace = feed_every_way(http1_parser, data + get())  # RFC 9110 section 2.5
    head = trace.heads[0]
    assert (head.http_version, head.keep_alive, head.is_chunked) == ("1.1", True, True)
    assert (head.accepts_trailers, head.is_forwarded) == (True, True)
    assert trace.bodies == [b"a", b""]


def test_parser_asks_no_host_of_http_1_0(http1_parser):
    trace = feed_every_way(http1_parser, b"GET / HTTP/1.0\r\n\r\n")
    assert trace.heads[0].http_version == "1.0"
    assert trace.heads[0].headers == []


# What fields mean ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "lines", "keep_alive"),
    [
        (b"1.1", [], True),
        (b"1.1", [b"Connection: Close"], False),
        (b"1.1", [b"Connection: keep-alive, close"], False),
        (b"1.1", [b"Connection: a", b"Connection: close"], False),
        (b"1.1", [b"Connection: close\t"], False),  # llhttp 9.3 itself misses this one
        (b"1.1", [b"Connection:\tx ,\tclose ,y"], False),
        (b"1.1", [b"Connection: closed, enclose, close x"], True),
        (b"1.1", [b"Proxy-Connection: close"], True),
        (b"1.0", [], False),
        (b"1.0", [b"Connection: Keep-Alive"], True),
        (b"1.0", [b"Connection: keep-alive", b"Connection: close"], False),
        (b"1.0", [b"Proxy-Connection: keep-alive"], False),
    ],
)
def test_connection_decides_on_keep_alive(http1_parser, version, lines, keep_alive):
    trace = feed_every_way(http1_parser, get(*lines, version=version))  # RFC 9112 section 9.3
    assert trace.heads[0].keep_alive is keep_alive


@pytest.mark.parametrize(
    ("version", "lines", "upgrade"),
    [
        (b"1.1", [b"Connection: Upgrade", b"Upgrade: websocket"], b"websocket"),
        (b"1.1", [b"Upgrade:  h2c ", b"Connection: x, upgrade"], b"h2c"),
        (b"1.1", [b"Connection: upgrade", b"Upgrade: a", b"Upgrade: b"], b"a, b"),
        (b"1.1", [b"Upgrade: websocket"], None),
        (b"1.1", [b"Connection: upgrade"], None),
        (b"1.1", [b"Connection: upgrades", b"Upgrade: a"], None),
        (b"1.0", [b"Connection: upgrade", b"Upgrade: a"], None),  # RFC 9110 section 7.8
    ],
)
def test_upgrade_counts_when_connection_lists_it(http1_parser, version, lines, upgrade):
    trace = feed_every_way(http1_parser, get(*lines, version=version))
    assert trace.heads[0].upgrade == upgrade


def test_upgrade_does_not_end_http(http1_parser):
    data = get(b"connection: upgrade", b"upgrade: a") + get()
    assert len(feed_every_way(http1_parser, data).heads) == 2


@pytest.mark.parametrize(
    ("version", "lines", "expects_continue"),
    [
        (b"1.1", [b"Expect: 100-continue"], True),
        (b"1.1", [b"Expect: 100-Continue, ,100-continue"], True),
        (b"1.1", [b"Expect: 100-continue", b"Expect:"], True),
        (b"1.1", [b"Expect:"], False),
        (b"1.0", [b"Expect: 100-continue"], False),
        (b"1.0", [b"Expect: the unexpected"], False),
    ],
)
def test_expect_asks_for_continue(http1_parser, version, lines, expects_continue):
    trace = feed_every_way(http1_parser, get(*lines, version=version))  # RFC 9110 section 10.1.1
    assert trace.heads[0].expects_continue is expects_continue


@pytest.mark.parametrize(
    ("line", "accepts_trailers"),
    [
        (b"TE: trailers", True),
        (b"TE: gzip;q=0.5 , Trailers", True),
        (b"TE: trailers;q=1", False),
        (b"TE: gzip", False),
        (b"Trailer: trailers", False),
    ],
)
def test_te_tells_whether_trailers_are_accepted(http1_parser, line, accepts_trailers):
    trace = feed_every_way(http1_parser, get(line))  # RFC 9110 section 10.1.4
    assert trace.heads[0].accepts_trailers is accepts_trailers


# Bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "length"),
    [
        *((b"0", 0), (b"5", 5), (b"\t5 ", 5), (b"5\t", 5), (b" \t 5 \t \t", 5), (b"0\t", 0)),
        (b"0000000000000000000000005", 5),
    ],
)
def test_parser_reads_a_body_of_known_length(http1_parser, value, length):
    data = (
        b"POST / HTTP/1.1\r\nhost: a\r\nContent-Length:" + value + b"\r\n\r\n" + b"hello"[:length]
    )
    trace = feed_every_way(http1_parser, data + get())
    assert trace.heads[0].content_length == length
    assert trace.bodies == [b"hello"[:length], b""]


def test_parser_waits_for_the_rest_of_a_body(http1_parser):
    trace = feed_every_way(http1_parser, get(b"content-length: 9223372036854775807") + b"hello")
    assert trace.bodies == [b"hello"]
    assert trace.trailers == []
    assert trace.is_mid_message


@pytest.mark.parametrize(
    "value",
    [
        *(b"chunked", b"Chunked", b" \tchunked  ", b", chunked", b",\t,chunked", b"chunked\t"),
        *(b"\tchunked \t ", b",chunked\t"),
    ],
)
def test_parser_reads_a_chunked_body(http1_parser, value):
    head = b"POST / HTTP/1.1\r\nhost: a\r\nTransfer-Encoding: " + value + b"\r\n\r\n"
    trace = feed_every_way(
        http1_parser, head + b"5\r\nhello\r\n0006\r\n world\r\n0\r\n\r\n" + get()
    )
    assert trace.heads[0].is_chunked
    assert trace.heads[0].content_length == -1
    assert trace.bodies == [b"hello world", b""]
    assert trace.trailers == [[], []]


def test_an_empty_transfer_encoding_is_no_coding(http1_parser):
    head = get(b"transfer-encoding: chunked", b"transfer-encoding:")
    assert feed_every_way(http1_parser, head + b"1\r\na\r\n0\r\n\r\n").bodies == [b"a"]


@pytest.mark.parametrize(
    "extension",
    [
        *(b";a", b";a=b", b';a="b c;d=\\"e\\\\"', b";a;b=c;d", b';a=""', b';a="b";c'),
        *(b';a="\t \x80\xff"', b";!#$%&'*+-.^_`|~09AZaz=!#$%&'*+-.^_`|~09AZaz", b';a="\\\xff"'),
        # Bad whitespace, which is to be parsed
        *(b" ;a", b"\t \t;\t a", b";a =b", b";a=\tb", b';a \t= \t"b" \t; \tc', b";a ;b"),
    ],
)
def test_parser_drops_chunk_extension(http1_parser, extension):  # RFC 9112 section 7.1.1
    data = CHUNKED + b"5" + extension + b"\r\nhello\r\n0" + extension + b"\r\n\r\n"
    trace = feed_every_way(http1_parser, data)
    assert trace.bodies == [b"hello"]
    assert trace.trailers == [[]]


def test_parser_gives_trailers(http1_parser):  # RFC 9112 section 7.1.2
    data = CHUNKED + b"1\r\na\r\n0\r\nX-A: \t1 \r\nx-a:2\r\nConnection: close\r\n\r\n" + get()
    trace = feed_every_way(http1_parser, data)
    assert trace.trailers == [[(b"x-a", b"1"), (b"x-a", b"2"), (b"connection", b"close")], []]
    assert len(trace.heads) == 2


def test_chunks_of_one_read_are_one_piece(http1_parser):
    parser, sink = http1_parser()
    parser.feed(CHUNKED + b"1\r\na\r\n2\r\nbc\r\n3\r\nde")
    assert sink.trace.events[1:] == [("body", b"abcde")]


def test_parser_reads_pipelined_requests(http1_parser):
    data = get() + CHUNKED + b"1\r\na\r\n0\r\n\r\n" + get(b"content-length: 1") + b"b" + get()
    assert feed_every_way(http1_parser, data).bodies == [b"", b"a", b"b", b""]


@pytest.mark.parametrize("data", [b"G", b"GET ", b"GET / HTTP/1.1\r\n", get()[:-1], CHUNKED])
def test_parser_is_mid_message_from_the_first_byte_to_the_last(http1_parser, data):
    assert feed_every_way(http1_parser, data).is_mid_message


def test_parser_is_not_mid_message_before_the_first_byte(http1_parser):
    assert not feed_every_way(http1_parser, b"\r\n").is_mid_message


# Pause, resume, errors -----------------------------------------------------------------------


def make_pausing_parser(impl: Any) -> tuple[Any, list[bytes]]:
    """A parser that its sink pauses after each request, and the targets the sink was told."""
    targets: list[bytes] = []

    class PausingSink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def on_head(self, head: Any) -> None:
            targets.append(head.target)

        def on_body(self, data: bytes) -> None:
            targets.append(data)

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            parser.pause()

    parser = impl.http1_parser.RequestParser(PausingSink())
    return parser, targets


def test_paused_parser_stops_after_the_message_and_keeps_the_rest(impl):
    parser, seen = make_pausing_parser(impl)
    first, second = b"GET /1 HTTP/1.1\r\nhost: a\r\n\r\n", b"GET /2 HTTP/1.1\r\nhost: a\r\n\r\n"
    parser.feed(first + second + first[:3])
    assert seen == [b"/1"]
    assert parser.buffered == len(second) + 3
    assert not parser.is_mid_message
    parser.feed(first[3:])
    assert parser.buffered == len(second) + len(first)
    parser.resume()
    assert seen == [b"/1", b"/2"]
    parser.resume()
    assert seen == [b"/1", b"/2", b"/1"]
    assert parser.buffered == 0
    parser.resume()
    parser.feed(second)
    assert seen[3:] == [b"/2"]


def test_paused_parser_keeps_what_comes_between_messages(impl):
    parser, seen = make_pausing_parser(impl)
    parser.pause()
    parser.feed(get())
    assert seen == []
    assert parser.buffered == len(get())
    parser.resume()
    assert seen == [b"/"]
    assert parser.buffered == 0


def test_wrong_bytes_kept_while_paused_are_refused_on_resume(impl):
    parser, seen = make_pausing_parser(impl)
    parser.feed(get() + b"\x00")
    assert seen == [b"/"]
    with pytest.raises(HttpRequestError):
        parser.resume()
    with pytest.raises(HttpRequestError):
        parser.feed(get())
    assert seen == [b"/"]


def test_sink_may_pause_and_resume_at_once(impl):
    seen = []

    class Sink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def on_head(self, head: Any) -> None:
            seen.append(head.target)

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            parser.pause()
            parser.resume()

    parser = impl.http1_parser.RequestParser(Sink())
    parser.feed(get() * 3)
    assert seen == [b"/"] * 3
    assert parser.buffered == 0


def test_parser_stays_refused_after_the_sink_refuses(impl):
    class Sink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def on_head(self, head: Any) -> None:
            pass

        def on_body(self, data: bytes) -> None:
            raise HttpRequestError("too much", status=413)

    parser = impl.http1_parser.RequestParser(Sink())
    with pytest.raises(HttpRequestError, match="too much"):
        parser.feed(get(b"content-length: 9") + b"a")
    with pytest.raises(HttpRequestError, match="too much"):
        parser.feed(b"b")
    assert not parser.is_mid_message


EVENTS = ("on_head", "on_body", "on_end")
THREE = get(b"content-length: 3") + b"abc" + CHUNKED + b"1\r\na\r\n0\r\nt: 1\r\n\r\n" + get()


def make_acting_parser(impl: Any, event: str, act: Any) -> tuple[Any, list[str]]:
    """A parser whose sink calls *act* with the parser at each *event*, and the events told."""
    seen: list[str] = []

    class ActingSink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def on_head(self, head: Any) -> None:
            tell("on_head")

        def on_body(self, data: bytes) -> None:
            tell("on_body")

        def on_end(self, trailers: list[tuple[bytes, bytes]]) -> None:
            tell("on_end")

    def tell(name: str) -> None:
        seen.append(name)
        if name == event:
            act(parser)

    parser = impl.http1_parser.RequestParser(ActingSink())
    return parser, seen


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("error", [RuntimeError, ImportError, KeyboardInterrupt, MemoryError])
def test_any_exception_of_the_sink_ends_the_parser(impl, event, error):
    def fail(parser: Any) -> None:
        raise error("ours")

    parser, seen = make_acting_parser(impl, event, fail)
    with pytest.raises(error, match="ours"):
        parser.feed(THREE)
    count = len(seen)
    assert not parser.is_mid_message
    assert parser.buffered == 0
    for _ in range(2):
        with pytest.raises(HttpRequestError) as caught:
            parser.feed(THREE)
        assert caught.value.status == 500
        parser.resume()
    assert len(seen) == count


@pytest.mark.parametrize("event", EVENTS)
def test_detach_in_a_call_of_the_sink_ends_the_parser(impl, event):
    parser, seen = make_acting_parser(impl, event, lambda parser: parser.detach())
    parser.feed(THREE)
    assert seen == list(EVENTS[: EVENTS.index(event) + 1])
    assert not parser.is_mid_message
    with pytest.raises(HttpRequestError, match="the connection is closed"):
        parser.feed(get())


@pytest.mark.parametrize("event", EVENTS)
def test_what_the_sink_feeds_is_read_after_what_is_being_parsed(impl, event):
    fed: list[bytes] = [get(b"content-length: 1"), b"x"]

    def feed(parser: Any) -> None:
        if fed:
            parser.feed(fed.pop(0))

    parser, seen = make_acting_parser(impl, event, feed)
    parser.feed(THREE)
    assert seen == [*EVENTS, *EVENTS, "on_head", "on_end", *EVENTS]
    assert parser.buffered == 0


def test_sink_may_let_go_of_the_parser_that_calls_it(impl):
    class Sink(impl.http1_parser.RequestSink):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.parser = impl.http1_parser.RequestParser(self)

        def on_head(self, head: Any) -> None:
            self.parser.detach()
            del self.parser

    Sink().parser.feed(THREE)


def test_parser_paused_in_the_middle_of_a_message_reads_it_to_its_end(impl):
    parser, seen = make_acting_parser(impl, "on_body", lambda parser: parser.pause())
    parser.feed(THREE[: THREE.index(b"abc") + 1])
    parser.feed(THREE[THREE.index(b"abc") + 1 :])
    assert seen == ["on_head", "on_body", "on_body", "on_end"]


def test_whole_heads_are_read_alike_by_the_scanner_alone(monkeypatch):
    def trace_of(data: bytes, **limits: int) -> tuple[Any, Any, bool]:
        sink = make_recording_sink(SimpleNamespace(http1_parser=pure_http1_parser))
        parser = pure_http1_parser.RequestParser(sink, **limits)
        try:
            parser.feed(data)
        except HttpRequestError as error:
            return sink.trace.events, (error.status, error.reason), parser.is_mid_message
        return sink.trace.events, None, parser.is_mid_message

    samples = [make_sample(Random(seed)) for seed in range(2000)]
    limits = ("max_target_bytes", "max_head_bytes", "max_fields")
    options = [{name: getattr(sample, name) for name in limits} for sample in samples]
    with_lane = [trace_of(s.data, **o) for s, o in zip(samples, options, strict=True)]
    monkeypatch.setattr(pure_http1_parser.RequestParser, "_match_head", lambda *_: None)
    without_lane = [trace_of(s.data, **o) for s, o in zip(samples, options, strict=True)]
    assert with_lane == without_lane


@pytest.mark.parametrize(
    "name", ["Forwarded", "X-Forwarded-For", "x-forwarded-proto", "X-Forwarded-Host"]
)
def test_head_tells_that_a_proxy_has_spoken(http1_parser, name):
    trace = feed_every_way(
        http1_parser, b"GET / HTTP/1.1\r\nhost: a\r\n%s: x\r\n\r\n" % name.encode()
    )
    assert trace.heads[0].is_forwarded is True


@pytest.mark.parametrize("earlier", [b"", b"nonsense\r\n\r\n"])
def test_parser_that_was_let_go_refuses_what_it_is_fed(impl, earlier):
    parser, seen = make_pausing_parser(impl)
    if earlier:
        with pytest.raises(HttpRequestError):
            parser.feed(earlier)
    assert parser.detach() == b""
    for _ in range(2):
        with pytest.raises(HttpRequestError, match="the connection is closed"):
            parser.feed(get())
    assert seen == []
    assert not parser.is_mid_message
