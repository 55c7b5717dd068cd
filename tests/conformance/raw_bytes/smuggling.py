"""Request smuggling: bytes that two recipients in a row are known to have understood in two ways.

Each row hides ``GET /smuggled`` where one reading of the message would find a second request
(RFC 9112 section 11.2). Sources: the corpora of http-garden and of the CL.TE/TE.CL scanners, and
what the notes name.
"""

from __future__ import annotations

from .cases import Case, Request, accepts, refuses

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nhost: a\r\n\r\n"
# An end for who reads chunks, data for who reads a length.
CHUNKED_SMUGGLED = b"0\r\n\r\n" + SMUGGLED
TE = b"transfer-encoding: chunked\r\n"
LENGTH = b"content-length: %d\r\n" % len(CHUNKED_SMUGGLED)


def hidden(
    name: str, fields: bytes, *, status: int = 400, section: str = "RFC 9112 6.3", note: str = ""
) -> Case:
    """*fields* leave open whether a length or chunks end the body."""
    return refuses(name, section, status, POST + fields + b"\r\n" + CHUNKED_SMUGGLED, note=note)


def spilled(name: str, body: bytes, section: str = "RFC 9112 7.1", note: str = "") -> Case:
    """A chunked *body* whose end can be seen in two places."""
    return refuses(name, section, 400, POST + TE + b"\r\n" + body, begins=True, note=note)


