"""HTTP/1.1 response framing: status, fields and body as wire bytes (RFC 9112).

What to answer is not decided here; the cycle in ``connection/http1_cycle.py`` fills the framer.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from http import HTTPStatus
from typing import Any

from asgiserve.codecs.header_fields import has_list_member, parse_content_length
from asgiserve.codecs.response_fields import check_field, checked_fields, read_fields
from asgiserve.errors import AppError

__all__ = [
    "JOIN_LIMIT_BYTES",
    "DefaultFields",
    "Framing",
    "ResponseFramer",
    "frame_error",
    "frame_informational",
]

# Up to this size a body is copied behind its head: one small write is cheaper than two. Above, it
# is not copied.
JOIN_LIMIT_BYTES = 16384

# The status codes that an application may answer with; 1xx are sent by the server alone.
STATUS_LINES = {status: b"HTTP/1.1 %d \r\n" % status for status in range(200, 1000)}
STATUS_LINES.update(
    (status, b"HTTP/1.1 %d %s\r\n" % (status, status.phrase.encode()))
    for status in HTTPStatus
    if status >= 200
)


class Framing(IntEnum):
    """How the end of a response body is told (RFC 9112 section 6.3)."""

    UNDECIDED = 0
    NO_BODY = 1
    LENGTH = 2
    CHUNKED = 3
    CLOSE_DELIMITED = 4


class DefaultFields:
    """The fields that the server adds to each response, as bytes for the wire.

    Args:
        server: the value of ``Server``, None to send none.
        extra: further fields; the application's field of the same name replaces them.
    """

    __slots__ = ("block", "date_line", "extra_lines", "server_line")

    def __init__(self, server: bytes | None, extra: Iterable[tuple[bytes, bytes]] = ()) -> None:
        self.server_line = b"" if server is None else b"server: %s\r\n" % server
        self.extra_lines = [
            (name.lower(), b"%s: %s\r\n" % (name.lower(), value)) for name, value in extra
        ]
        self.set_date(None)

    def set_date(self, value: bytes | None) -> None:
        """Set the value of ``Date``; None sends none."""
        self.date_line = b"" if value is None else b"date: %s\r\n" % value
        # What is sent when the application sets none of these fields itself.
        self.block = self.select(frozenset())

    def select(self, names: frozenset[bytes] | set[bytes]) -> bytes:
        """The lines of those default fields whose names are not in *names*."""
        extra_names = {name for name, _line in self.extra_lines}
        lines = [line for name, line in self.extra_lines if name not in names]
        if b"server" not in names and b"server" not in extra_names:
            lines.append(self.server_line)
        if b"date" not in names and b"date" not in extra_names:
            lines.append(self.date_line)
        return b"".join(lines)


class ResponseFramer:
    """Frames the responses of one connection, one after the other.

    ``keep_alive`` says, once the head is framed, whether the connection may carry another request;
    ``body_bytes`` counts the body bytes framed so far, without chunk marks.
    """

    __slots__ = (
        "_accepts_trailers",
        "_defaults",
        "_fields",
        "_framing",
        "_is_head_method",
        "_is_http_1_0",
        "_remaining_bytes",
        "_status",
        "_step",
        "_wants_trailers",
        "body_bytes",
        "keep_alive",
    )

    def __init__(self, defaults: DefaultFields) -> None:
        self._defaults = defaults
        # Counts what changes the response, see _read_fields().
        self._step = 0
        self.begin(is_head_method=False, is_http_1_0=False, keep_alive=True, accepts_trailers=False)

    def begin(
        self, is_head_method: bool, is_http_1_0: bool, keep_alive: bool, accepts_trailers: bool
    ) -> None:
        """Start over for the answer to another request."""
        self._is_head_method = is_head_method
        self._is_http_1_0 = is_http_1_0
        self._accepts_trailers = accepts_trailers and not is_http_1_0
        self._wants_trailers = False
        self._framing = Framing.UNDECIDED
        self._fields = b""
        self._remaining_bytes = -1
        self._status = 0
        self.keep_alive = keep_alive
        self.body_bytes = 0
        self._step += 1

    def hold_head(self, status: int, headers: Iterable[Any], wants_trailers: bool) -> None:
        """Check and encode the application's head; ``frame_body`` completes it and lets it go.

        Args:
            status: 200 to 999.
            headers: pairs of bytes; reading them may run code of the application's.
            wants_trailers: trailers will follow the body (``http.response.trailers``).

        Raises:
            AppError: a wrong type or value, or that code has sent something; nothing has been
                framed then.
        """
        if not isinstance(status, int) or status not in STATUS_LINES:
            raise AppError(f"status must be an integer from 200 to 999, not {status!r}")
        fields = self._read_fields(headers)
        self._step += 1
        self._status = int(status)
        self._remaining_bytes = -1
        names: set[bytes] = set()
        lines = [STATUS_LINES[status]]
        for name, value in (check_field(*field) for field in fields):
            names.add(name)
            if name == b"content-length":
                self._take_content_length(value)
            elif name == b"connection":
                # Persistence is the server's business, but the application may ask for the end of
                # it.
                if has_list_member(value, b"close"):
                    self.keep_alive = False
            elif name not in (b"transfer-encoding", b"keep-alive"):
                lines.append(b"%s: %s\r\n" % (name, value))
        lines.append(self._defaults.select(names))
        self._fields = b"".join(lines)
        self._wants_trailers = wants_trailers and self._accepts_trailers

    def frame_body(self, body: bytes, more_body: bool) -> list[bytes]:
        """Frame a piece of the body, the first one together with the head.

        Returns:
            The buffers to write, in order; an empty list when there is nothing to write.

        Raises:
            AppError: more bytes than the Content-Length announced; none of *body* has been framed
                then.
        """
        head = b""
        self._step += 1
        if self._framing is Framing.UNDECIDED:
            self._check_length(body)
            head = self._frame_head(body, more_body)
        elif self._framing is Framing.LENGTH:
            self._check_length(body)
        if self._framing is Framing.NO_BODY:
            return [head] if head else []
        self.body_bytes += len(body)
        if self._framing is Framing.LENGTH:
            self._remaining_bytes -= len(body)
            if not more_body and self._remaining_bytes:
                # The peer waits for bytes that never come; the end of the connection tells it so.
                self.keep_alive = False
        elif self._framing is Framing.CHUNKED:
            return self._frame_chunk(head, body, more_body)
        return join_buffers(head, body)

    def frame_trailers(self, headers: Iterable[Any]) -> bytes:
        """End a chunked body with its trailers (RFC 9112 section 7.1.2); empty when none are sent.

        Raises:
            AppError: as ``hold_head``.
        """
        fields = self._read_fields(headers)
        lines = [b"%s: %s\r\n" % check_field(*field) for field in fields]
        if not self.has_trailers:
            return b""
        self._step += 1
        self._wants_trailers = False
        return b"0\r\n%s\r\n" % b"".join(lines)

    @property
    def has_trailers(self) -> bool:
        """Whether the body's end is to be told by ``frame_trailers``."""
        return self._wants_trailers and self._framing is Framing.CHUNKED

    @property
    def is_close_delimited(self) -> bool:
        """Whether only the end of the connection tells the end of the body."""
        return self._framing is Framing.CLOSE_DELIMITED

    @property
    def missing_bytes(self) -> int:
        """Body bytes that Content-Length announced and that have not been framed."""
        return self._remaining_bytes if self._framing is Framing.LENGTH else 0

    def _read_fields(self, headers: Iterable[Any]) -> list[tuple[bytes, bytes]]:
        """Read all fields before anything is done with them: that may run the application's code,
        and it may send.
        """
        step = self._step
        fields = read_fields(headers)
        if step != self._step:
            raise AppError("a message was sent while the headers of another were read")
        return fields

    def _take_content_length(self, value: bytes) -> None:
        length = parse_content_length(value)
        if length < 0:
            raise AppError(f"content-length must be a decimal number of bytes, not {value[:64]!r}")
        if self._remaining_bytes not in (-1, length):
            raise AppError("two content-length fields of different values")
        self._remaining_bytes = length

    def _check_length(self, body: bytes) -> None:
        if 0 <= self._remaining_bytes < len(body) and not self._has_no_body():
            raise AppError(
                f"body of {len(body)} bytes is longer than the {self._remaining_bytes} bytes"
                " that content-length leaves"
            )

    def _has_no_body(self) -> bool:
        return self._is_head_method or self._status in (204, 205, 304)

    def _frame_head(self, body: bytes, more_body: bool) -> bytes:
        length = self._remaining_bytes
        framing_line = b""
        if self._has_no_body():
            self._framing = Framing.NO_BODY
            if self._status == 205:
                # Nothing but a length tells a client that there is none (RFC 9110 section 15.3.6).
                length = 0
            elif length < 0 and self._is_head_method and body and not more_body:
                length = len(body)
            if length >= 0 and self._status != 204:
                framing_line = b"content-length: %d\r\n" % length
        elif length >= 0 or not (more_body or self._wants_trailers):
            self._framing = Framing.LENGTH
            self._remaining_bytes = length = length if length >= 0 else len(body)
            framing_line = b"content-length: %d\r\n" % length
        elif self._is_http_1_0:
            # HTTP/1.0 peers cannot read chunks, so closing the connection is the end mark.
            self._framing = Framing.CLOSE_DELIMITED
            self.keep_alive = False
        else:
            self._framing = Framing.CHUNKED
            framing_line = b"transfer-encoding: chunked\r\n"
        if not self.keep_alive:
            framing_line += b"connection: close\r\n"
        elif self._is_http_1_0:
            framing_line += b"connection: keep-alive\r\n"
        return b"%s%s\r\n" % (self._fields, framing_line)

    def _frame_chunk(self, head: bytes, body: bytes, more_body: bool) -> list[bytes]:
        end = b"" if more_body or self._wants_trailers else b"0\r\n\r\n"
        if not body:
            return [head + end] if head or end else []
        if len(body) <= JOIN_LIMIT_BYTES:
            return [b"%s%x\r\n%s\r\n%s" % (head, len(body), body, end)]
        return [b"%s%x\r\n" % (head, len(body)), body, b"\r\n" + end]


