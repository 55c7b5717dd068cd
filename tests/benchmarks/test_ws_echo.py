"""The program that makes WebSocket load counts right echoes, whole and in pieces (no server)."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks.load.counts import Load
from benchmarks.load.ws_load import read_counts, run_program
from benchmarks.ws_samples import BINARY, BINARY_64K, TEXT, encode_frame

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

FRAMES = [encode_frame(b"Hello", TEXT), encode_frame(b"World", TEXT)]
ECHO = encode_frame(b"Hello", TEXT, is_masked=False)
LONG_ECHO = encode_frame(b"x" * 300, TEXT, is_compressed=True, is_masked=False)
LONGER_ECHO = encode_frame(b"x" * 70_000, TEXT, is_compressed=True, is_masked=False)
# A run that ends because the peer closes the connection.
ENDLESS_S = 60
PEER_TIMEOUT_S = 10


def converse(*echoes: Iterable[bytes], echo_bytes: int | None = 5) -> tuple[list[bytes], Load]:
    """Answer each message with the pieces of an echo, then close.

    Returns:
        The messages that came, and what the program counted.
    """
    # Between such sockets a piece is received as it was sent.
    own, peer = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own.setblocking(False)
    peer.settimeout(PEER_TIMEOUT_S)

    def run_and_close() -> Load:
        with own:
            return run_program([own], FRAMES, echo_bytes=echo_bytes, duration_s=ENDLESS_S)

    with ThreadPoolExecutor() as executor, peer:
        run = executor.submit(run_and_close)
        messages = [peer.recv(100)]
        for pieces in echoes:
            for piece in pieces:
                peer.send(piece)
            messages.append(peer.recv(100))
        peer.close()
        return messages, run.result()


def test_messages_are_sent_in_turn():
    messages, load = converse([ECHO], [ECHO], [ECHO])
    assert messages == [*FRAMES, *FRAMES]
    assert load.exchanges == 3


@pytest.mark.parametrize(("echo", "echo_bytes"), [(ECHO, 5), (LONG_ECHO, None)])
def test_echo_ends_where_its_header_says(echo, echo_bytes):
    splits = [(echo[:split], echo[split:]) for split in range(1, len(echo))]
    bytewise = [echo[place : place + 1] for place in range(len(echo))]
    _, load = converse(*splits, bytewise, echo_bytes=echo_bytes)
    assert load.exchanges == len(splits) + 1


def test_compressed_echoes_may_have_any_size():
    _, load = converse([ECHO], [LONG_ECHO], [LONGER_ECHO], [ECHO], echo_bytes=None)
    assert load.exchanges == 4


@pytest.mark.parametrize("pieces", [[b"\x41\x04Hell\x80\x01o"], [b"\x41\x05Hello", b"\x80\0"]])
def test_echo_in_two_frames_counts_once(pieces):
    _, load = converse(pieces)
    assert load.exchanges == 1


@pytest.mark.parametrize(
    ("echo", "reason"),
    [
        (ECHO + b"!", "1 bytes after an echo"),
        (ECHO + ECHO, "7 bytes after an echo"),
        (LONG_ECHO, "an echo of 300 bytes, not 5"),
        (b"\x81\x04Hell", "an echo of 4 bytes, not 5"),
        (b"\x01\x04Hell\x80\x02o!", "an echo of 6 bytes, not 5"),
        (b"\x89\0", "a frame that is no echo's begins with 89 00"),
        (FRAMES[0], "a frame that is no echo's begins with 81 85"),
    ],
)
def test_wrong_echo_fails_the_run(echo, reason):
    _, load = converse([ECHO], [echo])
    assert load.failure == f"{reason}, 1 messages echoed"


def test_end_of_a_connection_fails_the_run():
    _, load = converse([ECHO])
    assert load.failure == "the server closed a connection (end of stream), 1 messages echoed"


def test_last_echoes_count_too():
    pairs = [socket.socketpair() for _ in range(2)]
    for own, peer in pairs:
        own.setblocking(False)
        peer.send(ECHO)
    load = run_program([own for own, _ in pairs], FRAMES, echo_bytes=5, duration_s=0)
    for own, peer in pairs:
        assert peer.recv(100) == FRAMES[0]
        own.close()
        peer.close()
    assert (load.exchanges, load.failure) == (2, None)


def test_long_message_is_sent_as_the_server_reads_it():
    own, peer = socket.socketpair()
    own.setblocking(False)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    frame = encode_frame(BINARY_64K, BINARY)
    with ThreadPoolExecutor() as executor, own, peer:
        run = executor.submit(run_program, [own], [frame], echo_bytes=65536, duration_s=0)
        assert peer.recv(len(frame), socket.MSG_WAITALL) == frame
        peer.sendall(encode_frame(BINARY_64K, BINARY, is_masked=False))
        assert run.result().failure is None


def test_messages_that_are_cut_off_are_refused():
    own, peer = socket.socketpair()
    with own, peer, pytest.raises(RuntimeError, match="end within a frame"):
        run_program([own], [FRAMES[0], FRAMES[1][:-1]], echo_bytes=5, duration_s=0)


def test_counts_without_a_message_are_a_failure():
    counts = b'{"messages": 0, "duration_us": 1000000, "failure": null}\n'
    assert read_counts(counts).failure == "0 messages echoed"
