"""An MCP server over streamable HTTP as the MCP SDK's documentation writes them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from mcp.server.mcpserver import Context, MCPServer
from site_events import note


@asynccontextmanager
async def lifespan(server: MCPServer) -> AsyncIterator[dict[str, str]]:
    note("started")
    yield {"greeting": "hello from lifespan"}
    note("stopped")


mcp = MCPServer("Site", lifespan=lifespan, log_level="WARNING")


@mcp.tool()
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@mcp.tool()
async def greet(ctx: Context) -> str:
    """What the lifespan has made."""
    return ctx.request_context.lifespan_context["greeting"]


@mcp.tool()
async def count(end: int, ctx: Context) -> str:
    """Tell of progress on the way."""
    for number in range(end):
        await ctx.report_progress(number, end, f"step {number}")
    return "counted"


@mcp.tool()
async def hang(ctx: Context) -> str:
    """Work until the client gives up."""
    try:
        await ctx.report_progress(0, 1, "hanging")
        await anyio.sleep_forever()
    finally:
        note("hang ended")


@mcp.resource("greeting://{name}")
def greeting(name: str) -> str:
    """A greeting for *name*."""
    return f"Hello, {name}!"


app = mcp.streamable_http_app()
