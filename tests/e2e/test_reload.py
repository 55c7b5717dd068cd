"""--reload: what is saved is served, whatever is open, and whatever was wrong with it before.

The compiled column is reloaded by watchfiles, where it is installed, the pure one by polling.
"""

import os
import re
import signal
import socket
import sys
import threading
import time

import pytest

from asgiserve.reload.file_watch import import_watchfiles

from .raw_client import RawClient
from .waiting import DEADLINE_S, wait_until

if sys.platform == "win32":
    pytest.skip("reload is not available there", allow_module_level=True)

# {version} is what it answers; {prelude} is run at its import.
SITE = """
import asyncio, os, pathlib, time

{prelude}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await serve_lifespan(receive, send)
    elif scope["type"] == "websocket":
        await receive()
        await send({{"type": "websocket.accept"}})
        while (await receive())["type"] != "websocket.disconnect":
            pass
    elif scope["path"] == "/crash":
        os._exit(7)
    elif scope["path"] == "/block":
        print("blocked", flush=True)
        time.sleep(60)
    else:
        await send({{"type": "http.response.start", "status": 200, "headers": []}})
        while scope["path"] == "/stream":
            await send({{"type": "http.response.body", "body": b"tick", "more_body": True}})
            await asyncio.sleep(0.05)
        await send({{"type": "http.response.body", "body": b"{version}"}})

async def serve_lifespan(receive, send):
    while True:
        message = await receive()
        await send({{"type": message["type"] + ".complete"}})
        if message["type"] == "lifespan.shutdown":
            print("shutdown of {version}", flush=True)
            return
"""

WAIT_FOR_FILE = """
pathlib.Path("importing {version}").touch()
while not os.path.exists("go"):
    time.sleep(0.01)
"""


def make_site(version, prelude=""):
    return SITE.format(version=version, prelude=prelude.format(version=version))


@pytest.fixture
def start(start_server, column):
    def start_site(*options, files=None, wait=True, app="main:app", **details):
        files = {"main.py": make_site("one"), **(files or {})}
        if column == "pure":
            files["watchfiles.py"] = "raise ImportError('not here')"
        server = start_server(
            *["-m", "asgiserve", app, "--port", "0", "--reload", *options],
            files=files,
            wait=wait,
            **details,
        )
        how = "watchfiles" if column != "pure" and import_watchfiles() else "polling"
        if wait:
            assert re.search(
                rf"Restarting when files change in {server.work_dir} \({how}", server.log()
            )
        return server

    return start_site


def save(server, version, prelude="", *, name="main.py"):
    (server.work_dir / name).write_text(make_site(version, prelude))


def get(server, target="/"):
    with RawClient(server.address) as raw:
        return raw.get(target, "connection: close").body.decode()


def wait_for_version(server, version):
    wait_until(lambda: get(server) == version, f"the answer {version!r}")


def worker_pids(server):
    return [int(pid) for pid in re.findall(r"serves http.* pid (\d+)\)", server.log())]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.each_build("the pure one polls, the compiled one has watchfiles")
def test_change_is_served_at_the_same_address(start):
    server = start()
    assert get(server) == "one"
    save(server, "two")
    wait_for_version(server, "two")
    assert len(set(server.addresses())) == 1
    assert "Restarting: main.py changed" in server.log()
    assert "shutdown of one" in server.log()
    assert server.terminate() == 0
    assert "shutdown of two" in server.log()


def test_change_while_the_old_version_still_starts_is_served_at_once(start):
    hanging = make_site("one").replace('message["type"] +', "(await asyncio.Event().wait()) +")
    server = start(files={"main.py": hanging}, wait=False)
    server.wait_for_log("Waiting for application startup")
    save(server, "two", "time.sleep(60)")
    server.wait_for_log("Restarting: main.py changed")
    wait_until(lambda: server.log().count("Restarting") == 2, "the import to begin")
    save(server, "three")
    server.wait_until_listening()
    assert get(server) == "three"


