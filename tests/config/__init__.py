"""Tests of ``asgiserve.config``."""
