"""A whole server in the test's own process, on real sockets: start, stop, signals, threads.

Real processes are in ``tests/e2e``.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import StartupError
from asgiserve.process.signals import STOP_SIGNALS
from asgiserve.server import draining
from asgiserve.server.server import Server
from tests.apps import Receive, Scope, Send, answer, read_body
from tests.ws_peer import handshake

LOOPS = [pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio")]
if find_spec("uvloop"):
    LOOPS.append(pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"))

color: contextvars.ContextVar[str] = contextvars.ContextVar("color")


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Run every test on both event loops."""
    return request.param


@pytest.fixture(autouse=True)
def _same_signal_handlers_after() -> Any:
    before = [signal.getsignal(number) for number in STOP_SIGNALS]
    yield
    assert [signal.getsignal(number) for number in STOP_SIGNALS] == before


class App:
    """Writes down its lifespan, and answers requests; those of ``/wait`` when it is told to.

    Args:
        startup, shutdown: awaited at these points of the lifespan.
    """

    def __init__(self, startup: Any = None, shutdown: Any = None) -> None:
        self.events: list[str] = []
        self.is_waiting = asyncio.Event()
        self.may_answer = asyncio.Event()
        self._startup = startup
        self._shutdown = shutdown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["path"] == "/wait":
            await self._wait(receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await receive()
        elif scope["path"] == "/large":
            await answer(send, bytes(30_000_000))
        elif scope["path"] == "/upload":
            await read_body(receive)
        elif scope["path"] == "/state":
            await answer(send, f"{scope['state']['pool']} {color.get()}".encode())
        else:
            await answer(send, b"hello")

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        for name, hook in (("startup", self._startup), ("shutdown", self._shutdown)):
            await receive()
            self.events.append(name)
            if hook is not None:
                await hook()
            scope["state"]["pool"] = 7
            color.set("blue")
            await send({"type": f"lifespan.{name}.complete"})

    async def _wait(self, receive: Receive, send: Send) -> None:
        self.is_waiting.set()
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.events.append("request cancelled")
            raise
        await answer(send, b"waited")


def make_server(app: Any, **options: Any) -> Server:
    if not options.keys() & {"port", "bind", "uds", "fd"}:
        options["port"] = 0
    return Server(Config(app, log_config=None, **options))


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[asyncio.Task[None]]:
    """Have *server* serve in a task; ask it to stop at the end, and wait until it has."""
    task = asyncio.ensure_future(server.serve())
    await wait_started(server, task)
    try:
        yield task
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)
    if not task.cancelled():
        task.result()


async def wait_started(server: Server, task: asyncio.Task[None]) -> None:
    # As users of uvicorn do; after one turn, since a server that served before has started once.
    await asyncio.sleep(0)
    while not server.started:
        assert not task.done(), task
        await asyncio.sleep(0)


async def wait_until_closed(server: Server) -> None:
    # An asyncio server does not tell when it was closed.
    while server.servers[0].sockets:  # noqa: ASYNC110
        await asyncio.sleep(0)


def address_of(server: Server) -> Any:
    return server.servers[0].sockets[0].getsockname()


