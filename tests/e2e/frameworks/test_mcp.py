"""The MCP SDK's streamable HTTP server, driven by its own client.

https://py.sdk.modelcontextprotocol.io/
"""

import asyncio

import pytest

from ..waiting import DEADLINE_S
from . import site_checks
from .packages import need

need("mcp")
pytestmark = pytest.mark.framework("MCP SDK", "mcp")
SITE = "mcp_site:app"


class TestSite(site_checks.StartAndStop):
    pass


# The handshake of the older protocol, with sessions, and the newer one without.
MODES = ("legacy", "auto")


@pytest.fixture(params=MODES)
def open_client(request, server):
    from mcp.client import Client

    return lambda: Client(f"{server.url}/mcp", mode=request.param)


async def test_tools_are_listed_and_called(open_client):
    async with asyncio.timeout(DEADLINE_S), open_client() as client:
        tools = await client.list_tools()
        assert [tool.name for tool in tools.tools] == ["add", "greet", "count", "hang"]
        for a in range(5):
            result = await client.call_tool("add", {"a": a, "b": 2})
            assert result.content[0].text == str(a + 2)


async def test_resource_is_read(open_client):
    async with asyncio.timeout(DEADLINE_S), open_client() as client:
        result = await client.read_resource("greeting://zoë")
        assert result.contents[0].text == "Hello, zoë!"


def test_other_host_is_refused(server, http):
    headers = {"host": "elsewhere.example", "content-type": "application/json"}
    answer = http.fetch("POST", f"{server.url}/mcp", headers=headers, body=b"{}")
    assert answer.status == 421
    server.expect_line("Invalid Host header")


@pytest.mark.feature("lifespan")
async def test_tool_sees_what_the_lifespan_has_made(open_client):
    async with asyncio.timeout(DEADLINE_S), open_client() as client:
        result = await client.call_tool("greet")
        assert result.content[0].text == "hello from lifespan"


@pytest.mark.feature("SSE")
async def test_progress_arrives_before_the_result(open_client):
    steps = []

    async def on_progress(progress, total, message):
        steps.append((progress, total, message))

    async with asyncio.timeout(DEADLINE_S), open_client() as client:
        result = await client.call_tool("count", {"end": 20}, progress_callback=on_progress)
        assert result.content[0].text == "counted"
    assert steps == [(number, 20, f"step {number}") for number in range(20)]


@pytest.mark.feature("disconnect")
async def test_tool_is_cancelled_when_its_client_gives_up(server, open_client):
    hanging = asyncio.Event()

    async def on_progress(progress, total, message):
        hanging.set()

    before = site_checks.events(server).count("hang ended")
    async with asyncio.timeout(DEADLINE_S), open_client() as client:
        call = asyncio.create_task(client.call_tool("hang", progress_callback=on_progress))
        await hanging.wait()
        call.cancel()
        while site_checks.events(server).count("hang ended") == before:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
