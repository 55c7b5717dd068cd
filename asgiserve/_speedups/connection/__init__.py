"""The compiled modules of ``connection/``."""
