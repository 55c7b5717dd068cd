"""What a client of any site does and sees, and what the site noted meanwhile.

Each class has the tests of one route. A framework's file names its site, and takes those that it
has by a class that inherits from them; attributes say where a site differs. The sites note what no
client can see, by ``apps/site_events.py``.
"""

import hashlib
import os
from typing import Any

import pytest

from ..clients import Client, Form, Upload, fetch_json
from ..conftest import StartServer
from ..raw_client import RawClient
from ..server_process import ServerProcess
from ..waiting import DEADLINE_S, wait_until
from ..websocket_clients import open_websocket


def events(server: ServerProcess) -> list[str]:
    """All that the site has noted."""
    path = server.work_dir / "events.txt"
    return path.read_text().splitlines() if path.exists() else []


def wait_for_event(server: ServerProcess, event: str, count: int = 1) -> None:
    """Wait until the site has noted *event*, *count* times."""
    wait_until(lambda: events(server).count(event) >= count, f"the site to note {event!r}")


class Parameters:
    """``GET /items/ID?q=``."""

    def test_path_and_query_parameters_arrive(self, site_url: str, client: Client) -> None:
        answer = client.fetch("GET", f"{site_url}/items/42?q=caf%C3%A9")
        assert answer.json == {"item_id": 42, "q": "café"}


class JsonBody:
    """``POST /items``."""

    def test_json_comes_back(self, site_url: str, client: Client) -> None:
        item = {"name": "Hammer", "price": 9.5}
        answer = fetch_json(client, "POST", f"{site_url}/items", item)
        assert (answer.status, answer.json) == (201, item)


class ThreadedView:
    """``GET /sync-items/ID``."""

    def test_view_that_is_no_coroutine_runs_in_a_thread(
        self, site_url: str, client: Client
    ) -> None:
        assert client.fetch("GET", f"{site_url}/sync-items/7").json == {"item_id": 7}


class FormBody:
    """``POST /login``."""

    def test_url_encoded_form_arrives(self, site_url: str, client: Client) -> None:
        values = {"username": "zoë", "password": "a&b=c"}
        assert client.fetch("POST", f"{site_url}/login", body=Form(values)).json == values


class CookiesAndRedirect:
    """``GET /redirect``, ``GET /cookies``."""

    def test_redirect_and_cookies_keep_their_headers(self, site_url: str, client: Client) -> None:
        redirect = client.fetch("GET", f"{site_url}/redirect")
        assert (redirect.status, redirect.header("location")) == (302, "/items/1")
        cookies = client.fetch("GET", f"{site_url}/cookies")
        values = [value for name, value in cookies.headers if name.lower() == "set-cookie"]
        assert values == ["one=1; Path=/", "two=2; Path=/"]


class UnknownPage:
    """No route."""

    def test_unknown_page_is_a_404(self, site_url: str, client: Client) -> None:
        assert client.fetch("GET", f"{site_url}/nowhere").status == 404


class Crash:
    """``GET /crash``."""

    def test_exception_in_a_view_is_a_500_and_one_traceback(
        self, server: ServerProcess, site_url: str, client: Client
    ) -> None:
        assert client.fetch("GET", f"{site_url}/crash").status == 500
        server.expect_traceback("RuntimeError: broken on purpose")


class ExceptionHandler:
    """``GET /teapot``."""

    def test_exception_handler_answers(self, site_url: str, client: Client) -> None:
        answer = client.fetch("GET", f"{site_url}/teapot")
        assert (answer.status, answer.json) == (418, {"message": "short and stout"})


class Dependency:
    """``GET /with-session``."""

    def test_dependency_with_yield_is_closed_after_the_answer(
        self, server: ServerProcess, site_url: str, client: Client
    ) -> None:
        before = events(server).count("session closed")
        assert client.fetch("GET", f"{site_url}/with-session").json == {"session": "a session"}
        wait_for_event(server, "session closed", before + 1)


class FileUpload:
    """``POST /upload``."""

    file_bytes = 700_000

    @pytest.mark.feature("upload")
    def test_form_of_a_file_and_a_text_arrives_whole(self, site_url: str, client: Client) -> None:
        content = os.urandom(self.file_bytes)
        form = Form({"note": "grüß dich"}, {"file": Upload("data.bin", content)})
        answer = client.fetch("POST", f"{site_url}/upload", body=form)
        assert answer.json == {
            "name": "data.bin",
            "note": "grüß dich",
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }


class BodyStream:
    """``POST /digest``, whose body the site reads piece by piece."""

    @pytest.mark.feature("streaming")
    def test_body_is_streamed_to_the_application(self, site_url: str, client: Client) -> None:
        content = os.urandom(2_000_000)
        answer = client.fetch("POST", f"{site_url}/digest", body=content)
        assert answer.json == {"bytes": 2_000_000, "sha256": hashlib.sha256(content).hexdigest()}


