"""Signals of one process that serves without a supervisor, from its first moment on."""

import json
import re
import signal
import sys
import urllib.error
import urllib.request

import pytest

from tests.certificates import Authority

from .waiting import DEADLINE_S, wait_until

if sys.platform == "win32":
    pytest.skip("Windows has no such signals", allow_module_level=True)

REQUESTS = (signal.SIGHUP, signal.SIGUSR1)


def get(url, context=None):
    with urllib.request.urlopen(url, timeout=DEADLINE_S, context=context) as response:
        return response.read()


APP_THAT_IS_INTERRUPTED = """
import os, signal, sys

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise RuntimeError
    if scope["path"] == "/exit":
        sys.exit(7)
    if scope["path"] == "/signal":
        # As Ctrl+C does while the code below runs.
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hi"})
"""


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_exit_of_an_application_ends_its_request_and_control_c_the_server(start_server, loop):
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    server = start_server(
        *("-m", "asgiserve", "app:app", "--port", "0", "--loop", loop),
        files={"app.py": APP_THAT_IS_INTERRUPTED},
    )
    with pytest.raises(urllib.error.HTTPError, match="500"):
        get(f"{server.url}/exit")
    assert get(f"{server.url}/signal") == b"hi"
    assert server.exit_status() == 0
    server.expect_traceback("SystemExit: 7")


@pytest.mark.parametrize("number", REQUESTS)
def test_log_file_that_was_moved_is_opened_anew(start_server, tmp_path, number):
    path, old = tmp_path / "access.log", tmp_path / "access.log.1"
    config = tmp_path / "log.json"
    config.write_text(
        json.dumps(
            {
                "version": 1,
                "disable_existing_loggers": False,
                "handlers": {
                    "file": {"class": "logging.FileHandler", "filename": str(path)},
                    "stderr": {"class": "logging.StreamHandler"},
                },
                "loggers": {
                    "asgiserve.access": {"handlers": ["file"], "level": "INFO"},
                    "asgiserve.error": {"handlers": ["stderr"], "level": "INFO"},
                },
            }
        )
    )
    server = start_server(
        "-m", "asgiserve", "asgi_site:app", "--port", "0", "--log-config", str(config)
    )
    get(f"{server.url}/first")
    path.rename(old)
    server.send_signal(number)
    wait_until(path.exists, "the new log file")
    get(f"{server.url}/second")
    wait_until(lambda: "/second" in path.read_text(), "a line in the new log file")
    assert "/first" in old.read_text()
    assert "/second" not in old.read_text()
    assert server.terminate() == 0


def test_hangup_reads_certificates_again(start_server, tmp_path):
    authority = Authority(tmp_path)
    files = authority.issue("127.0.0.1")
    server = start_server(
        *("-m", "asgiserve", "asgi_site:app", "--port", "0"),
        *("--ssl-certfile", str(files.certificate), "--ssl-keyfile", str(files.key)),
        wait=False,
    )
    server.wait_for_log("serves https://")
    # The files are as they were: nothing but the signal has them read.
    server.send_signal(signal.SIGHUP)
    server.wait_for_log("Reloaded the TLS certificates")
    port = re.search(r"https://127.0.0.1:(\d+)", server.log())[1]
    assert get(f"https://127.0.0.1:{port}/", authority.client_context())
    assert server.terminate() == 0


@pytest.mark.parametrize("number", [*REQUESTS, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT])
def test_signal_in_the_first_moments_does_not_kill(start_server, number):
    # The command imports this before it knows what it is to serve.
    # One write: print() makes two of an unbuffered line.
    click = "import os, time\nos.write(1, b'importing\\n')\nwhile True:\n    time.sleep(0.01)\n"
    command = ("-m", "asgiserve", "asgi_site:app")
    server = start_server(*command, wait=False, files={"click.py": click}, is_forked=False)
    server.wait_for_log("importing\n")
    server.send_signal(number)
    if number not in (signal.SIGTERM, signal.SIGINT):
        # Handled one after the other: this one would find a process that is dead.
        server.send_signal(signal.SIGTERM)
    assert server.exit_status() == 0
    assert server.log() == "importing\n"
