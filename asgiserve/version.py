"""The version of asgiserve, stated once; packaging, the command and the Server field read it."""

__version__ = "0.1.0"
