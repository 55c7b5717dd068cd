"""What a row of the raw-bytes table is: bytes from a client, and what a server has to make of them.

The runners (``test_raw_bytes.py``, ``test_real_socket.py``) add a well-formed FOLLOW_UP request
behind each row that does not wait. It is answered when the row leaves the connection open, which
proves that the row's own end was found; otherwise the application never hears of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["FOLLOW_UP", "Case", "Request", "accepts", "refuses", "waits"]

FOLLOW_UP = b"GET /follow-up HTTP/1.1\r\nhost: follow-up\r\nconnection: close\r\n\r\n"

Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Request:
    """What the application has to see; None where a row says nothing about it."""

    method: str = "GET"
    path: str | None = "/"
    body: bytes = b""
    query_string: bytes = b""
    raw_path: bytes | None = None
    http_version: str = "1.1"
    headers: Fields | None = None


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes:
        name: a sentence about the bytes, unique in the table.
        section: where the rule stands.
        wire: what the client sends.
        seen: the requests that the application gets whole and answers.
        refusal: the status the server answers with by itself, None for no refusal.
        is_closed: whether the connection ends afterwards.
        is_waiting: the bytes are an incomplete message, no answer is due.
        begins: the application may have been started with the refused or incomplete message.
        options: limits that differ from the defaults; such rows run on fakes only.
        note: where RFC and llhttp differ, or what else is not obvious.
    """

    name: str
    section: str
    wire: bytes
    seen: tuple[Request, ...] = ()
    refusal: int | None = None
    is_closed: bool = False
    is_waiting: bool = False
    begins: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def accepts(
    name: str,
    section: str,
    wire: bytes,
    *seen: Request,
    closes: bool = False,
    note: str = "",
    **options: Any,
) -> Case:
    """The application answers, by default one ``GET /``; the connection stays open, or *closes*."""
    return Case(
        name, section, wire, seen or (Request(),), is_closed=closes, options=options, note=note
    )


def refuses(
    name: str,
    section: str,
    status: int,
    wire: bytes,
    *before: Request,
    begins: bool = False,
    note: str = "",
    **options: Any,
) -> Case:
    """The server answers *status* by itself and closes; the application saw *before*, no more."""
    return Case(
        name,
        section,
        wire,
        before,
        refusal=status,
        is_closed=True,
        begins=begins,
        options=options,
        note=note,
    )


def waits(
    name: str, section: str, wire: bytes, *before: Request, begins: bool = False, note: str = ""
) -> Case:
    """More bytes are needed: no answer yet to what follows *before*, the connection stays open."""
    return Case(name, section, wire, before, is_waiting=True, begins=begins, note=note)
