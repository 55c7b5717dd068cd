"""Tests of the command that looks for what is wrong."""
