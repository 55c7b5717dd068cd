"""Measure a real server's resident memory: per idle connection, and over a million requests."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from enum import Enum

from benchmarks.client import read_answer
from benchmarks.contenders import Contender
from benchmarks.load.scenarios import HTTP_SCENARIOS
from benchmarks.load.wrk import run_wrk
from benchmarks.samples import WRK_FIELDS, encode_request
from benchmarks.server_process import ServerError, ServerProcess, find_free_port
from benchmarks.ws_client import WebSocketClient
from benchmarks.ws_samples import JSON_MESSAGES, TEXT

__all__ = ["Idle", "measure_growth", "measure_idle_connection", "raise_file_limit"]

REQUEST = encode_request(WRK_FIELDS)
WARM_UP_CONNECTIONS = 64
# Beside the connections: the interpreter's files, pipes, the listening socket.
SPARE_FILES = 500
# After the last answer a server may still free what the request took.
SETTLE_S = 1.0
# Caches, specialised bytecode and the allocator's arenas have settled after that many requests.
WARM_UP_REQUESTS = 50_000
BURST_S = 5


class Idle(Enum):
    """What an idle connection was used for."""

    HTTP = "connection"
    WEBSOCKET = "WebSocket"
    DEFLATED_WEBSOCKET = "WebSocket, compression offered"


def raise_file_limit(connections: int) -> None:
    """Let this process, and the servers it starts, hold so many if the system allows it.

    Raises:
        ValueError: the hard limit is lower.
    """
    import resource  # not on Windows

    files = connections + SPARE_FILES
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        raise ValueError(f"at most {hard} open files are allowed here, {files} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))


def measure_idle_connection(
    contender: Contender, connections: int, idle: Idle = Idle.HTTP
) -> float:
    """Return the bytes of resident memory that an idle connection holds.

    Each has had one request answered, or one message of 1 KiB echoed; the kernel's share is not in
    the figure.
    """
    with start(contender, "hello" if idle is Idle.HTTP else "echo") as server:
        open_idle_connections(server.port, WARM_UP_CONNECTIONS, idle).close()
        time.sleep(SETTLE_S)
        before_bytes = server.read_resident_bytes()
        with open_idle_connections(server.port, connections, idle):
            time.sleep(SETTLE_S)
            after_bytes = server.read_resident_bytes()
    return (after_bytes - before_bytes) / connections


def measure_growth(contender: Contender, requests: int, *, load_core: int | None) -> list[int]:
    """Return the resident bytes after a warm-up and after each quarter of *requests* more.

    A curve, since an allocator and the garbage collector take some time to settle: a leak goes on.
    """
    with start(contender, "hello") as server:
        send_requests(server.port, WARM_UP_REQUESTS, load_core)
        sizes = [server.read_resident_bytes()]
        for _ in range(4):
            send_requests(server.port, requests // 4, load_core)
            sizes.append(server.read_resident_bytes())
    return sizes


def start(contender: Contender, app: str) -> ServerProcess:
    """Start a server that keeps idle connections for longer than a measurement takes."""
    port = find_free_port()
    command = contender.command(app=f"benchmarks.apps.raw:{app}", port=port, many_idle=True)
    return ServerProcess(command, port, environment=contender.environment)


def open_idle_connections(port: int, connections: int, idle: Idle) -> ExitStack:
    """Open connections and have one request or message answered on each.

    Returns:
        What closes them.

    Raises:
        ServerError: the server closed one of them, or answered something else.
    """
    stack = ExitStack()
    clients = [stack.enter_context(open_connection(port, idle)) for _ in range(connections)]
    for client in clients:
        if is_closed(client):
            raise ServerError("the server closed an idle connection")
    return stack


def open_connection(port: int, idle: Idle) -> socket.socket:
    """Open one connection and have one request or message answered."""
    if idle is Idle.HTTP:
        client = socket.create_connection(("127.0.0.1", port), timeout=10)
        client.sendall(REQUEST)
        read_answer(client)
        return client
    websocket = WebSocketClient(port, offers_deflate=idle is Idle.DEFLATED_WEBSOCKET)
    websocket.check_echo(JSON_MESSAGES[0], TEXT)
    return websocket.socket


def is_closed(client: socket.socket) -> bool:
    """Tell whether the peer has ended the connection."""
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False


def send_requests(port: int, requests: int, core: int | None) -> None:
    """Send at least *requests* GETs."""
    sent = 0
    while sent < requests:
        load = run_wrk(HTTP_SCENARIOS["http1-get-13b-c64"], port, duration_s=BURST_S, core=core)
        if load.failure:
            raise ServerError(load.failure)
        sent += load.exchanges
