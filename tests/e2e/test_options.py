"""Options that change answers, scope and log, given in all the ways there are."""

import ast
import json
import re

import pytest

from .raw_client import RawClient
from .waiting import wait_until

SITE = "asgi_site:app"


def get(server, target, *lines):
    with RawClient(server.address) as raw:
        return raw.get(target, *lines)


def test_default_fields_can_be_added_and_switched_off(start):
    server = start("--header", "X-One: 1", "--header", "x-two:2", "--no-date-header")
    answer = get(server, "/hello")
    assert (answer.header("x-one"), answer.header("x-two")) == ("1", "2")
    assert answer.header("server") == "asgiserve"
    assert answer.header("date") is None
    plain = start("--no-server-header")
    answer = get(plain, "/hello")
    assert answer.header("server") is None
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT", answer.header("date"))


@pytest.mark.parametrize(
    ("mode", "outside", "inside"),
    [
        ("keep", "/scope/x", "/api/scope/x"),
        ("strip", "/scope/x", "/scope/x"),
        ("prepend", "/api/scope/x", "/api/api/scope/x"),
        ("auto", "/api/scope/x", "/api/scope/x"),
    ],
)
def test_root_path_mode_says_what_becomes_of_the_path(start, mode, outside, inside):
    server = start("--root-path", "/api", "--root-path-mode", mode)
    for target, path in [("/scope/x", outside), ("/api/scope/x", inside)]:
        body = get(server, target, "x-show-scope: 1").body
        scope = ast.literal_eval(body.decode())
        assert (scope["path"], scope["raw_path"]) == (path, path.encode())
        assert scope["root_path"] == "/api"


def test_limit_of_concurrency_answers_503(start, connect, tmp_path):
    permission = tmp_path / "go"
    server = start("--limit-concurrency", "2")
    busy = [connect(server) for _ in range(2)]
    for raw in busy:
        raw.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
    wait_until(lambda: server.log().count("waiting for the file") == 2, "two busy requests")
    assert get(server, "/hello").status == 503
    permission.touch()
    assert [raw.read_answer().status for raw in busy] == [200, 200]
    assert get(server, "/hello").status == 200


