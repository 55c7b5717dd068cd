"""Tests of ``asgiserve.reload``."""
