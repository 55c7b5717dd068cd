"""Queries and subscriptions of GraphQL by Ariadne. https://ariadnegraphql.org/"""

import pytest

from ..clients import fetch_json
from . import graphql_peer
from .packages import need

need("ariadne")
pytestmark = pytest.mark.framework("Ariadne", "ariadne")
SITE = "ariadne_site:app"


class TestSite(graphql_peer.Subscriptions, graphql_peer.LeftSubscription):
    pass


def test_query_is_answered(server, client):
    answer = fetch_json(client, "POST", f"{server.url}/", {"query": "{ __typename }"})
    assert answer.json == {"data": {"__typename": "Query"}}


@pytest.mark.feature("WebSocket")
def test_bad_query_is_an_error_of_its_own(server, graphql):
    graphql.open_session()
    graphql.subscribe("bad", 1, query="subscription { nonsense }")
    message = graphql.receive()
    assert (message["type"], message["id"]) == ("error", "bad")
    server.expect_line("Cannot query field 'nonsense'")
    graphql.subscribe("good", 1)
    assert graphql.receive()["payload"] == {"data": {"counter": 0}}
