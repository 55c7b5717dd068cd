"""Under a service manager: sockets that it passes on, and what it is told meanwhile."""

import os
import shutil
import signal
import socket
import sys

import pytest

from .raw_client import RawClient
from .waiting import DEADLINE_S

if sys.platform == "win32":
    pytest.skip("systemd is Linux's", allow_module_level=True)

# Becomes the server with the descriptors at the numbers that systemd gives them.
PASS_SOCKETS = """\
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
for number, fd in enumerate([os.dup(fd) for fd in fds]):
    os.set_inheritable(os.dup2(fd, 3 + number), True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES="a:b")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
BLOCKING_SITE = """\
import time

async def app(scope, receive, send):
    assert scope["type"] == "http"
    time.sleep(60)
"""
SITE = ("-m", "asgiserve", "asgi_site:app")


class ServiceManager:
    """The end of ``NOTIFY_SOCKET`` that systemd has."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.settimeout(DEADLINE_S)

    def receive(self):
        return self.socket.recv(4096).decode().split("\n")

    def hears_nothing_more(self):
        """Whether the server falls silent, for ten times the interval of its watchdog."""
        self.socket.settimeout(1)
        try:
            for _ in range(100):
                self.receive()
        except TimeoutError:
            return True
        return False


@pytest.fixture
def manager(tmp_path_factory):
    manager = ServiceManager(str(tmp_path_factory.mktemp("s") / "notify"))
    yield manager
    manager.socket.close()


def test_passed_sockets_are_served(start_server, tmp_path_factory):
    path = str(tmp_path_factory.mktemp("s") / "s")
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix,
    ):
        unix.bind(path)
        fds = tcp.fileno(), unix.fileno()
        server = start_server("-c", PASS_SOCKETS, ",".join(map(str, fds)), *SITE, inherited_fds=fds)
        assert "(systemd a)" in server.log()
        assert "(systemd b)" in server.log()
        for address in (tcp.getsockname(), path):
            with RawClient(address) as raw:
                assert raw.get("/hello").status == 200
        assert server.terminate() == 0
    assert os.path.exists(path), "the socket is systemd's, which goes on listening"


def test_passed_sockets_go_on_listening_when_the_server_is_started_again(start_server):
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        fd = tcp.fileno()
        for _ in range(2):
            # This one waits in the socket that nobody accepts from yet.
            with RawClient(tcp.getsockname()) as early:
                server = start_server("-c", PASS_SOCKETS, str(fd), *SITE, inherited_fds=(fd,))
                assert early.get("/hello").status == 200
            assert server.terminate() == 0


@pytest.mark.skipif(
    shutil.which("systemd-socket-activate") is None, reason="systemd is not installed"
)
def test_systemd_itself_passes_a_socket_on(tmp_path_factory, start_server):
    path = str(tmp_path_factory.mktemp("s") / "s")
    launch = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
    command = ("systemd-socket-activate", "-E", "PYTHONPATH", "-E", "ASGISERVE_SPEEDUPS")
    command += (f"--listen={path}", "--fdname=web", sys.executable, *SITE)
    server = start_server("-c", launch, *command, wait=False)
    server.wait_for_log("Listening on")
    with RawClient(path) as raw:
        assert raw.get("/hello").status == 200
    server.wait_for_log(r"\(systemd web\)")
    assert server.terminate() == 0


def test_service_manager_is_told_of_start_and_stop(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path}
    server = start_server(*SITE, "--port", "0", environment=environment)
    ready, status = manager.receive()
    assert ready == "READY=1"
    assert status == f"STATUS=Serves {server.url}"
    assert server.terminate() == 0
    assert manager.receive() == ["STOPPING=1", "STATUS=Shutting down"]


def test_service_manager_is_told_of_a_reload(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path}
    server = start_server(*SITE, "--port", "0", environment=environment)
    ready = manager.receive()
    server.send_signal(signal.SIGHUP)
    # Without the time systemd would take the answer to an earlier signal for one to this.
    reloading, time, status = manager.receive()
    assert reloading == "RELOADING=1"
    assert time.startswith("MONOTONIC_USEC=")
    assert status == ready[1]
    assert manager.receive() == ["READY=1"]
    assert server.terminate() == 0


def test_service_manager_hears_of_a_supervisor_and_not_of_its_workers(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path}
    server = start_server(*SITE, "--port", "0", "--workers", "2", environment=environment)
    ready, status = manager.receive()
    assert ready == "READY=1"
    assert status == f"STATUS=Serves {server.url} with 2 workers"
    server.send_signal(signal.SIGHUP)
    assert manager.receive()[0] == "RELOADING=1"
    assert manager.receive() == ["READY=1", status]
    assert server.terminate() == 0
    assert manager.receive()[0] == "STOPPING=1"


def test_service_manager_hears_the_end_of_a_reload_that_is_refused(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path}
    files = {"asgiserve.toml": "workers = 2\nport = 0\n"}
    server = start_server(*SITE, environment=environment, files=files)
    ready = manager.receive()
    (server.work_dir / "asgiserve.toml").write_text("workers = 0\n")
    server.send_signal(signal.SIGHUP)
    assert manager.receive()[0] == "RELOADING=1"
    assert manager.receive() == ready
    assert "Reload failed, keeping the current configuration: " in server.log()
    assert server.terminate() == 0


def test_passed_sockets_are_served_by_workers(start_server):
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        fd = tcp.fileno()
        command = ("-c", PASS_SOCKETS, str(fd), *SITE, "--workers", "2")
        server = start_server(*command, inherited_fds=(fd,))
        assert "(systemd a)" in server.log()
        with RawClient(tcp.getsockname()) as raw:
            assert raw.get("/hello").status == 200
        assert server.terminate() == 0


def test_service_manager_hears_nothing_of_a_server_that_cannot_start(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path}
    server = start_server("-m", "asgiserve", "no_such:app", wait=False, environment=environment)
    assert server.exit_status() == 3
    manager.socket.setblocking(False)
    with pytest.raises(BlockingIOError):
        manager.receive()


def test_watchdog_is_fed_by_the_event_loop_alone(start_server, manager):
    environment = {"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "200000"}
    arguments = ("-m", "asgiserve", "blocking:app", "--port", "0", "--lifespan", "off")
    files = {"blocking.py": BLOCKING_SITE}
    server = start_server(*arguments, environment=environment, files=files)
    assert manager.receive()[0] == "READY=1"
    for _ in range(3):
        assert manager.receive() == ["WATCHDOG=1"]
    with RawClient(server.address) as raw:
        raw.send(b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n")
        assert manager.hears_nothing_more()
    # What systemd sends then.
    server.send_signal(signal.SIGABRT)
    assert server.exit_status() == -signal.SIGABRT
