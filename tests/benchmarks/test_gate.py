"""The gate names what has become dearer, and says by its exit status whether anything has."""

import json
import os

import pytest

pytest.importorskip("uvloop")

from benchmarks.gate import __main__ as gate
from benchmarks.gate.baseline import BASELINE_FILE, read_baseline, write_baseline
from benchmarks.gate.comparison import compare
from benchmarks.gate.instructions import FAST, FIGURES
from benchmarks.gate.versions import (
    SUFFIX,
    BuildError,
    check_built,
)

VERSIONS = {"python": "CPython 3.13.0", "cython": "3.3.1", "uvloop": "0.23.0"}
NAMES = [figure.name for figure in FIGURES]


@pytest.fixture
def run_gate(monkeypatch, tmp_path):
    """Run the gate on counts that were made up, against a baseline of 1000 for each figure."""
    counts = dict.fromkeys(NAMES, 1000.0)
    baseline_file = tmp_path / "baseline.json"
    write_baseline(baseline_file, "made up", VERSIONS, counts)

    def run(*words, versions=VERSIONS, **changes):
        def count_figures(figures):
            now = {**counts, **{name.replace("_", "-"): each for name, each in changes.items()}}
            return {f.name: now[f.name] for f in figures if now[f.name] is not None}

        monkeypatch.setattr(gate, "BASELINE_FILE", baseline_file)
        monkeypatch.setattr(gate, "count_figures", count_figures)
        monkeypatch.setattr(gate, "read_versions", lambda tree: versions)
        monkeypatch.setattr(gate, "check_built", lambda tree: None)
        monkeypatch.setattr(gate.shutil, "which", lambda name: f"/usr/bin/{name}")
        return gate.main(list(words))

    run.baseline_file = baseline_file
    return run


def test_gate_passes_what_is_as_it_was(run_gate, capsys):
    assert run_gate() == gate.PASSED
    assert capsys.readouterr().out.count("ok    ") == len(FIGURES)


def test_gate_fails_on_one_figure_that_is_over_five_per_cent_worse_and_names_it(run_gate, capsys):
    assert run_gate(asgiserve_server_wrk=1051) == gate.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert (
        "FAIL  asgiserve-server-wrk: baseline 1,000, now 1,051 instructions, ratio 1.051" in lines
    )
    assert sum(line.startswith("FAIL") for line in lines) == 1


def test_gate_passes_what_is_just_five_per_cent_worse(run_gate):
    assert run_gate(asgiserve_server_wrk=1050) == gate.PASSED


def test_gate_fails_on_a_figure_that_could_not_be_counted(run_gate, capsys):
    assert run_gate(asgiserve_connection_browser=None) == gate.FAILED
    assert "FAIL  asgiserve-connection-browser: baseline 1,000, now missing" in (
        capsys.readouterr().out
    )


def test_gate_fails_on_a_figure_that_was_never_accepted(run_gate, capsys):
    document = json.loads(run_gate.baseline_file.read_text())
    del document["instructions"]["asgiserve-connection-wrk"]
    run_gate.baseline_file.write_text(json.dumps(document))
    assert run_gate() == gate.FAILED
    assert "FAIL  asgiserve-connection-wrk: baseline missing" in capsys.readouterr().out


def test_gate_compares_nothing_made_with_other_versions(run_gate, capsys):
    other = {**VERSIONS, "uvloop": "0.24.0"}
    assert run_gate(versions=other) == gate.NOTHING_COMPARED
    out = capsys.readouterr().out
    assert out == "nothing to compare with: the baseline has uvloop '0.23.0', now '0.24.0'\n"


def test_fast_gate_passes_with_other_versions_and_says_that_it_compared_nothing(run_gate, capsys):
    assert run_gate("--fast", versions={**VERSIONS, "cython": "3.4.0"}) == gate.PASSED
    assert "nothing to compare with" in capsys.readouterr().out


def test_fast_gate_fails_on_a_worse_figure_of_the_few_it_counts(run_gate, capsys):
    assert run_gate("--fast", asgiserve_connection_wrk=1100) == gate.FAILED
    lines = capsys.readouterr().out.splitlines()
    assert sum(line.startswith(("ok", "FAIL")) for line in lines) == len(FAST)


