"""Tests of ``asgiserve.logs``."""
