"""The current directory, where successors start and relative patterns of a reload do."""

import os
import sys

import pytest

from asgiserve.process.working_directory import find_working_directory

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no supervisor on Windows")


def test_directory_is_named_as_the_shell_names_it(monkeypatch, tmp_path):
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert find_working_directory() == str(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path))
    assert find_working_directory() == str((tmp_path / "release").resolve())


def test_directory_that_was_removed_is_named_as_it_was(monkeypatch, tmp_path):
    removed = tmp_path / "removed"
    removed.mkdir()
    monkeypatch.chdir(removed)
    removed.rmdir()
    monkeypatch.setenv("PWD", str(removed))
    assert find_working_directory() == str(removed)
    monkeypatch.delenv("PWD")
    assert find_working_directory() == os.sep
