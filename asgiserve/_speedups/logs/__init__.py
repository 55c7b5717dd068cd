"""The compiled modules of ``logs/``."""
