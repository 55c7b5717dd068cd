"""The options of a server: what they are called, what they may be, and where they come from."""