def test_limits_of_request_size_are_obeyed(start):
    server = start(
        "--limit-request-body=10",
        "--limit-request-target=50",
        "--limit-request-head=500",
        "--limit-request-fields=5",
    )
    assert get(server, "/" + "x" * 60).status == 414
    assert get(server, "/", "x: " + "y" * 500).status == 431
    assert get(server, "/", *["x: y"] * 6).status == 431
    with RawClient(server.address) as raw:
        raw.send(b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 11\r\n\r\n")
        assert raw.read_answer().status == 413
    with RawClient(server.address) as raw:
        raw.send(b"POST /echo HTTP/1.1\r\nhost: e2e\r\ntransfer-encoding: chunked\r\n\r\n")
        raw.send(b"b\r\nhello world\r\n0\r\n\r\n")
        assert raw.read_answer().status == 413
    with RawClient(server.address) as raw:
        raw.send(b"POST /echo HTTP/1.1\r\nhost: e2e\r\ncontent-length: 10\r\n\r\n0123456789")
        assert raw.read_answer().body == b"0123456789"


def test_trusted_proxy_names_the_client(start):
    server = start()
    lines = ["x-forwarded-for: 203.0.113.7, 127.0.0.1", "x-forwarded-proto: https"]
    scope = ast.literal_eval(get(server, "/scope", *lines).body.decode())
    assert (scope["client"][0], scope["scheme"]) == ("203.0.113.7", "https")


@pytest.mark.parametrize(
    "option", ["--no-proxy-headers", "--forwarded-allow-ips=192.0.2.1,10.0.0.0/8"]
)
def test_untrusted_proxy_does_not_name_the_client(start, option):
    lines = ["x-forwarded-for: 203.0.113.7", "x-forwarded-proto: https"]
    scope = ast.literal_eval(get(start(option), "/scope", *lines).body.decode())
    assert (scope["client"][0], scope["scheme"]) == ("127.0.0.1", "http")


def test_environment_and_file_give_options_and_the_command_line_wins(start):
    server = start(
        "--header=x-from:command line",
        environment={"ASGISERVE_ROOT_PATH": "/from-env", "ASGISERVE_DATE_HEADER": "false"},
        files={
            "asgiserve.toml": 'root_path = "/from-file"\n'
            'server_header = false\nheaders = ["x-from: file"]\n'
        },
    )
    answer = get(server, "/from-env/scope", "x-show-scope: 1")
    assert answer.header("date") is None
    assert answer.header("server") is None
    assert answer.header("x-from") == "command line"
    assert ast.literal_eval(answer.body.decode())["root_path"] == "/from-env"


def test_unknown_key_in_a_file_is_status_2(start):
    server = start(files={"asgiserve.toml": "timeout_keep_alife = 3\n"}, wait=False)
    assert server.exit_status() == 2
    assert "timeout_keep_alife" in server.log()
    assert "asgiserve.toml" in server.log()


def test_env_file_is_the_environment_of_the_application(start):
    pytest.importorskip("dotenv")
    server = start("--env-file", "app.env", files={"app.env": 'GREETING="hello from a file"\n'})
    assert json.loads(get(server, "/environment?name=GREETING").body) == "hello from a file"


def test_request_trailers_are_given_when_asked_for(start):
    request = (
        b"POST /trailers HTTP/1.1\r\nhost: e2e\r\ntransfer-encoding: chunked\r\n\r\n"
        b"2\r\nab\r\n0\r\nX-Checksum: 1\r\n\r\n"
    )
    for options, names in [(["--request-trailers"], ["x-checksum"]), ([], [])]:
        with RawClient(start(*options).address) as raw:
            raw.send(request)
            assert json.loads(raw.read_answer().body) == names


# --- access log -----------------------------------------------------------------------------------


def access_lines(server, mark):
    return [line for line in server.log().splitlines() if mark in line]


def test_access_line_tells_client_request_status_size_and_time(start):
    server = start()
    get(server, "/hello?mark=1")
    wait_until(lambda: access_lines(server, "mark=1"), "the access line")
    (line,) = access_lines(server, "mark=1")
    pattern = r'127\.0\.0\.1:\d+ - "GET /hello\?mark=1 HTTP/1\.1" 200 13 [\d.]+ms'
    assert re.search(pattern, line)


def test_access_line_cannot_be_forged(start):
    server = start()
    forged = "/x%0d%0aINFO:%20forged?'%20200%20\\x1b[31m\\"
    get(server, forged)
    with RawClient(server.address) as raw:  # a byte that is no text
        raw.send(b"GET /y\xff\xfe HTTP/1.1\r\nhost: e2e\r\n\r\n")
        assert raw.read_answer().status in (200, 400)
    get(server, "/hello?mark=2")
    wait_until(lambda: access_lines(server, "mark=2"), "the access line")
    log = server.log()
    assert not re.search(r"^INFO: forged", log, re.M)
    (line,) = access_lines(server, "/x%0d%0aINFO")
    assert re.search(r'"GET (?:[^"\\]|\\.)* HTTP/1\.1" 200 13 ', line), line
    assert "\x1b" not in log
    assert re.search(r'"GET /y[^"]*\\xff', log) or "/y" not in log


def test_access_log_can_be_switched_off(start):
    server = start("--no-access-log")
    get(server, "/hello?mark=3")
    assert server.terminate() == 0
    assert not access_lines(server, "mark=3")


def test_log_level_of_warnings_leaves_only_them(start):
    server = start("--log-level", "trace")
    get(server, "/raise_before_start")
    server.expect_traceback("ValueError: broken before the start")
