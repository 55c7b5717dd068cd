"""The example of HAProxy before two real servers: PROXY protocol, and checks of readiness."""

import ast
import signal
import sys

import pytest

from .programs import host_and_port
from .raw_client import RawClient
from .waiting import wait_until

if sys.platform == "win32":
    pytest.skip("HAProxy is run on unix", allow_module_level=True)


@pytest.fixture
def servers(start_server):
    """Two of the example, by their numbers; each says its own."""

    def start(number):
        options = ["--proxy-protocol", "--readiness-path=/ready", "--drain-delay=300"]
        name = f"--header=x-number: {number}"
        return start_server("-m", "asgiserve", "asgi_site:app", "--port=0", name, *options)

    return {number: start(number) for number in "12"}


def test_haproxy_example_tells_the_client_and_leaves_a_server_that_stops(servers, programs):
    changes = {
        f"10.0.0.1{number}:8000": host_and_port(server) for number, server in servers.items()
    }
    port = programs.start_haproxy(
        "haproxy/haproxy.cfg", {**changes, "inter 1s": "inter 50ms", "maxconn 4096": "maxconn 64"}
    )

    def ask():
        """The number of the server that answered, once it is told of the right client."""
        with RawClient(("127.0.0.1", port)) as raw:
            answer = raw.get("/scope")
            scope = ast.literal_eval(answer.body.decode())
            assert scope["client"] == raw.socket.getsockname()
            assert scope["server"] == ("127.0.0.1", port)
            return answer.header("x-number")

    wait_until(lambda: {ask() for _ in range(4)} == {"1", "2"}, "both servers to be in use")
    servers["1"].send_signal(signal.SIGTERM)
    wait_until(lambda: {ask() for _ in range(4)} == {"2"}, "the stopping server to be left alone")
    # No request was lost on the way, and the first server has not stopped yet.
    servers["1"].wait_for_log('GET /ready HTTP/1.1" 503')
    servers["1"].send_signal(signal.SIGTERM)
    assert servers["1"].exit_status() == 0
    assert ask() == "2"
