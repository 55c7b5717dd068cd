"""Orders and messages between a supervisor and a worker."""

import json
import logging
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError
from asgiserve.worker.channel import MAX_TEXT_CHARS, MAX_UNSENT_BYTES, Channel
from asgiserve.worker.spec import ListenerOrder, WorkerOrder

if sys.platform == "win32":
    pytest.skip("there is no supervisor on Windows", allow_module_level=True)


def make_order(**options: object) -> WorkerOrder:
    options.setdefault("app", "module:app")
    return WorkerOrder(Config(**options), (ListenerOrder(7, "http://a"),), 0, 0.5, 8)


@pytest.fixture
def channels() -> Iterator[tuple[Channel, Channel]]:
    ours, theirs = Channel.pair()
    yield ours, theirs
    ours.close()
    theirs.close()


def test_message_arrives(channels):
    ours, theirs = channels
    assert theirs.receive() == []
    ours.send({"order": "stop"})
    ours.send({"order": "förce"})
    assert theirs.receive() == [{"order": "stop"}, {"order": "förce"}]
    assert theirs.receive() == []


def test_message_arrives_byte_by_byte():
    sock, theirs = socket.socketpair()
    channel = Channel(theirs)
    for byte in json.dumps({"order": "stop"}).encode():
        sock.send(bytes([byte]))
        assert channel.receive() == []
    sock.send(b"\n{")
    assert channel.receive() == [{"order": "stop"}]
    sock.close()
    channel.close()


def test_open_files_arrive_and_are_not_inherited(channels, tmp_path):
    ours, theirs = channels
    with (tmp_path / "a").open("wb") as one, (tmp_path / "b").open("wb") as other:
        ours.send_fds([one.fileno(), other.fileno()])
    fds = theirs.receive_fds(2)
    for fd in fds:
        assert not os.get_inheritable(fd)
        os.write(fd, b"%d" % fd)
        os.close(fd)
    assert [(tmp_path / name).read_text() for name in "ab"] == [str(fd) for fd in fds]


@pytest.mark.parametrize("unread", [0, 1], ids=["that has read all", "that has not"])
def test_wait_for_open_files_ends_with_the_peer(channels, unread):
    ours, theirs = channels
    for _ in range(unread):
        theirs.send({"kind": "ready"})
    ours.close()
    with pytest.raises(EOFError, match="the supervisor is gone"):
        theirs.receive_fds(2)


def test_closed_peer_is_told_after_its_last_message(channels):
    ours, theirs = channels
    ours.send({"kind": "failed"})
    ours.close()
    assert theirs.receive() == [{"kind": "failed"}]
    assert theirs.receive() is None


def test_sending_to_closed_peer_raises_nothing(channels):
    ours, theirs = channels
    theirs.close()
    for _ in range(3):
        ours.send({"order": "stop"})
    assert not ours.has_unsent
    assert ours.receive() is None


def test_sending_on_closed_channel_raises_nothing(channels):
    ours, _ = channels
    ours.close()
    ours.send({"order": "stop"})


def test_line_that_is_no_message_is_logged_and_left_out(channels, caplog):
    ours, theirs = channels
    ours._sock.send(b'[1]\n{"order": "stop"}\nwhat\n')
    with caplog.at_level(logging.ERROR, "asgiserve.error"):
        assert theirs.receive() == [{"order": "stop"}]
    assert len(caplog.records) == 2


def fill(channel: Channel) -> None:
    while not channel.has_unsent:
        channel.send({"kind": "report", "requests": ["x" * 4000]})


def test_beat_is_dropped_while_the_peer_does_not_read(channels):
    ours, theirs = channels
    fill(ours)
    ours.send({"kind": "beat"})
    ours.send({"kind": "retire"})
    received = []
    while ours.has_unsent:
        received += theirs.receive()
        ours.flush()
    received += theirs.receive()
    kinds = [message["kind"] for message in received]
    assert "beat" not in kinds
    assert kinds[-1] == "retire"
    assert set(kinds[:-1]) == {"report"}


def test_unsent_messages_are_bounded(channels):
    ours, _ = channels
    for _ in range(2 * MAX_UNSENT_BYTES // 4000):
        ours.send({"kind": "report", "requests": ["x" * 4000]})
    assert len(ours._unsent) <= MAX_UNSENT_BYTES


def test_order_arrives_before_the_messages(channels):
    ours, theirs = channels
    order = make_order(port=0, headers=[("a", "b")], forwarded_allow_ips="10.0.0.0/8,::1")
    ours.send_order(order)
    ours.send({"order": "stop"})
    assert theirs.receive_order() == order
    assert theirs.receive() == [{"order": "stop"}]


def test_message_that_came_with_the_order_is_not_waited_for(channels):
    ours, theirs = channels
    ours.send_order(make_order())
    ours.send({"order": "stop"})
    theirs.receive_order()
    assert theirs.wait(0)
    assert theirs.receive() == [{"order": "stop"}]
    assert not theirs.wait(0)


def test_path_is_put_in_place_before_the_order_comes(channels, monkeypatch):
    monkeypatch.setattr(sys, "path", list(sys.path))
    ours, theirs = channels
    path = [*sys.path, "/somewhere/else"]
    ours.send_path(path)
    theirs.receive_path()
    assert sys.path == path
    ours.send_order(make_order())
    assert theirs.receive_order() == make_order()


def test_order_that_cannot_be_pickled_is_a_config_error(channels):
    ours, _ = channels
    with pytest.raises(ConfigError, match="import string"):
        ours.send_order(make_order(app=lambda: None))


def test_waiting_for_an_order_ends_with_the_supervisor(channels):
    ours, theirs = channels
    ours.close()
    with pytest.raises(EOFError):
        theirs.receive_order()


def test_wait_says_whether_something_is_there(channels):
    ours, theirs = channels
    assert not theirs.wait(0)
    ours.send({"order": "stop"})
    assert theirs.wait(0)
    theirs.receive()
    ours.close()
    assert theirs.wait(None)


def test_texts_of_a_message_can_be_logged_as_they_are(channels):
    ours, theirs = channels
    ours.send({"reason": "a\n\x1b[2J\ud800ö", "requests": ["b\r", 1], "of": {"c": "\n"}, "n": 1})
    assert theirs.receive() == [
        {
            "reason": r"a\x0a\x1b[2J\ud800ö",
            "requests": [r"b\x0d", "1"],
            "of": r"{'c': '\n'}",
            "n": 1,
        }
    ]


def test_long_text_of_a_message_is_cut(channels):
    ours, theirs = channels
    ours.send({"reason": "a" * (MAX_TEXT_CHARS + 1)})
    assert theirs.receive() == [{"reason": "a" * MAX_TEXT_CHARS + "..."}]


def test_message_without_end_is_dropped_and_logged(channels, caplog):
    ours, theirs = channels
    sock = socket.socket(fileno=os.dup(ours.fileno()))
    received = 0
    with sock:
        while "does not end" not in caplog.text:
            received += sock.send(b"[" * 65536)
            assert theirs.receive() == []
            assert received <= 2 * MAX_UNSENT_BYTES
        sock.send(b"[" * 65536 + b"\n")
    ours.send({"order": "stop"})
    assert theirs.receive() == [{"order": "stop"}]
    assert "Not a message" in caplog.text, "nested without end, too"
