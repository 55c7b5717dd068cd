"""A BlackSheep application. https://www.neoteroi.dev/blacksheep/"""

import pytest

from ..raw_client import RawClient
from . import site_checks
from .packages import need

need("blacksheep")
pytestmark = pytest.mark.framework("BlackSheep", "blacksheep")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "blacksheep_site:app", "--port", "0")


def test_path_and_query_parameters_arrive(server, http):
    site_checks.check_parameters(server, http)


def test_body_becomes_a_dataclass(server, http):
    site_checks.check_json(server, http)


def test_unknown_page_is_a_404(server, http):
    assert http.fetch("GET", f"{server.url}/nowhere").status == 404


@pytest.mark.feature("streaming")
def test_body_is_streamed_to_the_application(server, http):
    site_checks.check_body_stream(server, http)


@pytest.mark.feature("upload")
def test_multipart_upload_arrives_whole(server, http):
    site_checks.check_upload(server, http)


@pytest.mark.feature("streaming")
def test_streamed_content_arrives_whole(server, client):
    site_checks.check_stream(server, client)


@pytest.mark.feature("background")
def test_background_task_goes_on_after_the_answer(server, http):
    site_checks.check_background(server, http)


@pytest.mark.feature("WebSocket")
def test_websocket_is_served(server):
    site_checks.check_websocket(server)


@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server, data='{{"number":{}}}')


@pytest.mark.feature("disconnect")
def test_client_that_leaves_is_seen_by_is_disconnected(server):
    with RawClient(server.address) as leaving:
        leaving.send(b"GET /poll HTTP/1.1\r\nhost: e2e\r\n\r\n")
        site_checks.wait_for_event(server, "working")
    site_checks.wait_for_event(server, "is_disconnected")


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "blacksheep_site:app")
