"""WebSocket peers that vanish without a word, or stop reading for good: each has its time-out."""

import time

from tests.ws_peer import CLOSE, PING, PONG, client_frame

from .journal import read_journal
from .waiting import DEADLINE_S, wait_until
from .websocket_clients import open_websocket

SITE = "websocket_site:app"

MIB = 1024 * 1024
# A time-out may be late by two ticks of the timer (0.25 s); the rest is for a busy machine.
LATEST_S = 8.0


def test_peer_that_vanishes_for_the_ping_interval_and_its_time_out_is_a_1011(
    start, open_raw_websocket
):
    server = start("--ws-ping-interval=1", "--ws-ping-timeout=1")
    begin = time.monotonic()
    silent = open_raw_websocket(server, "/echo?case=silent")
    lying = open_raw_websocket(server, "/echo?case=lying")
    with open_websocket(server, "/echo") as answering:
        while time.monotonic() - begin < 1.5:
            lying.send(client_frame(PONG, b"nobody asked"))
            time.sleep(0.1)  # the pace of this client
        for raw, case in ((silent, "silent"), (lying, "lying")):
            wait_until(lambda case=case: read_journal(server, case), f"the end of {case}")
            assert read_journal(server, case)[0][0] == 1011
            ping, close = raw.read_frame(), raw.read_frame()
            assert (ping.opcode, close.opcode) == (PING, CLOSE)
            assert close.payload[:2] == (1011).to_bytes(2, "big")
        assert 1.7 < time.monotonic() - begin < LATEST_S
        answering.send("still there?")
        assert answering.recv(DEADLINE_S) == "still there?"


def test_peer_that_stops_reading_is_dropped_after_the_write_time_out(start, open_raw_websocket):
    server = start("--timeout-write=0.5")
    target = f"/pour?case=deaf&size={MIB}&count=100"
    open_raw_websocket(server, target, receive_buffer_bytes=4096)
    wait_until(lambda: read_journal(server, "deaf")[1:] == ["OSError from send"], "send to raise")
