"""The compiled modules of ``asgi/``."""
