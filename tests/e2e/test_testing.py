"""`asgiserve.testing.serve` in the process of the tests, and so in the column that it runs."""

import asyncio
import logging
import os
import signal
import socket
import ssl
import sys
import threading
from pathlib import Path

import httpx
import pytest
from websockets.asyncio.client import connect as connect_websocket

from asgiserve import testing
from asgiserve.errors import ConfigError
from asgiserve.testing import ShutdownError, StartupError, serve
from tests.certificates import Authority
from tests.logging_state import LOGGER_NAMES

from .apps.live_site import LiveSite
from .server_process import APPS_DIR
from .waiting import DEADLINE_S, wait_until


async def raise_error(event, send):
    raise LookupError("no database")


async def report_error(event, send):
    """As frameworks do: say it by the protocol, then raise."""
    await send({"type": f"lifespan.{event}.failed", "message": "no database"})
    raise LookupError("no database")


def get(url, **options):
    with httpx.Client(trust_env=False, timeout=DEADLINE_S, **options) as client:
        return client.get(url)


def server_threads():
    return [thread for thread in threading.enumerate() if thread.name == "asgiserve-testing"]


def test_server_is_at_its_url_inside_of_the_block():
    site = LiveSite()
    with serve(site) as server:
        assert server.url == f"http://{server.host}:{server.port}"
        assert server.websocket_url == f"ws://{server.host}:{server.port}"
        assert (server.host, server.uds) == ("127.0.0.1", None)
        assert get(server.url).text == "site"
    assert site.events == ["startup", "/", "shutdown"]


def test_port_is_closed_after_the_block():
    with serve(LiveSite()) as server:
        address = (server.host, server.port)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address)


async def test_server_of_an_async_block_speaks_http_and_websocket():
    site = LiveSite()
    async with serve(site) as server, httpx.AsyncClient(trust_env=False) as client:
        assert (await client.get(server.url)).text == "site"
        async with connect_websocket(server.websocket_url, proxy=None) as websocket:
            assert await websocket.recv() == "site"
    assert site.events == ["startup", "/", "shutdown"]


async def test_event_loop_of_the_test_goes_on_during_start_and_stop():
    # Each of the application's steps waits for a task that only this loop can run.
    free = {"startup": threading.Event(), "shutdown": threading.Event()}
    seen = []

    async def wait_for_test(event, send):
        seen.append(event)
        while not free[event].is_set():  # noqa: ASYNC110 - another thread's event
            await asyncio.sleep(0.001)

    async def let_go():
        for event, freed in free.items():
            while event not in seen:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            freed.set()

    site = LiveSite(startup=wait_for_test, shutdown=wait_for_test)
    async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
        group.create_task(let_go())
        async with serve(site):
            pass
    assert seen == ["startup", "shutdown"]


def test_several_servers_run_at_once_and_end_in_any_order():
    first, second = serve(LiveSite("first")), serve(LiveSite("second"))
    first.__enter__()
    second.__enter__()
    assert (get(first.url).text, get(second.url).text) == ("first", "second")
    first.__exit__(None, None, None)
    assert get(second.url).text == "second"
    second.__exit__(None, None, None)
    assert not server_threads()


def test_server_can_be_started_again_but_not_twice_at_once():
    server = serve(LiveSite())
    for _ in range(2):
        with server:
            assert get(server.url).text == "site"
            with pytest.raises(RuntimeError, match="runs already"):
                server.__enter__()


def test_server_outside_of_its_block_has_no_url():
    server = serve(LiveSite())
    assert repr(server).endswith("not running>")
    with pytest.raises(RuntimeError, match="inside of the with block"):
        _ = server.url


def test_application_is_imported_by_its_string():
    with serve("live_site:app", app_dir=APPS_DIR) as server:
        assert get(server.url).text == "by import string"
        assert repr(server) == f"<LiveServer of 'live_site:app', at {server.url}>"


def test_factory_and_other_options_are_those_of_config():
    with serve(lambda: LiveSite("made"), factory=True, headers=[("x-extra", "yes")]) as server:
        answer = get(server.url)
    assert (answer.text, answer.headers["x-extra"]) == ("made", "yes")


# --- addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "named"), [("0.0.0.0", "127.0.0.1"), ("", "127.0.0.1"), ("localhost", "localhost")]
)
def test_host_is_one_that_a_client_can_connect_to(host, named):
    with serve(LiveSite(), host=host) as server:
        assert server.host == named
        assert get(server.url).text == "site"


