"""Under gunicorn: its signals, time-outs, reloads and settings, with the real program."""

import os
import signal
import ssl
import sys
import threading
from importlib.util import find_spec

import pytest

from tests.certificates import Authority
from tests.ws_peer import client_frame

from .raw_client import RawClient
from .server_process import LOOPS
from .waiting import wait_until

pytestmark = pytest.mark.skipif(find_spec("gunicorn") is None, reason="gunicorn is not installed")

WORKER = "asgiserve.gunicorn.Worker"


@pytest.fixture
def start(start_server):
    def start_gunicorn(*options, app="gunicorn_site:app", worker=WORKER, **details):
        command = ("-m", "gunicorn", "-k", worker, "-b", "127.0.0.1:0", *options, app)
        # The control socket of newer versions has a path of its own, which tests would share.
        environment = {"GUNICORN_CMD_ARGS": "--no-control-socket"} if HAS_CONTROL else {}
        return start_server(*command, environment=environment, **details)

    return start_gunicorn


def has_control_socket():
    from gunicorn.config import KNOWN_SETTINGS

    return any(setting.name == "control_socket_disable" for setting in KNOWN_SETTINGS)


HAS_CONTROL = find_spec("gunicorn") is not None and has_control_socket()


SUBCLASSES = """\
from asgiserve.gunicorn import Worker

class Named(Worker):
    CONFIG_KWARGS = {"headers": [("x-served-by", "a subclass")], "limit_request_fields": 3}

class On_asyncio(Worker):
    CONFIG_KWARGS = {"loop": "asyncio"}

class On_uvloop(Worker):
    CONFIG_KWARGS = {"loop": "uvloop"}

class Unknown(Worker):
    CONFIG_KWARGS = {"limit_reqest_fields": 3}

class Binding(Worker):
    CONFIG_KWARGS = {"port": 80}
"""


def ask(server, target, *lines):
    with RawClient(server.address) as raw:
        return raw.get(target, "connection: close", *lines)


def wait_for_workers(server, count):
    """Wait until *count* workers have said that they serve."""
    wait_until(lambda: server.log().count("Worker serves") >= count, f"{count} workers")


def test_requests_and_websockets_are_served(start, open_raw_websocket):
    server = start("--access-logfile", "-")
    answer = ask(server, "/hello")
    assert answer.status == 200
    assert answer.header("server") == "asgiserve"
    raw = open_raw_websocket(server, "/echo")
    raw.send(client_frame(1, b"across gunicorn"))
    assert raw.read_frame().payload == b"across gunicorn"
    raw.close()
    # gunicorn's own format of access lines.
    server.wait_for_log(r'127\.0\.0\.1 - - \[.*\] "GET /hello HTTP/1\.1" 200 13 "-" "-"')
    assert server.terminate() == 0


def test_access_lines_are_off_by_default_as_gunicorn_has_it(start):
    server = start()
    assert ask(server, "/hello").status == 200
    assert server.terminate() == 0
    assert "/hello" not in server.log()


def test_hup_replaces_the_workers_without_losing_a_request(start):
    server = start("-w", "2")
    wait_for_workers(server, 2)
    ends, failures, counts = threading.Event(), [], []

    def load(*lines):
        count = 0
        try:
            while not ends.is_set():
                with RawClient(server.address) as raw:
                    while not ends.is_set():
                        answer = raw.get("/pid", *lines)
                        assert answer.status == 200
                        count += 1
                        if answer.header("connection") == "close":
                            break
        except (OSError, EOFError, AssertionError) as error:
            failures.append(error)
        counts.append(count)

    clients = [
        threading.Thread(target=load, args=lines)
        for lines in [(), (), ("connection: close",), ("connection: close",)]
    ]
    for client in clients:
        client.start()
    try:
        for workers in (4, 6):
            server.send_signal(signal.SIGHUP)
            wait_for_workers(server, workers)
            wait_until(
                lambda workers=workers: server.log().count("Worker exiting") == workers - 2,
                "the old workers to end",
            )
    finally:
        ends.set()
        for client in clients:
            client.join()
    assert not failures
    assert min(counts) > 0
    assert server.terminate() == 0


def test_worker_is_replaced_after_its_requests(start):
    server = start("--max-requests", "5", "--max-requests-jitter", "2")
    pids = set()

    def is_replaced():
        pids.add(ask(server, "/pid").body)
        return len(pids) == 3

    wait_until(is_replaced, "a third worker")
    assert server.terminate() == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_blocked_worker_is_found_and_replaced(start, tmp_path, loop):
    permission = tmp_path / "go"
    files = {"subclasses.py": SUBCLASSES}
    server = start("--timeout", "2", worker=f"subclasses.On_{loop}", files=files)
    pid = ask(server, "/pid").body
    with RawClient(server.address) as other, RawClient(server.address) as raw:
        other.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        server.wait_for_log("waiting for the file")
        raw.send(b"GET /block?for=long HTTP/1.1\r\nhost: e2e\r\n\r\n")
        server.wait_for_log("WORKER TIMEOUT")
        server.wait_for_log("in flight: GET /block")
        server.expect_traceback("Aborted: the event loop stood still for 2 s")
        assert r"time.sleep(60)" in server.log()
        # It had no part in it.
        permission.touch()
        assert other.read_answer().body == b"finished in peace"
        assert raw.read_answer().status == 500
    assert ask(server, "/pid").body != pid
    assert server.terminate() == 0


