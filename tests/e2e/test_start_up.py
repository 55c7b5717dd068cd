"""Starting: what the first lines say, and how each failure ends."""

import os
import re
import socket
import subprocess
import sys

import pytest

from .raw_client import RawClient
from .waiting import wait_until


@pytest.fixture
def start(start_server):
    def start_command(*arguments, **details):
        return start_server("-m", "asgiserve", *arguments, **details)

    return start_command


def lines_of(server):
    return [line for line in server.log().splitlines() if line.strip()]


def test_installed_command_and_module_are_one():
    script = os.path.join(os.path.dirname(sys.executable), "asgiserve")
    if not os.path.exists(script):
        pytest.skip("asgiserve is not installed, only importable")
    outputs = [
        subprocess.run([*command, "--help"], capture_output=True, check=True, text=True).stdout
        for command in ([script], [sys.executable, "-m", "asgiserve"])
    ]
    assert outputs[0] == outputs[1]
    assert "--timeout-graceful-shutdown" in outputs[0]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["asgi_site:app", "--port", "70000"], "port"),
        (
            ["asgi_site:app", "--timeout-keep-alive", "soon"],
            "timeout_keep_alive|timeout-keep-alive",
        ),
        (["asgi_site:app", "--no-such-option"], "--no-such-option"),
        (["asgi_site:app", "--uds", "x", "--fd", "3"], "fd.*uds|uds.*fd"),
        ([], "APP"),
    ],
)
def test_bad_option_is_status_2_and_says_which(start, arguments, told):
    server = start(*arguments, wait=False)
    assert server.exit_status() == 2
    assert re.search(told, server.log())


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ("no_such_module:app", "no_such_module"),
        ("asgi_site:no_such_app", "no_such_app"),
        ("small_sites:instance.nothing", "nothing"),
        ("small_sites:not_an_app", "not_an_app|str|callable"),
    ],
)
def test_wrong_import_string_ends_the_start_and_says_which_part(start, app, told):
    server = start(app, "--port", "0", wait=False)
    assert server.exit_status() in (2, 3)
    assert re.search(told, lines_of(server)[-1])


def test_port_in_use_is_status_3_and_one_line(start):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        server = start("asgi_site:app", "--port", str(port), wait=False)
        assert server.exit_status() == 3
    errors = [line for line in lines_of(server) if "ERROR" in line or "rror:" in line]
    assert len(errors) == 1
    assert str(port) in errors[0]


def test_failed_startup_is_status_3_and_one_line(start):
    server = start("small_sites:fails", "--port", "0", wait=False)
    assert server.exit_status() == 3
    assert len([line for line in lines_of(server) if "no database today" in line]) == 1


def test_startup_that_hangs_is_status_3(start):
    options = ["--port", "0", "--timeout-lifespan-startup", "0.3"]
    server = start("small_sites:hangs", *options, wait=False)
    assert server.exit_status() == 3
    assert "timeout_lifespan_startup" in server.log()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("options", [(), ("--workers=2",), ("--reload",)], ids=" ".join)
def test_signal_ends_a_startup_that_waits(start, options):
    server = start("small_sites:hangs", "--port", "0", *options, wait=False)
    server.wait_for_log("Waiting for application startup")
    assert server.terminate() == 0
    assert "Application startup was cancelled" in server.log()
    assert "Killing" not in server.log()


def test_bug_in_startup_shows_its_traceback_and_auto_goes_on(start):
    server = start("small_sites:raises_after_receive", "--port", "0")
    server.expect_traceback("ValueError: a bug in startup")
    with RawClient(server.address) as raw:
        assert raw.get("/").status == 204


def test_bug_in_startup_is_status_3_when_lifespan_is_on(start):
    options = ["--port", "0", "--lifespan", "on"]
    server = start("small_sites:raises_after_receive", *options, wait=False)
    assert server.exit_status() == 3
    server.expect_traceback("ValueError: a bug in startup")


def test_bug_in_shutdown_shows_its_traceback(start):
    server = start("small_sites:fails_to_stop", "--port", "0")
    server.terminate()
    server.expect_traceback("ValueError: a bug in shutdown")
    assert "app: shutdown was received" in server.log()


@pytest.mark.parametrize(
    "arguments",
    [
        ["small_sites:make_app", "--factory"],
        ["small_sites:instance.app"],
        ["small_sites:asgi2_app"],
        ["small_sites:asgi2_app", "--interface", "asgi2"],
    ],
)
def test_application_is_found_in_each_form(start, arguments):
    server = start(*arguments, "--port", "0", "--lifespan", "off")
    with RawClient(server.address) as raw:
        assert raw.get("/").status == 204


def test_server_that_is_killed_frees_its_port_for_the_next(start):
    first = start("asgi_site:app", "--port", "0")
    with RawClient(first.address) as raw:
        raw.get("/hello")
        port = first.address[1]
        first.kill()
    second = start("asgi_site:app", "--port", str(port))
    with RawClient(second.address) as raw:
        assert raw.get("/hello").status == 200


def test_check_config_stops_before_the_import(start):
    server = start("no_such_module:app", "--check-config", wait=False)
    assert server.exit_status() == 0


def test_print_config_says_where_each_value_came_from(start):
    server = start(
        "asgi_site:app",
        "--port",
        "1234",
        "--print-config",
        wait=False,
        environment={"ASGISERVE_BACKLOG": "77"},
        files={"asgiserve.toml": "timeout_keep_alive = 9\n"},
    )
    assert server.exit_status() == 0
    lines = server.log().splitlines()
    for name, value, source in [
        ("port", "1234", "command line"),
        ("backlog", "77", "ASGISERVE_BACKLOG"),
        ("timeout_keep_alive", "9", "asgiserve.toml"),
        ("timeout_write", "60", "default"),
    ]:
        line = next(line for line in lines if line.startswith(name))
        assert value in line
        assert source in line


def test_log_config_of_uvicorn_users_works(start):
    server = start(
        "asgi_site:app",
        "--port",
        "0",
        "--log-config",
        "log.json",
        files={"log.json": LOG_CONFIG},
    )
    with RawClient(server.address) as raw:
        raw.get("/hello")
    wait_until(
        lambda: re.search(r"^mine 127\.0\.0\.1:\d+ GET /hello HTTP/1\.1 200", server.log(), re.M),
        "a line in the custom format",
    )


LOG_CONFIG = """
{
  "version": 1,
  "disable_existing_loggers": false,
  "formatters": {
    "plain": {"format": "%(levelname)s %(message)s"},
    "mine": {
      "()": "asgiserve.logs.AccessFormatter",
      "fmt": "mine %(client_addr)s %(request_line)s %(status_code)s"
    }
  },
  "handlers": {
    "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
    "mine": {"class": "logging.StreamHandler", "formatter": "mine"}
  },
  "loggers": {
    "asgiserve": {"handlers": ["plain"], "level": "INFO"},
    "asgiserve.access": {"handlers": ["mine"], "level": "INFO", "propagate": false}
  }
}
"""
