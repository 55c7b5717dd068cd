"""Who the server is: its pid file, user, group, umask and process title."""

import json
import os
import signal
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from .raw_client import RawClient
from .waiting import wait_until

pwd = pytest.importorskip("pwd", reason="users and signals of Unix")


# Becomes the server, as root without the capabilities that are named by their numbers.
# Python and the server may be installed where root alone can read, which says nothing about the
# server: so the other capabilities, of which one is to read all files, survive the change of user.
LIMIT_ROOT = """\
import ctypes, os, sys
PR_CAPBSET_DROP, PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP = 24, 28, 4
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP, 0, 0, 0):
    raise OSError(ctypes.get_errno(), "securebits")
for number in filter(None, sys.argv[1].split(",")):
    if libc.prctl(PR_CAPBSET_DROP, int(number), 0, 0, 0):
        raise OSError(ctypes.get_errno(), "bounding set")
os.execv(sys.executable, [sys.executable, *sys.argv[2:]])
"""
CAP_DAC_OVERRIDE, CAP_SETGID, CAP_SETUID = 1, 6, 7
KEEP_READING = ("-c", LIMIT_ROOT, f"{CAP_DAC_OVERRIDE}")
KEEP_ALL = ("-c", LIMIT_ROOT, "")
LOSE_RIGHTS = ("-c", LIMIT_ROOT, f"{CAP_SETGID},{CAP_SETUID}")
SITE = ("-m", "asgiserve", "identity_site:app")


@pytest.fixture
def start(start_server):
    def start_site(*options, **details):
        return start_server(*SITE, "--port", "0", *options, **details)

    return start_site


@pytest.fixture
def nobody():
    """An account that root can become; only Linux lets it keep the right to read everything."""
    if sys.platform != "linux" or os.getuid() != 0:
        pytest.skip("needs root, on Linux")
    return pwd.getpwnam("nobody")


def tell(server, address=None):
    with RawClient(address or server.address) as raw:
        return json.loads(raw.get("/").body)


def test_pid_file_is_there_while_the_server_serves(start, tmp_path):
    path = tmp_path / "server.pid"
    server = start("--pid", path)
    assert path.read_text() == f"{server.pid}\n"
    assert server.terminate() == 0
    assert not path.exists()


def test_pid_file_of_a_living_server_refuses_a_second_one(start, tmp_path):
    path = tmp_path / "server.pid"
    first = start("--pid", path)
    second = start("--pid", path, wait=False)
    assert second.exit_status() == 3
    assert f"process {first.pid}, which it names, lives" in second.log()
    assert len(second.log().splitlines()) == 1
    assert path.read_text() == f"{first.pid}\n"


def test_pid_file_of_a_killed_server_is_taken_over(start, tmp_path):
    path = tmp_path / "server.pid"
    first = start("--pid", path)
    first.kill()
    second = start("--pid", path)
    assert path.read_text() == f"{second.pid}\n"


def test_pid_file_is_removed_when_the_application_cannot_be_imported(start_server, tmp_path):
    path = tmp_path / "server.pid"
    command = ("-m", "asgiserve", "no_such:app", "--port", "0", "--pid", path)
    server = start_server(*command, wait=False)
    assert server.exit_status() == 3
    assert not path.exists()


def test_application_is_imported_and_served_as_the_user(start_server, nobody):
    command = (*KEEP_READING, *SITE, "--port", "0", "--user", "nobody")
    told = tell(start_server(*command))
    identity = told["now"]
    assert identity == told["at_import"]
    assert (identity["uid"], identity["gid"]) == (nobody.pw_uid, nobody.pw_gid)
    assert identity["groups"] == sorted(os.getgrouplist("nobody", nobody.pw_gid))


def test_port_of_root_is_bound_before_the_user_is_assumed(start_server, nobody):
    command = (*KEEP_READING, *SITE, "--port", "987", "--user", "nobody")
    server = start_server(*command, wait=False)
    wait_until(lambda: server.log() and (server.addresses() or not server.is_running), "a start")
    if "address already in use" in server.log():
        pytest.skip("port 987 is taken")
    assert tell(server)["now"]["uid"] == nobody.pw_uid


