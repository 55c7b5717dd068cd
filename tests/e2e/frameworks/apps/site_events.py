"""What a site notes for its test, in a file of the folder that the server runs in."""

import asyncio
from pathlib import Path


def note(event):
    """Write *event* down."""
    with Path("events.txt").open("a") as file:
        file.write(f"{event}\n")


async def end_when_told(name):
    """Work until the test makes a file called *name*, then say that it ended."""
    while not Path(name).exists():  # noqa: ASYNC240, ASYNC110 - it is the test that waits
        await asyncio.sleep(0.01)
    note(f"{name} ended")
