"""Which column a server runs, and how it says so."""

import platform
import re

import pytest

from asgiserve.version import __version__

from .raw_client import RawClient


@pytest.mark.each_build("the build is the subject")
def test_start_up_line_says_what_runs(start_server, column):
    server = start_server("-m", "asgiserve", "asgi_site:app", "--port", "0")
    line = next(line for line in server.log().splitlines() if "http://" in line)
    assert f"{column} column" in line
    assert f"pid {server.pid}" in line
    assert f"{platform.python_implementation()} {platform.python_version()}" in line
    assert ("llhttp" in line) == (column == "compiled")
    assert re.search(r"\b(uvloop|asyncio)\b", line)


@pytest.mark.each_build("the build is the subject")
def test_version_says_what_would_run(start_server, column):
    command = start_server("-m", "asgiserve", "--version", wait=False)
    assert command.exit_status() == 0
    assert __version__ in command.log()
    assert f"{column} column" in command.log()


@pytest.mark.each_build("the build is the subject")
@pytest.mark.parametrize("arguments", [["--version"], ["asgi_site:app", "--port", "0"]])
def test_column_that_cannot_be_chosen_is_one_line_and_status_3(start_server, arguments):
    environment = {"ASGISERVE_SPEEDUPS": "on"}
    command = start_server("-m", "asgiserve", *arguments, wait=False, environment=environment)
    assert command.exit_status() == 3
    assert command.log() == (
        "asgiserve: error: ASGISERVE_SPEEDUPS is auto, require or off, not 'on'\n"
    )


@pytest.mark.each_build("the build is the subject")
@pytest.mark.parametrize("loop", ["asyncio", "auto", "none"])
def test_every_event_loop_serves(start_server, loop):
    server = start_server("-m", "asgiserve", "asgi_site:app", "--port", "0", "--loop", loop)
    with RawClient(server.address) as raw:
        assert raw.get("/gather_sends").body.endswith(b"end")
        raw.send(b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 100000\r\n\r\n")
        raw.send(b"x" * 100000)
        assert raw.read_answer().body == b"x" * 100000
    assert server.terminate() == 0
