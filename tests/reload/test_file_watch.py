import os
import shutil
import threading

import pytest

from asgiserve.reload import file_watch
from asgiserve.reload.file_watch import FileWatch, SystemEvents, import_watchfiles
from asgiserve.reload.watch_rules import WatchRules

INTERVAL_S = 0.25


@pytest.fixture
def root(tmp_path):
    """A directory to watch, beside others."""
    root = tmp_path / "project"
    (root / "package").mkdir(parents=True)
    (root / "main.py").write_text("one")
    (root / "package" / "a.py").write_text("a")
    return root


@pytest.fixture
def watch(root):
    return FileWatch(WatchRules([str(root)]), INTERVAL_S)


def names_of(paths, root):
    return sorted(os.path.relpath(path, root) for path in paths)


# --- looking ------------------------------------------------------------------------------------


def test_nothing_changed(watch):
    assert watch.find_changes() == set()


def test_change_is_found_once(watch, root):
    (root / "main.py").write_text("one and more")
    assert names_of(watch.find_changes(), root) == ["main.py"]
    assert watch.find_changes() == set()


def test_new_and_removed_files_are_changes(watch, root):
    (root / "package" / "b.py").touch()
    (root / "package" / "a.py").unlink()
    assert names_of(watch.find_changes(), root) == ["package/a.py", "package/b.py"]


def test_new_and_removed_directories_are_changes(watch, root):
    (root / "other" / "deep").mkdir(parents=True)
    (root / "other" / "deep" / "c.py").touch()
    shutil.rmtree(root / "package")
    assert names_of(watch.find_changes(), root) == ["other/deep/c.py", "package/a.py"]


def test_empty_directory_is_no_change(watch, root):
    (root / "other").mkdir()
    assert watch.find_changes() == set()
    assert str(root / "other") in watch.directories


def test_same_content_written_later_is_a_change(watch, root):
    # What `touch` does, to have the server restarted.
    found = (root / "main.py").stat()
    os.utime(root / "main.py", ns=(found.st_atime_ns, found.st_mtime_ns + 1))
    assert names_of(watch.find_changes(), root) == ["main.py"]


def test_older_file_in_its_place_is_a_change(watch, root):
    # As `mv backup main.py` and `git checkout` leave it.
    found = (root / "main.py").stat()
    backup = root / "backup"
    backup.write_text("two")
    os.utime(backup, ns=(found.st_atime_ns, found.st_mtime_ns))
    backup.replace(root / "main.py")
    assert names_of(watch.find_changes(), root) == ["main.py"]


def test_reading_a_file_is_no_change(watch, root):
    (root / "main.py").read_text()
    (root / "main.py").chmod(0o600)
    assert watch.find_changes() == set()


def test_what_is_not_watched_is_no_change(watch, root):
    for name in ("notes.txt", ".hidden.py", "main.pyc"):
        (root / name).touch()
    for name in (".venv", "node_modules", "__pycache__", ".git"):
        (root / name / "lib").mkdir(parents=True)
        (root / name / "lib" / "a.py").touch()
    (root.parent / "outside.py").touch()
    assert watch.find_changes() == set()
    assert watch.directories == {str(root), str(root / "package")}


def test_virtual_environment_of_any_name_is_left_out(watch, root):
    (root / "python").mkdir()
    (root / "python" / "pyvenv.cfg").touch()
    (root / "python" / "a.py").touch()
    assert watch.find_changes() == set()


def test_virtual_environment_that_is_named_is_watched(root):
    (root / "pyvenv.cfg").touch()
    assert str(root / "main.py") in set(file_watch.Look(WatchRules([str(root)])).stamps)


def test_single_file_is_watched_outside_of_the_directories(root):
    settings = root.parent / ".env"
    watch = FileWatch(WatchRules([str(root)], [str(settings)]), INTERVAL_S)
    assert str(root.parent) in watch.directories
    settings.write_text("A=1")
    assert watch.find_changes() == {str(settings)}


def test_links_to_directories_are_not_followed(watch, root):
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "b.py").touch()
    (root / "link").symlink_to(elsewhere)
    (root / "circle").symlink_to(root)
    assert watch.find_changes() == set()


def test_link_to_a_file_changes_with_the_file(root):
    target = root.parent / "target"
    target.write_text("1")
    (root / "link.py").symlink_to(target)
    watch = FileWatch(WatchRules([str(root)]), INTERVAL_S)
    target.write_text("22")
    assert names_of(watch.find_changes(), root) == ["link.py"]


def test_link_that_leads_nowhere_is_no_change(watch, root):
    (root / "link.py").symlink_to(root / "nowhere")  # Emacs's locks are such
    assert watch.find_changes() == set()


