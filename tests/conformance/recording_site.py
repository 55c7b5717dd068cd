"""The application of ``test_real_socket.py``: answers with the body, and keeps what came.

``GET /seen?<port>`` gives what came from the connection with that client port, as JSON.
"""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

# By the port of the client, since that names a connection.
seen_by_port: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["path"] == "/seen":
        seen = seen_by_port.pop(int(scope["query_string"]), [])
        return await answer(send, json.dumps(seen).encode())
    record: dict[str, Any] = {
        "method": scope["method"],
        "http_version": scope["http_version"],
        "path": scope["path"],
        "raw_path": scope["raw_path"].decode("latin-1"),
        "query_string": scope["query_string"].decode("latin-1"),
        "headers": [[part.decode("latin-1") for part in pair] for pair in scope["headers"]],
        "body": "",
        "is_complete": False,
    }
    seen_by_port[scope["client"][1]].append(record)
    while not record["is_complete"]:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        record["body"] += message["body"].decode("latin-1")
        record["is_complete"] = not message["more_body"]
    return await answer(send, record["body"].encode("latin-1"))


async def answer(send: Any, data: bytes) -> None:
    length = (b"content-length", b"%d" % len(data))
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": data})
