"""A Django project behind Django's WSGI handler. https://docs.djangoproject.com/"""

import hashlib
import os

import pytest

from ..clients import Form, Upload
from ..server_process import SITES_DIR
from . import site_checks
from .packages import need

need("django", "a2wsgi")
pytestmark = pytest.mark.framework("Django (WSGI)", "Django", "a2wsgi")


@pytest.fixture(scope="module")
def server(start_shared_server):
    options = ["--port", "0", "--interface", "wsgi"]
    return start_shared_server("-m", "asgiserve", "django_site:wsgi_application", *options)


@pytest.mark.parametrize("view", ["hello-async", "hello-sync"])
def test_view_answers(server, client, view):
    assert client.fetch("GET", f"{server.url}/{view}/you").text == "Hello, you!"


def test_request_tells_path_query_host_and_client(server, client):
    answer = client.fetch("GET", f"{server.url}/request/caf%C3%A9?q=%26&r=")
    assert answer.json == {
        "path": "/request/café",
        "query": {"q": "&", "r": ""},
        "host": server.url.removeprefix("http://"),
        "remote": "127.0.0.1",
        "absolute": f"{server.url}/request/caf%C3%A9?q=%26&r=",
    }


def test_form_is_posted(server, client):
    form = Form({"name": "zoë", "note": "a&b=c"})
    answer = client.fetch("POST", f"{server.url}/form", body=form)
    assert answer.json == {"method": "POST", "form": form.values}


@pytest.mark.feature("upload")
def test_upload_larger_than_memory_limit_arrives_whole(server, client):
    content = os.urandom(3_000_000)  # Django keeps 2.5 MiB in memory
    form = Form({"note": "big"}, {"file": Upload("data.bin", content)})
    answer = client.fetch("POST", f"{server.url}/upload", body=form)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json == {"name": "data.bin", "bytes": 3_000_000, "sha256": sha256, "note": "big"}


def test_file_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/file")
    assert answer.body == (SITES_DIR / "django_site.py").read_bytes()


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    site_checks.check_stream(server, client, "/stream-sync")


@pytest.mark.feature("disconnect")
def test_stream_is_closed_when_its_client_leaves(server):
    site_checks.check_disconnect(server, "/ticks-sync")