def test_directory_that_may_not_be_read_is_passed_over(watch, root):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (root / "package").chmod(0)
    try:
        assert names_of(watch.find_changes(), root) == ["package/a.py"]
    finally:
        (root / "package").chmod(0o700)


def test_root_that_vanishes_comes_back(watch, root):
    shutil.move(root, root.parent / "away")
    assert names_of(watch.find_changes(), root) == ["main.py", "package/a.py"]
    shutil.move(root.parent / "away", root)
    assert names_of(watch.find_changes(), root) == ["main.py", "package/a.py"]


def test_looks_take_at_most_a_tenth_of_the_time(root):
    times = iter([100.0, 100.1, 200.0, 200.001])
    watch = FileWatch(WatchRules([str(root)]), INTERVAL_S, clock=lambda: next(times))
    assert watch.next_look_s == pytest.approx(101.1)
    watch.find_changes()
    assert watch.next_look_s == pytest.approx(200.251)


@pytest.mark.parametrize(
    ("name", "is_relevant"),
    [
        ("main.py", True),
        ("new.py", True),
        ("package", True),
        ("new_package", True),
        ("notes.txt", False),
        (".git", False),
        (".hidden.py", False),
    ],
)
def test_look_is_worth_it_for_what_is_watched(watch, root, name, is_relevant):
    for each in ("new_package", ".git"):
        (root / each).mkdir()
    assert watch.is_relevant(str(root / name)) is is_relevant


# --- the system's events ------------------------------------------------------------------------


@pytest.fixture
def woken():
    return threading.Event()


@pytest.fixture
def events(watch, woken):
    """The events of *watch*, which set *woken*."""
    if import_watchfiles() is None:
        pytest.skip("watchfiles is not installed")
    events = SystemEvents(watch.is_relevant, woken.set)
    yield events
    events.close()


def write_until(condition, *paths, deadline_s=20.0):
    """Write to *paths* until *condition*: when the system begins to tell cannot be seen."""
    pause = threading.Event()
    for number in range(int(deadline_s / 0.05)):
        for path in paths:
            path.write_text("x" * number)
        if condition():
            return
        pause.wait(0.05)
    pytest.fail("the system tells nothing")


def test_system_tells_of_a_change(events, watch, woken, root):
    events.follow(watch.directories)
    write_until(woken.is_set, root / "package" / "a.py")
    assert names_of(watch.find_changes(), root) == ["package/a.py"]


def test_system_tells_of_a_new_directory_and_then_of_its_files(events, watch, woken, root):
    events.follow(watch.directories)
    write_until(woken.is_set, root / "main.py")
    (root / "other").mkdir()
    write_until(
        lambda: watch.find_changes() and str(root / "other") in watch.directories, root / "main.py"
    )
    events.follow(watch.directories)
    woken.clear()
    write_until(woken.is_set, root / "other" / "c.py")


def test_nobody_wakes_for_what_is_not_watched(events, watch, woken, root):
    (root / ".venv").mkdir()
    told = set()
    is_relevant = watch.is_relevant
    events._is_relevant = lambda path: told.add(path) or is_relevant(path)
    events.follow(watch.directories)
    notes, library = root / "notes.txt", root / ".venv" / "a.py"
    write_until(lambda: str(notes) in told, notes, library)
    assert not woken.is_set()
    assert str(library) not in told


def test_directory_that_vanished_does_not_end_the_events(events, watch, woken, root):
    events.follow({*watch.directories, str(root / "gone")})
    write_until(woken.is_set, root / "main.py")
    assert not events.has_failed


def test_events_are_asked_for_again_when_a_directory_vanishes_meanwhile(events, watch, woken, root):
    class Racing:
        def watch(self, *paths, **details):
            raise FileNotFoundError("No path was found.")

    real, events._watchfiles = events._watchfiles, Racing()
    events.follow(watch.directories)
    assert woken.wait(20)
    events._watchfiles = real
    events.follow({*watch.directories, "elsewhere"})
    woken.clear()
    write_until(woken.is_set, root / "main.py")
    assert not events.has_failed


def test_system_that_can_watch_no_more_is_said_once(events, watch, woken, caplog):
    class Full:
        def watch(self, *paths, **details):
            raise OSError("OS file watch limit reached.")

    events._watchfiles = Full()
    events.follow(watch.directories)
    assert woken.wait(20)
    assert events.has_failed
    assert [record.getMessage() for record in caplog.records] == [
        "The system tells of no changes to files: OS file watch limit reached.; polling"
    ]
