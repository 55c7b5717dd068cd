"""What systemd says in the environment, and what it is told; `NOTIFY_SOCKET` is a real socket."""

from __future__ import annotations

import math
import os
import socket
import sys
import time
from types import SimpleNamespace

import pytest

from asgiserve.process import systemd
from asgiserve.process.systemd import (
    SystemdSocket,
    Watchdog,
    WatchdogTimer,
    list_sockets,
    notify,
    notify_ready,
    notify_reloading,
    notify_stopping,
    watchdog_interval_s,
)
from tests.fakes import ManualLoop

if sys.platform == "win32":
    pytest.skip("systemd is Linux's", allow_module_level=True)

ABSTRACT = pytest.mark.skipif(sys.platform != "linux", reason="abstract sockets are Linux's")


@pytest.fixture(params=["path", pytest.param("abstract", marks=ABSTRACT)])
def manager(request, tmp_path_factory, monkeypatch):
    """The service manager's end of the socket."""
    if request.param == "path":
        address = name = str(tmp_path_factory.mktemp("s") / "notify")
    else:
        address, name = f"\0asgiserve-{os.getpid()}", f"@asgiserve-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(address)
        sock.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", name)
        yield sock


@pytest.fixture
def passed(monkeypatch):
    """Set what sd_listen_fds(3) reads; no descriptor is needed for that."""

    def set_variables(**variables):
        monkeypatch.setattr(os, "set_inheritable", lambda fd, value: None)
        for name in ("PID", "FDS", "FDNAMES"):
            monkeypatch.delenv(f"LISTEN_{name}", raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(f"LISTEN_{name}", str(value))

    return set_variables


def receive(manager):
    return manager.recv(4096).decode().split("\n")


def test_sockets_come_with_their_names(passed):
    passed(PID=os.getpid(), FDS=2, FDNAMES="http:admin")
    assert list_sockets() == [SystemdSocket(3, "http"), SystemdSocket(4, "admin")]


def test_sockets_may_have_no_names(passed):
    passed(PID=os.getpid(), FDS=2)
    assert list_sockets() == [SystemdSocket(3, ""), SystemdSocket(4, "")]


def test_sockets_of_another_process_are_left_alone(passed):
    passed(PID=os.getppid(), FDS=1)
    assert list_sockets() == []


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"FDS": 1},
        {"FDS": 1, "PID": "me"},
        {"PID": os.getpid()},
        {"PID": os.getpid(), "FDS": "x"},
        {"PID": os.getpid(), "FDS": -1},
        {"PID": os.getpid(), "FDS": 999999},
    ],
)
def test_sockets_need_variables_that_make_sense(passed, variables):
    passed(**variables)
    assert list_sockets() == []


def test_sockets_are_not_passed_on_to_programs_that_the_application_starts(monkeypatch):
    with socket.socket() as sock:
        monkeypatch.setattr("asgiserve.process.systemd.FIRST_FD", sock.fileno())
        sock.set_inheritable(True)
        monkeypatch.setenv("LISTEN_PID", str(os.getpid()))
        monkeypatch.setenv("LISTEN_FDS", "1")
        assert list_sockets() == [SystemdSocket(sock.fileno(), "")]
        assert not sock.get_inheritable()


def test_ready_is_told_with_a_status_of_one_line(manager):
    notify_ready("serves\nhttp://127.0.0.1:8000", main_pid=7)
    assert receive(manager) == ["READY=1", "STATUS=serves http://127.0.0.1:8000", "MAINPID=7"]


def test_stopping_is_told(manager):
    notify_stopping()
    assert receive(manager) == ["STOPPING=1", "STATUS=Shutting down"]


def test_reloading_is_told_with_the_monotonic_time(manager):
    notify_reloading()
    reloading, stamp, _ = receive(manager)
    assert reloading == "RELOADING=1"
    name, microseconds = stamp.split("=")
    assert name == "MONOTONIC_USEC"
    assert 0 <= time.clock_gettime(time.CLOCK_MONOTONIC) - int(microseconds) / 1e6 < 60


def test_reloading_needs_no_clock_of_posix(monkeypatch):
    monkeypatch.delattr(time, "clock_gettime_ns", raising=False)  # as on Windows
    monkeypatch.delattr(time, "CLOCK_MONOTONIC", raising=False)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify_reloading()


def test_nothing_is_told_without_a_service_manager(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not notify("READY=1")


@pytest.mark.parametrize("address", ["vsock:2:1234", "relative/path"])
def test_a_socket_of_another_kind_is_left_alone(monkeypatch, address, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")
    assert not [record for record in caplog.records if record.levelname == "WARNING"]


def test_a_service_manager_that_is_gone_costs_a_warning(monkeypatch, tmp_path, caplog):
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    assert not notify("READY=1")
    assert "Cannot notify the service manager" in caplog.text


@pytest.mark.parametrize(
    ("variables", "interval_s"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 15.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getppid())}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_watchdog_is_fed_twice_in_its_time(manager, monkeypatch, variables, interval_s):
    for name in ("WATCHDOG_USEC", "WATCHDOG_PID"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert watchdog_interval_s() == interval_s


def test_watchdog_needs_a_socket(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    assert watchdog_interval_s() is None


def test_watchdog_without_a_loop_is_fed_when_it_is_time(manager, monkeypatch):
    now_s = 100.0
    monkeypatch.setattr(systemd, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setenv("WATCHDOG_USEC", "30000000")
    watchdog = Watchdog()
    watchdog.feed()
    assert receive(manager) == ["WATCHDOG=1"]
    assert watchdog.next_s == 115.0
    now_s = 114.0
    watchdog.feed()
    now_s = 115.0
    watchdog.feed()
    assert receive(manager) == ["WATCHDOG=1"]
    assert watchdog.next_s == 130.0


def test_watchdog_that_nobody_waits_for_is_never_fed(manager, monkeypatch):
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    watchdog = Watchdog()
    watchdog.feed()
    assert watchdog.next_s == math.inf
    with pytest.raises(BlockingIOError):
        receive(manager)


def test_watchdog_timer_tells_from_the_loop_until_it_stops(manager):
    loop = ManualLoop()
    try:
        timer = WatchdogTimer(loop, 15.0)
        timer.start()
        assert receive(manager) == ["WATCHDOG=1"]
        loop.now_s += 15.0
        loop.run_until_idle()
        assert receive(manager) == ["WATCHDOG=1"]
        timer.stop()
        loop.now_s += 15.0
        loop.run_until_idle()
        with pytest.raises(BlockingIOError):
            receive(manager)
    finally:
        loop.close()
