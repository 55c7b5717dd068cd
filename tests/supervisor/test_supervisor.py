"""What a supervisor refuses before it opens anything, and what SIGHUP cannot change."""

import signal
import threading
from types import SimpleNamespace

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError, StartupError
from asgiserve.server.stop_request import REPEAT_S, StopSignals
from asgiserve.supervisor import supervise as supervise_module
from asgiserve.supervisor.supervise import supervise
from asgiserve.supervisor.supervisor import Supervisor
from tests.fakes import ManualClock
from tests.logging_state import restored_logging

__all__ = ["restored_logging"]


async def app(scope, receive, send):
    """Never called."""


def test_application_object_is_refused():
    with pytest.raises(ConfigError, match="give an import string MODULE:ATTRIBUTE, or preload"):
        supervise(Config(app, workers=2))


def test_platform_without_workers_is_refused(monkeypatch):
    monkeypatch.setattr(supervise_module.sys, "platform", "win32")
    with pytest.raises(ConfigError, match="this platform allows for one worker"):
        supervise(Config("main:app", workers=2))


def test_other_threads_are_refused():
    errors = []

    def run():
        try:
            supervise(Config("main:app", workers=2))
        except StartupError as error:
            errors.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert errors == ["several workers can be run from the main thread only"]


@pytest.mark.usefixtures("restored_logging")
def test_what_is_fixed_is_kept_with_a_warning(caplog):
    config = Config("main:app", workers=2, port=1234, log_config=None)
    running = Supervisor(config, None, owns_process=False)
    config = running._keep_fixed(Config("main:other", workers=3, port=4321, preload=True))
    assert (config.app, config.workers) == ("main:other", 3)
    assert (config.port, config.preload) == (1234, False)
    assert "Only a new start changes port, preload" in caplog.text


class CountingCrew:
    """A crew without workers, which counts how often its pool is stopped."""

    def __init__(self):
        self.stops = 0
        self.pool = self
        self.workers = ()

    def stop(self):
        self.stops += 1


@pytest.mark.usefixtures("restored_logging")
def test_signals_to_stop_that_come_twice_count_once():
    clock = ManualClock()
    supervisor = Supervisor(
        Config("main:app", workers=2, log_config=None), None, owns_process=False
    )
    supervisor._crew = crew = CountingCrew()
    supervisor._listeners = SimpleNamespace(leave_to_workers=lambda: None)
    supervisor._stop_signals = StopSignals(clock)
    numbers = [signal.SIGTERM, signal.SIGTERM, signal.SIGINT]
    supervisor._signals = SimpleNamespace(read=lambda: numbers)
    supervisor._on_signals()
    assert crew.stops == 1
    clock.now_s += REPEAT_S * 1.1
    supervisor._on_signals()
    assert crew.stops == 2