@pytest.mark.usefixtures("nobody")
def test_user_and_group_may_be_numbers_that_nobody_has(start_server):
    command = (*KEEP_READING, *SITE, "--port", "0", "--user", "54321", "--group", "54322")
    identity = tell(start_server(*command))["now"]
    assert identity["uid"] == 54321
    assert identity["gid"] == 54322
    assert identity["groups"] == [54322]


def test_unix_socket_and_pid_file_belong_to_the_user(start_server, nobody, tmp_path_factory):
    directory = tmp_path_factory.mktemp("s")
    path, pid_path = str(directory / "s"), directory / "pid"
    command = (*KEEP_READING, *SITE, "--uds", path)
    command += ("--user", "nobody", "--pid", pid_path)
    server = start_server(*command, wait=False)
    server.wait_for_log("unix:")
    for each in (path, pid_path):
        assert (os.stat(each).st_uid, os.stat(each).st_gid) == (nobody.pw_uid, nobody.pw_gid)
    assert tell(server, path)["now"]["uid"] == nobody.pw_uid
    assert server.terminate() == 0
    # The directory is root's alone, where nobody can remove nothing: both are stale now.
    assert pid_path.read_text() == ""
    again = start_server(*command, wait=False)
    again.wait_for_log("unix:")
    assert tell(again, path)["pid"] == int(pid_path.read_text())


@pytest.mark.usefixtures("nobody")
def test_right_that_is_missing_is_status_3_in_one_line(start_server):
    server = start_server(*LOSE_RIGHTS, *SITE, "--port", "0", "--user", "nobody", wait=False)
    assert server.exit_status() == 3
    (line,) = server.log().splitlines()
    assert "cannot serve as user nobody" in line
    assert "operation not permitted" in line


def test_supervisor_stays_root_and_its_workers_are_the_user(start_server, nobody):
    command = (*KEEP_READING, *SITE, "--port", "0", "--workers", "2", "--user", "nobody")
    server = start_server(*command)
    told = tell(server)
    assert told["now"]["uid"] == told["at_import"]["uid"] == nobody.pw_uid
    assert told["pid"] != server.pid
    status = Path(f"/proc/{server.pid}/status").read_text()
    assert "\nUid:\t0\t0\t0\t0\n" in status
    assert server.terminate() == 0


LOG_CONFIG = """\
version = 1
[handlers.file]
class = "logging.FileHandler"
filename = "access.log"
[loggers."asgiserve.access"]
handlers = ["file"]
level = "INFO"
[handlers.stderr]
class = "logging.StreamHandler"
[loggers."asgiserve.error"]
handlers = ["stderr"]
level = "INFO"
"""


def test_log_files_that_were_moved_are_opened_anew_by_workers_of_the_user(start_server, nobody):
    command = (*KEEP_ALL, *SITE, "--port", "0", "--workers", "2", "--user", "nobody")
    files = {"log.toml": LOG_CONFIG}
    server = start_server(*command, "--log-config", "log.toml", files=files)
    path = server.work_dir / "access.log"
    assert path.stat().st_uid == nobody.pw_uid
    path.rename(server.work_dir / "access.log.1")
    server.send_signal(signal.SIGUSR1)

    def is_written():
        tell(server)
        return path.exists() and '"GET / HTTP/1.1" 200' in path.read_text()

    wait_until(is_written, "a line of a worker in the new file")
    # By which they may open it, since the supervisor has made it.
    assert path.stat().st_uid == nobody.pw_uid
    assert "Cannot" not in server.log()
    assert server.terminate() == 0


def test_user_that_is_not_there_is_status_2_in_one_line(start):
    server = start("--user", "no-such-user", wait=False)
    assert server.exit_status() == 2
    (line,) = server.log().splitlines()
    assert "user: there is no user 'no-such-user'" in line


def test_umask_is_set_before_the_application_is_imported(start):
    told = tell(start("--umask", "027"))
    assert told["at_import"]["umask"] == told["now"]["umask"] == 0o027


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
@pytest.mark.skipif(find_spec("setproctitle") is None, reason="setproctitle is not installed")
def test_process_title_names_role_and_application(start):
    # A fork's title has no more room than its parent's arguments took.
    server = start(is_forked=False)
    title = Path(f"/proc/{server.pid}/cmdline").read_bytes().rstrip(b"\0").decode()
    assert title == "asgiserve: server identity_site:app"
