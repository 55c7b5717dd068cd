"""``asgiserve bench``: real runs, each of a fraction of a second."""

import json
import os
import signal
import sys
from pathlib import Path

import pytest

from tests.columns import COLUMNS

from .waiting import wait_until

SHORT = ["--duration", "0.3", "--warm-up", "0.1", "--connections", "4"]


@pytest.fixture
def bench(start_server):
    def run(*arguments, **details):
        options = ["-m", "asgiserve", "bench", *arguments]
        return start_server(*options, wait=False, **details)

    return run


@pytest.fixture
def measure(bench):
    """The figures of a run that succeeds."""

    def measure(app, *arguments):
        process = bench(app, *SHORT, "--format", "json", *arguments)
        assert process.exit_status() == 0, process.log()
        return json.loads(process.log())

    return measure


@pytest.mark.each_build("each build is measured by its own means")
def test_raw_application_is_measured_in_both_columns(measure, column):
    figures = measure("bench_site:hello")
    assert figures["stack"].startswith(f"{column} column")
    assert figures["requests"] > 8
    assert figures["statuses"] == {"200": figures["requests"]}
    assert figures["failures"] == {}
    assert figures["connections"] == 4
    assert 0.3 <= figures["duration_s"] < 5
    assert figures["requests_per_s"] == pytest.approx(
        figures["requests"] / figures["duration_s"], rel=0.01
    )
    latency = figures["latency_us"]
    assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"] <= latency["max"]
    cpu = figures["cpu_us_per_request"]
    assert cpu["application"] + cpu["server"] == pytest.approx(cpu["total"], abs=0.2)
    # It does hardly anything.
    assert figures["application_share"] < 0.6
    has_hint = any("ASGISERVE_SPEEDUPS" in hint for hint in figures["hints"])
    assert has_hint == (column == "pure" and "compiled" in COLUMNS)


def check_burning(figures):
    """The application has its time, wherever it spent it; gives the CPU times."""
    assert list(figures["statuses"]) == ["200"]
    cpu = figures["cpu_us_per_request"]
    # Four requests are under way at either end of the time measured.
    assert cpu["total"] > 2000
    assert cpu["application"] > 1500
    # PyPy compiles meanwhile, which is nobody's time.
    if sys.implementation.name == "cpython":
        assert figures["application_share"] > 0.5
    return cpu


@pytest.mark.each_build("each build is measured by its own means")
def test_time_of_a_requests_tasks_is_the_applications(measure, column):
    cpu = check_burning(measure("burning_site:app", "--path", "/tasks"))
    assert cpu["application_threads"] < cpu["application"] / 2


def test_time_of_threads_is_the_applications(measure):
    cpu = check_burning(measure("burning_site:app", "--path", "/threads"))
    assert cpu["application_threads"] > 1500


def test_body_is_sent_and_answered(measure):
    options = ["--path", "/echo", "--json", '{"a": 1}', "--loop", "asyncio"]
    figures = measure("burning_site:app", *options)
    assert (figures["method"], list(figures["statuses"])) == ("POST", ["200"])
    assert "asyncio" in figures["stack"]


def test_connection_that_ends_with_each_answer_is_opened_anew(measure):
    figures = measure("bench_site:closes")
    assert figures["requests"] > 8
    assert figures["failures"] == {}
    assert list(figures["statuses"]) == ["200"]


def test_text_report_is_all_that_a_run_prints(bench):
    process = bench("bench_site:hello", *SHORT, "--path", "/x?y")
    assert process.exit_status() == 0
    lines = process.log().splitlines()
    assert lines[0].startswith("asgiserve ")
    assert lines[1].startswith("GET /x?y: 4 connections, 0.3")
    assert lines[-1].startswith(("  (how it is shared", "hint: "))


def test_application_that_always_answers_500_is_status_1(bench):
    process = bench("bench_site:fails", *SHORT)
    assert process.exit_status() == 1
    *report, last = process.log().splitlines()
    assert any(line.startswith("answers       500: ") for line in report)
    assert last.startswith("asgiserve: error: no request succeeded; status 500: ")


def test_bug_of_the_application_is_logged_once(bench):
    process = bench("bench_site:raises", *SHORT)
    assert process.exit_status() == 1
    process.expect_traceback("ValueError: a bug in a request")
    assert process.log().count("ValueError: a bug in a request") == 1
    assert "no request succeeded; status 500: " in process.log()


def test_application_that_never_answers_is_status_1(bench):
    process = bench("bench_site:never_answers", *SHORT, "--warm-up", "0")
    assert process.exit_status() == 1
    assert process.log().startswith(
        "asgiserve: error: no request succeeded; nothing was answered within 0.3"
    )


def test_warm_up_lasts_until_the_first_answer(measure):
    figures = measure("bench_site:begins_slowly", "--warm-up", "0.1")
    assert list(figures["statuses"]) == ["200"]


def test_threads_that_do_not_end_hold_no_run_up(bench):
    process = bench("burning_site:app", *SHORT, "--path", "/stuck", "--warm-up", "0")
    assert process.exit_status() == 1
    assert "nothing was answered within 0.3" in process.log()


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("no_such_module:app", "there is no module 'no_such_module'"),
        ("bench_site:no_such_app", "'bench_site' has no attribute 'no_such_app'"),
        ("small_sites:fails", "no database today"),
    ],
)
def test_application_that_cannot_start_is_status_3_and_one_line(bench, app, told):
    process = bench(app, *SHORT)
    assert process.exit_status() == 3
    *before, last = process.log().splitlines()
    assert not before
    assert last.startswith("asgiserve: error: ")
    assert told in last


def test_factory_is_found_in_its_directory(bench, tmp_path):
    (tmp_path / "made.py").write_text(
        "from bench_site import hello\ndef make():\n    return hello\n"
    )
    process = bench("made:make", "--factory", "--app-dir", str(tmp_path), *SHORT)
    assert process.exit_status() == 0, process.log()


def clients_of(process):
    return [
        int(path.name)
        for path in Path("/proc").iterdir()
        if path.name.isdigit()
        and parent_and_state(path.name)[0] == process.pid
        and b"asgiserve.cli.bench.load" in command_line(path.name)
    ]


def command_line(pid):
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def parent_and_state(pid):
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, "gone"
    return int(fields[1]), fields[0]


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 1), ("SIGKILL", -9)])
def test_client_ends_with_the_server(bench, name, status):
    process = bench("bench_site:hello", "--duration", "60")
    wait_until(lambda: clients_of(process), "a client process")
    (client,) = clients_of(process)
    os.kill(process.pid, signal.Signals[name])
    assert process.exit_status() == status
    # A process that nobody has waited for yet has ended as well.
    wait_until(lambda: parent_and_state(client)[1] in ("gone", "Z"), "the client's end")
    if name != "SIGKILL":
        assert process.log() == "asgiserve: error: stopped by a signal before the end\n"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_client_that_is_killed_ends_the_run(bench):
    process = bench("bench_site:hello", "--duration", "60")
    wait_until(lambda: clients_of(process), "a client process")
    os.kill(clients_of(process)[0], signal.SIGKILL)
    assert process.exit_status() == 1
    assert "the client process ended before it was through" in process.log()
