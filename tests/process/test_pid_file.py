import ctypes
import os
import subprocess
import sys
from functools import partial

import pytest

from asgiserve.errors import StartupError
from asgiserve.process.pid_file import PidFile, is_alive

if sys.platform == "win32":
    pytest.skip("files are POSIX' here", allow_module_level=True)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "server.pid"


@pytest.fixture
def living_pid():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process.pid
        process.kill()


def dead_pid():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_claim_writes_the_process_id(path):
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"
    assert list(path.parent.iterdir()) == [path]


def test_release_removes_the_file(path):
    pid_file = PidFile(path)
    pid_file.claim()
    pid_file.release()
    assert not path.exists()


def test_release_finds_the_file_from_another_directory(path, monkeypatch):
    monkeypatch.chdir(path.parent)
    pid_file = PidFile(path.name)
    pid_file.claim()
    monkeypatch.chdir("/")
    pid_file.release()
    assert not path.exists()


def test_claim_refuses_the_file_of_a_process_that_lives(path, living_pid):
    path.write_text(f"{living_pid}\n")
    with pytest.raises(StartupError, match=f"{path}': process {living_pid}, which it names, lives"):
        PidFile(path).claim()
    assert path.read_text() == f"{living_pid}\n"


@pytest.mark.parametrize("content", ["", "\n", "9999999999\n"])
def test_claim_replaces_a_file_without_a_process(path, content):
    path.write_text(content)
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"


def test_claim_replaces_the_file_of_a_process_that_is_gone(path):
    path.write_text(f"{dead_pid()}\n")
    PidFile(path).claim()
    assert path.read_text() == f"{os.getpid()}\n"


def test_claim_replaces_a_file_with_its_own_process_id(path):
    # A container starts its processes with the same numbers again.
    path.write_text(f"{os.getpid()}\n")
    pid_file = PidFile(path)
    pid_file.claim()
    pid_file.release()
    assert not path.exists()


def test_claim_takes_the_file_of_a_predecessor_over(path, living_pid):
    path.write_text(f"{living_pid}\n")
    PidFile(path).claim(predecessor=living_pid)
    assert path.read_text() == f"{os.getpid()}\n"


@pytest.mark.parametrize("content", ["user=www\n", "12 13\n", "-1\n"])
def test_claim_refuses_a_file_that_holds_something_else(path, content):
    path.write_text(content)
    with pytest.raises(StartupError, match="a file that is not a pid file is there"):
        PidFile(path).claim()
    assert path.read_text() == content


def test_claim_names_a_directory_that_is_missing(path):
    with pytest.raises(StartupError, match=r"missing/server\.pid': no such file or directory"):
        PidFile(path.parent / "missing" / path.name).claim()


def test_claim_does_not_follow_a_link(path):
    target = path.parent / "target"
    target.write_text("")
    path.symlink_to(target)
    PidFile(path).claim()
    assert target.read_text() == ""
    assert not path.is_symlink()


def test_claim_writes_to_no_file_that_was_there(path):
    draft = path.parent / f"{path.name}.{os.getpid()}"
    target = path.parent / "target"
    target.write_text("kept")
    os.link(target, draft)
    with draft.open("rb") as opened:
        PidFile(path).claim()
        assert opened.read() == b"kept"
    assert target.read_text() == "kept"
    assert sorted(path.parent.iterdir()) == [path, target]


def test_claim_that_finds_its_draft_again_leaves_it_alone(path, monkeypatch):
    draft = path.parent / f"{path.name}.{os.getpid()}"
    draft.write_text("another's")
    monkeypatch.setattr(os, "unlink", lambda path: None)
    with pytest.raises(StartupError, match="file exists"):
        PidFile(path).claim()
    assert draft.read_text() == "another's"


def test_claim_in_a_directory_that_was_removed_is_refused(path, monkeypatch):
    removed = path.parent / "removed"
    removed.mkdir()
    monkeypatch.chdir(removed)
    removed.rmdir()
    with pytest.raises(StartupError, match="no such file or directory"):
        PidFile("server.pid").claim()


def test_release_leaves_the_file_of_a_successor(path):
    pid_file = PidFile(path)
    pid_file.claim()
    path.write_text("1\n")
    pid_file.release()
    assert path.read_text() == "1\n"


def test_release_leaves_a_file_that_was_not_claimed(path):
    path.write_text(f"{os.getpid()}\n")
    PidFile(path).release()
    assert path.exists()


def test_release_survives_a_file_that_is_gone(path):
    pid_file = PidFile(path)
    pid_file.claim()
    path.unlink()
    pid_file.release()
    assert not path.exists()


def test_release_in_a_forked_child_leaves_the_file_of_its_parent(path, monkeypatch):
    pid_file = PidFile(path)
    pid_file.claim()
    monkeypatch.setattr(os, "getpid", lambda: 1)
    pid_file.release()
    assert path.exists()


def test_release_empties_the_file_in_a_directory_that_is_closed_by_now(path, monkeypatch):
    def refuse(path):
        raise PermissionError

    pid_file = PidFile(path)
    pid_file.claim()
    monkeypatch.setattr(os, "unlink", refuse)
    pid_file.release()
    assert path.read_text() == ""


class Kernel32:
    """Windows' functions of processes, of which one runs, one has ended, one is the system's."""

    def __init__(self):
        # An object whose attributes can be set, as those of a library's functions.
        self.OpenProcess = partial(self._open)
        self.handles_closed = 0

    def _open(self, access, inherits, pid):
        return pid.value if pid.value in (7, 8) else None

    def GetExitCodeProcess(self, handle, status):  # noqa: N802
        status._obj.value = {7: 259, 8: 0}[handle.value]
        return 1

    def CloseHandle(self, handle):  # noqa: N802
        self.handles_closed += 1


def test_windows_is_asked_without_a_signal(monkeypatch):
    kernel32 = Kernel32()
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **options: kernel32, raising=False)
    errors = iter([5, 87])  # ERROR_ACCESS_DENIED, ERROR_INVALID_PARAMETER
    monkeypatch.setattr(ctypes, "get_last_error", lambda: next(errors), raising=False)
    monkeypatch.setattr(os, "kill", None)
    monkeypatch.setattr(sys, "platform", "win32")
    assert [is_alive(pid) for pid in (7, 8, 4, 9)] == [True, False, True, False]
    assert kernel32.handles_closed == 2
