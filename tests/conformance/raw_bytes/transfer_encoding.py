"""The Transfer-Encoding field: chunked, once, last, alone (RFC 9112 sections 6.1 and 7)."""

from __future__ import annotations

from .cases import Case, Request, accepts, refuses

POST = b"POST / HTTP/1.1\r\nhost: a\r\n"
# As long as a Content-Length of 12 says, so that who believes the length finds the follow-up too.
BODY = b"2\r\nhi\r\n0\r\n\r\n"
HI = Request("POST", body=b"hi")


def coding(value: bytes) -> bytes:
    return POST + b"transfer-encoding: %s\r\n\r\n" % value + BODY


def refused_coding(
    value: bytes, status: int = 400, section: str = "RFC 9112 6.3", note: str = ""
) -> Case:
    name = f"the transfer coding {value!r}"
    return refuses(name, section, status, coding(value), note=note)


CASES = [
    accepts("chunked", "RFC 9112 7.1", coding(b"chunked"), HI),
    accepts("chunked in capitals", "RFC 9112 7", coding(b"CHUNKED"), HI),
    accepts("chunked in mixed case", "RFC 9112 7", coding(b"cHuNkEd"), HI),
    accepts("spaces around chunked", "RFC 9112 5", coding(b"  chunked  "), HI),
    accepts(
        "a tab before chunked",
        "RFC 9112 5",
        POST + b"transfer-encoding:\tchunked\r\n\r\n" + BODY,
        HI,
    ),
    accepts(
        "a tab behind chunked",
        "RFC 9112 5",
        coding(b"chunked\t"),
        HI,
        note="llhttp takes the tab for a part of the coding's name",
    ),
    accepts("tabs and spaces around chunked", "RFC 9112 5", coding(b"\t chunked \t "), HI),
    refuses(
        "chunked behind a tab, and a length",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunked\t\r\ncontent-length: 12\r\n\r\n" + BODY,
    ),
    refuses(
        "two chunked fields, the first with a tab",
        "RFC 9112 6.1",
        400,
        POST + b"transfer-encoding: chunked\t\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refused_coding(b"chunked\t, chunked", section="RFC 9112 6.1"),
    refused_coding(b"chunked\tx"),
    refused_coding(b"gzip\t, chunked", 501, "RFC 9112 6.1"),
    accepts(
        "chunked with GET",
        "RFC 9112 6.3",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
        Request(body=b"hi"),
    ),
    accepts(
        "the field's name in capitals",
        "RFC 9110 5.1",
        POST + b"TRANSFER-ENCODING: chunked\r\n\r\n" + BODY,
        HI,
    ),
    accepts("an empty list member before chunked", "RFC 9110 5.6.1", coding(b", chunked"), HI),
    refused_coding(
        b"chunked,",
        section="RFC 9110 5.6.1",
        note="an empty member may follow by RFC 9110; llhttp refuses it",
    ),
    refused_coding(b"chunked, ", note="an empty member may follow by RFC 9110; llhttp refuses it"),
    refused_coding(b"gzip"),
    refused_coding(b"identity"),
    refused_coding(b"chunked, gzip"),
    refused_coding(b"chunked, identity"),
    refused_coding(b"chunked, chunked", section="RFC 9112 6.1"),
    refused_coding(b"chunked,chunked", section="RFC 9112 6.1"),
    refused_coding(b"gzip, chunked, chunked", section="RFC 9112 6.1"),
    refused_coding(b"gzip, chunked", 501, "RFC 9112 6.1"),
    refused_coding(b"gzip,chunked", 501, "RFC 9112 6.1"),
    refused_coding(b"identity, chunked", 501, "RFC 9112 6.1"),
    refused_coding(b"deflate, gzip, chunked", 501, "RFC 9112 6.1"),
    refused_coding(b"xchunked"),
    refused_coding(b"chunkedx"),
    refused_coding(b"chunked x"),
    refused_coding(b"x chunked"),
    refused_coding(b"chunk"),
    refused_coding(b"chunked-false"),
    refused_coding(b"chunked;q=1", section="RFC 9112 7.1"),
    refused_coding(b"chunked ;x=y", section="RFC 9112 7.1"),
    refused_coding(b'"chunked"'),
    refused_coding(b"'chunked'"),
    refused_coding(b"[chunked]"),
    refused_coding(b"{chunked}"),
    refused_coding(b"chunked:"),
    refused_coding(b"="),
    refused_coding(b","),
    refused_coding(b"0"),
    refused_coding(b"true"),
    refused_coding(b"\xa0chunked"),
    refused_coding(b"chunked\xa0"),
    refused_coding(b"chun\xe2\x84\xaaed"),
    refused_coding(b"\xffchunked"),
    refused_coding(b"\x0bchunked", section="RFC 9110 5.5"),
    refused_coding(b"chunked\x0b", section="RFC 9110 5.5"),
    refused_coding(b"\x0cchunked", section="RFC 9110 5.5"),
    refused_coding(b"\0chunked", section="RFC 9110 5.5"),
    refused_coding(b"chunked\0", section="RFC 9110 5.5"),
    refused_coding(
        b"", note="an empty list does not end in chunked; llhttp takes it for no field at all"
    ),
    refuses(
        "two chunked fields",
        "RFC 9112 6.1",
        400,
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "a coding behind chunked in a second field",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunked\r\ntransfer-encoding: gzip\r\n\r\n" + BODY,
    ),
    refuses(
        "identity behind chunked in a second field",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunked\r\nx: y\r\nTransfer-Encoding: identity\r\n\r\n" + BODY,
    ),
    refuses(
        "a coding before chunked in a first field",
        "RFC 9112 6.1",
        501,
        POST + b"transfer-encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "a coding cut in two",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunk\r\ntransfer-encoding: ed\r\n\r\n" + BODY,
    ),
    refuses(
        "chunked and a length",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunked\r\ncontent-length: 12\r\n\r\n" + BODY,
    ),
    refuses(
        "a length and chunked",
        "RFC 9112 6.3",
        400,
        POST + b"content-length: 12\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "chunked and a length of zero",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: chunked\r\ncontent-length: 0\r\n\r\n" + BODY,
    ),
    refuses(
        "a coding that is not chunked and a length",
        "RFC 9112 6.3",
        400,
        POST + b"transfer-encoding: identity\r\ncontent-length: 12\r\n\r\n" + BODY,
    ),
    refuses(
        "a length and a coding that is not chunked",
        "RFC 9112 6.3",
        400,
        POST + b"content-length: 12\r\ntransfer-encoding: x\r\n\r\n" + BODY,
    ),
    refuses(
        "chunked in HTTP/1.0",
        "RFC 9112 6.1",
        400,
        b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "chunked in HTTP/1.0 with keep-alive",
        "RFC 9112 6.1",
        400,
        b"POST / HTTP/1.0\r\nconnection: keep-alive\r\ntransfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "a coding that is not chunked in HTTP/1.0",
        "RFC 9112 6.1",
        400,
        b"POST / HTTP/1.0\r\ntransfer-encoding: identity\r\n\r\n" + BODY,
    ),
    refuses(
        "the field with a space before its colon",
        "RFC 9112 5.1",
        400,
        POST + b"transfer-encoding : chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "the field with a tab before its colon",
        "RFC 9112 5.1",
        400,
        POST + b"transfer-encoding\t: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "the field behind a space",
        "RFC 9112 5.2",
        400,
        POST + b" transfer-encoding: chunked\r\n\r\n" + BODY,
    ),
    refuses(
        "the field folded",
        "RFC 9112 5.2",
        400,
        POST + b"transfer-encoding:\r\n chunked\r\n\r\n" + BODY,
    ),
    accepts(
        "TE is not Transfer-Encoding",
        "RFC 9110 10.1.4",
        b"GET / HTTP/1.1\r\nhost: a\r\nte: chunked\r\nconnection: te\r\n\r\n",
    ),
    accepts(
        "Transfer_Encoding is not Transfer-Encoding",
        "RFC 9110 5.1",
        b"GET / HTTP/1.1\r\nhost: a\r\ntransfer_encoding: chunked\r\n\r\n",
    ),
]
