"""The example of systemd: systemd's own check of the units, and the command that they run."""

import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest

from .programs import EXAMPLES, find_program, read_example
from .raw_client import RawClient
from .waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="systemd is Linux's")

COMMAND = "/srv/site/.venv/bin/asgiserve"


def setting(unit, name):
    """The only value of *name* in the file *unit*."""
    (value,) = re.findall(rf"^{name}=(.*)$", (EXAMPLES / "systemd" / unit).read_text(), re.M)
    return value


def test_systemd_takes_the_units(tmp_path):
    program = find_program("systemd-analyze")
    # What is started has to be there, whatever it is.
    (tmp_path / "site.service").write_text(
        read_example("systemd/site.service", {COMMAND: sys.executable})
    )
    shutil.copy(EXAMPLES / "systemd" / "site.socket", tmp_path)
    units = [str(tmp_path / name) for name in ("site.service", "site.socket")]
    result = subprocess.run(
        [program, "verify", *units], capture_output=True, text=True, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_time_to_stop_is_longer_than_what_the_server_takes():
    options = setting("site.service", "ExecStart")
    assert "timeout" not in options
    assert "drain" not in options
    # The defaults of timeout_graceful_shutdown and timeout_lifespan_shutdown, and a margin.
    assert int(setting("site.service", "TimeoutStopSec")) >= 30 + 30 + 10


def test_command_of_the_unit_serves_the_socket_of_the_unit(start_server, tmp_path_factory):
    program = find_program("systemd-socket-activate")
    path = str(tmp_path_factory.mktemp("s") / "s")
    command, *options = shlex.split(setting("site.service", "ExecStart"))
    assert command == COMMAND
    assert options[:3] == ["main:app", "--workers", "4"]
    options[:3] = ["asgi_site:app", "--workers", "2"]
    launch = "import os, sys; os.execvp(sys.argv[1], sys.argv[1:])"
    activate = [program, "-E", "PYTHONPATH", "-E", "ASGISERVE_SPEEDUPS", f"--listen={path}"]
    server = start_server(
        "-c", launch, *activate, sys.executable, "-m", "asgiserve", *options, wait=False
    )
    server.wait_for_log("Listening on")
    with RawClient(path) as raw:
        # The proxy at the socket is believed.
        answer = raw.get("/scope", "x-forwarded-for: 203.0.113.7")
        assert b"('203.0.113.7', 0)" in answer.body
    server.wait_for_log("with 2 workers")
    server.send_signal(getattr(signal, f"SIG{reload_signal()}"))
    wait_until(lambda: server.log().count("Stopped server process") == 2, "the workers' restart")
    with RawClient(path) as raw:
        assert raw.get("/hello").status == 200
    assert server.terminate() == 0


def reload_signal():
    """The one that ExecReload sends."""
    (name,) = re.findall(r"kill -(\w+) \$MAINPID", setting("site.service", "ExecReload"))
    return name
