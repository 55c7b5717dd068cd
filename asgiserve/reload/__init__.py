"""``--reload``: which files are watched, and how the server restarts when they change."""
