"""Tests of ``asgiserve.process``."""
