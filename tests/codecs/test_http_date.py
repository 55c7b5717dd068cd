"""IMF-fixdate (RFC 9110 section 5.6.7), both columns."""

from __future__ import annotations

import calendar
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

FIRST_SECOND_S = -62_135_596_800  # 0001-01-01
LAST_SECOND_S = 253_402_300_799  # 9999-12-31


@pytest.mark.parametrize(
    ("timestamp_s", "date"),
    [
        (784_111_777, b"Sun, 06 Nov 1994 08:49:37 GMT"),  # RFC 9110's own example
        (0, b"Thu, 01 Jan 1970 00:00:00 GMT"),
        (-1, b"Wed, 31 Dec 1969 23:59:59 GMT"),
        (951_782_399, b"Mon, 28 Feb 2000 23:59:59 GMT"),
        (951_782_400, b"Tue, 29 Feb 2000 00:00:00 GMT"),
        (951_868_800, b"Wed, 01 Mar 2000 00:00:00 GMT"),
        (4_107_542_400, b"Mon, 01 Mar 2100 00:00:00 GMT"),
        (FIRST_SECOND_S, b"Mon, 01 Jan 0001 00:00:00 GMT"),
        (LAST_SECOND_S, b"Fri, 31 Dec 9999 23:59:59 GMT"),
    ],
)
def test_date_is_written_in_gmt(impl, timestamp_s, date):
    assert impl.http_date.format_http_date(timestamp_s) == date


def test_fraction_of_a_second_is_rounded_down(impl):
    format_http_date = impl.http_date.format_http_date
    assert format_http_date(59.999_999_9) == format_http_date(59)
    assert format_http_date(-0.5) == format_http_date(-1)


@pytest.mark.parametrize(
    "timestamp_s",
    [FIRST_SECOND_S - 1, LAST_SECOND_S + 1, 1e300, math.inf, -math.inf, math.nan],
)
def test_date_outside_four_digit_years_is_refused(impl, timestamp_s):
    with pytest.raises(ValueError, match="outside the years 1 to 9999"):
        impl.http_date.format_http_date(timestamp_s)


@given(timestamp_s=st.integers(FIRST_SECOND_S, LAST_SECOND_S))
def test_date_reads_back_as_the_same_second(impl, timestamp_s):
    date = impl.http_date.format_http_date(timestamp_s).decode("ascii")
    read_back = time.strptime(date, "%a, %d %b %Y %H:%M:%S GMT")
    assert calendar.timegm(read_back) == timestamp_s
