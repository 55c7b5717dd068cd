"""What a worker makes of its supervisor's words, and of its silence."""

import logging
import sys

import pytest

from asgiserve.worker import command_thread as watch_thread
from asgiserve.worker.channel import Channel
from asgiserve.worker.command_thread import WatchThread

if sys.platform == "win32":
    pytest.skip("there are no workers on Windows", allow_module_level=True)


class RecordingServer:
    """Notes what it is asked for."""

    def __init__(self):
        self.asked = []
        self.patience_s = 0.0

    def ask_to_stop(self, *, force):
        self.asked.append("force" if force else "stop")

    def ask_to_leave(self):
        self.asked.append("leave")

    def ask_to_hurry(self):
        self.asked.append("hurry")

    def ask_for_reopened_logs(self):
        self.asked.append("reopen_logs")

    def ask_for_reloaded_tls(self):
        self.asked.append("reload_tls")

    def write_stacks(self):
        self.asked.append("write_stacks")

    def describe_requests(self):
        return ["GET /a, 0.1 s, 192.0.2.7:1"]

    def must_end(self, orphaned_s):
        return orphaned_s >= self.patience_s


class Process:
    """Notes the status that it should end with."""

    def __init__(self):
        self.statuses = []

    def end(self, status):
        self.statuses.append(status)


@pytest.fixture
def channels():
    ours, theirs = Channel.pair()
    yield ours, theirs
    ours.close()
    theirs.close()


@pytest.mark.parametrize("order", ["stop", "force", "leave", "hurry", "reopen_logs", "reload_tls"])
def test_order_reaches_the_server(channels, order):
    server, process = RecordingServer(), Process()
    channels[0].send({"order": order})
    channels[0].close()
    WatchThread(channels[1], server, end_process=process.end).run()
    assert server.asked == [order, "stop"]


def test_report_is_answered(channels):
    ours, theirs = channels
    server = RecordingServer()
    WatchThread(theirs, server).obey({"order": "report"})
    assert ours.receive() == [{"kind": "report", "requests": ["GET /a, 0.1 s, 192.0.2.7:1"]}]
    assert server.asked == ["write_stacks"]


def test_unknown_order_is_logged(channels, caplog):
    server = RecordingServer()
    with caplog.at_level(logging.ERROR, "asgiserve.error"):
        WatchThread(channels[1], server).obey({"order": "dance"})
    assert "dance" in caplog.text
    assert server.asked == []


def test_worker_that_outlives_its_supervisor_for_too_long_is_ended(channels, monkeypatch):
    monkeypatch.setattr(watch_thread, "LOOK_S", 0)
    server, process = RecordingServer(), Process()
    server.patience_s = 35.0
    now_s = iter(range(100, 1000, 10))
    channels[0].close()
    thread = WatchThread(
        channels[1], server, end_process=process.end, clock=lambda: float(next(now_s))
    )
    thread.run()
    assert server.asked == ["stop"]
    assert process.statuses == [1]
    assert next(now_s) == 150
