"""Fixtures of the end-to-end tests: servers that die with their test, and clients."""

import os
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing

import pytest

from asgiserve._twins import Column
from tests.certificates import Authority
from tests.columns import COLUMNS

from .clients import CLIENTS, Client
from .programs import Programs
from .raw_client import RawClient
from .raw_websocket import RawWebSocket
from .seen_requests import SeenRequests
from .server_process import PLAIN_LINE, ServerProcess, close_zygotes

# The servers that were started and may still write: the log watch and the failure report look here.
_servers: list[ServerProcess] = []

StartServer = Callable[..., ServerProcess]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test in the compiled build, where there is one; marked ``each_build``, in both.

    With ``ASGISERVE_TEST_END_TO_END=both``, all do.
    """
    if "column" in metafunc.fixturenames:
        is_about_both = metafunc.definition.get_closest_marker("each_build") is not None
        is_about_both |= os.environ.get("ASGISERVE_TEST_END_TO_END") == "both"
        columns = COLUMNS if is_about_both else COLUMNS[-1:]
        metafunc.parametrize("column", columns, indirect=True, scope="session")


@pytest.fixture(scope="session")
def column(request: pytest.FixtureRequest) -> Column:
    """The build that the servers of a test run."""
    return request.param


@pytest.fixture(scope="session", autouse=True)
def _zygotes() -> Iterator[None]:
    """Leave none of the processes that fork servers behind."""
    yield
    close_zygotes()


@pytest.fixture(params=sorted(CLIENTS))
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    """Each of the real clients in turn."""
    with closing(CLIENTS[request.param]()) as client:
        yield client


@pytest.fixture(scope="module")
def start_shared_server(
    column: Column, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartServer]:
    """Start servers that live as long as the test module, and then have to stop in order."""
    started: list[ServerProcess] = []
    yield _make_starter(column, tmp_path_factory, started)
    try:
        for server in started:
            assert server.terminate() == 0, server.log_since_mark()
            assert not server.complaints(), server.log_since_mark()
    finally:
        _kill(started)


@pytest.fixture
def start_server(
    column: Column, tmp_path_factory: pytest.TempPathFactory, _log_watch: None
) -> Iterator[StartServer]:
    """Start servers that are killed at the end of the test."""
    started: list[ServerProcess] = []
    yield _make_starter(column, tmp_path_factory, started)
    _kill(started)


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest, start_shared_server: StartServer) -> ServerProcess:
    """The server of the module's ``SITE``, with its ``OPTIONS``."""
    options = getattr(request.module, "OPTIONS", ())
    return start_shared_server("-m", "asgiserve", request.module.SITE, "--port", "0", *options)


@pytest.fixture
def start(request: pytest.FixtureRequest, start_server: StartServer) -> StartServer:
    """Start servers of the module's ``SITE``, with options."""

    def start_site(*options: str, **details: object) -> ServerProcess:
        command = ("-m", "asgiserve", request.module.SITE, "--port", "0")
        return start_server(*command, *options, **details)

    return start_site


@pytest.fixture
def raw(server: ServerProcess) -> Iterator[RawClient]:
    """A raw client of the module's server."""
    with RawClient(server.address) as client:
        yield client


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whoever signs the certificates of a module."""
    return Authority(tmp_path_factory.mktemp("certificates"))


def _make_starter(
    column: Column, tmp_path_factory: pytest.TempPathFactory, started: list[ServerProcess]
) -> StartServer:
    def start(
        *arguments: str,
        wait: bool = True,
        environment: dict[str, str] | None = None,
        inherited_fds: tuple[int, ...] = (),
        max_open_files: int = 0,
        files: dict[str, str] | None = None,
        has_calm_clients: bool = False,
        is_forked: bool = True,
    ) -> ServerProcess:
        """Start ``python`` with *arguments* in a new folder that holds *files*.

        With *has_calm_clients*, a line in the log that is not plain fails the test. The
        start is as quick as a fork, unless *is_forked* is false: where the start is the subject.
        """
        work_dir = tmp_path_factory.mktemp("server")
        for name, content in (files or {}).items():
            (work_dir / name).write_text(content)
        server = ServerProcess(arguments, column=column, work_dir=work_dir)
        server.extra_environment = environment or {}
        server.inherited_fds = inherited_fds
        server.max_open_files = max_open_files
        server.is_forked = is_forked
        if has_calm_clients:
            server.only_lines = PLAIN_LINE
        started.append(server)
        _servers.append(server)
        server.start()
        if wait:
            server.wait_until_listening()
        return server

    return start


def _kill(servers: list[ServerProcess]) -> None:
    for server in servers:
        server.kill()


@pytest.fixture
def seen_requests(server: ServerProcess) -> SeenRequests:
    """What the module's server has answered in this test: ``seen_requests()``."""
    return SeenRequests(server)


@pytest.fixture
def connect() -> Iterator[Callable[..., RawClient]]:
    """Open raw clients of a server, which are closed at the end of the test."""
    with ExitStack() as stack:

        def connect_to(server: ServerProcess, **details: int) -> RawClient:
            return stack.enter_context(RawClient(server.address, **details))

        yield connect_to


@pytest.fixture
def open_raw_websocket() -> Iterator[Callable[..., RawWebSocket]]:
    """Open raw WebSockets of a server, which are closed at the end of the test."""
    with ExitStack() as stack:

        def open_on(
            server: ServerProcess,
            target: str,
            *,
            data: bytes = b"",
            receive_buffer_bytes: int = 0,
            **fields: str | None,
        ) -> RawWebSocket:
            raw = RawWebSocket(server.address, receive_buffer_bytes=receive_buffer_bytes)
            stack.enter_context(raw)
            raw.open(target, data=data, **fields)
            return raw

        yield open_on


@pytest.fixture
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    """Start programs that stand beside a server, which end with the test."""
    with ExitStack() as stack:
        # A short path: unix sockets stand in it.
        yield Programs(tmp_path_factory.mktemp("p"), stack)


@pytest.fixture(autouse=True)
def _log_watch() -> Iterator[None]:
    """Fail the test when a server logged a traceback that the test did not expect."""
    yield
    complaints = [complaint for server in _servers for complaint in server.complaints()]
    logs = "\n".join(server.log_since_mark() for server in _servers)
    for server in _servers:
        server.end_test()
    _servers[:] = [server for server in _servers if server.is_running]
    assert not complaints, f"unexpected in the server's log: {complaints}\n{logs}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the servers logged during a test that failed."""
    report = yield
    if report.failed:
        for server in _servers:
            title = f"log of server {' '.join(server.arguments)}"
            report.sections.append((title, server.log_since_mark()))
    return report
