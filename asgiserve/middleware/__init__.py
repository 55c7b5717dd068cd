"""ASGI applications around an ASGI application."""
