"""Where the server listens: ports, unix sockets, inherited descriptors, and several at once."""

import os
import socket
import stat
import sys

import pytest

from asgiserve.testing import serve

from .clients import CurlClient
from .raw_client import RawClient
from .server_process import APPS_DIR

if sys.platform == "win32":
    pytest.skip("unix sockets and descriptors", allow_module_level=True)


@pytest.fixture
def start(start_server):
    def start_site(*options, **details):
        return start_server("-m", "asgiserve", "asgi_site:app", *options, **details)

    return start_site


@pytest.fixture
def socket_path(tmp_path_factory):
    """A path that is short enough for a unix socket."""
    return str(tmp_path_factory.mktemp("s") / "s")


def test_unix_socket_is_served_with_its_permissions_and_removed(socket_path):
    with serve("asgi_site:app", app_dir=APPS_DIR, uds=socket_path, uds_permissions=0o600):
        assert stat.S_IMODE(os.stat(socket_path).st_mode) == 0o600
        with RawClient(socket_path) as raw:
            scope = eval_scope(raw.get("/scope"))
        assert scope["client"] is None
        assert tuple(scope["server"]) == (socket_path, None)
        output = CurlClient().output("--unix-socket", socket_path, "http://e2e/hello")
        assert output == b"Hello, world!"
    assert not os.path.exists(socket_path)


def eval_scope(answer):
    return eval(answer.body, {"__builtins__": {}})


def test_stale_unix_socket_is_replaced(start, socket_path):
    first = start("--uds", socket_path, wait=False)
    first.wait_for_log("unix:")
    first.kill()
    assert os.path.exists(socket_path)
    second = start("--uds", socket_path, wait=False)
    second.wait_for_log("unix:")
    with RawClient(socket_path) as raw:
        assert raw.get("/hello").status == 200


def test_unix_socket_of_a_living_server_is_left_alone(start, socket_path):
    first = start("--uds", socket_path, wait=False)
    first.wait_for_log("unix:")
    second = start("--uds", socket_path, wait=False)
    assert second.exit_status() == 3
    with RawClient(socket_path) as raw:
        assert raw.get("/hello").status == 200


def test_inherited_descriptor_is_served(start):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fd = listener.fileno()
        server = start("--fd", str(fd), inherited_fds=(fd,))
        assert server.address == listener.getsockname()
        with RawClient(listener.getsockname()) as raw:
            assert raw.get("/hello").status == 200
        assert server.terminate() == 0


def test_several_addresses_are_served_at_once(start, socket_path):
    binds = ["127.0.0.1:0", "[::1]:0", f"unix:{socket_path}", "localhost:0"]
    server = start(*[f"--bind={address}" for address in binds], wait=False)
    server.wait_for_log("unix:")
    addresses = [*server.addresses(), socket_path]
    assert len(addresses) >= 4
    for address in addresses:
        with RawClient(address) as raw:
            assert raw.get("/hello").status == 200
    assert server.terminate() == 0


def test_host_of_ipv6_is_served(asgiserve_server):
    server = asgiserve_server("asgi_site:app", app_dir=APPS_DIR, host="::1")
    with RawClient((server.host, server.port)) as raw:
        scope = eval_scope(raw.get("/scope"))
    assert tuple(scope["server"]) == ("::1", server.port)
    assert scope["client"][0] == "::1"
    assert len(scope["client"]) == 2