def test_ipv6_address_stands_in_brackets():
    try:
        with serve(LiveSite(), bind=["[::1]:0"]) as server:
            assert server.url == f"http://[::1]:{server.port}"
            assert get(server.url).text == "site"
    except StartupError as error:
        pytest.skip(str(error))  # this machine has no IPv6


def test_address_options_that_say_nothing_leave_a_free_port():
    with serve(LiveSite(), uds=None, bind=[], fd=None) as server:
        assert server.port not in (0, 8000)


def test_port_of_the_options_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with serve(LiveSite(), port=port) as server:
        assert server.port == port


@pytest.mark.skipif(sys.platform == "win32", reason="there are no unix sockets")
def test_unix_socket_has_a_path_and_no_port(tmp_path):
    path = str(tmp_path / "s")
    with serve(LiveSite(), uds=path) as server:
        assert (server.uds, server.url) == (path, "http://localhost")
        transport = httpx.HTTPTransport(uds=server.uds)
        assert get(server.url, transport=transport).text == "site"
        with pytest.raises(RuntimeError, match="no port"):
            _ = server.port
    assert not Path(path).exists()


def test_tls_options_make_the_url_https(tmp_path):
    authority = Authority(tmp_path)
    files = authority.issue("localhost")
    context = ssl.create_default_context(cafile=authority.path)
    options = {"ssl_certfile": files.certificate, "ssl_keyfile": files.key}
    with serve(LiveSite(), host="localhost", **options) as server:
        assert server.url == f"https://localhost:{server.port}"
        assert server.websocket_url == f"wss://localhost:{server.port}"
        assert get(server.url, verify=context).text == "site"


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [raise_error, report_error])
def test_failing_startup_is_raised_with_its_cause(step):
    with pytest.raises(StartupError, match="no database") as caught, serve(LiveSite(startup=step)):
        pytest.fail("the block must not run")
    assert isinstance(caught.value.__cause__, LookupError)
    assert not server_threads()


@pytest.mark.parametrize("step", [raise_error, report_error])
async def test_failing_startup_is_raised_by_the_async_form_too(step):
    with pytest.raises(StartupError, match="no database") as caught:
        async with serve(LiveSite(startup=step)):
            pytest.fail("the block must not run")
    assert isinstance(caught.value.__cause__, LookupError)
    assert not server_threads()


def test_application_without_lifespan_is_served():
    async def app(scope, receive, send):
        assert scope["type"] == "http"
        await LiveSite("plain")(scope, receive, send)

    with serve(app) as server:
        assert get(server.url).text == "plain"


def test_import_that_fails_is_raised():
    with pytest.raises(StartupError, match="has no attribute 'ap'"), serve("json:ap"):
        pytest.fail("the block must not run")


def test_port_in_use_is_raised():
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(StartupError, match=f"cannot bind 127.0.0.1:{port}"):
            serve(LiveSite(), port=port).__enter__()
    assert not server_threads()


@pytest.mark.parametrize("step", [raise_error, report_error])
def test_failing_shutdown_is_raised_at_the_end_of_the_block(step):
    with pytest.raises(ShutdownError) as caught, serve(LiveSite(shutdown=step)) as server:
        assert get(server.url).text == "site"
    assert isinstance(caught.value.__cause__, LookupError)


async def test_failing_shutdown_is_raised_at_the_end_of_an_async_block():
    with pytest.raises(ShutdownError) as caught:
        async with serve(LiveSite(shutdown=raise_error)):
            pass
    assert isinstance(caught.value.__cause__, LookupError)


def test_error_of_the_block_goes_before_that_of_the_shutdown():
    site = LiveSite(shutdown=raise_error)
    with pytest.raises(ZeroDivisionError) as caught, serve(site):
        _ = 1 / 0
    assert caught.value.__notes__ == [
        "the server's end failed too: exception in the application's lifespan"
    ]


async def test_start_that_is_cancelled_leaves_nothing_running():
    async def hang(event, send):
        await asyncio.Event().wait()

    site = LiveSite(startup=hang)

    async def start():
        async with serve(site):
            pytest.fail("the block must not run")

    task = asyncio.create_task(start())
    while site.events != ["startup"]:  # noqa: ASYNC110 - another thread's list
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not server_threads()


def test_open_stream_does_not_hold_the_end_up():
    site = LiveSite()
    with serve(site, timeout_graceful_shutdown=0.2) as server:
        client = httpx.Client(trust_env=False)
        answer = client.send(client.build_request("GET", f"{server.url}/endless"), stream=True)
        pieces = answer.iter_raw()
        assert next(pieces) == b"site"
    with pytest.raises(httpx.HTTPError):
        list(pieces)
    client.close()
    assert site.events == ["startup", "/endless", "shutdown"]


