"""Blocking calls in threads cannot be cancelled: the process ends in time nevertheless."""

import signal
import textwrap
import time

import pytest

from .raw_client import RawClient

SITE = textwrap.dedent("""
    import asyncio
    import sys
    import threading
    import time

    def block(seconds):
        print("app: thread has begun", file=sys.stderr, flush=True)
        time.sleep(seconds)
        print("app: thread has ended", file=sys.stderr, flush=True)

    async def app(scope, receive, send):
        assert scope["type"] == "http"
        if scope["path"] == "/executor":
            await asyncio.to_thread(block, 60)
        threading.Thread(target=block, args=(60 if scope["path"] == "/thread" else 0.5,)).start()
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})
""")


@pytest.fixture
def start(start_server):
    def start_site(grace_period_s):
        options = ["--port", "0", "--timeout-graceful-shutdown", str(grace_period_s)]
        files = {"thread_site.py": SITE}
        return start_server("-m", "asgiserve", "thread_site:app", *options, files=files)

    return start_site


@pytest.mark.parametrize("path", ["/executor", "/thread"])
def test_process_ends_although_a_thread_is_stuck(start, path):
    server = start(1)
    with RawClient(server.address) as client:
        client.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        server.wait_for_log("thread has begun")
        begin = time.monotonic()
        assert server.terminate() == 0
    assert time.monotonic() - begin < 10
    assert "Ending the process with threads that still run: " in server.log()
    assert "app: thread has ended" not in server.log()


def test_process_waits_for_a_thread_within_the_grace_period(start):
    server = start(30)
    with RawClient(server.address) as client:
        assert client.get("/short").status == 204
        server.send_signal(signal.SIGTERM)
        assert server.exit_status() == 0
    assert "app: thread has ended" in server.log()
    assert "threads that still run" not in server.log()
