"""What a client of any site does and sees, and what the site noted meanwhile.

The sites note what no client can see, by ``apps/site_events.py``.
"""

import hashlib
import os
from typing import Any

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


def wait_for_event(server: ServerProcess, event: str) -> None:
    """Wait until the site has noted *event*."""
    wait_until(lambda: event in events(server), f"the site to note {event!r}")


def check_parameters(server: ServerProcess, client: Client) -> None:
    """Parameters of path and query arrive."""
    answer = client.fetch("GET", f"{server.url}/items/42?q=caf%C3%A9")
    assert answer.json == {"item_id": 42, "q": "café"}


def check_json(server: ServerProcess, client: Client, method: str = "POST") -> None:
    """A body of JSON comes back."""
    item = {"name": "Hammer", "price": 9.5}
    answer = fetch_json(client, method, f"{server.url}/items", item)
    assert (answer.status, answer.json) == (201, item)


def check_upload(
    server: ServerProcess, client: Client, path: str = "/upload", *, file_bytes: int = 700_000
) -> None:
    """A form of a file and a text arrives whole."""
    content = os.urandom(file_bytes)
    form = Form({"note": "grüß dich"}, {"file": Upload("data.bin", content)})
    answer = client.fetch("POST", server.url + path, body=form)
    assert answer.json == {
        "name": "data.bin",
        "note": "grüß dich",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
    }


def check_body_stream(server: ServerProcess, client: Client, path: str = "/digest") -> None:
    """A body that the site reads piece by piece arrives whole."""
    content = os.urandom(2_000_000)
    answer = client.fetch("POST", server.url + path, body=content)
    assert answer.json == {"bytes": 2_000_000, "sha256": hashlib.sha256(content).hexdigest()}


def check_stream(server: ServerProcess, client: Client, path: str = "/count") -> None:
    """A hundred lines arrive, of a length that nobody knew before."""
    answer = client.fetch("GET", server.url + path)
    assert answer.status == 200
    assert answer.text.split() == [str(number) for number in range(100)]
    assert answer.header("content-length") is None


def check_background(server: ServerProcess, client: Client, path: str = "/work") -> None:
    """The answer comes while the work that it started has not ended."""
    name = f"task-{os.urandom(4).hex()}"
    answer = client.fetch("POST", f"{server.url}{path}?name={name}")
    assert (answer.status, answer.text) == (202, "queued")
    assert f"{name} ended" not in events(server)
    (server.work_dir / name).touch()  # for which the work waits
    wait_for_event(server, f"{name} ended")


def check_sse(server: ServerProcess, path: str = "/events", data: str = "{}") -> None:
    """Events arrive one by one while the site makes them, until the client has enough.

    Args:
        server: the one that runs the site.
        path: where the events are.
        data: what each holds; braces stand for its number, from 0 on.
    """
    before = events(server).count("events ended")
    with RawClient(server.address) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\naccept: text/event-stream\r\n\r\n".encode())
        head = raw.read_until(b"\r\n\r\n").lower()
        assert head.startswith(b"http/1.1 200 ")
        assert b"\r\ncontent-type: text/event-stream" in head
        for number in range(5):
            raw.read_until(f"data: {data.format(number)}".encode())
        assert events(server).count("events ended") == before
    wait_until(lambda: events(server).count("events ended") > before, "the events to end")


def check_disconnect(
    server: ServerProcess, path: str = "/ticks", event: str = "ticks ended", mark: bytes = b"tick"
) -> None:
    """A site that streams without end is told when its client has gone."""
    assert event not in events(server)
    with RawClient(server.address) as raw:
        raw.send(f"GET {path} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        for _ in range(3):
            raw.read_until(mark)
        assert event not in events(server)
    wait_for_event(server, event)


def check_websocket(
    server: ServerProcess,
    path: str = "/echo",
    end: str = "websocket ended with 4001",
    **options: Any,
) -> None:
    """Text and bytes come back, and the site is told the code of the end."""
    with open_websocket(server, path, **options) as socket:
        socket.send("grüß dich 👋")
        assert socket.recv(DEADLINE_S) == "grüß dich 👋"
        data = os.urandom(200_000)
        socket.send(data)
        assert socket.recv(DEADLINE_S) == data
        socket.close(4001)
    wait_for_event(server, end)


def check_lifespan(start_server: StartServer, *arguments: str) -> ServerProcess:
    """The site is told of the start before it is asked anything, and of the stop at its end."""
    server = start_server("-m", "asgiserve", *arguments, "--port", "0")
    assert events(server) == ["started"]
    assert server.terminate() == 0
    assert events(server) == ["started", "stopped"]
    return server