def test_event_loop_that_is_blocked_is_named(monkeypatch):
    monkeypatch.setattr(testing, "MARGIN_S", 0.1)
    site = LiveSite()
    server = serve(site, timeout_graceful_shutdown=0.1, timeout_lifespan_shutdown=0.1)
    server.__enter__()
    with socket.create_connection((server.host, server.port)) as raw:
        raw.sendall(b"GET /block HTTP/1.1\r\nhost: e2e\r\n\r\n")
        wait_until(lambda: "/block" in site.events, "the request")
        with pytest.raises(ShutdownError, match=r"in 'wait', .*threading\.py:\d+") as caught:
            server.__exit__(None, None, None)
    assert "self.is_free.wait()" in caught.value.__notes__[0]
    site.is_free.set()
    wait_until(lambda: not server_threads(), "the thread to end")


async def test_event_loop_that_is_blocked_is_named_by_the_async_form(monkeypatch):
    monkeypatch.setattr(testing, "MARGIN_S", 0.1)
    site = LiveSite()
    server = serve(site, timeout_graceful_shutdown=0.1, timeout_lifespan_shutdown=0.1)
    await server.__aenter__()
    _reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(b"GET /block HTTP/1.1\r\nhost: e2e\r\n\r\n")
    while "/block" not in site.events:  # noqa: ASYNC110 - another thread's list
        await asyncio.sleep(0.001)
    with pytest.raises(ShutdownError, match=r"in 'wait', .*threading\.py:\d+"):
        await server.__aexit__(None, None, None)
    site.is_free.set()
    await asyncio.to_thread(wait_until, lambda: not server_threads(), "the thread to end")
    writer.close()


@pytest.mark.parametrize(
    "options",
    [
        {"workers": 2},
        {"preload": True},
        {"reload": True},
        {"worker_max_lifetime": 60},
        {"user": 65534},
        {"umask": 0o27},
    ],
    ids=lambda options: next(iter(options)),
)
def test_option_of_processes_is_refused(options):
    (name,) = options
    with pytest.raises(ConfigError, match=f"^{name}: not for a server in a thread"):
        serve(LiveSite(), **options)


def test_unknown_option_is_refused_as_by_config():
    with pytest.raises(ConfigError, match="did you mean port"):
        serve(LiveSite(), prot=80)


def test_web_concurrency_of_the_environment_is_for_production(monkeypatch):
    monkeypatch.setenv("WEB_CONCURRENCY", "4")
    with serve(LiveSite()) as server:
        assert get(server.url).text == "site"


# --- what stays as it was -------------------------------------------------------------------------


def logging_state():
    loggers = [logging.getLogger(name) for name in ("", *LOGGER_NAMES)]
    return [(each.level, each.handlers[:], each.filters[:], each.propagate) for each in loggers]


@pytest.mark.parametrize("has_access_log", [True, False])
def test_logging_and_signal_handlers_are_left_alone(has_access_log):
    signals = [signal.SIGINT, signal.SIGTERM]
    before = logging_state(), [signal.getsignal(number) for number in signals]
    with serve(LiveSite(), access_log=has_access_log) as server:
        assert get(server.url).text == "site"
        assert (logging_state(), [signal.getsignal(number) for number in signals]) == before
    assert (logging_state(), [signal.getsignal(number) for number in signals]) == before


def test_log_is_seen_by_the_test(caplog):
    caplog.set_level(logging.INFO)
    with serve(LiveSite()) as server:
        assert get(f"{server.url}/raise").status_code == 500
    assert "LookupError: no such page" in caplog.text
    assert '"GET /raise HTTP/1.1" 500' in caplog.text


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux's list of descriptors")
def test_threads_and_sockets_do_not_pile_up():
    def count():
        return threading.active_count(), len(os.listdir("/proc/self/fd"))

    with serve(LiveSite()) as server:  # what is opened once, is opened now
        get(server.url)
    before = count()
    for _ in range(5):
        with serve(LiveSite()) as server:
            get(server.url)
    assert count() == before


@pytest.mark.parametrize("loop", ["asyncio", "auto"])
def test_event_loop_is_chosen_by_its_option(loop):
    with serve(LiveSite(), loop=loop) as server:
        assert get(server.url).text == "site"
