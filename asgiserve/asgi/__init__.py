"""The ASGI state machines: scopes, request cycles, lifespan."""
