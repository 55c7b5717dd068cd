"""The command itself: what it prints, and its exit status."""

from __future__ import annotations

import json

import pytest

from asgiserve.cli import command as cli
from asgiserve.cli.doctor import command
from asgiserve.cli.doctor.findings import Finding, Level, format_text
from tests.logging_state import restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments):
        status = cli.run_command(["doctor", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def find_nothing(settings):
    return [Finding("python", Level.OK, "fine")]


def find_broken(settings):
    return [
        Finding("python", Level.OK, "fine"),
        Finding("event loop", Level.BROKEN, "gone", "pip install loop"),
        Finding("files", Level.ADVICE, "few"),
    ]


def test_report_names_all_that_there_is(run):
    status, out, err = run("--json")
    report = json.loads(out)
    subjects = [each["subject"] for each in report["findings"]]
    assert err == ""
    assert {"asgiserve", "python", "column", "event loop", "tls", "watchfiles"} <= set(subjects)
    assert {"options", "open files", "backlog", "workers", "memory", "user"} <= set(subjects)
    assert {each["level"] for each in report["findings"]} <= {each.value for each in Level}
    assert status == report["is_broken"]


def test_what_is_broken_makes_the_status_1(run, monkeypatch):
    monkeypatch.setattr(command, "examine", find_broken)
    status, out, _ = run()
    assert status == 1
    assert out.splitlines() == [
        "ok        python      fine",
        "broken    event loop  gone",
        "                      $ pip install loop",
        "advice    files       few",
        "",
        "1 broken, 1 could be better",
    ]
    status, out, _ = run("--json")
    assert status == 1
    assert json.loads(out)["is_broken"] is True


def test_status_is_0_when_nothing_is(run, monkeypatch):
    monkeypatch.setattr(command, "examine", find_nothing)
    assert run() == (0, "ok        python  fine\n\nnothing is broken\n", "")


def test_colours_are_for_terminals_and_for_those_who_ask(run, monkeypatch):
    monkeypatch.setattr(command, "examine", find_nothing)
    assert "\x1b[32mok" in run("--use-colors")[1]
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[32mok" in run()[1]
    assert "\x1b" not in run("--no-use-colors")[1]
    assert "\x1b" not in format_text(find_nothing(None), use_colors=False)


def test_options_are_those_of_the_server(run):
    findings = json.loads(run("main:app", "--backlog", "1999999999", "--json")[1])["findings"]
    (backlog,) = [each for each in findings if each["subject"] == "backlog"]
    assert "1999999999" in backlog["text"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--prot", "1"], "--prot"),
        (["--backlog", "x"], "backlog: 'x' is not an integer"),
        (["--uds", "s", "--fd", "3"], "fd and uds exclude each other"),
        (["main"], "app: 'main' is not MODULE:ATTRIBUTE"),
    ],
)
def test_mistake_is_one_line_and_status_2(run, arguments, message):
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("asgiserve: error: ")
    assert err.count("\n") == 1
    assert message in err
