"""Servers that are restarted, killed, blocked, stopped and attacked, and what clients see of it."""