def test_saves_of_one_size_in_one_second_are_told_apart(start):
    # Python takes the compiled form of such a source for that of another.
    server = start(environment={"PYTHONDONTWRITEBYTECODE": ""})
    path = server.work_dir / "main.py"
    found_ns = path.stat().st_mtime_ns
    for number, version in enumerate(("two", "six", "ten"), start=1):
        draft = server.work_dir / "draft"
        draft.write_text(make_site(version))
        os.utime(draft, ns=(found_ns, found_ns // 10**9 * 10**9 + number))
        draft.replace(path)
        wait_for_version(server, version)


def test_syntax_error_is_shown_and_the_next_save_tries_again(start):
    server = start()
    (server.work_dir / "main.py").write_text("app = (\n")
    server.wait_for_log(r"could not start: .*SyntaxError: .*; waiting for a change")
    with RawClient(server.address) as raw:
        raw.send(b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n")
        save(server, "two")
        assert raw.read_answer().body == b"two"
    assert server.terminate() == 0


def test_server_whose_first_version_is_broken_waits_too(start):
    server = start(files={"main.py": "raise RuntimeError('not yet')"}, wait=False)
    server.wait_for_log("waiting for a change")
    server.expect_traceback("RuntimeError: not yet")
    save(server, "two")
    server.wait_until_listening()
    assert get(server) == "two"


def test_server_without_a_worker_stops_at_a_signal(start):
    server = start(files={"main.py": "app = ("}, wait=False)
    server.wait_for_log("waiting for a change")
    server.send_signal(signal.SIGINT)
    assert server.exit_status() == 0


def test_request_during_a_restart_waits_and_is_answered_by_the_new_code(start):
    server = start()
    save(server, "two", WAIT_FOR_FILE)
    wait_until((server.work_dir / "importing two").exists, "the import of the second version")
    with RawClient(server.address) as raw:
        raw.send(b"GET / HTTP/1.1\r\nhost: e2e\r\n\r\n")
        (server.work_dir / "go").touch()
        assert raw.read_answer().body == b"two"


def test_no_request_fails_while_the_server_restarts(start):
    server = start()
    is_over = threading.Event()
    answers = []

    def ask():
        try:
            while not is_over.is_set():
                answers.append(get(server))
        except (OSError, EOFError, AssertionError) as error:
            answers.append(repr(error))

    thread = threading.Thread(target=ask)
    thread.start()
    for version in ("two", "three"):
        save(server, version)
        wait_until(lambda version=version: version in answers, f"the answer {version}")
    is_over.set()
    thread.join()
    assert set(answers) == {"one", "two", "three"}


def test_change_during_the_start_restarts_again(start):
    server = start()
    save(server, "two", WAIT_FOR_FILE)
    wait_until((server.work_dir / "importing two").exists, "the import of the second version")
    save(server, "three")
    assert get(server) in ("one", "three")
    wait_for_version(server, "three")
    assert len(worker_pids(server)) == 2


def test_rapid_saves_are_one_restart(start):
    server = start("--reload-delay", "1")
    for number in range(20):
        save(server, f"draft {number}")
    save(server, "two")
    wait_for_version(server, "two")
    assert len(worker_pids(server)) == 2


def test_stream_and_websocket_do_not_hold_a_restart_up(start, connect, open_raw_websocket):
    server = start()
    stream = connect(server)
    stream.send(b"GET /stream HTTP/1.1\r\nhost: e2e\r\n\r\n")
    stream.read_until(b"tick")
    websocket = open_raw_websocket(server, "/")  # it will not answer the close
    begin_s = time.monotonic()
    save(server, "two")
    wait_for_version(server, "two")
    assert time.monotonic() - begin_s < 10
    frame = websocket.read_frame()
    assert (frame.opcode, frame.payload[:2]) == (8, (1012).to_bytes(2, "big"))
    stream.read_to_end()
    websocket.read_to_end()
    assert "shutdown of one" in server.log()


def test_blocked_event_loop_does_not_hold_a_restart_up(start, connect):
    server = start()
    connect(server).send(b"GET /block HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log("blocked")
    save(server, "two")
    server.wait_for_log(r"Killing worker process \d+, which does not stop")
    wait_for_version(server, "two")


def test_crash_is_said_and_mended_by_the_next_save(start, connect):
    server = start()
    assert connect(server).get("/").body == b"one"
    connect(server).send(b"GET /crash HTTP/1.1\r\nhost: e2e\r\n\r\n")
    server.wait_for_log(r"Worker process \d+ ended: status 7; waiting for a change")
    save(server, "two")
    wait_for_version(server, "two")


def test_what_is_not_watched_restarts_nothing(start):
    server = start("--reload-include", "*.html", "--reload-exclude", "drafts")
    for name in (".venv/lib", "node_modules/a", "__pycache__", ".git", "drafts", "pages"):
        (server.work_dir / name).mkdir(parents=True, exist_ok=True)
        (server.work_dir / name / "new.py").touch()
    for name in ("notes.txt", "drafts/a.html", "pages/a.html"):
        (server.work_dir / name).touch()
    server.wait_for_log(r"Restarting: pages/a\.html, pages/new\.py changed")
    wait_until(lambda: len(worker_pids(server)) == 2, "another worker")
    save(server, "two")
    wait_for_version(server, "two")
    names = {
        name
        for line in re.findall("Restarting: (.*) changed", server.log())
        for name in line.split(", ")
    }
    assert names == {"main.py", "pages/a.html", "pages/new.py"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_reloader_and_worker_with_status_0(start, number):
    server = start()
    (worker,) = worker_pids(server)
    if number == signal.SIGINT:  # a terminal sends it to both
        os.kill(worker, number)
    server.send_signal(number)
    assert server.exit_status() == 0
    assert "shutdown of one" in server.log()
    assert not is_alive(worker)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(server.address)


def test_worker_does_not_outlive_a_reloader_that_was_killed(start):
    server = start()
    (worker,) = worker_pids(server)
    server.kill()
    wait_until(lambda: not is_alive(worker), "the worker's end")
    assert "shutdown of one" in server.log()


def test_pid_file_and_unix_socket_last_as_long_as_the_reloader(start_server, column):
    server = start_server(
        *["-m", "asgiserve", "main:app", "--uds", "socket", "--pid", "pid", "--reload"],
        files={"main.py": make_site("one")},
        wait=False,
    )
    server.wait_for_log("serves unix:socket")
    assert (server.work_dir / "pid").read_text() == f"{server.pid}\n"
    path = server.work_dir / "socket"
    inode = path.stat().st_ino
    save(server, "two")

    def ask():
        with RawClient(str(path)) as raw:
            return raw.get("/", "connection: close").body

    wait_until(lambda: ask() == b"two", "the second version")
    assert path.stat().st_ino == inode
    assert server.terminate() == 0
    assert not path.exists()
    assert not (server.work_dir / "pid").exists()


def test_options_for_long_runs_are_said_to_have_no_effect(start):
    server = start("--worker-max-lifetime", "3600", "--worker-max-rss", "100000000")
    for name in ("worker_max_lifetime", "worker_max_rss"):
        assert f"{name} has no effect with reload" in server.log()


@pytest.mark.skipif(sys.platform != "linux", reason="systemd")
def test_systemd_is_told(start, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        manager.settimeout(DEADLINE_S)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
        server = start(environment=environment)
        assert manager.recv(4096).startswith(b"READY=1")
        assert manager.recv(4096) == b"WATCHDOG=1"
        assert manager.recv(4096) == b"WATCHDOG=1"
        server.send_signal(signal.SIGTERM)
        while not (told := manager.recv(4096)).startswith(b"STOPPING=1"):
            assert told == b"WATCHDOG=1"
        assert server.exit_status() == 0


def test_limit_of_requests_starts_another_worker(start):
    server = start("--limit-max-requests", "1")
    get(server)
    server.wait_for_log("Restarting after limit_max_requests of 1")
    wait_until(lambda: len(worker_pids(server)) == 2, "another worker")


def test_run_reloads_an_import_string(start_server, column):
    script = "import asgiserve\nasgiserve.run('main:app', port=0, reload=True)\n"
    files = {"main.py": make_site("one"), "serve.py": script}
    server = start_server("serve.py", files=files)
    save(server, "two")
    wait_for_version(server, "two")
    assert server.terminate() == 0


def test_application_that_is_an_object_cannot_be_reloaded(start_server, column):
    script = "import asgiserve, main\nasgiserve.run(main.app, port=0, reload=True)\n"
    files = {"main.py": make_site("one"), "serve.py": script}
    server = start_server("serve.py", files=files, wait=False)
    assert server.exit_status() == 1
    server.expect_traceback("reload: needs APP as an import string, MODULE:ATTRIBUTE")


def test_wrong_option_of_the_worker_is_status_2(start):
    server = start("--loop", "no_such_loop:new", wait=False)
    assert server.exit_status() == 2
    assert "error: loop: " in server.log().splitlines()[-1]


def test_port_in_use_is_status_3(start_server, column):
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = str(holder.getsockname()[1])
        arguments = ["-m", "asgiserve", "main:app", "--reload", "--port", port]
        server = start_server(*arguments, files={"main.py": make_site("one")}, wait=False)
        assert server.exit_status() == 3
    assert port in server.log().splitlines()[-1]
