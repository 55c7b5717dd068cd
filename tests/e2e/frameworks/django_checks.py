"""What a client of the Django site does and sees, by ASGI as by WSGI."""

import hashlib
import os

from ..clients import Client, Form, Upload
from ..server_process import ServerProcess


def check_request(server: ServerProcess, client: Client) -> None:
    """The request tells path, query, host and client."""
    answer = client.fetch("GET", f"{server.url}/request/caf%C3%A9?q=%26&r=")
    assert answer.json == {
        "path": "/request/café",
        "query": {"q": "&", "r": ""},
        "host": server.url.removeprefix("http://"),
        "remote": "127.0.0.1",
        "absolute": f"{server.url}/request/caf%C3%A9?q=%26&r=",
    }


def check_form(server: ServerProcess, client: Client) -> None:
    """A form arrives."""
    form = Form({"name": "zoë", "note": "a&b=c"})
    answer = client.fetch("POST", f"{server.url}/form", body=form)
    assert answer.json == {"method": "POST", "form": form.values}


def check_upload(server: ServerProcess, client: Client) -> None:
    """A file that Django does not keep in memory arrives whole."""
    content = os.urandom(3_000_000)  # Django keeps 2.5 MiB in memory
    form = Form({"note": "big"}, {"file": Upload("data.bin", content)})
    answer = client.fetch("POST", f"{server.url}/upload", body=form)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json == {"name": "data.bin", "bytes": 3_000_000, "sha256": sha256, "note": "big"}
