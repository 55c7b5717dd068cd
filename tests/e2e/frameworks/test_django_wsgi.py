"""A Django project behind Django's WSGI handler. https://docs.djangoproject.com/"""

import pytest

from ..server_process import SITES_DIR
from . import django_checks, site_checks
from .packages import need

need("django")
pytestmark = pytest.mark.framework("Django (WSGI)", "Django")


@pytest.fixture(scope="module")
def server(start_shared_server):
    options = ["--port", "0", "--interface", "wsgi"]
    return start_shared_server("-m", "asgiserve", "django_site:wsgi_application", *options)


@pytest.mark.parametrize("view", ["hello-async", "hello-sync"])
def test_view_answers(server, client, view):
    assert client.fetch("GET", f"{server.url}/{view}/you").text == "Hello, you!"


def test_request_tells_path_query_host_and_client(server, client):
    django_checks.check_request(server, client)


def test_form_is_posted(server, client):
    django_checks.check_form(server, client)


@pytest.mark.feature("upload")
def test_upload_larger_than_memory_limit_arrives_whole(server, client):
    django_checks.check_upload(server, client)


def test_file_arrives_whole(server, client):
    answer = client.fetch("GET", f"{server.url}/file")
    assert answer.body == (SITES_DIR / "django_site.py").read_bytes()


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    site_checks.check_stream(server, client, "/stream-sync")


@pytest.mark.feature("disconnect")
def test_stream_is_closed_when_its_client_leaves(server):
    site_checks.check_disconnect(server, "/ticks-sync")
