"""Queries, uploads and subscriptions of GraphQL by Strawberry. https://strawberry.rocks/"""

import hashlib
import json
import os

import pytest

from ..clients import Form, Upload, fetch_json
from ..raw_client import RawClient
from . import graphql_peer, site_checks
from .packages import closes_generators, need

need("strawberry")
pytestmark = pytest.mark.framework("Strawberry", "strawberry-graphql")
SITE = "strawberry_site:app"

# https://github.com/jaydenseric/graphql-multipart-request-spec
UPLOAD = {
    "query": "mutation($file: Upload!) { readFile(file: $file) }",
    "variables": {"file": None},
}


class TestSite(graphql_peer.Subscriptions, graphql_peer.LeftSubscription):
    pass


def test_query_is_answered(server, client):
    query = {"query": "query($name: String!) { hello(name: $name) }", "variables": {"name": "zoë"}}
    answer = fetch_json(client, "POST", f"{server.url}/", query)
    assert answer.json == {"data": {"hello": "Hello, zoë!"}}


def test_bad_query_is_answered_with_its_errors(server, http):
    answer = fetch_json(http, "POST", f"{server.url}/", {"query": "{ nonsense }"})
    assert answer.json["data"] is None
    assert "nonsense" in answer.json["errors"][0]["message"]
    server.expect_line("Cannot query field 'nonsense'")


@pytest.mark.feature("upload")
def test_file_of_a_multipart_request_arrives_whole(server, http):
    content = os.urandom(700_000)
    values = {"operations": json.dumps(UPLOAD), "map": '{"file": ["variables.file"]}'}
    form = Form(values, {"file": Upload("data.bin", content)})
    answer = http.fetch("POST", f"{server.url}/", body=form)
    sha256 = hashlib.sha256(content).hexdigest()
    assert answer.json == {"data": {"readFile": f"data.bin {len(content)} {sha256}"}}


def check_subscription(server, name, accept, mark):
    """Three of a million numbers arrive over HTTP, then the client leaves."""
    query = {"query": graphql_peer.COUNTER, "variables": {"name": name, "end": 1_000_000}}
    body = json.dumps(query)
    head = f"POST / HTTP/1.1\r\nhost: e2e\r\naccept: {accept}\r\ncontent-type: application/json"
    with RawClient(server.address) as raw:
        raw.send(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
        for number in range(3):
            raw.read_until(mark)
            raw.read_until(f'{{"counter":{number}}}'.encode())
        assert f"{name} ended" not in site_checks.events(server)
    site_checks.wait_for_event(server, f"{name} ended")


@closes_generators
@pytest.mark.feature("streaming")
def test_subscription_comes_in_parts_of_an_answer(server):
    accept = "multipart/mixed;boundary=graphql;subscriptionSpec=1.0,application/json"
    check_subscription(server, "parts", accept, b"--graphql")


@closes_generators
@pytest.mark.feature("SSE")
def test_subscription_comes_as_events(server):
    check_subscription(server, "events", "text/event-stream", b"event: next")
