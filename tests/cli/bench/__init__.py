"""Tests of ``asgiserve.bench``."""
