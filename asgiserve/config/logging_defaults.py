"""The logging configuration when none is given: data for ``logging.config.dictConfig``."""

from __future__ import annotations

from typing import Any

__all__ = ["ACCESS_FORMAT", "ERROR_FORMAT", "LOGGING_CONFIG", "TIME_FORMAT"]

TIME_FORMAT = "%Y-%m-%d %H:%M:%S"
ERROR_FORMAT = "%(levelprefix)s %(asctime)s %(message)s"
ACCESS_FORMAT = (
    '%(levelprefix)s %(asctime)s %(client_addr)s - "%(request_line)s" '
    "%(status_code)s %(counts)s %(duration)s"
)

LOGGING_CONFIG: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "default": {
            "()": "asgiserve.logs.DefaultFormatter",
            "fmt": ERROR_FORMAT,
            "datefmt": TIME_FORMAT,
            "use_colors": None,
        },
        "access": {
            "()": "asgiserve.logs.AccessFormatter",
            "fmt": ACCESS_FORMAT,
            "datefmt": TIME_FORMAT,
            "use_colors": None,
        },
    },
    "handlers": {
        "default": {
            "class": "asgiserve.logs.LogHandler",
            "formatter": "default",
            "stream": "ext://sys.stderr",
        },
        "access": {
            "class": "asgiserve.logs.LogHandler",
            "formatter": "access",
            "stream": "ext://sys.stdout",
        },
    },
    "loggers": {
        "asgiserve": {"handlers": ["default"], "level": "INFO", "propagate": False},
        "asgiserve.error": {"level": "INFO"},
        "asgiserve.access": {"handlers": ["access"], "level": "INFO", "propagate": False},
    },
}