def frame_informational(status: int, headers: Iterable[Any]) -> bytes:
    """Frame an interim response, 100 to 199 (RFC 9110 section 15.2).

    Raises:
        AppError: a wrong type or value in *headers*.
    """
    lines = [b"%s: %s\r\n" % field for field in checked_fields(headers)]
    phrase = HTTPStatus(status).phrase.encode()
    return b"HTTP/1.1 %d %s\r\n%s\r\n" % (status, phrase, b"".join(lines))


def frame_error(
    status: int,
    reason: str,
    defaults: DefaultFields,
    is_head_method: bool,
    fields: Iterable[tuple[bytes, bytes]] = (),
) -> bytes:
    """Frame an answer of the server's own; the connection ends with it.

    Args:
        status: 200 to 999, with a phrase.
        reason: what was wrong, for the body.
        fields: those that this status asks for, well-formed, names in lower case.
    """
    body = f"{HTTPStatus(status).phrase}: {reason}\n".encode("ascii", "backslashreplace")
    head = (
        b"%s%s%scontent-type: text/plain; charset=utf-8\r\n"
        b"content-length: %d\r\nconnection: close\r\n\r\n"
        % (
            STATUS_LINES[status],
            defaults.block,
            b"".join(b"%s: %s\r\n" % field for field in fields),
            len(body),
        )
    )
    return head if is_head_method else head + body


def join_buffers(head: bytes, body: bytes) -> list[bytes]:
    """Join *head* and a small *body*; leave a large one uncopied."""
    if not body:
        return [head] if head else []
    if not head:
        return [body]
    return [head + body] if len(body) <= JOIN_LIMIT_BYTES else [head, body]
