"""How other processes are started, by an interpreter and by a program that is frozen."""

from __future__ import annotations

import platform
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from asgiserve.errors import ConfigError
from asgiserve.process import child_process
from asgiserve.process.child_process import (
    CHILD_FLAG,
    ENTRIES,
    check_children,
    child_command,
    enter_child,
    successor_environment,
)
from asgiserve.pyinstaller import hook_folders


@pytest.fixture
def frozen(monkeypatch):
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    monkeypatch.setattr(sys, child_process._STARTS_CHILDREN, True, raising=False)
    monkeypatch.delattr(sys, child_process._STARTS_CHILDREN)


def test_interpreter_is_given_code():
    command = child_command("worker", "7")
    assert command[0] == sys.executable
    assert "from asgiserve.worker.entry import main" in command[-2]
    assert command[-1] == "7"
    check_children("workers")


def test_interpreter_runs_what_it_is_given(tmp_path):
    # Neither a file of the current directory nor an order: it ends since its channel is no socket.
    (tmp_path / "signal.py").write_text("raise SystemExit('shadowed')")
    done = subprocess.run(child_command("worker", "99"), cwd=tmp_path, capture_output=True)
    assert b"Bad file descriptor" in done.stderr


@pytest.mark.usefixtures("frozen")
def test_frozen_program_is_given_a_flag(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", "--port", "80"])
    enter_child()
    check_children("workers")
    assert child_command("forks", "7") == [sys.executable, CHILD_FLAG, "forks", "7"]


@pytest.mark.usefixtures("frozen")
def test_frozen_program_without_the_hooks_says_that_it_starts_no_processes():
    with pytest.raises(ConfigError, match=r"^workers: this frozen program cannot start processes"):
        check_children("workers")
    with pytest.raises(ConfigError, match="this frozen program cannot start processes"):
        child_command("worker", "7")


@pytest.mark.usefixtures("frozen")
def test_flag_makes_a_process_what_it_names_before_anything_else(monkeypatch):
    monkeypatch.setitem(ENTRIES, "worker", "platform:python_implementation")
    monkeypatch.setattr(sys, "argv", ["program", CHILD_FLAG, "worker", "7"])
    with pytest.raises(SystemExit) as ended:
        enter_child()
    assert ended.value.code == platform.python_implementation()


@pytest.mark.usefixtures("frozen")
def test_flag_names_nothing_else(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["program", CHILD_FLAG, "os:getpid"])
    with pytest.raises(KeyError):
        enter_child()


@pytest.mark.parametrize("entry", ENTRIES)
def test_entries_can_be_called(entry):
    module, _, name = ENTRIES[entry].partition(":")
    assert callable(getattr(pytest.importorskip(module), name))


def test_successor_of_a_program_in_one_file_unpacks_it_again(monkeypatch, frozen):
    assert successor_environment()["PYINSTALLER_RESET_ENVIRONMENT"] == "1"
    monkeypatch.delattr(sys, "frozen")
    assert "PYINSTALLER_RESET_ENVIRONMENT" not in successor_environment()


def test_pyinstaller_finds_hooks_with_a_run_time_hook_that_enters_children():
    (folder,) = map(Path, hook_folders())
    assert (folder / "hook-asgiserve.py").is_file()
    assert "enter_child()" in (folder / "rthooks" / "pyi_rth_asgiserve.py").read_text()
    assert "pyi_rth_asgiserve.py" in (folder / "rthooks.dat").read_text()
    names = {each.value for each in entry_points(group="pyinstaller40")}
    if names:  # an installation from before has none yet
        assert "asgiserve.pyinstaller:hook_folders" in names
