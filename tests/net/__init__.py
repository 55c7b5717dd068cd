"""Tests of ``asgiserve.net``."""
