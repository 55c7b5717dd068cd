"""--log-format on a real server: every line is read by a program, whatever clients send."""

import json
import re

import asgiserve

from .raw_client import RawClient
from .waiting import wait_until

BROKEN = """
async def app(scope, receive, send):
    raise ValueError("a\\nb")
"""


def start(start_server, log_format, *arguments):
    return start_server(
        "-m", "asgiserve", "asgi_site:app", "--port", "0", "--log-format", log_format, *arguments
    )


def test_every_line_is_json(start_server):
    server = start(start_server, "json")
    with RawClient(server.address) as raw:
        assert raw.get("/hello?'x'\\y").status == 200
        assert raw.get("/crash", "user-agent: \x7f").status in (400, 404, 500)
    with RawClient(server.address) as raw:
        raw.send(b"nonsense\r\n\r\n")
        assert raw.read_answer().status == 400
    wait_until(lambda: '"target":"-"' in server.log(), "the line of the refused request")
    assert server.terminate() == 0
    lines = [json.loads(line) for line in server.log().splitlines() if line[:1] == "{"]
    foreign = [line for line in server.log().splitlines() if line[:1] != "{"]
    assert all(line.startswith("app: ") for line in foreign), foreign
    assert all(re.fullmatch(r"[-\d]{10}T[:\d]{8}\.\d{3}Z", line["time"]) for line in lines)
    starts = [line for line in lines if f"asgiserve {asgiserve.__version__}" in line["message"]]
    assert [(line["level"], line["logger"]) for line in starts] == [("INFO", "asgiserve.error")]
    first, *_ = (line for line in lines if line["logger"] == "asgiserve.access")
    assert first["target"] == r"/hello?'x'\x5cy"
    assert (first["method"], first["status"], first["body_bytes"]) == ("GET", 200, 13)
    assert first["client"].startswith("127.0.0.1:")
    assert first["duration_ms"] >= 0


def test_traceback_of_the_application_is_one_line(start_server):
    server = start_server(
        "-m", "asgiserve", "broken:app", "--port", "0", "--log-format", "logfmt",
        files={"broken.py": BROKEN},
    )  # fmt: skip
    with RawClient(server.address) as raw:
        assert raw.get("/").status == 500
    server.expect_traceback(r"ValueError: a\nb")
    (line,) = [line for line in server.log().splitlines() if "Traceback" in line]
    assert line.startswith("time=2")
    assert r'exception="Traceback (most recent call last):\n' in line


def test_workers_write_in_the_format_too(start_server):
    server = start(start_server, "logfmt", "--workers", "2")
    server.wait_for_log("with 2 workers")
    with RawClient(server.address) as raw:
        raw.get("/hello")
    server.wait_for_log(r'method=GET target="/hello" http_version=1.1 status=200 body_bytes=13 ')
    lines = [line for line in server.log().splitlines() if not line.startswith("app: ")]
    assert all(line.startswith("time=2") for line in lines), lines


def test_log_config_beside_it_is_a_mistake(start_server):
    server = start_server(
        "-m", "asgiserve", "asgi_site:app", "--log-format", "json", "--log-config", "log.ini",
        files={"log.ini": ""}, wait=False,
    )  # fmt: skip
    assert server.exit_status() == 2
    assert server.log() == (
        "asgiserve: error: log_format json and log_config exclude each other: a logging "
        "configuration says itself how lines look (log_format from --log-format on the command "
        "line, log_config from --log-config on the command line)\n"
    )


def test_forced_colours_make_the_start_up_line_stand_out(start_server):
    server = start_server(
        "-m", "asgiserve", "asgi_site:app", "--port", "0", environment={"FORCE_COLOR": "1"}
    )
    (line,) = [line for line in server.log().splitlines() if "CTRL+C" in line]
    assert f"\x1b[1masgiserve {asgiserve.__version__}\x1b[0m serves \x1b[1;36mhttp://" in line
    assert re.sub(r"\x1b\[[\d;]*m", "", line).endswith(f", pid {server.pid}); press CTRL+C to stop")
