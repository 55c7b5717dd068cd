"""A fixture for tests that configure logging: afterwards everything is as it was."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

__all__ = ["LOGGER_NAMES", "restored_logging"]

LOGGER_NAMES = ("asgiserve", "asgiserve.error", "asgiserve.access")


@pytest.fixture
def restored_logging() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in LOGGER_NAMES]
    before = [(each.level, each.handlers[:], each.filters[:], each.propagate) for each in loggers]
    yield
    for logger, (level, handlers, filters, propagate) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers, logger.filters, logger.propagate = handlers, filters, propagate
