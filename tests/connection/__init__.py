"""Tests of ``asgiserve.connection``."""
