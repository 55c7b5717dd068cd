"""The table of raw requests, by chapter; ``cases.py`` says what a row is."""

from __future__ import annotations

from . import (
    chunk_extensions,
    chunks,
    content_length,
    expectations,
    fields,
    host,
    limits,
    persistence,
    request_line,
    smuggling,
    targets,
    trailers,
    transfer_encoding,
    upgrades,
    versions,
)
from .cases import FOLLOW_UP, Case, Request

__all__ = ["CASES", "FOLLOW_UP", "Case", "Request"]

CHAPTERS = (
    request_line,
    targets,
    versions,
    fields,
    host,
    content_length,
    transfer_encoding,
    chunks,
    chunk_extensions,
    trailers,
    expectations,
    persistence,
    upgrades,
    limits,
    smuggling,
)

CASES = [case for chapter in CHAPTERS for case in chapter.CASES]
