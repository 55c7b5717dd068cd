"""A GraphQL schema as Strawberry's documentation writes them, behind its ASGI view."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator

import strawberry
from site_events import note
from strawberry.asgi import GraphQL
from strawberry.file_uploads import Upload
from strawberry.subscriptions import (
    GRAPHQL_SSE_PROTOCOL,
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
)


@strawberry.type
class Query:
    @strawberry.field
    def hello(self, name: str) -> str:
        return f"Hello, {name}!"


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def read_file(self, file: Upload) -> str:
        content = await file.read()
        return f"{file.filename} {len(content)} {hashlib.sha256(content).hexdigest()}"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def counter(self, end: int, name: str) -> AsyncGenerator[int, None]:
        try:
            for number in range(end):
                yield number
                await asyncio.sleep(0.001)
        finally:
            note(f"{name} ended")


schema = strawberry.Schema(Query, Mutation, Subscription)
protocols = [
    GRAPHQL_TRANSPORT_WS_PROTOCOL,
    GRAPHQL_SSE_PROTOCOL,
    MULTIPART_SUBSCRIPTION_PROTOCOL,
]
app = GraphQL(schema, multipart_uploads_enabled=True, subscription_protocols=protocols)
