"""Tests of ``asgiserve.worker``."""
