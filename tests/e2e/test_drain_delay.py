"""Readiness, and the time between the signal to stop and the end of accepting."""

import re
import signal
import sys

import pytest

from .raw_client import RawClient
from .server_process import APPS_DIR
from .waiting import wait_until


@pytest.fixture
def start(start_server):
    def start_site(*options):
        return start_server(
            "-m", "asgiserve", "asgi_site:app", "--port=0", "--readiness-path=/ready", *options
        )

    return start_site


def probe(server, *lines, path="/ready"):
    with RawClient(server.address) as raw:
        return raw.get(path, *lines)


def wait_until_not_ready(server):
    wait_until(lambda: probe(server).status == 503, "the readiness path to say 503")


def test_probe_is_answered_without_the_application_and_without_a_line(start):
    server = start("--root-path=/app")
    for lines in ([], ["x-forwarded-for: 203.0.113.7"]):
        answer = probe(server, *lines)
        assert (answer.status, answer.body) == (200, b"ready\n")
    with RawClient(server.address) as raw:
        raw.send(b"HEAD /ready HTTP/1.1\r\nhost: e2e\r\n\r\n")
        assert raw.read_answer("HEAD").header("content-length") == "6"
        raw.send(b"POST /ready HTTP/1.1\r\nhost: e2e\r\ncontent-length: 0\r\n\r\n")
        assert raw.read_answer().status == 405
    assert probe(server, path="/ready2").body == b"Hello, world!"
    server.wait_for_log("GET /ready2")
    lines = [line for line in server.log().splitlines() if "/ready " in line]
    assert len(lines) == 1
    assert "POST /ready HTTP/1.1" in lines[0]


def test_server_without_the_option_asks_the_application(asgiserve_server):
    server = asgiserve_server("asgi_site:app", app_dir=APPS_DIR)
    with RawClient((server.host, server.port)) as raw:
        assert raw.get("/ready").body == b"Hello, world!"


def test_server_accepts_on_for_the_delay_while_it_is_not_ready(start, connect, tmp_path):
    permission = tmp_path / "go"
    server = start("--drain-delay=300")
    kept = connect(server)
    kept.get("/hello")
    server.send_signal(signal.SIGTERM)
    wait_until_not_ready(server)
    assert probe(server, path="/hello").status == 200
    answer = kept.get("/hello")
    assert (answer.status, answer.header("connection")) == (200, None)
    waiting = connect(server)
    waiting.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
    server.wait_for_log("waiting for the file")
    # A second signal ends the delay, but what is in flight has its time.
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Shutting down")
    assert kept.read_to_end() == b""
    permission.touch()
    assert waiting.read_answer().body == b"finished in peace"
    assert server.exit_status() == 0


def test_third_signal_cuts_off_what_is_in_flight(start, connect):
    server = start("--drain-delay=300")
    waiting = connect(server)
    waiting.send(b"GET /stubborn HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("stubborn has begun")
    server.send_signal(signal.SIGTERM)
    wait_until_not_ready(server)
    server.send_signal(signal.SIGTERM)
    server.wait_for_log("Waiting for 1 requests")
    server.send_signal(signal.SIGTERM)
    waiting.read_to_end()
    assert server.exit_status() == 0
    assert "stubborn was cancelled" in server.log()


def test_delay_ends_by_itself(start):
    server = start("--drain-delay=0.2")
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
    assert "Stopping in 0.2 s" in server.log()
    assert "app: lifespan shutdown" in server.log()


@pytest.mark.skipif(sys.platform == "win32", reason="no workers there")
def test_workers_accept_on_together_and_stop_together(start):
    server = start("--drain-delay=300", "--workers=2")
    server.wait_for_log("with 2 workers")
    server.send_signal(signal.SIGTERM)
    # Each of them says it, so that every probe fails, whoever takes it.
    wait_until(lambda: server.log().count("Stopping in 300 s") == 2, "both workers to stop")
    assert {probe(server).status for _ in range(4)} == {503}
    assert probe(server, path="/hello").status == 200
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
    assert server.log().count("app: lifespan shutdown") == 2


@pytest.mark.skipif(sys.platform == "win32", reason="no workers there")
def test_worker_that_is_replaced_does_not_delay_nor_end_readiness(start):
    server = start("--drain-delay=300", "--workers=2")
    server.wait_for_log("with 2 workers")
    server.send_signal(signal.SIGHUP)
    stopped = []
    while len(stopped) < 2:
        assert probe(server).status == 200
        stopped = re.findall(r"Stopped server process (\d+)", server.log())
    assert "Stopping in" not in server.log()
    server.send_signal(signal.SIGTERM)
    wait_until_not_ready(server)
    server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
