"""What a server saw of its clients, from its access log: a client that tries again is seen."""

import itertools
import re

from .raw_client import RawClient
from .server_process import ServerProcess

_LINE = re.compile(r' - "(\S+ \S+) HTTP/[\d.]+" (\d+)')
_numbers = itertools.count()


class SeenRequests:
    """The requests of one test, which begins when this is made."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._first = self._leave_mark()

    def __call__(self) -> list[str]:
        """The requests so far, in the order of their answers: ``GET /hello 200``."""
        last = self._leave_mark()
        lines = self._server.log().partition(self._first)[2].partition(last)[0]
        # What is left of the first mark's own line does not look like one.
        return [f"{request} {status}" for request, status in _LINE.findall(lines)]

    def _leave_mark(self) -> str:
        """Have a line in the log that comes after all that were answered before."""
        mark = f"/hello?mark={next(_numbers)}."
        with RawClient(self._server.address) as raw:
            raw.get(mark, "connection: close")
        self._server.wait_for_log(re.escape(mark))
        return mark
