"""The sample requests are what their names say."""

from benchmarks.samples import BROWSER_FIELDS, WRK_FIELDS, encode_chunked, encode_request


def test_encode_request_writes_a_get_without_a_body():
    assert encode_request(WRK_FIELDS) == b"GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"


def test_encode_request_announces_the_length_of_a_body():
    request = encode_request((("Host", "a"),), method="POST", target="/x", body=b"abc")
    assert request == b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"


def test_encode_chunked_ends_with_an_empty_chunk():
    request = encode_chunked((("Host", "a"),), [b"abc", b"x" * 16])
    head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert request == head + b"3\r\nabc\r\n10\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n"


def test_browser_request_has_20_fields_of_different_names():
    assert len({name.lower() for name, _ in BROWSER_FIELDS}) == 20
