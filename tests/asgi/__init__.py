"""Tests of `asgiserve.asgi`."""
