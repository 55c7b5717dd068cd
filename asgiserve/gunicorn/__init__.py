"""asgiserve under gunicorn: ``gunicorn -k asgiserve.gunicorn.Worker main:app``."""

from asgiserve.gunicorn.worker import Worker as Worker

__all__ = ["Worker"]
