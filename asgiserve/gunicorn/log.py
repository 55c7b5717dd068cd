"""The log of a worker of gunicorn: through gunicorn's handlers, in gunicorn's formats."""

from __future__ import annotations

import logging
import os
from typing import Any

__all__ = ["log_as_gunicorn"]


def log_as_gunicorn(log: Any) -> None:
    """Write what asgiserve logs to gunicorn's *log*.

    A logger that has handlers already, as ``logconfig`` may say, is left as it is.
    """
    error_logger = logging.getLogger("asgiserve.error")
    if not error_logger.handlers:
        # The same list: gunicorn may change its handlers.
        error_logger.handlers = log.error_log.handlers
        error_logger.setLevel(log.error_log.level)
        error_logger.propagate = log.error_log.propagate
    access_logger = logging.getLogger("asgiserve.access")
    if not access_logger.handlers:
        access_logger.addHandler(AccessHandler(log))
        access_logger.setLevel(logging.INFO)
        access_logger.propagate = False


class AccessHandler(logging.Handler):
    """Writes access records as gunicorn's ``access_log_format`` says.

    Fields of requests and responses are not in the records: their places hold a hyphen.
    """

    def __init__(self, log: Any) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """Write *record*, with the arguments of `AccessLog.write_record`."""
        try:
            atoms = self._log.atoms_wrapper_class(read_atoms(record) | {"t": self._log.now()})
            self._log.access_log.info(self._log.cfg.access_log_format, atoms)
        except Exception:  # noqa: BLE001 - it is reported, as handlers do
            self.handleError(record)


def read_atoms(record: logging.LogRecord) -> dict[str, Any]:
    """What stands for the identifiers of gunicorn's format."""
    assert isinstance(record.args, tuple)
    client, method, target, http_version, status = record.args
    path, _, query = str(target).partition("?")
    host, _, port = str(client).rpartition(":")
    duration_s = getattr(record, "duration_s", 0.0)
    body_bytes = getattr(record, "body_bytes", 0)
    return {
        "h": host if port.isdigit() else client,
        "l": "-",
        "u": "-",
        "r": f"{method} {target} HTTP/{http_version}",
        "m": method,
        "U": path,
        "q": query,
        "H": f"HTTP/{http_version}",
        "s": str(status),
        "B": body_bytes,
        "b": str(body_bytes),
        "f": "-",
        "a": "-",
        "T": int(duration_s),
        "M": int(duration_s * 1e3),
        "D": int(duration_s * 1e6),
        "L": f"{duration_s:.6f}",
        "p": f"<{os.getpid()}>",
    }
