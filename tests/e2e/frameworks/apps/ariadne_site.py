"""A GraphQL schema with subscriptions as Ariadne's documentation writes them."""

import asyncio

from ariadne import SubscriptionType, make_executable_schema
from ariadne.asgi import GraphQL
from ariadne.asgi.handlers import GraphQLTransportWSHandler
from site_events import note

subscription = SubscriptionType()


@subscription.source("counter")
async def count(_, info, end, name):
    try:
        for number in range(end):
            yield number
            await asyncio.sleep(0.001)
    finally:
        note(f"{name} ended")


@subscription.field("counter")
def resolve_counter(number, info, **_):
    return number


schema = make_executable_schema(
    """
    type Query { nothing: Int }
    type Subscription { counter(end: Int!, name: String!): Int! }
    """,
    subscription,
)

app = GraphQL(schema, websocket_handler=GraphQLTransportWSHandler())
