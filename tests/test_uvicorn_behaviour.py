"""What uvicorn's Config and Server do, done by ours; the names are in ``test_uvicorn_names``."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import signal
import socket
import ssl
import urllib.request

import pytest

import asgiserve
from asgiserve.errors import ConfigError, StartupError
from tests.apps import answer
from tests.certificates import Authority
from tests.logging_state import restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]


# Config ---------------------------------------------------------------------------------------


async def app(scope, receive, send):
    if scope["type"] == "http":
        await answer(send, b"hello")


def test_config_loads_what_a_server_then_takes():
    calls = []

    def make_app():
        calls.append(1)
        return app

    config = asgiserve.Config(make_app, factory=True, port=0, log_config=None)
    assert (config.loaded, config.loaded_app, config.ssl) == (False, None, None)
    assert config.load_app() is make_app
    config.load()
    assert config.loaded
    assert calls == [1]
    server = asgiserve.Server(config)

    async def serve():
        await server.startup()
        await server.shutdown()

    asyncio.run(serve())
    assert calls == [1]


def test_config_has_a_context_of_tls_when_it_was_loaded(tmp_path):
    files = Authority(tmp_path).issue("localhost")
    config = asgiserve.Config(
        app, ssl_certfile=files.certificate, ssl_keyfile=files.key, log_config=None
    )
    assert config.is_ssl
    config.load()
    assert isinstance(config.ssl, ssl.SSLContext)


def test_config_says_what_uvicorn_s_says():
    config = asgiserve.Config("main:app", headers=[("X-A", "é")], interface="asgi2", workers=2)
    # Where it is not installed, as on PyPy, all the rest is tried.
    uvicorn = pytest.importorskip("uvicorn")
    peer = uvicorn.Config("main:app", headers=[("X-A", "é")], interface="asgi2", workers=2)
    names = ("asgi_version", "should_reload", "use_subprocess", "is_ssl")
    assert [getattr(config, name) for name in names] == [getattr(peer, name) for name in names]
    assert config.encoded_headers == [(b"server", b"asgiserve"), (b"x-a", b"\xe9")]
    named = asgiserve.Config("main:app", headers=[("Server", "mine")])
    assert named.encoded_headers == [(b"server", b"mine")]
    assert asgiserve.Config("main:app", reload=True).should_reload


def test_missing_application_is_an_error_of_load(tmp_path):
    config = asgiserve.Config("no_such_module_here:app", app_dir=tmp_path)
    for method in (config.load, config.load_app):
        with pytest.raises(StartupError, match="there is no module 'no_such_module_here'"):
            method()


def test_loop_factory_makes_loops():
    factory = asgiserve.Config("main:app", loop="asyncio").get_loop_factory()
    loop = factory()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    loop.close()


def test_logging_is_configured_on_demand():
    config = asgiserve.Config("main:app", log_level="critical")
    logging.getLogger("asgiserve.error").setLevel("INFO")
    config.configure_logging()
    assert logging.getLogger("asgiserve.error").level == logging.CRITICAL


def test_socket_is_bound_for_a_server():
    config = asgiserve.Config(app, port=0, log_config=None)
    sock = config.bind_socket()
    assert sock.family == socket.AF_INET
    assert sock.get_inheritable()

    async def serve():
        server = asgiserve.Server(config)
        await server.startup(sockets=[sock])
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        body = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read())
        await server.shutdown()
        return body

    assert asyncio.run(serve()) == b"hello"


# Server ---------------------------------------------------------------------------------------


async def get(server: asgiserve.Server) -> bytes:
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    received = await reader.read()
    writer.close()
    return received.partition(b"\r\n\r\n")[2]


async def test_pattern_of_test_suites_works():
    # As it stands in many a conftest.py that was written for uvicorn.
    class TestServer(asgiserve.Server):
        def install_signal_handlers(self):
            pass

    config = asgiserve.Config(app, port=0, log_config=None)
    config.load()
    server = TestServer(config)
    server.lifespan = config.lifespan_class(config)
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - as people write it
        await asyncio.sleep(0.01)
    assert await get(server) == b"hello"
    assert server.server_state.total_requests == 1
    assert server.lifespan.state == {}
    server.should_exit = True
    await task


async def test_server_without_signal_handlers_leaves_them_alone():
    class Quiet(asgiserve.Server):
        @contextlib.contextmanager
        def capture_signals(self):
            yield

    before = signal.getsignal(signal.SIGTERM)
    server = Quiet(asgiserve.Config(app, port=0, log_config=None))
    task = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - as people write it
        await asyncio.sleep(0.01)
    assert signal.getsignal(signal.SIGTERM) is before
    server.handle_exit(signal.SIGTERM, None)
    assert server.should_exit
    await task


async def test_state_shows_connections_and_tasks():
    seen = []

    async def look(scope, receive, send):
        if scope["type"] == "http":
            state = server.server_state
            seen.append((state.total_requests, len(state.connections), len(state.tasks)))
            seen.append(state.default_headers)
            await answer(send, b"")

    server = asgiserve.Server(asgiserve.Config(look, port=0, log_config=None))
    assert server.server_state.connections == set()
    assert server.server_state.default_headers == []
    await server.startup()
    await get(server)
    await get(server)
    await server.shutdown()
    assert [each[:2] for each in seen[::2]] == [(0, 1), (1, 1)]
    assert seen[1] == [(b"server", b"asgiserve")]
    assert server.server_state.total_requests == 0


async def test_callback_is_called_while_the_server_serves():
    calls = []
    is_called_twice = asyncio.Event()

    async def notify():
        calls.append(server.last_notified)
        if len(calls) == 2:
            is_called_twice.set()
        raise RuntimeError("not its business")

    config = asgiserve.Config(
        app, port=0, log_config=None, callback_notify=notify, timeout_notify=0.01
    )
    server = asgiserve.Server(config)
    assert server.last_notified == 0
    await server.startup()
    await is_called_twice.wait()
    assert await get(server) == b"hello"
    await server.shutdown()
    # Its task has been cancelled, and ends in this turn.
    await asyncio.sleep(0)
    coroutines = [task.get_coro() for task in asyncio.all_tasks()]
    assert "notify" not in [getattr(each, "__name__", "") for each in coroutines]
    assert 0 < calls[0] <= calls[1]


@pytest.mark.parametrize(
    ("callback", "message"),
    [
        ("no_such_module_here:notify", "callback_notify: cannot load"),
        ("asyncio:nothing", "callback_notify: cannot load 'asyncio:nothing'"),
        ("asyncio:__name__", "callback_notify: 'asyncio:__name__' is not callable"),
    ],
)
async def test_wrong_callback_is_a_mistake_in_the_options(callback, message):
    config = asgiserve.Config(app, port=0, log_config=None, callback_notify=callback, app_dir=None)
    server = asgiserve.Server(config)
    with pytest.raises(ConfigError) as caught:
        await server.startup()
    assert str(caught.value).startswith(message)
    assert not server.started


color: contextvars.ContextVar[str] = contextvars.ContextVar("color", default="none")


@pytest.mark.parametrize(("resets", "body"), [(False, b"blue"), (True, b"none")])
async def test_context_of_startup_is_hidden_on_demand(resets, body):
    async def colorful(scope, receive, send):
        if scope["type"] == "http":
            await answer(send, color.get().encode())
            return
        await receive()
        color.set("blue")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})

    config = asgiserve.Config(colorful, port=0, log_config=None, reset_contextvars=resets)
    server = asgiserve.Server(config)
    await server.startup()
    assert await get(server) == body
    await server.shutdown()


def test_limit_of_requests_is_drawn_once_for_a_server():
    config = asgiserve.Config("main:app", limit_max_requests=10, limit_max_requests_jitter=10**6)
    server = asgiserve.Server(config)
    assert server.limit_max_requests == server.limit_max_requests >= 10
    assert asgiserve.Server(asgiserve.Config("main:app")).limit_max_requests is None


def test_main_is_the_command(capsys):
    with pytest.raises(SystemExit) as caught:
        asgiserve.main(["--version"])
    assert not caught.value.code
    assert capsys.readouterr().out.startswith(f"asgiserve {asgiserve.__version__} ")
