"""Extensions of chunks (RFC 9112 section 7.1.1): read over, within a limit."""

from __future__ import annotations

from .cases import Case
from .chunks import END, broken, chunked


def with_extension(name: str, extension: bytes, note: str = "") -> Case:
    return chunked(name, "RFC 9112 7.1.1", b"5" + extension + b"\r\nhello\r\n" + END, note=note)


def with_bad_extension(name: str, extension: bytes, note: str = "") -> Case:
    return broken(name, "RFC 9112 7.1.1", b"5" + extension + b"\r\nhello\r\n" + END, note=note)


CASES = [
    chunked("an extension", "RFC 9112 7.1.1", b"5;x=y\r\nhello\r\n" + END),
    chunked("an extension without a value", "RFC 9112 7.1.1", b"5;x\r\nhello\r\n" + END),
    chunked("two extensions", "RFC 9112 7.1.1", b"5;x=y;z\r\nhello\r\n" + END),
    chunked("a quoted extension", "RFC 9112 7.1.1", b'5;x="y z;\\" 0"\r\nhello\r\n' + END),
    chunked("an extension of the last chunk", "RFC 9112 7.1.1", b"5\r\nhello\r\n0;x=y\r\n\r\n"),
    chunked(
        "an extension of 4 KiB", "RFC 9112 7.1.1", b"5;x=" + b"y" * 4096 + b"\r\nhello\r\n" + END
    ),
    broken(
        "an extension over 16 KiB",
        "RFC 9112 7.1.1",
        b"5;x=" + b"y" * 17000 + b"\r\nhello\r\n" + END,
    ),
    broken(
        "small extensions over 16 KiB together",
        "RFC 9112 7.1.1",
        (b"1;x=" + b"y" * 1000 + b"\r\nh\r\n") * 17 + END,
    ),
    with_extension("space before an extension", b" ;x=y"),
    with_extension("space before the name of an extension", b"; x=y"),
    with_extension("tabs and spaces around a semicolon", b"\t ; \tx=y \t;\tz"),
    with_extension("tabs and spaces around an equals sign", b";x \t=\t y"),
    with_extension("spaces around a quoted extension", b';x = "y" ;z'),
    with_bad_extension("a space and no extension", b" "),
    with_bad_extension("a space behind an extension", b";x "),
    with_bad_extension("a space behind an extension with a value", b";x=y "),
    with_bad_extension("a space instead of a semicolon", b";x y"),
    with_bad_extension("a bare LF behind a space", b" ;x \n"),
    with_bad_extension("a vertical tab before an extension", b"\x0b;x"),
    with_bad_extension("an equals sign and no value", b";x="),
    with_bad_extension("an equals sign and no name", b";=y"),
    with_bad_extension("two semicolons and a name", b";;x"),
    with_bad_extension("a DEL in a quoted extension", b';x="\x7f"'),
    broken("an extension without a name", "RFC 9112 7.1.1", b"5;\r\nhello\r\n" + END),
    broken("two semicolons", "RFC 9112 7.1.1", b"5;;\r\nhello\r\n" + END),
    broken("a semicolon behind an extension", "RFC 9112 7.1.1", b"5;x=y;\r\nhello\r\n" + END),
    broken("an extension whose quote never ends", "RFC 9112 7.1.1", b'5;x="y\r\nhello\r\n' + END),
    broken(
        "a bare LF in an extension",
        "RFC 9112 2.2",
        b"5;x\nhello\r\n" + END,
        note="the TERM.EXT smuggling vector",
    ),
    broken("a bare LF in an extension's value", "RFC 9112 2.2", b"5;x=y\nhello\r\n" + END),
    broken("a bare LF in a quoted extension", "RFC 9112 2.2", b'5;x="y\nz"\r\nhello\r\n' + END),
    broken("a bare CR in an extension", "RFC 9112 2.2", b"5;x\ry\r\nhello\r\n" + END),
    broken("a NUL in an extension", "RFC 9112 7.1.1", b"5;x\0=y\r\nhello\r\n" + END),
    broken(
        "a control byte in an extension's value", "RFC 9112 7.1.1", b"5;x=\x01\r\nhello\r\n" + END
    ),
    broken("a byte over 127 in an extension", "RFC 9112 7.1.1", b"5;x=\xe9\r\nhello\r\n" + END),
    with_extension("an empty quoted extension", b';x=""'),
    with_extension("an extension behind a quoted one", b';x="y";z'),
    with_extension("a tab in a quoted extension", b';x="\t"'),
    with_extension("bytes over 127 in a quoted extension", b';x="\x80\xff"'),
    with_extension("a quoted tab in a quoted extension", b';x="\\\t"'),
    with_extension("a quoted byte over 127 in a quoted extension", b';x="\\\xff"'),
    with_bad_extension("a control byte in a quoted extension", b';x="\x01"'),
    with_bad_extension("a NUL in a quoted extension", b';x="\0"'),
    with_bad_extension("a quoted control byte in a quoted extension", b';x="\\\x01"'),
    with_bad_extension("a quoted DEL in a quoted extension", b';x="\\\x7f"'),
    with_bad_extension("a quoted line end in a quoted extension", b';x="\\\r\n"'),
    with_bad_extension("an extension whose last quote is quoted", b';x="y\\"'),
    with_bad_extension("a token behind a quoted extension", b';x="y"z'),
    with_bad_extension("a space behind a quoted extension", b';x="y" '),
    with_bad_extension("a quoted name of an extension", b';"x"=y'),
    with_bad_extension("an extension with two equal signs", b";x=y=z"),
]
