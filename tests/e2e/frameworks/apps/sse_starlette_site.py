"""Server-sent events as the documentation of sse-starlette writes them."""

import asyncio

import anyio
from site_events import end_when_told, note
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.routing import Route


async def count_events():
    number = 0
    try:
        while True:
            yield {"id": str(number), "event": "number", "data": number}
            number += 1
            await asyncio.sleep(0.01)
    except asyncio.CancelledError:
        note("events ended")
        raise


async def endless(request):
    return EventSourceResponse(count_events())


async def on_close(message):
    note(f"closed with {message['type']}")


async def watched(request):
    return EventSourceResponse(count_events(), client_close_handler_callable=on_close)


async def few(request):
    async def three_events():
        for number in range(3):
            yield ServerSentEvent(data=f"line {number}\nof two", comment="a comment", sep="\n")

    work = BackgroundTask(end_when_told, request.query_params["name"])
    return EventSourceResponse(three_events(), background=work)


async def quiet(request):
    """Nothing but the pings that keep proxies from closing."""

    async def nothing():
        await asyncio.sleep(3600)
        yield {}

    return EventSourceResponse(nothing(), ping=0.05)


async def polite(request):
    """Says goodbye when the server stops."""
    stopping = anyio.Event()

    async def wait_for_the_end():
        yield {"data": "hello"}
        await stopping.wait()
        yield {"data": "goodbye"}

    return EventSourceResponse(
        wait_for_the_end(), shutdown_event=stopping, shutdown_grace_period=10
    )


app = Starlette(
    routes=[
        Route("/events", endless),
        Route("/watched", watched),
        Route("/few", few),
        Route("/quiet", quiet),
        Route("/polite", polite),
    ]
)
