"""Tests of asgiserve under gunicorn; those with the real program are in tests/e2e."""
