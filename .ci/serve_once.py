"""Serve one request with the installed command, in the column named: serve_once.py COLUMN.

Runs outside of the source tree, so that what answers is what was installed.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from pathlib import Path

APP = """
from asgiserve._twins import COLUMN

async def app(scope, receive, send):
    body = f"hello from the {COLUMN} column".encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
"""

DEADLINE_S = 20.0


def free_port() -> int:
    """A port of the loopback address that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def fetch(url: str) -> bytes:
    """The answer, as soon as the server is there to give one."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as response:
                return bytes(response.read())
        except urllib.error.URLError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(0.1)


def main(column: str) -> None:
    """Start, ask, stop; anything unexpected is an exception."""
    Path("hello.py").write_text(APP)
    command = str(Path(sysconfig.get_path("scripts"), "asgiserve"))
    print(subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout)
    port = free_port()
    server = subprocess.Popen([command, "hello:app", "--port", str(port)])
    try:
        body = fetch(f"http://127.0.0.1:{port}/")
        assert body == f"hello from the {column} column".encode(), body
        server.send_signal(signal.SIGTERM)
        status = server.wait(DEADLINE_S)
        # Windows has no SIGTERM: the process is ended from outside, with status 1.
        assert status == (1 if sys.platform == "win32" else 0), f"exit status {status}"
    finally:
        server.kill()


if __name__ == "__main__":
    main(sys.argv[1])