def test_gate_compares_nothing_without_a_baseline(run_gate):
    run_gate.baseline_file.unlink()
    assert run_gate() == gate.NOTHING_COMPARED


def test_gate_compares_nothing_without_valgrind(monkeypatch, capsys):
    monkeypatch.setattr(gate.shutil, "which", lambda name: None)
    assert gate.main([]) == gate.NOTHING_COMPARED
    assert capsys.readouterr().out == "nothing compared: valgrind is not installed\n"


def test_built_column_is_refused_once_its_source_is_newer(tmp_path):
    folder = tmp_path / "asgiserve" / "_speedups"
    folder.mkdir(parents=True)
    source, built = folder / "scope.pyx", folder / f"scope{SUFFIX}"
    for path in (source, built):
        path.touch()
        os.utime(path, (1000, 1000))
    check_built(tmp_path)
    os.utime(source, (1001, 1001))
    with pytest.raises(BuildError, match=r"scope\.pyx has changed"):
        check_built(tmp_path)


def test_accepted_figures_are_stored_with_their_reason_and_pass_from_then_on(run_gate):
    assert run_gate(asgiserve_server_wrk=2000) == gate.FAILED
    assert run_gate("--accept", "it does more", asgiserve_server_wrk=2000) == gate.PASSED
    baseline = read_baseline(run_gate.baseline_file)
    assert baseline.reason == "it does more"
    assert baseline.versions == VERSIONS
    assert baseline.instructions["asgiserve-server-wrk"] == 2000
    assert run_gate(asgiserve_server_wrk=2000) == gate.PASSED


def test_figures_are_not_accepted_while_one_is_missing(run_gate):
    assert run_gate("--accept", "it does more", asgiserve_server_wrk=None) == gate.FAILED
    assert read_baseline(run_gate.baseline_file).reason == "made up"


def test_stored_baseline_has_every_gated_figure():
    assert list(read_baseline(BASELINE_FILE).instructions) == NAMES


def test_figure_that_an_older_tree_lacks_is_named_and_fails_nothing(capsys):
    comparisons = compare(["old", "added"], "instructions", {"old": 5.0}, {"old": 5.0, "added": 9})
    assert gate.conclude(comparisons, needs_baseline=False) == gate.PASSED
    assert "new   added: baseline missing, now 9 instructions" in capsys.readouterr().out


def test_nothing_is_compared_with_a_tree_that_has_none_of_the_figures():
    comparisons = compare(["a", "b"], "instructions", {}, {"a": 1.0, "b": 1.0})
    assert gate.conclude(comparisons, needs_baseline=False) == gate.NOTHING_COMPARED


def test_gate_against_a_revision_fails_on_a_time_unless_it_is_fast(monkeypatch, capsys):
    monkeypatch.setattr(gate, "find_revision", lambda name: "c0ffee" * 7)
    monkeypatch.setattr(gate, "extract_revision", lambda commit, folder: None)
    monkeypatch.setattr(gate, "copy_checkout", lambda folder: None)
    monkeypatch.setattr(gate, "build_side", lambda tree, folder: folder.name)
    monkeypatch.setattr(gate, "describe", lambda side: f"built as {side}")
    monkeypatch.setattr(gate, "count_side", lambda side, names: dict.fromkeys(names, 1000.0))
    monkeypatch.setattr(
        gate.times, "time_sides", lambda *sides: ({"bench_a": 100.0}, {"bench_a": 106.0})
    )
    monkeypatch.setattr(gate.shutil, "which", lambda name: f"/usr/bin/{name}")
    assert gate.main(["--against", "1.0", "--fast"]) == gate.PASSED
    assert "bench_a" not in capsys.readouterr().out
    assert gate.main(["--against", "1.0"]) == gate.FAILED
    out = capsys.readouterr().out
    assert "FAIL  bench_a: baseline 100, now 106 ns, ratio 1.060" in out
    assert "built as baseline" in out
