"""A log that nobody reads: the server serves on, counts what it drops, and stops in time."""

import os
import re
import sys
import threading

import pytest

from .raw_client import RawClient
from .waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes")

# Becomes the server, whose standard output is the pipe of that number.
START = """
import os, sys
os.dup2(int(sys.argv[1]), 1)
os.execv(sys.executable, [sys.executable, "-m", "asgiserve", *sys.argv[2:]])
"""
SITE = """
async def app(scope, receive, send):
    print("app: hello")
    await send({"type": "http.response.start", "status": 204})
    await send({"type": "http.response.body"})
"""
# Some of these are more than a pipe and what is kept for it hold.
LONG_TARGET = "/" + "x" * 8000
MANY = 200


def test_log_that_nobody_reads_holds_nothing_up(start_server):
    reader_fd, log_fd = os.pipe()
    try:
        server = start_server(
            *("-c", START, str(log_fd), "site_of_test:app", "--port", "0", "--lifespan", "off"),
            *("--workers", "2"),
            files={"site_of_test.py": SITE},
            inherited_fds=(log_fd,),
            # Python writes what is printed in pieces of 8 KiB, and at its end.
            environment={"PYTHONUNBUFFERED": ""},
        )
        os.close(log_fd)
        with RawClient(server.address) as client:
            for _ in range(MANY):
                assert client.get(LONG_TARGET).status == 204
            server.wait_for_log("Log lines to <stdout> are being dropped: the reader is too slow")
            reader = Reader(reader_fd)
            server.wait_for_log(r"Dropped \d+ log lines to <stdout>")
            kept = MANY - int(re.search(r"Dropped (\d+)", server.log())[1])
            wait_until(lambda: reader.text.count(LONG_TARGET) == kept, "what was kept")
            reader.stop()
            for _ in range(20):
                client.get(LONG_TARGET)
        assert server.terminate() == 0
    finally:
        os.close(reader_fd)


class Reader:
    """Reads a pipe in a thread until it is stopped."""

    def __init__(self, fd):
        self._fd = fd
        self._data = b""
        self._is_stopped = False
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._is_stopped:
            self._data += os.read(self._fd, 65536)

    def stop(self):
        """Read no more once the next bytes have come."""
        self._is_stopped = True

    @property
    def text(self):
        return self._data.decode()
