"""The compiled modules of ``codecs/``."""
