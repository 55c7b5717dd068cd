"""The commands ``asgiserve``, ``asgiserve bench`` and ``asgiserve doctor``."""
