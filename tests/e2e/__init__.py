"""End to end: a real server process, real sockets and real clients, on both columns."""
