"""Access lines: a finished request or WebSocket as one line of bytes for the log.

Where lines go, and when, is not decided here: ``server/access_log.py`` fills the hooks.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from asgiserve.logs.access_layout import TEXT_LAYOUT, Layout, Pieces
from asgiserve.logs.formatters import escape_client, escape_target, format_duration

__all__ = ["AccessLines"]


class AccessLines:
    """Collects access lines.

    Args:
        layout: how lines look; None: as plain text.

    Attributes:
        prefix: what each line begins with: level and time.
        quiet_target: requests for it have no line when they are answered 200; None: all have one.
    """

    __slots__ = (
        "_doubles_backslashes",
        "_lines",
        "_request",
        "_status_colors",
        "_websocket",
        "prefix",
        "quiet_target",
    )

    def __init__(self, layout: Layout | None = None) -> None:
        layout = layout or TEXT_LAYOUT
        self.prefix = b""
        self.quiet_target: bytes | None = None
        self._request = Template(layout.request)
        self._websocket = Template(layout.websocket)
        self._status_colors = layout.status_colors
        self._doubles_backslashes = layout.doubles_backslashes
        self._lines = bytearray()

    def write(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status: int,
        body_bytes: int,
        duration_s: float,
    ) -> None:
        """Add the line of one request.

        Args:
            client: the peer's address as text; what an address cannot hold is escaped.
            method: as the parser gives it, which knows no hostile ones.
            target: as received; what is not visible ASCII is escaped.
            http_version: as the parser gives it.
            status: from 0 to 999.
            body_bytes: the size of the response's body.
            duration_s: the time from the request's head to the end of the response.
        """
        if target == self.quiet_target and status == 200:
            return
        if not self._lines and not self.begin_batch():
            self.write_record(client, method, target, http_version, status, body_bytes, duration_s)
            return
        status_text = b"%b%d" % (self._status_colors[status // 100], status)
        self._lines += self._request.fill(
            self.prefix,
            self._escape(escape_client(client)),
            method.encode("ascii"),
            self._escape(escape_target(target)),
            http_version.encode("ascii"),
            status_text,
            b"%d" % body_bytes,
            b"",
            b"",
            format_duration(duration_s)[:-2].encode("ascii"),
        )

    def write_websocket_end(
        self,
        client: str,
        target: bytes,
        code: int,
        received_messages: int,
        sent_messages: int,
        duration_s: float,
    ) -> None:
        """Add the line of one WebSocket that has ended.

        Args:
            client: as in `write`.
            target: as in `write`.
            code: the close code (RFC 6455 section 7.4), of four digits.
            received_messages: how many the peer has sent.
            sent_messages: how many the application has sent.
            duration_s: the time from the handshake's head to the end.
        """
        if not self._lines and not self.begin_batch():
            self.write_websocket_record(
                client, target, code, received_messages, sent_messages, duration_s
            )
            return
        code_text = b"%b%d" % (self._status_colors[code // 1000], code)
        self._lines += self._websocket.fill(
            self.prefix,
            self._escape(escape_client(client)),
            b"WEBSOCKET",
            self._escape(escape_target(target)),
            # The handshake knows no other version.
            b"1.1",
            code_text,
            b"",
            b"%d" % received_messages,
            b"%d" % sent_messages,
            format_duration(duration_s)[:-2].encode("ascii"),
        )

    def take(self) -> bytes:
        """Give the lines that were collected, and forget them."""
        lines = bytes(self._lines)
        self._lines.clear()
        return lines

    def begin_batch(self) -> bool:
        """Hook before the first line since `take`: sets the prefix; False if records are wanted."""
        return True

    def write_record(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status: int,
        body_bytes: int,
        duration_s: float,
    ) -> None:
        """Hook that logs a request in place of a line, when `begin_batch` says so."""
        raise NotImplementedError

    def write_websocket_record(
        self,
        client: str,
        target: bytes,
        code: int,
        received_messages: int,
        sent_messages: int,
        duration_s: float,
    ) -> None:
        """Hook that logs the end of a WebSocket in place of a line, as `write_record` does."""
        raise NotImplementedError

    def _escape(self, text: str) -> bytes:
        if self._doubles_backslashes:
            text = text.replace("\\", "\\\\")
        return text.encode("ascii")


class Template:
    """The pieces of a line, ready to be filled."""

    __slots__ = ("_format", "_pick")

    def __init__(self, pieces: Pieces) -> None:
        formats = [
            piece.replace(b"%", b"%%") if isinstance(piece, bytes) else b"%b" for piece in pieces
        ]
        self._format = b"%b" + b"".join(formats)
        parts = [int(piece) for piece in pieces if not isinstance(piece, bytes)]
        self._pick: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = itemgetter(*parts)

    def fill(self, prefix: bytes, *values: bytes) -> bytes:
        """The line that begins with *prefix*; *values* are in the order of `Part`."""
        return self._format % (prefix, *self._pick(values))
