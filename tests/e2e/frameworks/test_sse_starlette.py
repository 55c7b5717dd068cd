"""The responses of sse-starlette. https://github.com/sysid/sse-starlette"""

import signal

import pytest

from ..raw_client import RawClient
from . import site_checks
from .packages import need

need("sse_starlette")
pytestmark = pytest.mark.framework("sse-starlette", "sse-starlette")
SITE = "sse_starlette_site:app"
COMMAND = ("-m", "asgiserve", SITE, "--port", "0")


class TestSite(site_checks.ServerSentEvents):
    pass


def read_stream(raw, path, *marks):
    raw.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
    for mark in marks:
        raw.read_until(mark)


@pytest.mark.feature("SSE")
def test_fields_of_events_arrive_as_they_were_given(server, client):
    answer = client.fetch("GET", f"{server.url}/few?name=fields")
    (server.work_dir / "fields").touch()
    assert answer.header("content-type") == "text/event-stream; charset=utf-8"
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-accel-buffering") == "no"
    event = ": a comment\ndata: line {}\ndata: of two\n\n"
    assert answer.text == "".join(event.format(number) for number in range(3))


@pytest.mark.feature("SSE")
def test_pings_arrive_while_nothing_happens(server):
    with RawClient(server.address) as raw:
        read_stream(raw, "/quiet", b": ping - ", b": ping - ")
    # Until the end is logged, a stop of the server would be what ends the stream.
    server.wait_for_log('"GET /quiet HTTP/1.1" 200')


@pytest.mark.feature("SSE")
def test_head_has_no_events(server, client):
    answer = client.fetch("HEAD", f"{server.url}/events")
    assert (answer.status, answer.body) == (200, b"")


@pytest.mark.feature("background")
def test_background_task_runs_after_the_last_event(server, http):
    assert http.fetch("GET", f"{server.url}/few?name=work").text.count("data: line") == 3
    assert "work ended" not in site_checks.events(server)
    (server.work_dir / "work").touch()
    site_checks.wait_for_event(server, "work ended")


@pytest.mark.feature("disconnect")
def test_end_of_the_client_is_told_to_the_handler_of_closing(server):
    with RawClient(server.address) as raw:
        read_stream(raw, "/watched", b"data: 2")
        assert "closed with http.disconnect" not in site_checks.events(server)
    site_checks.wait_for_event(server, "closed with http.disconnect")


@pytest.mark.feature("disconnect")
def test_stop_of_the_server_is_told_to_the_generator(start_server):
    server = start_server(*COMMAND, "--timeout-graceful-shutdown", "120")
    with RawClient(server.address) as raw:
        read_stream(raw, "/polite", b"data: hello")
        server.send_signal(signal.SIGTERM)
        raw.read_until(b"data: goodbye")
        raw.read_until(b"\r\n0\r\n\r\n")
    assert server.exit_status() == 0


@pytest.mark.feature("disconnect", fault=True)
def test_stop_of_the_server_cuts_streams_off_that_do_not_watch_it(start_server):
    server = start_server(*COMMAND, "--timeout-graceful-shutdown", "120")
    with RawClient(server.address) as raw:
        read_stream(raw, "/events", b"data: 2")
        assert server.terminate() == 0
        assert not raw.read_to_end().endswith(b"\r\n0\r\n\r\n")
    assert "events ended" in site_checks.events(server)
    server.expect_line("ASGI application returned in the middle of its response")
