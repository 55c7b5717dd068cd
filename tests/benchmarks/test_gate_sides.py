"""Two builds are found, copied and timed in turns."""

import json
import shutil
import subprocess

import pytest

from benchmarks.gate import times
from benchmarks.gate.sides import Side, copy_checkout, extract_revision, find_revision
from benchmarks.gate.versions import BuildError

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

# Two calls, the second of them worse, and one that stands beside them.
CALLS = {"bench_a.py::bench_a[compiled]": 100.0, "bench_a.py::bench_b[pure-text]": 200.0}


@pytest.fixture
def repository(tmp_path):
    """A repository with one release, and a change that is not committed."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "module.py").write_text("released\n")
    (folder / "removed.py").touch()
    (folder / ".gitignore").write_text("build/\n")
    settings = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"], ["tag", "v1.0"]):
        subprocess.run(["git", *settings, *command], cwd=folder, check=True)
    (folder / "module.py").write_text("changed\n")
    (folder / "added.py").touch()
    (folder / "removed.py").unlink()
    (folder / "build").mkdir()
    (folder / "build" / "old.o").touch()
    return folder


@needs_git
def test_revision_is_found_by_its_version_too(repository):
    commit = find_revision("HEAD", repository)
    assert len(commit) == 40
    assert find_revision("1.0", repository) == commit
    with pytest.raises(BuildError, match=r"neither a revision '2\.0' nor a tag 'v2\.0'"):
        find_revision("2.0", repository)


@needs_git
def test_baseline_has_what_was_committed(repository, tmp_path):
    extract_revision(find_revision("1.0", repository), tmp_path / "tree", repository)
    assert (tmp_path / "tree" / "module.py").read_text() == "released\n"
    assert (tmp_path / "tree" / "removed.py").is_file()


@needs_git
def test_candidate_has_what_is_there_but_no_earlier_build(repository, tmp_path):
    copy_checkout(tmp_path / "tree", repository)
    names = {path.name for path in (tmp_path / "tree").iterdir()}
    assert names == {"module.py", "added.py", ".gitignore"}
    assert (tmp_path / "tree" / "module.py").read_text() == "changed\n"


def test_side_runs_its_own_modules_before_those_on_the_path(tmp_path, monkeypatch):
    for name in ("side", "elsewhere"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "which_side.py").write_text(f"print({name!r})\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "elsewhere"))
    assert Side(tmp_path / "side").run("-m", "which_side").stdout == "side\n"


def test_times_are_the_least_of_own_calls_in_nanoseconds(tmp_path):
    write_times(tmp_path / "times.json", {**CALLS, "bench_a.py::bench_a[h11]": 900.0})
    known = times.read_times(tmp_path / "times.json")
    assert known == pytest.approx(CALLS)
    times.merge_least(known, {"bench_a.py::bench_a[compiled]": 90.0, "bench_c": 1.0})
    assert known == pytest.approx({**CALLS, "bench_a.py::bench_a[compiled]": 90.0, "bench_c": 1.0})


def test_sides_take_turns_and_what_looks_worse_is_timed_again(monkeypatch):
    runs = []

    def time_side(side, names, *, must_pass):
        runs.append((side, list(names), must_pass))
        # The machine was busy until the fourth round of the candidate.
        slowness = 1.2 if side == "candidate" and len(runs) < 8 else 1
        return {name: CALLS[name] * slowness for name in names or CALLS}

    monkeypatch.setattr(times, "time_side", time_side)
    before, now = times.time_sides("baseline", "candidate")
    assert before == now == CALLS
    in_turns = [("baseline", [], False), ("candidate", [], True)] * times.ROUNDS
    again = [("baseline", list(CALLS), False), ("candidate", list(CALLS), True)]
    assert runs == in_turns + again


def test_call_that_stays_worse_is_timed_again_alone_and_keeps_its_time(monkeypatch):
    runs = []

    def time_side(side, names, *, must_pass):
        runs.append(list(names))
        worse = {"bench_a.py::bench_b[pure-text]": 220.0} if side == "candidate" else {}
        return {name: {**CALLS, **worse}[name] for name in names or CALLS}

    monkeypatch.setattr(times, "time_side", time_side)
    before, now = times.time_sides("baseline", "candidate")
    assert times.name_worse(before, now) == ["bench_a.py::bench_b[pure-text]"]
    assert runs[-1] == ["bench_a.py::bench_b[pure-text]"]
    assert len(runs) == 2 * (times.ROUNDS + times.MORE_ROUNDS)


def write_times(path, calls):
    """Write what pytest-benchmark writes of calls, of their times in nanoseconds."""
    benchmarks = [
        {"name": name.partition("::")[2], "fullname": name, "stats": {"min": time_ns / 1e9}}
        for name, time_ns in calls.items()
    ]
    path.write_text(json.dumps({"benchmarks": benchmarks}))
