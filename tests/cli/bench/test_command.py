"""The options of ``asgiserve bench``, and the request that they make."""

from __future__ import annotations

import io
import os
from types import SimpleNamespace

import pytest

from asgiserve.cli import command as cli
from asgiserve.cli.bench import command as bench
from asgiserve.cli.bench.load import LoadResult
from asgiserve.cli.bench.measure import BenchError, Measurement
from asgiserve.cli.bench.timing import CpuReading
from asgiserve.errors import StartupError

PASSED = CpuReading(1_000_000, 0, 1_000_000, 0, 0, 0, 10, 0)


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """The current directory, without options from anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ASGISERVE_"):
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(capsys, monkeypatch):
    """Run the command with a measurement that a test gives: status, output, error, and the call."""

    def run(*arguments, outcome=None):
        calls = []

        def measure(config, plan):
            calls.append(SimpleNamespace(config=config, plan=plan))
            if isinstance(outcome, Exception):
                raise outcome
            return Measurement("stack", outcome or answers(), PASSED, None)

        monkeypatch.setattr(bench, "measure", measure)
        status = cli.run_command(["bench", *arguments])
        captured = capsys.readouterr()
        call = calls[0] if calls else None
        return SimpleNamespace(status=status, out=captured.out, err=captured.err, call=call)

    return run


def answers(**statuses):
    return LoadResult(
        duration_s=1.0,
        statuses={int(name[1:]): count for name, count in statuses.items()} or {200: 10},
        latency_us={"p50": 1, "p90": 1, "p99": 1, "max": 1},
    )


def sent(call, port=8000):
    return call.plan.request.encode(port)


# Options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "app: missing; give APP as MODULE:ATTRIBUTE"),
        (["main"], "app: 'main' is not MODULE:ATTRIBUTE or an application (from APP on the"),
        (["main:app", "--workers", "2"], "--workers"),
        (["main:app", "--port", "1"], "--port"),
        (["main:app", "--loop", "fast"], "loop: 'fast' is not one of"),
        (["main:app", "--env-file", "nowhere"], "env_file: 'nowhere' is not"),
        (["main:app", "--path", "x"], "path: 'x' is not a path that begins with /"),
        (["main:app", "--path", "/a b"], "path: '/a b' is not"),
        (["main:app", "--path", "/a#b"], "path: '/a#b' is not"),
        (["main:app", "--path", "/\xe9"], "path: '/\xe9' is not"),
        (["main:app", "--method", "GET /"], "method: 'GET /' is not a method"),
        (["main:app", "--method", "CONNECT"], "method: 'CONNECT' is not a method other than"),
        (["main:app", "--header", "a b: c"], "header: ('a b: c',) is not a list of NAME:VALUE"),
        (["main:app", "--header", "content-length: 3"], "no name that frames requests"),
        (["main:app", "--body", "nowhere"], "body: 'nowhere' is not a file that can be read"),
        (["main:app", "--json", "{"], "json: '{' is not JSON (from --json on the command line)"),
        (["main:app", "--json", "1", "--body", "file"], "body and json exclude each other"),
        (["main:app", "--connections", "0"], "connections: '0' is not an integer of at least 1"),
        (["main:app", "--duration", "0"], "duration: '0' is not a number of seconds above 0"),
        (["main:app", "--warm-up", "-1"], "warm_up: '-1' is not a number of seconds, at least 0"),
        (["main:app", "--format", "xml"], "format: 'xml' is not one of text, json"),
        (["main:app", "other:app"], "other:app"),
    ],
)
def test_mistake_is_one_line_and_status_2(run, directory, arguments, message):
    (directory / "file").touch()
    result = run(*arguments)
    assert (result.status, result.out) == (2, "")
    assert result.err.startswith("asgiserve: error: ")
    assert result.err.count("\n") == 1
    assert message in result.err
    assert result.call is None


def test_help_lists_the_options_under_their_groups(run):
    result = run("--help")
    assert result.status == 0
    headings = [line[:-1] for line in result.out.splitlines() if line[:1] > " " and line[-1] == ":"]
    assert headings == ["Application", "Logging", "Request", "Load", "Command"]
    words = " ".join(result.out.split())
    assert "--connections INTEGER" in words
    assert "[default: 16]" in words
    assert "[default: warning]" in words
    assert "[default: info]" not in words


def test_help_of_the_server_tells_of_bench(capsys):
    assert cli.run_command(["--help"]) == 0
    assert "asgiserve bench APP" in " ".join(capsys.readouterr().out.split())


def test_application_in_a_module_named_bench_is_served(monkeypatch):
    served = []
    monkeypatch.setattr(cli, "serve", lambda config, reread: served.append(config.app) or 0)
    assert cli.run_command(["bench:app"]) == 0
    assert served == ["bench:app"]


def test_defaults_are_a_get_of_the_root(run):
    call = run("main:app").call
    assert sent(call) == b"GET / HTTP/1.1\r\nhost: 127.0.0.1:8000\r\n\r\n"
    plan = call.plan
    assert (plan.connections, plan.duration_s, plan.warm_up_s) == (16, 5, 1)
    config = call.config
    assert (config.app, config.host, config.port) == ("main:app", "127.0.0.1", 0)
    assert (config.access_log, config.workers, config.log_level) == (False, 1, "warning")


def test_request_is_what_the_options_say(run, directory):
    (directory / "body").write_bytes(b"\0\r\n\xff")
    call = run(
        *("main:app", "--path", "/a?b=c", "--header", "x-a: 1", "--header", "Host: h"),
        *("--method", "PUT", "--body", "body"),
    ).call
    assert sent(call) == (
        b"PUT /a?b=c HTTP/1.1\r\nx-a: 1\r\nHost: h\r\ncontent-length: 4\r\n\r\n\0\r\n\xff"
    )


def test_json_is_posted_with_its_type(run):
    call = run("main:app", "--json", '{"a": "\xe9"}').call
    assert sent(call) == (
        b"POST / HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-type: application/json\r\n"
        b'content-length: 11\r\n\r\n{"a": "\xc3\xa9"}'
    )
    call = run("main:app", "--json", "1", "--header", "Content-Type: text/x").call
    assert sent(call).count(b"ype: ") == 1


def test_body_comes_from_standard_input(run, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"abc")))
    call = run("main:app", "--body", "-").call
    assert sent(call).startswith(b"POST / ")
    assert sent(call).endswith(b"content-length: 3\r\n\r\nabc")


def test_head_is_known_as_such(run):
    assert run("main:app", "--method", "HEAD").call.plan.request.is_head
    assert not run("main:app").call.plan.request.is_head


def test_environment_and_file_give_the_application_but_not_the_address(run, directory, monkeypatch):
    (directory / "asgiserve.toml").write_text(
        'app = "site:make"\nfactory = true\nport = 81\nworkers = 4\nlog_level = "error"\n'
    )
    monkeypatch.setenv("ASGISERVE_LOOP", "asyncio")
    monkeypatch.setenv("ASGISERVE_HOST", "0.0.0.0")
    config = run("--log-level", "info").call.config
    assert (config.app, config.factory, config.loop) == ("site:make", True, "asyncio")
    assert (config.host, config.port, config.workers) == ("127.0.0.1", 0, 1)
    assert config.log_level == "info"
    assert run().call.config.log_level == "error"


# Status ---------------------------------------------------------------------------------------


def test_some_success_is_status_0(run):
    result = run("main:app", outcome=answers(_200=1, _500=99))
    assert (result.status, result.err) == (0, "")
    assert "200: 1, 500: 99" in result.out


def test_no_success_is_status_1_with_the_report_and_the_reason(run):
    result = run("main:app", outcome=answers(_302=100))
    assert result.status == 1
    assert "answers       302: 100" in result.out
    assert result.err == "asgiserve: error: no request succeeded; status 302: 100\n"


def test_no_answer_is_status_1_without_a_report(run):
    result = run("main:app", outcome=LoadResult(duration_s=2.0, failures={"reset": 3}))
    assert (result.status, result.out) == (1, "")
    assert result.err == "asgiserve: error: no request succeeded; reset: 3\n"


@pytest.mark.parametrize(
    ("outcome", "status"), [(BenchError("it ended"), 1), (StartupError("it ended"), 3)]
)
def test_run_that_breaks_off_is_one_line(run, outcome, status):
    result = run("main:app", outcome=outcome)
    assert (result.status, result.out) == (status, "")
    assert result.err == "asgiserve: error: it ended\n"


def test_json_is_all_that_is_printed(run):
    out = run("main:app", "--format", "json").out
    assert out.startswith("{")
    assert out.endswith("}\n")