CASES = [
    hidden("CL.TE", LENGTH + TE),
    hidden("TE.CL", TE + LENGTH),
    hidden("CL.TE in capitals", LENGTH + b"TRANSFER-ENCODING: CHUNKED\r\n"),
    hidden(
        "CL.TE with a space before the colon",
        LENGTH + b"transfer-encoding : chunked\r\n",
        section="RFC 9112 5.1",
    ),
    hidden(
        "CL.TE behind a space", LENGTH + b" transfer-encoding: chunked\r\n", section="RFC 9112 5.2"
    ),
    hidden("CL.TE folded", LENGTH + b"transfer-encoding:\r\n chunked\r\n"),
    hidden("CL.TE folded behind a comma", LENGTH + b"transfer-encoding: x,\r\n\tchunked\r\n"),
    hidden("CL.TE with a NUL", LENGTH + b"transfer-encoding: \0chunked\r\n"),
    hidden("CL.TE with a vertical tab", LENGTH + b"transfer-encoding:\x0bchunked\r\n"),
    hidden("CL.TE with a form feed", LENGTH + b"transfer-encoding: chunked\x0c\r\n"),
    hidden("CL.TE with a quote", LENGTH + b'transfer-encoding: "chunked"\r\n'),
    hidden("CL.TE with another coding", LENGTH + b"transfer-encoding: identity\r\n"),
    hidden("CL.TE with chunked as one of two fields", LENGTH + TE + b"transfer-encoding: x\r\n"),
    hidden(
        "CL.TE in an LF-separated field",
        LENGTH + b"x: y\ntransfer-encoding: chunked\r\n",
        section="RFC 9112 2.2",
    ),
    hidden(
        "CL.TE in a CR-separated field",
        LENGTH + b"x: y\rtransfer-encoding: chunked\r\n",
        section="RFC 9112 2.2",
    ),
    hidden(
        "CL.TE behind CR CR LF",
        LENGTH + b"x: y\r\r\ntransfer-encoding: chunked\r\n",
        section="RFC 9112 2.2",
    ),
    hidden("CL.TE behind a NUL-ended field", LENGTH + b"x: y\0\r\ntransfer-encoding: chunked\r\n"),
    hidden(
        "CL.TE with a name cut by LF",
        LENGTH + b"transfer-encoding\n: chunked\r\n",
        section="RFC 9112 2.2",
    ),
    hidden(
        "CL.TE with a no-break space before the colon",
        LENGTH + b"transfer-encoding\xa0: chunked\r\n",
    ),
    hidden(
        "CL.TE with a control byte before the name", LENGTH + b"\x01transfer-encoding: chunked\r\n"
    ),
    hidden("CL.TE with an empty Transfer-Encoding", LENGTH + b"transfer-encoding:\r\n"),
    hidden(
        "CL.TE with a Kelvin sign for the k", LENGTH + b"transfer-encoding: chun\xe2\x84\xaaed\r\n"
    ),
    hidden("TE.TE", TE + b"transfer-encoding: identity\r\n"),
    hidden("TE.TE the other way round", b"transfer-encoding: identity\r\n" + TE, status=501),
    hidden("CL.CL", b"content-length: 0\r\n" + LENGTH),
    hidden("CL.CL the other way round", LENGTH + b"content-length: 0\r\n"),
    hidden("CL.CL in one field", b"content-length: 0, %d\r\n" % len(CHUNKED_SMUGGLED)),
    hidden("CL.CL with a plus sign", b"content-length: +0\r\n" + LENGTH),
    hidden("a length behind a form feed", b"content-length:\x0c%d\r\n" % len(CHUNKED_SMUGGLED)),
    hidden("a negative length", b"content-length: -1\r\n"),
    hidden("a length that wraps at 32 bits", b"content-length: -4294967296\r\n"),
    hidden("a length that wraps at 64 bits", b"content-length: 18446744073709551616\r\n"),
    hidden("an octal length", b"content-length: 0o5\r\n"),
    hidden("a length of digits of another script", b"content-length: \xd9\xa5\r\n"),
    hidden(
        "0.CL by a fold",
        b"content-length:\r\n 5\r\n",
        section="RFC 9112 5.2",
        note="Kettle, HTTP/1.1 must die, 2025",
    ),
    hidden("0.CL by a space before the colon", b"content-length : 5\r\n", section="RFC 9112 5.1"),
    hidden(
        "a hidden Expect",
        LENGTH + b"expect: y 100-continue\r\n",
        status=417,
        section="RFC 9110 10.1.1",
    ),
    refuses(
        "TE in HTTP/1.0 with keep-alive",
        "RFC 9112 6.1",
        400,
        b"POST / HTTP/1.0\r\nconnection: keep-alive\r\n" + TE + b"\r\n" + CHUNKED_SMUGGLED,
    ),
    accepts(
        "CL.0",
        "RFC 9112 6.2",
        b"GET /a.css HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        Request(path="/a.css", body=SMUGGLED),
        note="the length counts whatever the method is",
    ),
    accepts(
        "CL.0 with a redirect's target",
        "RFC 9112 6.2",
        b"POST //b/.. HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
        Request("POST", path="//b/..", body=SMUGGLED),
    ),
    accepts(
        "a length under another name",
        "RFC 9110 5.1",
        POST + b"content_length: 5\r\n\r\n" + b"GET /b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request("POST"),
        Request(path="/b"),
        note="another field, if a CGI-like application behind may mistake it",
    ),
    accepts(
        "a length that looks octal",
        "RFC 9110 8.6",
        POST + b"content-length: 010\r\n\r\n0123456789",
        Request("POST", body=b"0123456789"),
    ),
    spilled("a chunk size with an 0x prefix", b"0x1\r\n\r\n" + SMUGGLED),
    spilled("a chunk size that wraps at 64 bits", b"10000000000000000\r\n\r\n" + SMUGGLED),
    spilled(
        "a chunk size with an underscore",
        b"1_0\r\n" + b"x" * 16 + b"\r\n0\r\n\r\n",
        note="Python's int() takes it",
    ),
    spilled(
        "a chunk size with a plus sign", b"+5\r\nhello\r\n0\r\n\r\n", note="Python's int() takes it"
    ),
    spilled(
        "a chunk size with a space", b"5 \r\nhello\r\n0\r\n\r\n", note="Python's int() takes it"
    ),
    spilled(
        "TERM.EXT",
        b"5;x\nyy\r\nhello\r\n0\r\n\r\n",
        section="RFC 9112 7.1.1",
        note="Funky chunks, 2025",
    ),
    spilled(
        "EXT.TERM", b"0;\n\r\n\r\n" + SMUGGLED, section="RFC 9112 7.1.1", note="Funky chunks, 2025"
    ),
    spilled("TERM.SPILL", b"5\r\nhello\n0\r\n\r\n" + SMUGGLED, note="Funky chunks, 2025"),
    spilled(
        "SPILL.TERM",
        b"5\r\nhelloAA0\r\n\r\n" + SMUGGLED,
        note="Funky chunks, 2025; CVE-2025-43859 of h11",
    ),
    spilled("ONE.TWO", b"5\r\nhello\r0\r\n\r\n" + SMUGGLED, note="Funky chunks, 2025"),
    spilled("a bare LF behind the last chunk", b"0\n\r\n" + SMUGGLED, section="RFC 9112 2.2"),
    spilled("a bare LF for the empty line", b"0\r\n\n" + SMUGGLED, section="RFC 9112 2.2"),
    spilled("a bare CR behind the last chunk", b"0\r\r\n" + SMUGGLED, section="RFC 9112 2.2"),
    spilled("the empty line left out", b"0\r\n" + SMUGGLED),
    spilled("a negative last chunk", b"-0\r\n\r\n" + SMUGGLED),
    spilled(
        "a length among the trailers",
        b"0\r\ncontent-length: 36\r\n\r\n" + SMUGGLED,
        section="RFC 9110 6.5.1",
    ),
    refuses(
        "an HTTP/0.9 request behind a body",
        "RFC 9112 3",
        400,
        POST + b"content-length: 0\r\n\r\nGET /smuggled\r\n",
        Request("POST"),
    ),
    refuses(
        "a second request line as a fold",
        "RFC 9112 5.2",
        400,
        b"GET / HTTP/1.1\r\nhost: a\r\nx: y\r\n GET /smuggled HTTP/1.1\r\n\r\n",
    ),
    refuses(
        "a request line ended by LF and a hidden Host",
        "RFC 9112 2.2",
        400,
        b"GET / HTTP/1.1\nhost: b\r\nhost: a\r\n\r\n",
    ),
    refuses("a Host behind a NUL", "RFC 9110 5.5", 400, b"GET / HTTP/1.1\r\nhost: a\0b\r\n\r\n"),
    refuses(
        "two Hosts, one of them in capitals",
        "RFC 9112 3.2",
        400,
        b"GET / HTTP/1.1\r\nhost: a\r\nHOST: b\r\n\r\n",
    ),
    refuses(
        "two Hosts, one of them with a space before its colon",
        "RFC 9112 5.1",
        400,
        b"GET / HTTP/1.1\r\nhost: a\r\nhost : b\r\n\r\n",
    ),
]
