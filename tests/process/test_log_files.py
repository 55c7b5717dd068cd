"""Opening log files anew."""

from __future__ import annotations

import logging
import logging.handlers
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from asgiserve.process.log_files import find_handlers, give_log_files, reopen_log_files

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="a file that is open cannot be moved on Windows"
)

AddHandler = Callable[..., logging.Handler]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    """A logger of its own, without handlers before and after."""
    log = logging.getLogger("tests.log_files")
    log.setLevel(logging.INFO)
    log.propagate = False
    yield log
    for handler in tuple(log.handlers):
        log.removeHandler(handler)
        handler.close()


def rotate(path: Path) -> Path:
    return path.rename(path.with_suffix(".1"))


@pytest.mark.parametrize(
    "make",
    [
        logging.FileHandler,
        logging.handlers.WatchedFileHandler,
        logging.handlers.RotatingFileHandler,
        lambda path: logging.FileHandler(path, mode="w"),
    ],
    ids=["file", "watched", "rotating", "truncating"],
)
def test_moved_file_is_opened_anew(log, path, make):
    log.addHandler(make(path))
    log.info("first")
    old = rotate(path)
    reopen_log_files()
    log.info("second")
    assert old.read_text() == "first\n"
    assert path.read_text() == "second\n"


def test_second_process_does_not_truncate_the_new_file(log, path):
    log.addHandler(logging.FileHandler(path, mode="w"))
    rotate(path)
    path.write_text("of another process\n")
    reopen_log_files()
    log.info("of this one")
    assert path.read_text() == "of another process\nof this one\n"


def test_file_that_has_its_name_is_left_alone(log, path):
    handler = logging.FileHandler(path, mode="w")
    log.addHandler(handler)
    log.info("first")
    stream = handler.stream
    reopen_log_files()
    log.info("second")
    assert handler.stream is stream
    assert path.read_text() == "first\nsecond\n"


def test_file_that_is_not_open_stays_so(log, path):
    log.addHandler(logging.FileHandler(path, delay=True))
    reopen_log_files()
    assert not path.exists()


def test_file_that_cannot_be_opened_leaves_the_one_of_before(log, path, caplog):
    log.addHandler(logging.FileHandler(path))
    old = rotate(path)
    path.mkdir()
    with caplog.at_level(logging.ERROR, "asgiserve.error"):
        reopen_log_files()
    log.info("on it goes")
    assert old.read_text() == "on it goes\n"
    assert str(path) in caplog.text


def test_handler_behind_a_buffer_is_reopened(log, path):
    target = logging.FileHandler(path)
    log.addHandler(logging.handlers.MemoryHandler(100, target=target))
    rotate(path)
    reopen_log_files()
    assert path.exists()
    target.close()


def test_handlers_of_all_loggers_are_found_once(log, path):
    handler = logging.FileHandler(path, delay=True)
    other = logging.getLogger("tests.log_files.other.one")
    log.addHandler(handler)
    other.addHandler(handler)
    try:
        assert list(find_handlers()).count(handler) == 1
    finally:
        other.removeHandler(handler)
    assert set(logging.getLogger().handlers) <= set(find_handlers())


class Owner:
    """Stands for a user, and remembers what it was given."""

    def __init__(self) -> None:
        self.inodes: list[int] = []

    def own(self, fd: int) -> None:
        self.inodes.append(os.fstat(fd).st_ino)


def test_files_are_given_to_who_will_open_them_again(log, path):
    log.addHandler(logging.FileHandler(path))
    owner = Owner()
    give_log_files(owner)
    assert path.stat().st_ino in owner.inodes


def test_files_of_another_user_are_not_given_away(log, path, monkeypatch):
    log.addHandler(logging.FileHandler(path))
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    owner = Owner()
    give_log_files(owner)
    assert owner.inodes == []


def test_what_is_no_file_is_not_given_away(log):
    log.addHandler(logging.FileHandler(os.devnull))
    owner = Owner()
    give_log_files(owner)
    assert os.stat(os.devnull).st_ino not in owner.inodes


def test_file_that_cannot_be_given_away_is_logged(log, path, monkeypatch, caplog):
    class Refuser:
        def own(self, fd):
            raise PermissionError(1, "Operation not permitted")

    log.addHandler(logging.FileHandler(path))
    monkeypatch.setattr(logging.getLogger("asgiserve.error"), "propagate", True)
    give_log_files(Refuser())
    assert f"Cannot give log file {path} away: Operation not permitted" in caplog.text
