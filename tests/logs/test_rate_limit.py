"""Log lines that a peer can cause as often as it likes."""

from __future__ import annotations

import logging

import pytest

from asgiserve.logs.rate_limit import REPORT_INTERVAL_S, RareLog


def test_lines_are_written_once_in_a_while(caplog: pytest.LogCaptureFixture) -> None:
    now_s = [100.0]
    rare_log = RareLog(logging.getLogger("asgiserve.error"), logging.WARNING, lambda: now_s[0])
    for number in range(5):
        rare_log.write("event %d", number)
    now_s[0] += REPORT_INTERVAL_S
    rare_log.write("event %d", 5)
    now_s[0] += REPORT_INTERVAL_S
    rare_log.write("event %d", 6)
    assert [(record.levelno, record.message) for record in caplog.records] == [
        (logging.WARNING, "event 0"),
        (logging.WARNING, "event 5 (and 4 more such events since the line before)"),
        (logging.WARNING, "event 6"),
    ]
