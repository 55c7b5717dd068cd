"""The files of the tutorial: the chat in one process and several, and as it is deployed."""

import re
import shlex
import shutil
import signal
import ssl
import subprocess
import sys

import httpx
import pytest
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.certificates import Authority

from .chromium import CHROMIUM, Chromium
from .programs import EXAMPLES, find_program, read_example
from .waiting import DEADLINE_S, wait_until

if sys.platform == "win32":
    pytest.skip("nginx and Redis run on unix", allow_module_level=True)

redis = pytest.importorskip("redis")

FOLDER = EXAMPLES / "tutorial"
COMMAND = "/srv/chat/.venv/bin/asgiserve"
SOCKET = "/run/chat.sock"
CERTIFICATES = "/etc/letsencrypt/live/chat.example"


@pytest.fixture
def chat(tmp_path):
    """The folder of the chat that several processes serve, as the tutorial leaves it."""
    for name in ("several/chat.py", "chat.html"):
        shutil.copy(FOLDER / name, tmp_path)
    return f"--app-dir={tmp_path}"


def websocket_url(server):
    return server.url.replace("http", "ws", 1) + "/chat"


def assert_all_hear(members, text):
    members[0].send(text)
    for member in members:
        assert member.recv(timeout=DEADLINE_S) == text


def unit_setting(name):
    """The only value of *name* in the service's unit."""
    text = (FOLDER / "chat.service").read_text().replace("\\\n", "")
    (value,) = re.findall(rf"^{name}=(.*)$", text, re.M)
    return value


def test_members_of_one_process_hear_each_other(start_server):
    server = start_server("-m", "asgiserve", "chat:app", "--port=0", f"--app-dir={FOLDER}")
    with connect(websocket_url(server)) as first, connect(websocket_url(server)) as second:
        assert_all_hear([first, second], "hello")
        second.close()
        assert_all_hear([first], "still here")


@pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
def test_page_in_a_browser_says_and_hears(start_server, tmp_path):
    server = start_server("-m", "asgiserve", "chat:app", "--port=0", f"--app-dir={FOLDER}")
    with Chromium(tmp_path) as browser:
        tabs = [browser.open_tab(server.url) for _ in range(2)]
        for tab in tabs:
            script = "typeof socket === 'object' && socket.readyState === WebSocket.OPEN"
            wait_until(lambda s=script, t=tab: t.evaluate(s), "the page's WebSocket")
        tabs[0].evaluate("input.value = '<b>hello</b>'; form.requestSubmit()")
        for tab in tabs:
            script = "document.querySelector('#messages').textContent"
            wait_until(lambda s=script, t=tab: t.evaluate(s) == "<b>hello</b>", "the message")
        for tab in tabs:
            tab.close()


def test_messages_come_again_after_redis_dropped_the_listeners(start_server, programs, chat):
    url = programs.start_redis()
    server = start_server(
        "-m", "asgiserve", "chat:app", "--port=0", chat, environment={"REDIS_URL": url}
    )
    with redis.from_url(url) as broker, connect(websocket_url(server)) as member:
        assert_all_hear([member], "hello")
        assert broker.client_kill_filter(_type="pubsub") == 1
        wait_until(lambda: broker.pubsub_numsub("chat")[0][1] == 1, "the server to listen again")
        assert_all_hear([member], "again")


def test_chat_without_redis_does_not_start(start_server, tmp_path, chat):
    environment = {"REDIS_URL": f"unix://{tmp_path}/none"}
    server = start_server("-m", "asgiserve", "chat:app", chat, environment=environment, wait=False)
    assert server.exit_status() == 3
    assert "redis.exceptions.ConnectionError" in server.log()
    server.end_test()  # the tracebacks are the application's


def test_chat_as_deployed_outlives_its_workers(
    start_server, programs, chat, tmp_path, tmp_path_factory
):
    """systemd's socket and command, nginx with TLS before it, and a restart by HUP."""
    activate = find_program("systemd-socket-activate")
    path = str(tmp_path_factory.mktemp("s") / "s")
    command, *options = shlex.split(unit_setting("ExecStart"))
    assert command == COMMAND
    server = start_server(
        *("-c", "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])", activate),
        *("-E", "PYTHONPATH", "-E", "ASGISERVE_SPEEDUPS", "-E", "REDIS_URL", f"--listen={path}"),
        *(sys.executable, "-m", "asgiserve", *options, chat),
        environment={"REDIS_URL": programs.start_redis()},
        wait=False,
    )
    server.wait_for_log("Listening on")
    authority = Authority(tmp_path)
    files = authority.issue("localhost")
    changes = {
        f"unix:{SOCKET}": f"unix:{path}",
        f"{CERTIFICATES}/fullchain.pem": str(files.certificate),
        f"{CERTIFICATES}/privkey.pem": str(files.key),
    }
    port = programs.start_nginx("tutorial/nginx.conf", changes, listen="listen 443 ssl;")
    trust = ssl.create_default_context(cafile=str(authority.path))

    def join():
        return connect(f"wss://localhost:{port}/chat", ssl=trust, proxy=None)

    def fetch():
        # The first one starts the server, as systemd does.
        url = f"https://localhost:{port}/"
        return httpx.get(url, verify=trust, trust_env=False, timeout=DEADLINE_S)

    assert "<title>Chat</title>" in fetch().text
    with join() as first, join() as second:
        assert_all_hear([first, second], "hello")
        assert re.search(r'127\.0\.0\.1:0 - "GET /chat HTTP/1.1" 101', server.log()), server.log()
        (name,) = re.findall(r"kill -(\w+) \$MAINPID", unit_setting("ExecReload"))
        server.send_signal(getattr(signal, f"SIG{name}"))
        for member in (first, second):
            with pytest.raises(ConnectionClosedError) as end:
                member.recv(timeout=DEADLINE_S)
            assert end.value.rcvd.code == 1012
            assert fetch().status_code == 200
    wait_until(lambda: server.log().count("Stopped server process") == 2, "the workers' restart")
    with join() as first, join() as second:
        assert_all_hear([first, second], "here again")
    assert server.terminate() == 0


@pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")
def test_systemd_takes_the_units(tmp_path):
    program = find_program("systemd-analyze")
    # What is started has to be there, whatever it is.
    (tmp_path / "chat.service").write_text(
        read_example("tutorial/chat.service", {COMMAND: sys.executable})
    )
    shutil.copy(FOLDER / "chat.socket", tmp_path)
    units = [str(tmp_path / name) for name in ("chat.service", "chat.socket")]
    result = subprocess.run(
        [program, "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_socket_is_the_same_in_all_files():
    assert f"ListenStream={SOCKET}\n" in (FOLDER / "chat.socket").read_text()
    assert int(unit_setting("TimeoutStopSec")) >= 30 + 30 + 10
