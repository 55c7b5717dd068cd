"""Reading the journal that ``apps/asgi_site.py`` keeps of what it cannot answer itself."""

import json

from .raw_client import RawClient
from .server_process import ServerProcess
from .waiting import wait_until


def read_journal(server: ServerProcess, case: str) -> list[object]:
    """The journal of *case*, over a connection of its own."""
    with RawClient(server.address) as reader:
        return json.loads(reader.get(f"/journal_of?case={case}", "connection: close").body)


def wait_for_journal(server: ServerProcess, case: str, entries: list[object]) -> None:
    """Wait until the journal of *case* is exactly *entries*."""
    wait_until(lambda: read_journal(server, case) == entries, f"{entries} in the journal of {case}")
