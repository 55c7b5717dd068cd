"""The exceptions of asgiserve, sorted by who is at fault: peer, application, operator.

What a process ends with, other than 0, stands beside them.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = [
    "FAILURE",
    "STARTUP_FAILURE",
    "USAGE_ERROR",
    "AppError",
    "AsgiserveError",
    "ClientDisconnected",
    "ColumnError",
    "ConfigError",
    "HttpRequestError",
    "PeerError",
    "ShutdownError",
    "StartupError",
    "WebSocketError",
]

# Exit statuses. The application's shutdown failed, or the server broke.
FAILURE = 1
# An option is wrong: nothing was bound.
USAGE_ERROR = 2
# The server could not start; uvicorn's is the same.
STARTUP_FAILURE = 3


class AsgiserveError(Exception):
    """Root of what asgiserve raises on purpose."""


class PeerError(AsgiserveError):
    """The peer broke the protocol; subclasses carry the answer for the wire."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class HttpRequestError(PeerError):
    """The peer sent bytes that are not a request we accept.

    Args:
        fields: what the answer's head says beside the usual fields, names in lower case.

    Attributes:
        is_head_method: the method was read, and is HEAD: the answer has no body.
    """

    def __init__(
        self, reason: str, *, status: int = 400, fields: Iterable[tuple[bytes, bytes]] = ()
    ) -> None:
        super().__init__(reason)
        self.status = status
        self.fields = tuple(fields)
        self.is_head_method = False


class WebSocketError(PeerError):
    """The peer broke RFC 6455 after the handshake; *code* is the close code for the wire."""

    def __init__(self, reason: str, *, code: int = 1002) -> None:
        super().__init__(reason)
        self.code = code


class AppError(AsgiserveError):
    """The application broke the ASGI specification."""


class ClientDisconnected(OSError):
    """``send()`` was called after the client had gone (ASGI HTTP 2.4: a subclass of OSError)."""


class ConfigError(AsgiserveError):
    """An option is unknown, malformed or in conflict; the command exits with status 2."""


class ColumnError(AsgiserveError, ImportError):
    """The column that was asked for is not there, or not whole."""


class StartupError(AsgiserveError):
    """The server could not start; the command exits with status 3."""


class ShutdownError(AsgiserveError):
    """The application's shutdown failed, or the server did not come to its end."""
