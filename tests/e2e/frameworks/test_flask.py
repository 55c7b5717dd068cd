"""A Flask application over WSGI, driven by every client. https://flask.palletsprojects.com/"""

import pytest

from ..clients import Form
from ..server_process import SITES_DIR
from . import site_checks
from .packages import need

need("flask")
pytestmark = pytest.mark.framework("Flask (WSGI)", "Flask")


@pytest.fixture(scope="module")
def server(start_shared_server):
    options = ["--port", "0", "--interface", "wsgi"]
    return start_shared_server("-m", "asgiserve", "flask_site:app", *options)


def test_path_and_query_parameters_arrive(server, client):
    site_checks.check_parameters(server, client)


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


def test_json_comes_back(server, client):
    site_checks.check_json(server, client, "PUT")


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, client):
    site_checks.check_upload(server, client, file_bytes=2_000_000)


def test_url_encoded_form_arrives(server, client):
    values = {"username": "zoë", "password": "a&b=c"}
    assert client.fetch("POST", f"{server.url}/login", body=Form(values)).json == values


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/stream")
    assert answer.text.split() == [str(number) for number in range(100)]


def test_file_arrives_whole_and_in_parts(server, client):
    content = (SITES_DIR / "flask_site.py").read_bytes()
    assert client.fetch("GET", f"{server.url}/file").body == content
    part = client.fetch("GET", f"{server.url}/file", headers={"range": "bytes=3-9"})
    assert (part.status, part.body) == (206, content[3:10])


def test_redirect_and_cookies_keep_their_headers(server, client):
    redirect = client.fetch("GET", f"{server.url}/redirect")
    assert (redirect.status, redirect.header("location")) == (302, "/items/1")
    cookies = client.fetch("GET", f"{server.url}/cookies")
    values = [value for name, value in cookies.headers if name.lower() == "set-cookie"]
    assert values == ["one=1; Path=/", "two=2; Path=/"]


def test_head_has_the_length_and_no_body(server, client):
    answer = client.fetch("HEAD", f"{server.url}/items/1")
    assert (answer.status, answer.body) == (200, b"")
    assert int(answer.header("content-length")) > 0


def test_exception_in_a_view_is_a_500_and_one_traceback(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500
    server.expect_traceback("RuntimeError: broken on purpose")


@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server)


@pytest.mark.feature("disconnect")
def test_stream_is_closed_when_its_client_leaves(server):
    site_checks.check_disconnect(server)
