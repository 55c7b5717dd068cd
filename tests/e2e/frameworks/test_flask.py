"""A Flask application over WSGI, driven by every client. https://flask.palletsprojects.com/"""

import pytest

from ..server_process import SITES_DIR
from . import site_checks
from .packages import need

need("flask")
pytestmark = pytest.mark.framework("Flask (WSGI)", "Flask")
SITE = "flask_site:app"
OPTIONS = ("--interface", "wsgi")


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.FormBody,
    site_checks.CookiesAndRedirect,
    site_checks.Crash,
    site_checks.FileUpload,
    site_checks.Stream,
    site_checks.ServerSentEvents,
    site_checks.LeftStream,
):
    file_bytes = 2_000_000


def test_environ_is_that_of_wsgi(server, client):
    assert client.fetch("GET", f"{server.url}/environ/caf%C3%A9/x").json == {
        "rest": "café/x",
        "url": f"{server.url}/environ/café/x",
        "PATH_INFO": "/environ/café/x".encode().decode("latin-1"),
        "SCRIPT_NAME": "",
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
    }


def test_file_arrives_whole_and_in_parts(server, client):
    content = (SITES_DIR / "flask_site.py").read_bytes()
    assert client.fetch("GET", f"{server.url}/file").body == content
    part = client.fetch("GET", f"{server.url}/file", headers={"range": "bytes=3-9"})
    assert (part.status, part.body) == (206, content[3:10])


def test_head_has_the_length_and_no_body(server, client):
    answer = client.fetch("HEAD", f"{server.url}/items/1")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length")) > 0
