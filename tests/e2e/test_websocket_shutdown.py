"""SIGTERM and WebSockets: every one is told 1012, and its application has time to tidy up."""

import signal
import time
from contextlib import ExitStack

import pytest
from websockets.exceptions import ConnectionClosed

from tests.ws_peer import CLOSE, Frame, handshake

from .server_process import LOOPS
from .waiting import DEADLINE_S
from .websocket_clients import open_websocket

SITE = "websocket_site:app"

SERVICE_RESTART = Frame(CLOSE, (1012).to_bytes(2, "big"))


@pytest.mark.parametrize("loop", LOOPS)
def test_every_open_websocket_is_told_1012(start, loop):
    server = start("--loop", loop)
    with ExitStack() as stack:
        crowd = [stack.enter_context(open_websocket(server, "/tidy")) for _ in range(20)]
        begin = time.monotonic()
        server.send_signal(signal.SIGTERM)
        for socket in crowd:
            with pytest.raises(ConnectionClosed) as caught:
                socket.recv(DEADLINE_S)
            assert caught.value.rcvd.code == 1012
    assert server.exit_status() == 0
    assert time.monotonic() - begin < 5
    assert server.log().count("app: tidied up after websocket.disconnect 1012") == 20
    assert "app: lifespan shutdown" in server.log()


def test_handshake_that_nobody_decides_is_a_503_at_once(start, connect):
    server = start()
    raw = connect(server)
    raw.send(handshake("/accept_late?case=late"))
    with open_websocket(server, "/echo"):
        pass
    begin = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert raw.read_answer().status == 503
    # Or the server would wait two seconds for what its client may yet say.
    raw.close()
    assert server.exit_status() == 0
    assert time.monotonic() - begin < 5, "no grace period of 30"
    assert "app: lifespan shutdown" in server.log()


def test_peer_that_does_not_answer_the_close_cannot_outlast_the_grace_period(
    start, open_raw_websocket
):
    server = start("--timeout-graceful-shutdown=1")
    raw = open_raw_websocket(server, "/echo")
    begin = time.monotonic()
    server.send_signal(signal.SIGTERM)
    assert raw.read_frame() == SERVICE_RESTART
    assert raw.read_to_end() == b""
    assert server.exit_status() == 0
    assert time.monotonic() - begin < 3


@pytest.mark.parametrize("loop", LOOPS)
def test_peer_that_does_not_read_cannot_outlast_the_grace_period(start, open_raw_websocket, loop):
    server = start("--timeout-graceful-shutdown=1", "--loop", loop)
    target = "/pour?case=deaf&size=1000000&count=20"
    deaf = open_raw_websocket(server, target, receive_buffer_bytes=4096)
    deaf.read_exactly(5000)
    begin = time.monotonic()
    assert server.terminate() == 0
    assert time.monotonic() - begin < 3
    assert "app: lifespan shutdown" in server.log()


def test_application_that_takes_no_notice_is_cancelled_after_the_grace_period(start):
    server = start("--timeout-graceful-shutdown=0.5")
    with open_websocket(server, "/stubborn") as socket:
        server.wait_for_log("stubborn has begun")
        server.send_signal(signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as caught:
            socket.recv(DEADLINE_S)
        assert caught.value.rcvd.code == 1012
    server.exit_status()
    assert "app: stubborn was cancelled" in server.log()
    assert "app: lifespan shutdown" in server.log()
