# cython: language_level=3, freethreading_compatible=True
"""Accelerated twin of ``codecs/http_date.py``: IMF-fixdate (RFC 9110 section 5.6.7)."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.math cimport floor
from libc.stdint cimport int64_t
from libc.string cimport memcpy

__all__ = ["format_http_date"]

# Years 1 to 9999: the format has four digits for the year.
cdef double MIN_TIMESTAMP_S = -62_135_596_800
cdef double END_TIMESTAMP_S = 253_402_300_800

cdef const char* DAY_NAMES = b"SunMonTueWedThuFriSat"
cdef const char* MONTH_NAMES = b"JanFebMarAprMayJunJulAugSepOctNovDec"


cpdef bytes format_http_date(double timestamp_s):
    """Write *timestamp_s* as IMF-fixdate, e.g. ``Sun, 06 Nov 1994 08:49:37 GMT``."""
    if not MIN_TIMESTAMP_S <= timestamp_s < END_TIMESTAMP_S:
        raise ValueError(f"timestamp outside the years 1 to 9999: {timestamp_s!r}")
    cdef int64_t seconds = <int64_t>floor(timestamp_s)
    cdef bytes date = PyBytes_FromStringAndSize(b"www, dd mmm yyyy hh:mm:ss GMT", 29)
    cdef char* p = PyBytes_AS_STRING(date)
    write_day(p, seconds // 86_400)
    write_time(p + 17, <int>(seconds % 86_400))
    return date


cdef void write_day(char* p, int64_t days) noexcept:
    """Write ``Sun, 06 Nov 1994`` for the day *days* after 1970-01-01, a Thursday."""
    # Years counted from March end with the leap day, so 400 of them are one plain pattern.
    cdef int64_t since_era = days + 719_468  # days since 0000-03-01
    cdef int64_t era = since_era // 146_097
    cdef int64_t day_of_era = since_era % 146_097
    cdef int64_t year_of_era = (
        day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096
    ) // 365
    cdef int64_t day_of_year = day_of_era - (
        365 * year_of_era + year_of_era // 4 - year_of_era // 100
    )
    # 153 days in each five months that start with March or August.
    cdef int64_t months_since_march = (5 * day_of_year + 2) // 153
    cdef int64_t day = day_of_year - (153 * months_since_march + 2) // 5 + 1
    cdef int64_t month = (months_since_march + 2) % 12
    cdef int64_t year = year_of_era + 400 * era + (month < 2)
    memcpy(p, DAY_NAMES + 3 * ((days + 4) % 7), 3)
    write_two_digits(p + 5, <int>day)
    memcpy(p + 8, MONTH_NAMES + 3 * month, 3)
    write_two_digits(p + 12, <int>(year // 100))
    write_two_digits(p + 14, <int>(year % 100))


cdef void write_time(char* p, int second_of_day) noexcept:
    """Write ``08:49:37``."""
    write_two_digits(p, second_of_day // 3600)
    write_two_digits(p + 3, second_of_day // 60 % 60)
    write_two_digits(p + 6, second_of_day % 60)


cdef inline void write_two_digits(char* p, int number) noexcept:
    p[0] = 48 + <char>(number // 10)  # 48: "0"
    p[1] = 48 + <char>(number % 10)
