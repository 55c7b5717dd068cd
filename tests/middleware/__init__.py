"""Tests of ``asgiserve.middleware``."""
