"""Tests of ``asgiserve.cli``."""
