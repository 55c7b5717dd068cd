"""From an address to a connection: sockets, accepting, TLS."""
