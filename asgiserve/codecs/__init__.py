"""Bytes to objects and back: no asyncio, no clock, no logging."""