def test_worker_that_waits_for_its_application_is_not_blocked(start, tmp_path):
    permission = tmp_path / "go"
    server = start("--timeout", "1")
    with RawClient(server.address) as raw:
        raw.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        server.wait_for_log("waiting for the file")
        # Longer than the time-out, of which gunicorn thinks the worse.
        threading.Timer(2.5, permission.touch).start()
        assert raw.read_answer().body == b"finished in peace"
    assert "WORKER TIMEOUT" not in server.log()
    assert server.terminate() == 0


def test_term_lets_requests_end_in_peace(start, tmp_path):
    permission = tmp_path / "go"
    server = start()
    with RawClient(server.address) as raw:
        raw.send(f"GET /wait_for_file?path={permission} HTTP/1.1\r\nhost: e2e\r\n\r\n".encode())
        server.wait_for_log("waiting for the file")
        server.send_signal(signal.SIGTERM)
        server.wait_for_log("Shutting down")
        permission.touch()
        assert raw.read_answer().body == b"finished in peace"
    assert server.exit_status() == 0
    assert "app: lifespan shutdown" in server.log()


def test_quit_does_not_wait_for_requests(start):
    server = start()
    with RawClient(server.address) as raw:
        raw.send(b"GET /stubborn HTTP/1.1\r\nhost: e2e\r\n\r\n")
        server.wait_for_log("stubborn has begun")
        server.send_signal(signal.SIGQUIT)
        assert server.exit_status() == 0
    assert "app: lifespan shutdown" in server.log()


def test_usr1_opens_log_files_anew(start, tmp_path):
    path = tmp_path / "access.log"
    server = start("--access-logfile", path)
    assert ask(server, "/hello").status == 200
    wait_until(lambda: path.exists() and "/hello" in path.read_text(), "an access line")
    path.rename(tmp_path / "access.log.1")
    server.send_signal(signal.SIGUSR1)
    wait_until(path.exists, "a new log file")

    def is_written():
        ask(server, "/again")
        return "/again" in path.read_text()

    wait_until(is_written, "an access line in the new file")
    assert server.terminate() == 0


def test_signals_that_are_meant_for_the_master_do_not_kill_a_worker(start):
    server = start()
    pid = int(ask(server, "/pid").body)
    for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGWINCH):
        os.kill(pid, number)
        assert int(ask(server, "/pid").body) == pid
    assert server.terminate() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_worker_ends_when_its_master_is_killed(start):
    server = start()
    pid = int(ask(server, "/pid").body)
    server.kill()
    wait_until(lambda: not os.path.exists(f"/proc/{pid}"), "the worker to end")


RELOADED = """\
async def app(scope, receive, send):
    await send({{"type": "http.response.start", "status": 200}})
    await send({{"type": "http.response.body", "body": b"{}"}})
"""


def test_reload_serves_what_was_saved(start):
    site = RELOADED.format("first")
    options = ("--reload", "--reload-engine", "poll")
    server = start(*options, app="saved_site:app", files={"saved_site.py": site})
    assert ask(server, "/").body == b"first"

    def is_served(text, body):
        # Again and again: gunicorn compares with what it found in its first look at the file.
        (server.work_dir / "saved_site.py").write_text(text)
        return body in ask(server, "/").body

    wait_until(lambda: is_served("def app(:\n", b"SyntaxError"), "the error to be shown")
    server.expect_traceback("SyntaxError")
    second = RELOADED.format("second")
    wait_until(lambda: is_served(second, b"second"), "what was saved last")
    assert server.terminate() == 0


def test_limit_of_the_request_line_is_gunicorns(start):
    server = start("--limit-request-line", "4000")
    assert ask(server, "/hello?" + "a" * 3900).status == 200
    assert ask(server, "/hello?" + "a" * 4000).status == 414
    assert server.terminate() == 0


def test_tls_is_gunicorns(start, tmp_path):
    authority = Authority(tmp_path)
    files = authority.issue("localhost")
    server = start("--certfile", files.certificate, "--keyfile", files.key)
    with RawClient(server.address) as raw:
        raw.socket = authority.client_context().wrap_socket(raw.socket, server_hostname="localhost")
        assert isinstance(raw.socket, ssl.SSLSocket)
        assert b"'scheme': 'https'" in raw.get("/scope").body
    assert server.terminate() == 0


def test_options_of_a_subclass_come_first(start):
    server = start(worker="subclasses.Named", files={"subclasses.py": SUBCLASSES})
    assert ask(server, "/hello").header("x-served-by") == "a subclass"
    assert ask(server, "/hello", "a: 1", "b: 2", "c: 3").status == 431
    assert server.terminate() == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Unknown", "limit_reqest_fields: no such option; did you mean limit_request_fields"),
        ("Binding", "CONFIG_KWARGS: gunicorn's settings are to say port"),
    ],
)
def test_options_of_a_subclass_that_are_wrong_end_the_start(start, name, message):
    files = {"subclasses.py": SUBCLASSES}
    server = start(worker=f"subclasses.{name}", files=files, wait=False)
    assert server.exit_status() == 1
    assert message in server.log()


def test_startup_that_fails_ends_gunicorn(start):
    server = start(app="small_sites:fails", wait=False)
    assert server.exit_status() == 3
    assert "no database today" in server.log()


def test_settings_without_effect_are_named(start):
    server = start("--threads", "4", "--no-sendfile")
    server.wait_for_log("Without effect where asgiserve serves: sendfile, threads")
    # gunicorn's signal is lost on a worker that was forked this moment.
    server.wait_for_log("Worker serves")
    assert server.terminate() == 0
