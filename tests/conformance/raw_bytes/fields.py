"""Field lines of a request: names, values, whitespace, folding, line ends.

RFC 9110 section 5 and RFC 9112 section 5.
"""

from __future__ import annotations

from .cases import Case, Fields, Request, accepts, refuses

HOST = (b"host", b"a")


def keeps(
    name: str, section: str, line: bytes, *fields: tuple[bytes, bytes], note: str = ""
) -> Case:
    """The field lines *line* reach the application as *fields*."""
    headers: Fields = (HOST, *fields)
    wire = b"GET / HTTP/1.1\r\nhost: a\r\n" + line + b"\r\n\r\n"
    return accepts(name, section, wire, Request(headers=headers), note=note)


def breaks(name: str, section: str, line: bytes, note: str = "") -> Case:
    """The field line *line* is refused."""
    wire = b"GET / HTTP/1.1\r\nhost: a\r\n" + line + b"\r\n\r\n"
    return refuses(name, section, 400, wire, note=note)


CASES = [
    keeps("a field", "RFC 9112 5", b"x: y", (b"x", b"y")),
    keeps("a name in capitals", "RFC 9110 5.1", b"X-Mixed-CASE: Y", (b"x-mixed-case", b"Y")),
    keeps("no space behind the colon", "RFC 9112 5", b"x:y", (b"x", b"y")),
    keeps("many spaces behind the colon", "RFC 9112 5", b"x:    y", (b"x", b"y")),
    keeps("a tab behind the colon", "RFC 9112 5", b"x:\ty", (b"x", b"y")),
    keeps("whitespace behind the value", "RFC 9112 5", b"x: y \t ", (b"x", b"y")),
    keeps("whitespace within the value", "RFC 9110 5.5", b"x: y  \t z", (b"x", b"y  \t z")),
    keeps("an empty value", "RFC 9110 5.5", b"x:", (b"x", b"")),
    keeps("a value of whitespace", "RFC 9110 5.5", b"x: \t ", (b"x", b"")),
    keeps("colons in the value", "RFC 9112 5", b"x: y: z:", (b"x", b"y: z:")),
    keeps("a value that begins with a colon", "RFC 9112 5", b"x:: y", (b"x", b": y")),
    keeps(
        "bytes over 127 in the value", "RFC 9110 5.5", b"x: \x80\xe9\xff", (b"x", b"\x80\xe9\xff")
    ),
    keeps("a NEL in the value", "RFC 9110 5.5", b"x: y\x85z: q", (b"x", b"y\x85z: q")),
    keeps(
        "a no-break space around the value", "RFC 9110 5.5", b"x: \xa0y\xa0", (b"x", b"\xa0y\xa0")
    ),
    keeps("quotes and commas in the value", "RFC 9110 5.5", b'x: "a, b", c', (b"x", b'"a, b", c')),
    keeps("an underscore in the name", "RFC 9110 5.1", b"x_y: z", (b"x_y", b"z")),
    keeps("a name of digits", "RFC 9110 5.6.2", b"123: z", (b"123", b"z")),
    keeps(
        "a name of every kind of token character",
        "RFC 9110 5.6.2",
        b"!#$%&'*+-.^_`|~09azAZ: z",
        (b"!#$%&'*+-.^_`|~09azaz", b"z"),
    ),
    keeps(
        "repeated fields",
        "RFC 9110 5.3",
        b"x: 1\r\ny: 2\r\nX: 3",
        (b"x", b"1"),
        (b"y", b"2"),
        (b"x", b"3"),
    ),
    keeps(
        "two cookie fields",
        "RFC 6265 5.4",
        b"cookie: a=1\r\ncookie: b=2",
        (b"cookie", b"a=1"),
        (b"cookie", b"b=2"),
    ),
    accepts(
        "a field before Host",
        "RFC 9110 5.3",
        b"GET / HTTP/1.1\r\nx: y\r\nhost: a\r\n\r\n",
        Request(headers=((b"x", b"y"), HOST)),
    ),
    keeps("a value of 16 KiB", "RFC 9110 5.4", b"x: " + b"y" * 16384, (b"x", b"y" * 16384)),
    keeps("a name of 1 KiB", "RFC 9110 5.4", b"x" * 1024 + b": y", (b"x" * 1024, b"y")),
    breaks("a space before the colon", "RFC 9112 5.1", b"x : y"),
    breaks("a tab before the colon", "RFC 9112 5.1", b"x\t: y"),
    breaks("a space within the name", "RFC 9112 5.1", b"x y: z"),
    breaks("an empty name", "RFC 9112 5", b": y"),
    breaks("no colon", "RFC 9112 5", b"xyz"),
    breaks("a fold with a space", "RFC 9112 5.2", b"x: y\r\n z"),
    breaks("a fold with a tab", "RFC 9112 5.2", b"x: y\r\n\tz"),
    breaks("a fold behind an empty value", "RFC 9112 5.2", b"x:\r\n z"),
    breaks("a fold of whitespace alone", "RFC 9112 5.2", b"x: y\r\n "),
    breaks("a fold in the last field", "RFC 9112 5.2", b"x: y\r\n z: q"),
    breaks("a bare LF in the value", "RFC 9112 2.2", b"x: y\nz: q"),
    breaks("a bare LF behind the value", "RFC 9112 2.2", b"x: y\n"),
    breaks("a bare LF behind an empty value", "RFC 9112 2.2", b"x:\n"),
    breaks("a bare CR in the value", "RFC 9112 2.2", b"x: y\rz: q"),
    breaks("a bare CR behind the colon", "RFC 9112 2.2", b"x:\ry"),
    breaks("CR CR LF behind the value", "RFC 9112 2.2", b"x: y\r"),
    breaks("a bare CR in the name", "RFC 9112 2.2", b"x\ry: z"),
    breaks("a bare CR before the name", "RFC 9112 2.2", b"\rx: y"),
    breaks("a bare LF in the name", "RFC 9112 2.2", b"x\ny: z"),
    breaks("a NUL in the value", "RFC 9110 5.5", b"x: y\0z"),
    breaks("a NUL behind the value", "RFC 9110 5.5", b"x: y\0"),
    breaks("a NUL in the name", "RFC 9112 5", b"x\0y: z"),
    breaks("a NUL before the name", "RFC 9112 5", b"\0x: y"),
    *(
        breaks(f"the control byte {byte:#04x} in the value", "RFC 9110 5.5", b"x: y%cz" % byte)
        for byte in (0x01, 0x08, 0x0B, 0x0C, 0x1B, 0x1F, 0x7F)
    ),
    *(
        breaks(f"the byte {byte:#04x} in the name", "RFC 9110 5.6.2", b"x%cy: z" % byte)
        for byte in b'\x01\x1f"(),/;<=>?@[\\]{}\x7f\x80\xa0\xff'
    ),
    refuses(
        "a space before the first field", "RFC 9112 5.2", 400, b"GET / HTTP/1.1\r\n host: a\r\n\r\n"
    ),
    refuses("a bare LF as the last line", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\r\nhost: a\r\n\n"),
    refuses("a bare CR as the last line", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\r\nhost: a\r\n\rx"),
    refuses(
        "two bare LFs as the end of the head", "RFC 9112 2.2", 400, b"GET / HTTP/1.1\r\nhost: a\n\n"
    ),
]