async def get(server: Server, path: str = "/") -> bytes:
    """The body of one request over a connection of its own."""
    reader, writer = await asyncio.open_connection(*address_of(server)[:2])
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: test\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        (size,) = (line for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
        return await reader.readexactly(int(size.split(b":")[1]))
    finally:
        writer.close()


async def test_server_answers_until_should_exit_is_set() -> None:
    app = App()
    server = make_server(app)
    async with serving(server):
        assert await get(server) == b"hello"
        assert app.events == ["startup"]
    assert app.events == ["startup", "shutdown"]
    assert server.started
    assert server.exit_status == 0


async def test_server_refuses_connections_after_it_has_stopped() -> None:
    server = make_server(App())
    async with serving(server):
        address = address_of(server)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_server_is_started_and_stopped_step_by_step() -> None:
    app = App()
    server = make_server(app)
    await server.startup()
    assert server.started
    assert await get(server) == b"hello"
    await server.shutdown()
    assert app.events == ["startup", "shutdown"]


async def test_server_serves_again_after_it_has_stopped() -> None:
    app = App()
    server = make_server(app)
    for _ in range(2):
        async with serving(server):
            assert await get(server) == b"hello"
    assert app.events == ["startup", "shutdown"] * 2


async def test_shutdown_while_serving_ends_serve_after_it() -> None:
    app = App()
    server = make_server(app)
    async with serving(server) as task:
        await server.shutdown()
        await task
        assert app.events == ["startup", "shutdown"]


async def test_state_and_context_of_startup_are_seen_by_requests() -> None:
    server = make_server(App())
    async with serving(server):
        assert await get(server, "/state") == b"7 blue"


async def test_connections_are_refused_until_startup_is_complete(free_port: int) -> None:
    async def startup() -> None:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", free_port)

    server = make_server(App(startup), port=free_port, lifespan="on")
    async with serving(server):
        assert await get(server) == b"hello"


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        return int(sock.getsockname()[1])


async def test_server_that_shall_stop_before_it_serves_never_listens() -> None:
    app = App()
    server = make_server(app)
    server.should_exit = True
    await server.serve()
    assert app.events == ["startup", "shutdown"]
    assert not server.started


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_server_runs_in_a_thread_and_leaves_signals_alone(loop: str) -> None:
    before = signal.getsignal(signal.SIGTERM)
    started = threading.Event()
    seen: list[Any] = []

    async def startup() -> None:
        seen.append(signal.getsignal(signal.SIGTERM))
        asyncio.get_running_loop().call_later(0, wait_and_tell)

    def wait_and_tell() -> None:
        if server.started:
            started.set()
        else:
            asyncio.get_running_loop().call_soon(wait_and_tell)

    for _ in range(2):
        app = App(startup)
        server = make_server(app, loop=loop)
        thread = threading.Thread(target=server.run)
        thread.start()
        assert started.wait(30)
        with socket.create_connection(address_of(server), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()
        assert app.events == ["startup", "shutdown"]
        started.clear()
    assert seen == [before, before]


@pytest.mark.parametrize("number", STOP_SIGNALS)
async def test_signal_stops_the_server_then_goes_on_to_the_host(
    number: signal.Signals, heard: list[int]
) -> None:
    async def shutdown() -> None:
        assert not heard

    app = App(shutdown=shutdown)
    server = make_server(app)
    async with serving(server) as task:
        signal.raise_signal(number)
        await task
    assert app.events == ["startup", "shutdown"]
    assert server.exit_status == 0
    assert heard == [number]


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_signal_ends_run_and_goes_no_further(loop: str, heard: list[int]) -> None:
    async def startup() -> None:
        asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)

    app = App(startup)
    make_server(app, loop=loop).run()
    assert app.events == ["startup", "shutdown"]
    assert not heard


@pytest.mark.usefixtures("heard")
async def test_request_in_flight_is_answered_after_a_signal() -> None:
    app = App()
    server = make_server(app)
    async with serving(server) as task:
        request = asyncio.ensure_future(get(server, "/wait"))
        await app.is_waiting.wait()
        signal.raise_signal(signal.SIGTERM)
        await wait_until_closed(server)
        assert not task.done()
        app.may_answer.set()
        assert await request == b"waited"
    assert app.events == ["startup", "shutdown"]


@pytest.mark.usefixtures("heard")
async def test_connection_that_the_kernel_made_before_the_signal_is_served() -> None:
    server = make_server(App())
    async with serving(server) as task:
        # The loop does not run between these lines.
        with socket.create_connection(address_of(server), timeout=30) as client:
            client.sendall(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
            signal.raise_signal(signal.SIGTERM)
            await task
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize(
    ("data", "is_answered"),
    [
        (b"GET / HT", False),
        (b"POST /upload HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc", False),
        (b"GET /large HTTP/1.1\r\nhost: a\r\n\r\n", True),
        (handshake(), True),
    ],
    ids=["half a head", "stalled upload", "stopped reader", "unanswered close"],
)
async def test_client_that_does_not_move_does_not_hold_the_end_up(
    monkeypatch: pytest.MonkeyPatch, data: bytes, is_answered: bool
) -> None:
    monkeypatch.setattr(draining, "STALLED_S", 0.3)
    app = App()
    server = make_server(app, timeout_graceful_shutdown=None)
    async with serving(server) as task:
        reader, writer = await asyncio.open_connection(*address_of(server)[:2], limit=1)
        writer.write(data)
        while not server.server_state.connections:  # noqa: ASYNC110 - nothing else tells
            await asyncio.sleep(0)
        if is_answered:
            await reader.read(1)
        server.should_exit = True
        async with asyncio.timeout(20):
            await task
        writer.close()
    assert app.events == ["startup", "shutdown"]


@pytest.mark.usefixtures("heard", "impatient")
async def test_second_signal_cancels_requests_and_runs_the_lifespan_shutdown() -> None:
    app = App()
    server = make_server(app)
    async with serving(server) as task:
        request = asyncio.ensure_future(get(server, "/wait"))
        await app.is_waiting.wait()
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        await task
        await asyncio.gather(request, return_exceptions=True)
    assert app.events == ["startup", "request cancelled", "shutdown"]
    assert server.exit_status == 0


@pytest.mark.usefixtures("heard", "impatient")
async def test_third_signal_cuts_the_lifespan_shutdown_short() -> None:
    async def shutdown() -> None:
        for _ in range(3):
            signal.raise_signal(signal.SIGINT)
        await asyncio.Event().wait()

    app = App(shutdown=shutdown)
    server = make_server(app)
    async with serving(server):
        pass
    assert app.events == ["startup", "shutdown"]
    assert server.exit_status == 1


@pytest.mark.usefixtures("heard")
async def test_signal_at_the_end_of_startup_owes_the_application_its_shutdown() -> None:
    async def startup() -> None:
        signal.raise_signal(signal.SIGTERM)

    app = App(startup)
    server = make_server(app)
    await server.serve()
    assert app.events == ["startup", "shutdown"]
    assert not server.started


@pytest.mark.usefixtures("heard")
async def test_signal_cancels_a_startup_that_waits(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "asgiserve.error")

    async def startup() -> None:
        signal.raise_signal(signal.SIGTERM)
        try:
            await asyncio.Event().wait()
        finally:
            app.events.append("startup cancelled")

    app = App(startup)
    server = make_server(app)
    await server.serve()
    assert app.events == ["startup", "startup cancelled"]
    assert not server.started
    assert server.exit_status == 0
    assert "Application startup was cancelled" in caplog.text


@pytest.mark.usefixtures("heard")
async def test_signal_during_the_import_of_the_application_ends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_site.py").write_text(
        "import signal\nsignal.raise_signal(signal.SIGTERM)\nimport no_module_is_called_so\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    server = make_server("slow_site:app", app_dir=str(tmp_path))
    await server.serve()
    assert not server.started


async def test_application_that_cannot_be_imported_is_a_startup_error() -> None:
    with pytest.raises(StartupError, match="no_module_is_called_so"):
        await make_server("no_module_is_called_so:app").serve()


async def test_port_in_use_is_known_before_the_application_starts() -> None:
    app = App()
    with socket.create_server(("127.0.0.1", 0)) as sock:
        server = make_server(app, port=sock.getsockname()[1])
        with pytest.raises(StartupError, match="address already in use"):
            await server.serve()
    assert app.events == []


@pytest.mark.skipif(sys.platform == "win32", reason="ports are exclusive there")
async def test_port_taken_during_startup_is_an_error_after_which_nothing_is_left(
    free_port: int,
) -> None:
    thief = socket.socket()
    thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

    async def startup() -> None:
        thief.bind(("127.0.0.1", free_port))
        thief.listen()

    app = App(startup)
    with thief, pytest.raises(StartupError, match=r"cannot listen on .*: address already in use"):
        await make_server(app, port=free_port).serve()
    assert app.events == ["startup", "shutdown"]


async def test_failed_startup_frees_the_port(free_port: int) -> None:
    async def startup() -> None:
        raise RuntimeError("no database")

    server = make_server(App(startup), port=free_port, lifespan="on")
    with pytest.raises(StartupError, match="no database"):
        await server.serve()
    with socket.create_server(("127.0.0.1", free_port)):
        assert not server.started


async def test_failed_shutdown_is_exit_status_1() -> None:
    async def shutdown() -> None:
        raise RuntimeError("not flushed")

    server = make_server(App(shutdown=shutdown))
    async with serving(server):
        assert await get(server) == b"hello"
    assert server.exit_status == 1


async def test_cancelled_serve_cuts_off_and_runs_the_lifespan_shutdown() -> None:
    app = App()
    server = make_server(app)
    async with serving(server) as task:
        request = asyncio.ensure_future(get(server, "/wait"))
        await app.is_waiting.wait()
        task.cancel()
        await asyncio.wait((task,))
        await asyncio.gather(request, return_exceptions=True)
    assert task.cancelled()
    assert app.events == ["startup", "request cancelled", "shutdown"]


async def test_limit_max_requests_with_jitter_stops_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    jitters: list[tuple[int, int]] = []

    def randint(low: int, high: int) -> int:
        jitters.append((low, high))
        return high

    monkeypatch.setattr("random.randint", randint)
    server = make_server(App(), limit_max_requests=2, limit_max_requests_jitter=1)
    async with serving(server) as task:
        for _ in range(3):
            assert not task.done()
            await get(server)
        await task
    assert jitters == [(0, 1)]


@pytest.mark.parametrize("owns_process", [False, True])
async def test_only_a_process_of_its_own_is_ended_with_its_threads(
    monkeypatch: pytest.MonkeyPatch, owns_process: bool
) -> None:
    ends: list[tuple[bool, int]] = []

    def guard_exit(deadline_s: float, status: int) -> None:
        ends.append((deadline_s > time.monotonic() + 20, status))

    monkeypatch.setattr("asgiserve.server.server.guard_exit", guard_exit)
    server = make_server(App(), timeout_graceful_shutdown=30)
    server.owns_process = owns_process
    async with serving(server):
        assert ends == []
    assert ends == [(True, 0)] * owns_process


async def test_given_sockets_are_served_and_closed() -> None:
    socks = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    server = make_server(App(), port=1)
    task = asyncio.ensure_future(server.serve(sockets=socks))
    await wait_started(server, task)
    assert [address_of(server), server.servers[1].sockets[0].getsockname()] == [
        sock.getsockname() for sock in socks
    ]
    assert await get(server) == b"hello"
    server.should_exit = True
    await task
    assert [sock.fileno() for sock in socks] == [-1, -1]


@pytest.mark.skipif(sys.platform == "win32", reason="no unix sockets there")
async def test_unix_socket_is_served_and_removed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("s") / "s"
    server = make_server(App(), uds=path)
    async with serving(server):
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"GET / HTTP/1.1\r\nhost: test\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
        writer.close()
    assert not path.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="no unix sockets there")
async def test_inherited_unix_socket_is_not_removed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    path = tmp_path_factory.mktemp("s") / "s"
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
        server = make_server(App(), fd=sock.fileno())
        async with serving(server):
            assert server.servers[0].sockets
    assert path.exists()


async def test_start_up_line_names_every_address_and_what_runs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="asgiserve.error")
    server = make_server(App(), bind=["127.0.0.1:0", "127.0.0.2:0"])
    async with serving(server):
        addresses = [s.sockets[0].getsockname() for s in server.servers]
        (line,) = [message for message in caplog.messages if "http://" in message]
    for host, port in addresses:
        assert f"http://{host}:{port}" in line
    assert "column" in line
    assert "pid " in line
