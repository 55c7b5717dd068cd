"""The table of responses: what an application sends, and the bytes that the client gets for it.

RFC 9112 section 6, ASGI HTTP 2.5 "Response Start" and "Response Body".
"""

from __future__ import annotations

from . import bodies, heads
from .rows import GET

__all__ = ["GET", "ROWS"]

ROWS = [*bodies.ROWS, *heads.ROWS]
