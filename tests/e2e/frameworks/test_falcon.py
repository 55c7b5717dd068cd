"""A Falcon ASGI application. https://falcon.readthedocs.io/"""

import pytest

from . import site_checks
from .packages import closes_generators, need

need("falcon")
pytestmark = pytest.mark.framework("Falcon", "falcon")


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "falcon_site:app", "--port", "0")


def test_path_and_query_parameters_arrive(server, http):
    site_checks.check_parameters(server, http)


def test_json_comes_back(server, http):
    site_checks.check_json(server, http)


def test_missing_parameter_is_a_400_and_unknown_page_a_404(server, http):
    assert http.fetch("POST", f"{server.url}/work").status == 400
    assert http.fetch("GET", f"{server.url}/nowhere").status == 404


def test_head_has_the_headers_and_no_body(server, client):
    answer = client.fetch("HEAD", f"{server.url}/nowhere")
    assert (answer.status, answer.body) == (404, b"")


@pytest.mark.feature("streaming")
def test_body_is_streamed_to_the_application(server, http):
    site_checks.check_body_stream(server, http)


@pytest.mark.feature("upload")
def test_parts_of_an_upload_arrive_one_by_one(server, http):
    site_checks.check_upload(server, http)


@pytest.mark.feature("streaming")
def test_stream_arrives_whole(server, client):
    site_checks.check_stream(server, client)


@pytest.mark.feature("background")
def test_scheduled_work_goes_on_after_the_answer(server, http):
    site_checks.check_background(server, http)


@pytest.mark.feature("WebSocket")
def test_websocket_is_served(server):
    site_checks.check_websocket(server)


@closes_generators
@pytest.mark.feature("SSE")
def test_events_arrive_until_the_client_leaves(server):
    site_checks.check_sse(server)


@closes_generators
@pytest.mark.feature("disconnect")
def test_stream_ends_when_its_client_leaves(server):
    site_checks.check_disconnect(server)


@pytest.mark.feature("lifespan")
def test_start_and_stop_are_told(start_server):
    site_checks.check_lifespan(start_server, "falcon_site:app")
