"""The client under load counts echoes by size, whole and in pieces (no server, no socket)."""

from __future__ import annotations

import pytest

pytest.importorskip("uvloop")

from benchmarks.load.ws_echo import CompressedEchoConnection, EchoConnection, EchoLoad
from benchmarks.load.ws_load import read_counts
from benchmarks.server_process import ServerError
from benchmarks.ws_samples import TEXT, encode_frame

ECHO = encode_frame(b"Hello", TEXT, is_masked=False)
LONG_ECHO = encode_frame(b"x" * 300, TEXT, is_compressed=True, is_masked=False)


class WrittenFrames(list):
    """Stands for the transport."""

    write = list.append


def connect(connection: EchoConnection) -> WrittenFrames:
    connection.connection_made(WrittenFrames())
    connection.load.is_sending = True
    connection.send_next()
    return connection.transport


def feed(connection: EchoConnection, *pieces: bytes) -> None:
    for piece in pieces:
        connection.get_buffer(-1)[: len(piece)] = piece
        connection.buffer_updated(len(piece))


async def test_connection_sends_the_next_frame_when_all_bytes_are_there():
    connection = EchoConnection(EchoLoad(), [b"1", b"2"], len(ECHO))
    written = connect(connection)
    feed(connection, ECHO[:3])
    assert (written, connection.load.echoes) == ([b"1"], 0)
    feed(connection, ECHO[3:])
    assert (written, connection.load.echoes) == ([b"1", b"2"], 1)


async def test_connection_fails_the_run_when_an_echo_is_too_long():
    connection = EchoConnection(EchoLoad(), [b"1"], len(ECHO))
    connect(connection)
    feed(connection, ECHO + b"!")
    with pytest.raises(ServerError, match="1 bytes too long"):
        connection.load.all_echoed.result()


async def test_connection_fails_the_run_when_the_server_closes():
    connection = EchoConnection(EchoLoad(), [b"1"], len(ECHO))
    connect(connection)
    connection.connection_lost(None)
    with pytest.raises(ServerError, match="end of stream"):
        connection.load.all_echoed.result()


async def test_compressed_echo_ends_where_its_header_says():
    for split in range(1, len(LONG_ECHO)):
        connection = CompressedEchoConnection(EchoLoad(), [b"1", b"2"])
        written = connect(connection)
        feed(connection, LONG_ECHO[:split])
        assert connection.load.echoes == 0
        feed(connection, LONG_ECHO[split:])
        assert (written, connection.load.echoes) == ([b"1", b"2"], 1)


async def test_compressed_echo_in_two_frames_counts_once():
    connection = CompressedEchoConnection(EchoLoad(), [b"1"])
    connect(connection)
    feed(connection, b"\x41\x01a", b"\x80\x01b")
    assert connection.load.echoes == 1


async def test_compressed_echo_with_bytes_after_it_fails_the_run():
    connection = CompressedEchoConnection(EchoLoad(), [b"1"])
    connect(connection)
    feed(connection, ECHO + b"!")
    with pytest.raises(ServerError, match="1 bytes after an echo"):
        connection.load.all_echoed.result()


async def test_run_counts_the_last_echoes_too():
    load = EchoLoad()
    connections = [EchoConnection(load, [b"1"], len(ECHO)) for _ in range(2)]
    for connection in connections:
        connection.connection_made(EchoedFrames(connection))
    counts = await load.run(connections, 0)
    assert (counts["messages"], counts["failure"]) == (2, None)


class EchoedFrames:
    """Stands for a transport whose peer answers once the run has stopped."""

    def __init__(self, connection: EchoConnection) -> None:
        self.connection = connection

    def write(self, frame: bytes) -> None:
        self.connection.load.all_echoed.get_loop().call_later(0.01, feed, self.connection, ECHO)


def test_counts_without_a_message_are_a_failure():
    counts = {"messages": 0, "duration_us": 1_000_000, "failure": None}
    assert read_counts(counts).failure == "0 messages echoed"


def test_counts_keep_the_reason_of_a_failure():
    counts = {"messages": 9, "duration_us": 1_000_000, "failure": "64 echoes did not come"}
    assert read_counts(counts).failure == "64 echoes did not come, 9 messages echoed"
