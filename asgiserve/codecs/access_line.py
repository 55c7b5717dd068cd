"""Access lines: a finished request or WebSocket as one line of bytes for the log.

Where lines go, and when, is not decided here: ``server/access_log.py`` fills the hooks.
"""

from __future__ import annotations

from asgiserve.log_formatters import escape_client, escape_target, format_duration

__all__ = ["AccessLines"]


class AccessLines:
    """Collects access lines.

    Args:
        bold: what comes before a request line, on a terminal an escape sequence.
        reset: what comes after a request line and a status.
        status_colors: what comes before a status or a close code, ten of them: one for each
            first digit.

    Attributes:
        prefix: what each line begins with: level and time.
        quiet_target: requests for it have no line when they are answered 200; None: all have one.
    """

    __slots__ = ("_bold", "_lines", "_reset", "_status_colors", "prefix", "quiet_target")

    def __init__(
        self,
        bold: bytes = b"",
        reset: bytes = b"",
        status_colors: tuple[bytes, ...] = (b"",) * 10,
    ) -> None:
        self.prefix = b""
        self.quiet_target: bytes | None = None
        self._bold = bold
        self._reset = reset
        self._status_colors = status_colors
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
        counts = b"%d" % body_bytes
        self._add_line(client, method, target, http_version, status_text, counts, duration_s)

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
        counts = b"%d received %d sent" % (received_messages, sent_messages)
        # The handshake knows no other version than 1.1.
        self._add_line(client, "WEBSOCKET", target, "1.1", code_text, counts, duration_s)

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

    def _add_line(
        self,
        client: str,
        method: str,
        target: bytes,
        http_version: str,
        status_text: bytes,
        counts: bytes,
        duration_s: float,
    ) -> None:
        self._lines += b'%b%b - "%b%b %b HTTP/%b%b" %b%b %b %b\n' % (
            self.prefix,
            escape_client(client).encode("ascii"),
            self._bold,
            method.encode("ascii"),
            escape_target(target).encode("ascii"),
            http_version.encode("ascii"),
            self._reset,
            status_text,
            self._reset,
            counts,
            format_duration(duration_s).encode("ascii"),
        )