class Stream:
    """``GET /count``: a hundred lines, of a length that nobody knew before."""

    count_paths = ("/count",)

    @pytest.mark.feature("streaming")
    def test_stream_arrives_whole(self, site_url: str, client: Client) -> None:
        for path in self.count_paths:
            answer = client.fetch("GET", site_url + path)
            assert answer.status == 200
            assert answer.text.split() == [str(number) for number in range(100)]
            assert answer.header("content-length") is None


class Background:
    """``POST /work?name=``: the answer comes while the work that it started has not ended."""

    @pytest.mark.feature("background")
    def test_work_goes_on_after_the_answer(
        self, server: ServerProcess, site_url: str, client: Client
    ) -> None:
        name = f"task-{os.urandom(4).hex()}"
        answer = client.fetch("POST", f"{site_url}/work?name={name}")
        assert (answer.status, answer.text) == (202, "queued")
        assert f"{name} ended" not in events(server)
        (server.work_dir / name).touch()  # for which the work waits
        wait_for_event(server, f"{name} ended")


class ServerSentEvents:
    """``GET /events``; in *event_data* braces stand for an event's number, from 0 on."""

    event_data = "{}"

    @pytest.mark.feature("SSE")
    def test_events_arrive_until_the_client_leaves(
        self, server: ServerProcess, site_url: str
    ) -> None:
        path = f"{site_url.removeprefix(server.url)}/events"
        before = events(server).count("events ended")
        with RawClient(server.address) as raw:
            head = f"GET {path} HTTP/1.1\r\nhost: e2e\r\naccept: text/event-stream\r\n\r\n"
            raw.send(head.encode())
            head = raw.read_until(b"\r\n\r\n").lower()
            assert head.startswith(b"http/1.1 200 ")
            assert b"\r\ncontent-type: text/event-stream" in head
            for number in range(5):
                raw.read_until(f"data: {self.event_data.format(number)}".encode())
            assert events(server).count("events ended") == before
        wait_for_event(server, "events ended", before + 1)


def leave_stream(server: ServerProcess, path: str = "/ticks", event: str = "ticks ended") -> None:
    """Leave a stream without end; the site has to be told."""
    before = events(server).count(event)
    with RawClient(server.address) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        for _ in range(3):
            raw.read_until(b"tick")
        assert events(server).count(event) == before
    wait_for_event(server, event, before + 1)


class LeftStream:
    """``GET /ticks``, which goes on until its client leaves."""

    ticks_path = "/ticks"

    @pytest.mark.feature("disconnect")
    def test_stream_ends_when_its_client_leaves(self, server: ServerProcess) -> None:
        leave_stream(server, self.ticks_path)


class LeftPoll:
    """``GET /poll``, which asks whether its client is still there."""

    @pytest.mark.feature("disconnect")
    def test_client_that_leaves_is_seen_by_is_disconnected(
        self, server: ServerProcess, site_url: str
    ) -> None:
        path = f"{site_url.removeprefix(server.url)}/poll"
        before = events(server).count("working")
        with RawClient(server.address) as leaving:
            leaving.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
            wait_for_event(server, "working", before + 1)
        wait_for_event(server, "is_disconnected", before + 1)


class Echo:
    """``/echo``; *echo_end* is what the site notes of its end."""

    echo_end = "websocket ended with 4001"

    def echo_options(self, server: ServerProcess) -> dict[str, Any]:
        return {}

    @pytest.mark.feature("WebSocket")
    def test_websocket_is_served(self, server: ServerProcess) -> None:
        with open_websocket(server, "/echo", **self.echo_options(server)) as socket:
            socket.send("grüß dich 👋")
            assert socket.recv(DEADLINE_S) == "grüß dich 👋"
            data = os.urandom(200_000)
            socket.send(data)
            assert socket.recv(DEADLINE_S) == data
            socket.close(4001)
        wait_for_event(server, self.echo_end)


class StartupState:
    """``GET /state``: what startup made."""

    @pytest.mark.feature("lifespan")
    def test_state_of_the_startup_reaches_the_request(self, site_url: str, client: Client) -> None:
        state = client.fetch("GET", f"{site_url}/state").json
        assert state == {"greeting": "hello from lifespan"}


class StartAndStop:
    """The site is told of the start before it is asked anything, and of the stop at its end."""

    @pytest.mark.feature("lifespan")
    def test_start_and_stop_are_told(
        self, request: pytest.FixtureRequest, start_server: StartServer
    ) -> None:
        server = start_server("-m", "asgiserve", request.module.SITE, "--port", "0")
        assert events(server) == ["started"]
        assert server.terminate() == 0
        assert events(server) == ["started", "stopped"]
