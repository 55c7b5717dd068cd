"""Tests of ``asgiserve.server``."""
