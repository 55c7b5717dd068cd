"""The date in HTTP fields: IMF-fixdate (RFC 9110 section 5.6.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import floor

__all__ = ["format_http_date"]

# Years 1 to 9999: the format has four digits for the year.
MIN_TIMESTAMP_S = -62_135_596_800
END_TIMESTAMP_S = 253_402_300_800
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def format_http_date(timestamp_s: float) -> bytes:
    """Write *timestamp_s* as IMF-fixdate, e.g. ``Sun, 06 Nov 1994 08:49:37 GMT``.

    Args:
        timestamp_s: seconds since the epoch, negative before it; a fraction is rounded down.

    Raises:
        ValueError: the year is not one of 1 to 9999, or *timestamp_s* is not a number.
    """
    if not MIN_TIMESTAMP_S <= timestamp_s < END_TIMESTAMP_S:
        raise ValueError(f"timestamp outside the years 1 to 9999: {timestamp_s!r}")
    # Not fromtimestamp(), which asks the C library: some have 32 bits for a time, some refuse
    # negative ones.
    date = EPOCH + timedelta(seconds=floor(timestamp_s))
    return format_datetime(date, usegmt=True).encode("ascii")
