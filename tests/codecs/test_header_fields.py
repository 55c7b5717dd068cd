"""Names and values of fields, both columns."""

from __future__ import annotations

import pytest

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


@pytest.mark.parametrize(
    ("name", "lower"),
    [
        (b"Host", b"host"),
        (b"CONTENT-LENGTH", b"content-length"),
        (b"x-ReQuEsT-iD", b"x-request-id"),
        (b"Sec-WebSocket-Key", b"sec-websocket-key"),
        (b"X-Unheard-Of", b"x-unheard-of"),
        (b"A!#$%&'*+-.^_`|~9", b"a!#$%&'*+-.^_`|~9"),
        (b"Z", b"z"),
        (b"\xc4[@]", b"\xc4[@]"),  # only ASCII letters have two cases
        (b"", b""),
    ],
)
def test_lower_name_lowers_ascii_letters(impl, name, lower):
    assert impl.header_fields.lower_name(name) == lower


def test_lower_name_gives_one_object_for_a_common_name(impl):
    lower_name = impl.header_fields.lower_name
    names = [lower_name(bytes(bytearray(name))) for name in (b"Accept", b"accept", b"aCCEPT")]
    assert names[0] is names[1] is names[2]


def test_token_bytes_are_those_of_the_rfc(impl):  # RFC 9110 section 5.6.2
    allowed = bytes(byte for byte in range(256) if impl.header_fields.is_token(bytes([byte])))
    assert sorted(allowed) == sorted(TOKEN_BYTES)


def test_empty_bytes_are_no_token(impl):
    assert not impl.header_fields.is_token(b"")


def test_token_is_checked_to_its_end(impl):
    assert impl.header_fields.is_token(b"x-y")
    assert not impl.header_fields.is_token(b"x-y ")
    assert not impl.header_fields.is_token(b"x y")


def test_field_value_has_no_cr_lf_or_nul(impl):  # RFC 9110 section 5.5
    is_field_value = impl.header_fields.is_field_value
    refused = [byte for byte in range(256) if not is_field_value(b"a" + bytes([byte]) + b"b")]
    assert refused == [0, 10, 13]
    assert is_field_value(b"")
    assert not is_field_value(b"a\r\nset-cookie: b")


@pytest.mark.parametrize(
    ("value", "length"),
    [
        (b"0", 0),
        (b"42", 42),
        (b"0042", 42),
        (b"9223372036854775807", 2**63 - 1),
        (b"0" * 5000 + b"7", 7),
    ],
)
def test_content_length_is_read(impl, value, length):  # RFC 9110 section 8.6
    assert impl.header_fields.parse_content_length(value) == length


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b" 1", b"1 ", b"+1", b"-1", b"1.0", b"0x1", b"1,1", b"1_0", b"one", b"\xb2"),
        *(b"9223372036854775808", b"18446744073709551616", b"1" * 5000),
    ],
)
def test_malformed_content_length_is_told(impl, value):
    assert impl.header_fields.parse_content_length(value) == -1


@pytest.mark.parametrize(
    "value",
    [
        *(b"example.com", b"EXAMPLE.com:8000", b"", b":", b":80", b"a:", b"127.0.0.1", b"a_b~c"),
        *(b"%41%c3", b"!$&'()*+,;=", b"[::]", b"[::1]:8000", b"[2001:DB8::192.0.2.1]:"),
        *(b"[v1.a:b]", b"[V9f.!$&'()*+,;=:-._~]:1", b"xn--bcher-kva.example"),
        *(b"[fe80::1%eth0]", b"[fe80::1%25enp0s3]:80", b"[::1%BR-lan_0.1~]"),
    ],
)
def test_host_is_valid(impl, value):  # RFC 3986 section 3.2.2
    assert impl.header_fields.is_valid_host(value)


@pytest.mark.parametrize(
    "value",
    [
        *(b"a b", b" a", b"a ", b"a/b", b"a?", b"a#", b"u@a", b"a:b", b"a:1:2", b"a:8 0", b"\xc3"),
        *(
            b"%",
            b"%4",
            b"%4g",
            b"a\\b",
            b'"a"',
            b"<a>",
            b"a^",
            b"{a}",
            b"a|b",
            b"`",
            b"\x00",
            b"\t",
        ),
        *(b"[", b"]", b"[]", b"[::1", b"::1", b"::1]", b"[::1]a", b"[::1]8000", b"[1:2]", b"[:::]"),
        *(
            b"[::1%]",
            b"[::1%e th]",
            b'[::1%"><b>]',
            b"[%eth0]",
            b"[::g%lo]",
            b"[127.0.0.1]",
            b"[::256.0.0.1]",
            b"[12345::]",
            b"[1:2:3:4:5:6:7:8:9]",
        ),
        *(b"[v.a]", b"[v1.]", b"[vg.a]", b"[v1a]", b"a[::1]"),
    ],
)
def test_host_is_not_valid(impl, value):
    assert not impl.header_fields.is_valid_host(value)


@pytest.mark.parametrize(
    "value",
    [b"close", b"Close", b"a, close", b"a,close,b", b",close", b"\tclose \t, a", b"a,\t CLOSE"],
)
def test_list_has_member(impl, value):  # RFC 9110 section 5.6.1
    assert impl.header_fields.has_list_member(value, b"close")


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b",",
        b"closed",
        b"enclose",
        b"close a",
        b"close;q=1",
        b"a close",
        b'"close"',
        b"close\x0b",
    ],
)
def test_list_lacks_member(impl, value):
    assert not impl.header_fields.has_list_member(value, b"close")


@pytest.mark.parametrize("kind", [list, tuple, iter])
def test_fields_are_selected_by_name_in_their_order(impl, kind):
    names = (b"x-forwarded-for", b"x-forwarded-proto")
    first, second = (b"x-forwarded-for", b"192.0.2.1"), (b"x-forwarded-for", b"192.0.2.2")
    # Another object than the one in *names*.
    scheme = (bytes(bytearray(b"x-forwarded-proto")), b"https")
    others = [(b"host", b"a"), (b"x-forwarded-fox", b"b"), (b"", b"x-forwarded-for")]
    fields = kind([first, others[0], scheme, others[1], second, others[2]])
    assert impl.header_fields.select_fields(fields, names) == (first, scheme, second)
    assert impl.header_fields.select_fields(kind([]), names) == ()
    assert impl.header_fields.select_fields(kind(others), names) == ()
