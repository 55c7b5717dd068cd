"""The command: help, errors in one line, exit statuses; the package's own face."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

import asgiserve
from asgiserve.cli import command as cli
from asgiserve.config.config import OPTIONS
from asgiserve.version import __version__
from tests.columns import environment_of
from tests.logging_state import restored_logging

pytestmark = pytest.mark.usefixtures(restored_logging.__name__)
__all__ = ["restored_logging"]

SITE = """
async def app(scope, receive, send):
    raise RuntimeError("no lifespan")

async def failing(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
"""


@pytest.fixture(autouse=True)
def directory(tmp_path, monkeypatch):
    """The current directory, without options from anywhere."""
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("ASGISERVE_") or name == "FORWARDED_ALLOW_IPS":
            monkeypatch.delenv(name)
    return tmp_path


@pytest.fixture
def run(capsys):
    """Run the command in this process: its status, what it printed, and the error."""

    def run(*arguments):
        status = cli.run_command(arguments)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


# Help and version -----------------------------------------------------------------------------


def test_help_lists_every_option_under_its_group(run):
    status, out, _ = run("--help")
    assert status == 0
    sections = re.split(r"^(\S.*):$", out, flags=re.MULTILINE)[1:]
    by_heading = dict(zip(sections[::2], sections[1::2], strict=True))
    assert list(by_heading) == [*dict.fromkeys(each.group for each in OPTIONS.values()), "Command"]
    for name, option in OPTIONS.items():
        if name != "app":
            assert re.search(rf"^  {cli.flag_of(name)}\b", by_heading[option.group], re.MULTILINE)
    for flag in ("--config", "--print-config", "--check-config", "--version", "--help"):
        assert flag in by_heading["Command"]


def test_help_names_defaults_and_choices(run):
    _, out, _ = run("--help")
    words = " ".join(out.split())
    assert "[default: 8000]" in words
    assert "[default: 666]" in words
    assert "--lifespan [auto|on|off]" in words
    assert "--access-log / --no-access-log" in words
    assert "[default: None]" not in words


def test_version_tells_column_and_python(run):
    status, out, _ = run("--version")
    assert status == 0
    column = r"(compiled column, llhttp \d+\.\d+\.\d+|pure column)"
    others = r"(uvloop [\d.]+|no uvloop), (CPython|PyPy) [\d.]+\S*"
    assert re.fullmatch(rf"asgiserve {re.escape(__version__)} \({column}, {others}\)\n", out)


# Options --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "app: missing; give APP as MODULE:ATTRIBUTE"),
        (["main"], "app: 'main' is not MODULE:ATTRIBUTE or an application (from APP on the"),
        (["main:app", "--prot", "1"], "--prot"),
        (["main:app", "--worker", "2"], "--worker"),
        (["main:app", "--port"], "--port"),
        (["main:app", "other:app"], "other:app"),
        (["main:app", "--port", "x"], "port: 'x' is not an integer from 0 to 65535 (from --port"),
        (["main:app", "--lifespan", "no"], "lifespan: 'no' is not one of auto, on, off"),
        (["main:app", "--header", "a: b\nc: d"], "headers: "),
        (["main:app", "--uds", "s", "--fd", "3"], "fd and uds exclude each other"),
        (["main:app", "--config", "nowhere.toml"], "config: nowhere.toml: "),
        (["main:app", "--check-config", "--loop", "no_such_module:x"], "no_such_module"),
        (["main:app", "--check-config", "--log-config", "bad.json"], "log_config: "),
    ],
)
def test_mistake_is_one_line_and_status_2(run, directory, arguments, message):
    (directory / "bad.json").write_text("{")
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    assert err.startswith("asgiserve: error: ")
    assert err.count("\n") == 1
    assert message in err


def test_check_config_does_not_import_the_application(run):
    assert run("no_such_module:app", "--check-config") == (0, "", "")


def test_check_config_reads_certificates(run, directory):
    (directory / "certificate.pem").write_text("")
    status, _, err = run("main:app", "--check-config", "--ssl-certfile", "certificate.pem")
    assert status == 2
    assert "ssl_certfile: there is no certificate" in err


def test_check_config_finds_what_is_missing(run, directory, monkeypatch):
    (directory / "app.env").touch()
    monkeypatch.setitem(sys.modules, "dotenv", None)
    status, _, err = run("main:app", "--check-config", "--env-file", "app.env")
    assert status == 2
    assert "python-dotenv" in err


def test_print_config_shows_every_option_with_its_source(run, directory, monkeypatch):
    (directory / "asgiserve.toml").write_text("backlog = 5\n")
    monkeypatch.setenv("ASGISERVE_ROOT_PATH", "/api")
    flags = ["--no-access-log", "--header", "a: b", "--header", "c: d", "--bind", "h:1"]
    status, out, err = run("main:app", *flags, "--print-config")
    assert (status, err) == (0, "")
    assert re.search(r'^app = "main:app" +# APP on the command line$', out, re.MULTILINE)
    assert re.search(r"^access_log = false +# --access-log on the command line$", out, re.MULTILINE)
    assert re.search(r'^root_path = "/api" +# ASGISERVE_ROOT_PATH$', out, re.MULTILINE)
    assert re.search(r"^backlog = 5 +# asgiserve.toml$", out, re.MULTILINE)
    assert re.search(r"^port = 8000 +# default$", out, re.MULTILINE)
    shown = tomllib.loads(out)
    assert shown.keys() == OPTIONS.keys()
    assert (shown["headers"], shown["bind"]) == (["a: b", "c: d"], ["h:1"])


def test_print_config_needs_no_application_but_no_conflict(run):
    assert run("--print-config")[0] == 0
    assert run("--print-config", "--uds", "s", "--fd", "3")[0] == 2


@pytest.mark.parametrize("name", [name for name in OPTIONS if name != "app"])
def test_every_option_is_a_flag(name):
    (parameter,) = [each for each in cli.command.params if each.name == name]
    assert isinstance(parameter, click.Option)
    assert cli.flag_of(name) in parameter.opts


# Processes ------------------------------------------------------------------------------------


def start(*arguments, **options):
    environment = {**environment_of("pure"), "PYTHONPATH": str(Path(asgiserve.__file__).parents[1])}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finish(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.parametrize(
    ("arguments", "status", "error"),
    [
        (["main:app", "--port", "x"], 2, "port: 'x' is not"),
        (["nowhere:app"], 3, "there is no module 'nowhere'"),
        (["main:nothing"], 3, "'main' has no attribute 'nothing'"),
        (["main:failing", "--port", "0"], 3, "no database"),
        (["main:app", "--uds", "no/such/directory/s"], 3, "no/such/directory/s"),
    ],
)
def test_status_tells_mistakes_from_failures(directory, arguments, status, error):
    (directory / "main.py").write_text(SITE)
    returncode, _, err = finish(start("-m", "asgiserve", *arguments))
    assert returncode == status, err
    *_, last = err.splitlines()
    assert last.startswith("asgiserve: error: ")
    assert error in last
    assert "Traceback" not in err


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to send")
@pytest.mark.parametrize("form", ["command", "function"])
def test_clean_stop_is_status_0(directory, form):
    (directory / "main.py").write_text(SITE)
    code = "import asgiserve; asgiserve.run('main:app', port=0)"
    process = start(
        *(["-m", "asgiserve", "main:app", "--port=0"] if form == "command" else ["-c", code])
    )
    try:
        for line in process.stderr:
            if "http://127.0.0.1:" in line:
                break
        process.send_signal(signal.SIGTERM)
        returncode, _, err = finish(process)
    finally:
        process.kill()
    assert returncode == 0, err


def test_interrupt_before_the_server_runs_is_status_0(monkeypatch):
    def interrupt(config, reread):
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "serve", interrupt)
    assert cli.run_command(["site:app"]) == 0


def test_service_links_are_passed_over_with_one_line(monkeypatch, run):
    monkeypatch.setattr(cli, "serve", lambda config, reread: reread().port)
    monkeypatch.setenv("ASGISERVE_PORT", "tcp://10.3.0.5:80")
    monkeypatch.setenv("ASGISERVE_SERVICE_HOST", "10.3.0.5")
    status, _, err = run("site:app", "--port", "9")
    assert status == 9
    (line,) = err.splitlines()
    assert line.endswith("in the environment: ASGISERVE_PORT, ASGISERVE_SERVICE_HOST")


def test_function_exits_with_3_when_the_server_cannot_start(directory):
    code = "import asgiserve; asgiserve.run('nowhere:app', port=0)"
    returncode, _, err = finish(start("-c", code))
    assert returncode == 3
    assert "ERROR:" in err
    assert "Traceback" not in err


def test_function_raises_config_errors():
    from asgiserve.errors import ConfigError

    with pytest.raises(ConfigError, match="prot: no such option; did you mean port"):
        asgiserve.run("main:app", prot=1)


def test_bare_import_is_light():
    code = (
        "import sys, asgiserve\n"
        "print(asgiserve.__version__, *{'click', 'asyncio', 'logging', 'asgiserve.config.config',"
        "'asgiserve._twins', 'uvloop', 'websockets'} & set(sys.modules))"
    )
    returncode, out, err = finish(start("-c", code))
    assert (returncode, out) == (0, f"{__version__}\n"), err


def test_start_imports_nothing_that_few_servers_need(column):
    spared = {"configparser", "difflib", "tomllib"}
    if column == "compiled":
        # The pure column masks frames by websockets, which imports the others.
        spared |= {"importlib.metadata", "json", "websockets"}
    code = (
        "import sys, asgiserve.cli.command, asgiserve.server.server\n"
        f"print(*({spared!r} & sys.modules.keys()))"
    )
    ended = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={**environment_of(column), "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.split() == []


def test_package_offers_what_uvicorn_does():
    assert asgiserve.Config.__name__ == "Config"
    assert asgiserve.Server.__name__ == "Server"
    assert asgiserve.__version__ == __version__
    with pytest.raises(AttributeError, match="nothing"):
        _ = asgiserve.nothing
