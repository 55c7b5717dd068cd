"""Tests of ``asgiserve.codecs``."""
