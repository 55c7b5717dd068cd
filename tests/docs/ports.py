"""Free ports in the place of those that the pages name, which another test may have."""

from __future__ import annotations

import re

from tests.e2e.programs import free_port

__all__ = ["DEFAULT", "Ports"]

DEFAULT = "8000"
NAMED = re.compile(r"(?<=[:= ])(?:443|8000|8001|8443)\b(?!\.\d)")
# What a port stands behind.
BEFORE = re.compile(r"(?:port[= ]+|:)$", re.IGNORECASE)


class Ports:
    """Translates between a page and what is run."""

    def __init__(self) -> None:
        self._free: dict[str, str] = {}

    def __getitem__(self, named: str) -> str:
        return self._free.setdefault(named, str(free_port()))

    def replace_in(self, text: str) -> str:
        """*text* of a page, with free ports."""

        def choose(match: re.Match[str]) -> str:
            if BEFORE.search(text, match.start() - 8, match.start()):
                return self[match[0]]
            return match[0]

        return NAMED.sub(choose, text)

    def restore_in(self, text: str) -> str:
        """What was printed, with the ports of the page."""
        for named, free in self._free.items():
            text = re.sub(rf":{free}\b", f":{named}", text)
        return text
