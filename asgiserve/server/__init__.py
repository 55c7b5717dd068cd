"""The server of one process: sockets, event loop, application, shutdown."""
