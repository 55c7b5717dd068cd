"""What a new supervisor finds in its environment, and where it is started."""

import os

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import StartupError
from asgiserve.supervisor.required import TAKEOVER_VARIABLE, needs_supervisor
from asgiserve.supervisor.takeover import Inheritance


def test_nothing_is_inherited_without_the_variable(monkeypatch):
    monkeypatch.delenv(TAKEOVER_VARIABLE, raising=False)
    assert Inheritance.from_environment() is None


@pytest.mark.parametrize("text", ["", "{}", '{"pid": 1, "pipe": 99999, "sockets": []}'])
def test_damaged_inheritance_is_one_line_and_is_not_passed_on(monkeypatch, text):
    monkeypatch.setenv(TAKEOVER_VARIABLE, text)
    with pytest.raises(StartupError, match="cannot take over: "):
        Inheritance.from_environment()
    assert TAKEOVER_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("options", "is_needed"),
    [
        ({}, False),
        ({"workers": 1}, False),
        ({"workers": 2}, True),
        ({"preload": True}, True),
        ({"worker_max_lifetime": 60}, True),
        ({"worker_max_rss": 1}, True),
        ({"limit_max_requests": 5}, False),
    ],
)
def test_options_of_workers_take_a_supervisor(monkeypatch, options, is_needed):
    monkeypatch.delenv(TAKEOVER_VARIABLE, raising=False)
    assert needs_supervisor(Config("main:app", **options)) is is_needed


def test_successor_of_a_supervisor_is_one(monkeypatch):
    monkeypatch.setenv(TAKEOVER_VARIABLE, "{}")
    assert needs_supervisor(Config("main:app"))
