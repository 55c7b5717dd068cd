"""The four forms of the request-target and what they become in the scope.

RFC 9112 section 3.2, ASGI HTTP 2.5.
"""

from __future__ import annotations

from .cases import Request, accepts, refuses

CASES = [
    accepts(
        "a path",
        "RFC 9112 3.2.1",
        b"GET /a/b.c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a/b.c", raw_path=b"/a/b.c"),
    ),
    accepts(
        "a path and a query",
        "RFC 9112 3.2.1",
        b"GET /a?x=1&y=%20 HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a", raw_path=b"/a", query_string=b"x=1&y=%20"),
    ),
    accepts(
        "an empty query",
        "RFC 9112 3.2.1",
        b"GET /a? HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a"),
    ),
    accepts(
        "a question mark in the query",
        "RFC 3986 3.4",
        b"GET /a?b?c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a", query_string=b"b?c"),
    ),
    accepts(
        "a percent-encoded question mark",
        "RFC 3986 2.4",
        b"GET /a%3Fb HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a?b", raw_path=b"/a%3Fb"),
    ),
    accepts(
        "a percent-encoded space",
        "RFC 3986 2.1",
        b"GET /a%20b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a b", raw_path=b"/a%20b"),
    ),
    accepts(
        "percent-encoded UTF-8",
        "RFC 3986 2.5",
        b"GET /caf%C3%A9 HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/caf\xe9", raw_path=b"/caf%C3%A9"),
    ),
    accepts(
        "a percent-encoded byte that is not UTF-8",
        "ASGI HTTP 2.5",
        b"GET /%FF HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/�", raw_path=b"/%FF"),
    ),
    accepts(
        "a percent-encoded slash",
        "RFC 3986 2.4",
        b"GET /a%2Fb HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a/b", raw_path=b"/a%2Fb"),
    ),
    accepts(
        "a percent sign decoded once only",
        "RFC 3986 2.4",
        b"GET /%2541 HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/%41", raw_path=b"/%2541"),
    ),
    accepts(
        "a percent sign without digits",
        "RFC 3986 2.1",
        b"GET /%zz HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/%zz", raw_path=b"/%zz"),
        note="malformed by RFC 3986; llhttp does not look, and what cannot be decoded stays",
    ),
    accepts(
        "a plus sign",
        "RFC 3986 2.2",
        b"GET /a+b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a+b"),
    ),
    accepts(
        "dot segments",
        "RFC 9112 3.2.1",
        b"GET /a/../b/./c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a/../b/./c"),
        note="as received: normalising is the application's business",
    ),
    accepts(
        "a path that begins with two slashes",
        "RFC 3986 3.3",
        b"GET //b/c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="//b/c", raw_path=b"//b/c"),
    ),
    accepts(
        "a URI in the path",
        "RFC 9112 3.2.1",
        b"GET /http://b/c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/http://b/c"),
    ),
    accepts(
        "a URI in the query",
        "RFC 9112 3.2.1",
        b"GET /?http://b/c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(query_string=b"http://b/c"),
    ),
    *(
        refuses(
            f"the raw character {character} in the path",
            "RFC 3986 3.3",
            400,
            b"GET /a%sb HTTP/1.1\r\nhost: a\r\n\r\n" % character.encode(),
            note="llhttp takes it",
        )
        for character in '"<>\\^`{|}'
    ),
    *(
        refuses(
            f"the raw character {character} in the query",
            "RFC 3986 3.4",
            400,
            b"GET /?a%sb HTTP/1.1\r\nhost: a\r\n\r\n" % character.encode(),
            note="no browser sends it; llhttp takes it",
        )
        for character in '"<>'
    ),
    accepts(
        "characters that browsers leave raw in the query",
        "URL Standard 1.3",
        b"GET /?\\^`{|}[] HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(query_string=rb"\^`{|}[]"),
        note="invalid by RFC 3986",
    ),
    accepts(
        "square brackets in the path",
        "URL Standard 1.3",
        b"GET /a[b] HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/a[b]"),
        note="invalid by RFC 3986, but browsers send them",
    ),
    *(
        refuses(
            f"a fragment behind {place}",
            "RFC 9112 3.2",
            400,
            b"GET %s HTTP/1.1\r\nhost: a\r\n\r\n" % target,
            note="servers differ in whose part it is; llhttp takes it",
        )
        for place, target in (
            ("a path", b"/a#b"),
            ("a query", b"/a?b=1#f"),
            ("a path, with a query", b"/a#f?b"),
            ("a host", b"http://a#b"),
            ("an absolute target", b"http://a/b?c#d"),
        )
    ),
    accepts(
        "an absolute target",
        "RFC 9112 3.2.2",
        b"GET http://a/b%20c?d HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/b c", raw_path=b"/b%20c", query_string=b"d"),
    ),
    accepts(
        "an absolute target with a port",
        "RFC 9112 3.2.2",
        b"GET http://a:8000/b HTTP/1.1\r\nhost: a:8000\r\n\r\n",
        Request(path="/b", raw_path=b"/b"),
    ),
    accepts(
        "an absolute target with an IPv6 address",
        "RFC 9112 3.2.2",
        b"GET http://[::1]:8000/b HTTP/1.1\r\nhost: [::1]:8000\r\n\r\n",
        Request(path="/b", raw_path=b"/b"),
    ),
    accepts(
        "an absolute target without a path",
        "RFC 9112 3.2.2",
        b"GET http://a HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/", raw_path=b"/"),
    ),
    accepts(
        "an absolute target with a query and no path",
        "RFC 9112 3.2.2",
        b"GET http://a?b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/", raw_path=b"/", query_string=b"b"),
    ),
    accepts(
        "an absolute target in capitals",
        "RFC 9110 4.2.3",
        b"GET HTTP://A/b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/b", raw_path=b"/b"),
    ),
    accepts(
        "an absolute target of https",
        "RFC 9112 3.2.2",
        b"GET https://a/b HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/b", raw_path=b"/b"),
    ),
    accepts(
        "an absolute target that disagrees with Host",
        "RFC 9112 3.2.2",
        b"GET http://b/c HTTP/1.1\r\nhost: a\r\n\r\n",
        Request(path="/c", headers=((b"host", b"b"),)),
        note="an origin server must ignore Host then and use what the target says",
    ),
    accepts(
        "an absolute target in HTTP/1.0 without Host",
        "RFC 9112 3.2.2",
        b"GET http://b/c HTTP/1.0\r\n\r\n",
        Request(path="/c", http_version="1.0"),
        closes=True,
    ),
    refuses(
        "an absolute target without Host",
        "RFC 9112 3.2",
        400,
        b"GET http://a/ HTTP/1.1\r\n\r\n",
        note="Host is required even when the target replaces it",
    ),
    refuses(
        "an absolute target with an empty host",
        "RFC 9110 4.2.1",
        400,
        b"GET http:///b HTTP/1.1\r\nhost: a\r\n\r\n",
        note="a recipient must reject it; llhttp does not look",
    ),
    accepts(
        "a path with an empty Host",
        "RFC 9112 3.3",
        b"GET /a HTTP/1.1\r\nhost:\r\n\r\n",
        Request(path="/a", headers=((b"host", b""),)),
        note="a server may refuse it, or have a host of its own in mind",
    ),
    accepts(
        "an absolute target with an empty Host",
        "RFC 9112 3.2.2",
        b"GET http://b/c HTTP/1.1\r\nhost:\r\n\r\n",
        Request(path="/c", headers=((b"host", b"b"),)),
    ),
    accepts(
        "an asterisk with OPTIONS",
        "RFC 9112 3.2.4",
        b"OPTIONS * HTTP/1.1\r\nhost: a\r\n\r\n",
        Request("OPTIONS", path="*", raw_path=b"*"),
    ),
    refuses(
        "an asterisk with GET",
        "RFC 9112 3.2.4",
        400,
        b"GET * HTTP/1.1\r\nhost: a\r\n\r\n",
        note="llhttp takes it",
    ),
    refuses("an asterisk with HEAD", "RFC 9112 3.2.4", 400, b"HEAD * HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "an asterisk and more",
        "RFC 9112 3.2.4",
        400,
        b"OPTIONS *a HTTP/1.1\r\nhost: a\r\n\r\n",
        note="llhttp takes it",
    ),
    refuses("a relative path", "RFC 9112 3.2", 400, b"GET a/b HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a query alone", "RFC 9112 3.2", 400, b"GET ?a HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a fragment alone", "RFC 9112 3.2", 400, b"GET #a HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "an authority with GET", "RFC 9112 3.2.3", 400, b"GET a:80 HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses("a URN", "RFC 9112 3.2.2", 400, b"GET urn:a:b HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "a scheme with a digit", "RFC 3986 3.1", 400, b"GET 1http://a/ HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses(
        "an encoded first slash", "RFC 9112 3.2.1", 400, b"GET %2Fa HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses("a backslash first", "RFC 9112 3.2.1", 400, b"GET \\a HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a NUL in the path", "RFC 9112 3.2", 400, b"GET /a\0b HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a NUL in the query", "RFC 9112 3.2", 400, b"GET /?a\0b HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "a control byte in the path",
        "RFC 9112 3.2",
        400,
        b"GET /a\x01b HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses(
        "an escape in the path", "RFC 9112 3.2", 400, b"GET /\x1b[31m HTTP/1.1\r\nhost: a\r\n\r\n"
    ),
    refuses("a DEL in the path", "RFC 9112 3.2", 400, b"GET /a\x7f HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses(
        "a raw byte over 127 in the path",
        "RFC 9112 3.2",
        400,
        b"GET /\xc3\xa9 HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses(
        "a raw byte over 127 in the query",
        "RFC 9112 3.2",
        400,
        b"GET /?\xe9 HTTP/1.1\r\nhost: a\r\n\r\n",
    ),
    refuses("a bare CR in the path", "RFC 9112 2.2", 400, b"GET /a\rb HTTP/1.1\r\nhost: a\r\n\r\n"),
    refuses("a bare LF in the path", "RFC 9112 2.2", 400, b"GET /a\nb HTTP/1.1\r\nhost: a\r\n\r\n"),
]
