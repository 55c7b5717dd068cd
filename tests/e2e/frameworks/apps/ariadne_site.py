"""A GraphQL schema with subscriptions as Ariadne's documentation writes them."""

import asyncio

from ariadne import QueryType, SubscriptionType, make_executable_schema
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLTransportWSHandler

query = QueryType()
subscription = SubscriptionType()
ended = []


@query.field("ended")
def resolve_ended(*_):
    return ended


@subscription.source("counter")
async def count(_, info, end, name):
    try:
        for number in range(end):
            yield number
            await asyncio.sleep(0.001)
    finally:
        ended.append(name)


@subscription.field("counter")
def resolve_counter(number, info, **_):
    return number


schema = make_executable_schema(
    """
    type Query { ended: [String!]! }
    type Subscription { counter(end: Int!, name: String!): Int! }
    """,
    query,
    subscription,
)

app = GraphQL(schema, websocket_handler=GraphQLTransportWSHandler())
