"""Signals: what is in flight ends in peace, who never ends is told, the exit status is 0."""

import os
import signal
import socket
import time

import pytest

from .raw_client import RawClient
from .waiting import wait_until


@pytest.fixture
def start(start_server):
    def start_site(*options, app="asgi_site:app"):
        return start_server("-m", "asgiserve", app, "--port", "0", *options)

    return start_site


def wait_until_refusing(server):
    """Wait until the server accepts no more connections."""

    def is_refused():
        try:
            socket.create_connection(server.address, timeout=1).close()
        except ConnectionRefusedError:
            return True
        except (ConnectionResetError, TimeoutError):
            # It came in the moment in which the listener was closed: connected by the kernel, or
            # with a SYN that was dropped, which is sent again only after a second.
            pass
        return False

    wait_until(is_refused, "new connections to be refused")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_idle_server_stops_at_once_with_status_0(start, number):
    server = start()
    with RawClient(server.address) as idle, RawClient(server.address) as silent:
        idle.get("/hello")
        begin = time.monotonic()
        server.send_signal(number)
        assert idle.read_to_end() == b""
        assert silent.read_to_end() == b""
        assert server.exit_status() == 0
    assert time.monotonic() - begin < 3
    assert "app: lifespan shutdown" in server.log()


def test_requests_in_flight_end_in_peace(start, connect, tmp_path):
    permission = tmp_path / "go"
    server = start()
    waiting = connect(server)
    waiting.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
    server.wait_for_log("waiting for the file")
    uploading = connect(server)
    uploading.send(b"POST /echo_stream HTTP/1.1\r\nhost: e2e\r\ncontent-length: 10\r\n\r\n12345")
    uploading.read_until(b"12345\r\n")
    server.send_signal(signal.SIGTERM)
    # What stops the server may come by two ways, as from systemd and from `uv run`.
    os.kill(server.pid, signal.SIGTERM)
    wait_until_refusing(server)
    uploading.send(b"67890")
    assert uploading.read_to_end() == b"5\r\n67890\r\n0\r\n\r\n"
    assert server.is_running
    permission.touch()
    answer = waiting.read_answer()
    assert (answer.status, answer.body) == (200, b"finished in peace")
    assert answer.header("connection") == "close"
    assert waiting.read_to_end() == b""
    assert server.exit_status() == 0
    assert "app: lifespan shutdown" in server.log()


def test_background_work_after_the_answer_is_waited_for(start):
    server = start(app="background_site:app")
    with RawClient(server.address) as raw:
        assert raw.get("/").body == b"done"
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        (server.work_dir / "done").touch()
        assert server.exit_status() == 0
    assert "app: background work has ended" in server.log()


def test_endless_answers_are_told_after_half_the_grace_period(start, connect):
    server = start("--timeout-graceful-shutdown=2")
    stream, poll = connect(server), connect(server)
    stream.send(b"GET /stream_for_ever?case=a HTTP/1.1\r\nhost: e2e\r\n\r\n")
    stream.read_until(b"tick")
    poll.send(b"GET /long_poll?case=b HTTP/1.1\r\nhost: e2e\r\n\r\n")
    begin = time.monotonic()
    server.send_signal(signal.SIGTERM)
    wait_until_refusing(server)
    stream.read_until(b"tick")
    assert stream.read_to_end()[-5:] != b"0\r\n\r\n"
    assert time.monotonic() - begin > 0.9
    assert server.exit_status() == 0
    assert "Cancelling" not in server.log()
    assert "stream: OSError from send: ClientDisconnected" in server.log()
    assert "long poll got http.disconnect" in server.log()
    assert "app: lifespan shutdown" in server.log()
    assert poll.read_to_end().endswith(b"too late")


def test_application_that_never_ends_is_cancelled_after_the_grace_period(start, connect):
    server = start("--timeout-graceful-shutdown=0.5")
    raw = connect(server)
    raw.send(b"GET /stubborn HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("stubborn has begun")
    server.send_signal(signal.SIGTERM)
    server.exit_status()
    assert "app: stubborn was cancelled" in server.log()
    assert "app: lifespan shutdown" in server.log()


def test_second_signal_does_not_wait(start, connect):
    server = start()
    raw = connect(server)
    raw.send(b"GET /stubborn HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("stubborn has begun")
    begin = time.monotonic()
    server.send_signal(signal.SIGINT)
    wait_until_refusing(server)
    server.send_signal(signal.SIGINT)
    server.exit_status()
    assert time.monotonic() - begin < 5  # of a grace period of 30
    assert "app: lifespan shutdown" in server.log()


def test_client_that_sends_half_a_head_cannot_outlast_the_grace_period(start, connect):
    server = start("--timeout-graceful-shutdown=0.6")
    raw = connect(server)
    raw.send(b"GET /hello HTTP/1.1\r\nhost:")
    with RawClient(server.address) as other:
        other.get("/hello")
    begin = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - begin < 5


def test_limit_max_requests_stops_the_server_in_order(start):
    server = start("--limit-max-requests", "3")
    with RawClient(server.address) as raw:
        answers = [raw.get("/hello") for _ in range(3)]
        assert [answer.status for answer in answers] == [200] * 3
    assert server.exit_status() == 0
    assert "app: lifespan shutdown" in server.log()
