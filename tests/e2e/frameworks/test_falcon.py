"""A Falcon ASGI application. https://falcon.readthedocs.io/"""

import pytest

from . import site_checks
from .packages import closes_generators, need

need("falcon")
pytestmark = pytest.mark.framework("Falcon", "falcon")
SITE = "falcon_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.UnknownPage,
    site_checks.FileUpload,
    site_checks.BodyStream,
    site_checks.Stream,
    site_checks.Background,
    site_checks.Echo,
    site_checks.StartAndStop,
):
    pass


@closes_generators
class TestEndlessStreams(site_checks.ServerSentEvents, site_checks.LeftStream):
    pass


def test_missing_parameter_is_a_400(server, http):
    assert http.fetch("POST", f"{server.url}/work").status == 400


def test_head_has_the_headers_and_no_body(server, client):
    answer = client.fetch("HEAD", f"{server.url}/nowhere")
    assert (answer.status, answer.body) == (404, b"")
