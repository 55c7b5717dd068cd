"""The fast cases of Autobahn|Testsuite on each column, and how its reports are read.

Its environment is named by ``ASGISERVE_TEST_AUTOBAHN``; without one only the reading is tested.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from .autobahn import environment
from .autobahn.environment import InstallError, find_wstest, install
from .autobahn.fuzzing import FAST_CASES, run_cases
from .autobahn.report import CaseResult, find_failures, format_table, read_report

FOLDER = os.environ.get("ASGISERVE_TEST_AUTOBAHN")
TIME_LIMIT_S = 600


@pytest.mark.skipif(not FOLDER, reason="ASGISERVE_TEST_AUTOBAHN names no environment")
@pytest.mark.timeout(TIME_LIMIT_S + 30)
def test_server_passes_the_fast_cases(column, tmp_path):
    wstest = find_wstest(Path(FOLDER).absolute())
    outcome = run_cases(wstest, FAST_CASES, tmp_path, column=column, time_limit_s=TIME_LIMIT_S)
    assert find_failures(outcome.results) == []
    assert outcome.complaints == [], outcome.log[-4000:]


def make_result(
    behavior: str, behavior_close: str = "OK", case: tuple[int, ...] = (1, 1, 1)
) -> CaseResult:
    return CaseResult(case, behavior, behavior_close, 500, "x.json")


@pytest.mark.parametrize(
    ("behavior", "behavior_close", "verdict"),
    [
        ("OK", "OK", "OK"),
        ("OK", "INFORMATIONAL", "OK"),
        ("INFORMATIONAL", "INFORMATIONAL", "INFORMATIONAL"),
        ("INFORMATIONAL", "UNCLEAN", "INFORMATIONAL"),
        ("NON-STRICT", "OK", "NON-STRICT"),
        ("NON-STRICT", "UNCLEAN", "FAILED"),
        ("UNIMPLEMENTED", "OK", "UNIMPLEMENTED"),
        ("FAILED", "OK", "FAILED"),
        ("OK", "FAILED", "FAILED"),
        ("OK", "WRONG CODE", "FAILED"),
        ("OK", "UNCLEAN", "FAILED"),
        ("OK", "FAILED BY CLIENT", "FAILED"),
        ("a word of a later version", "OK", "FAILED"),
    ],
)
def test_verdict_is_the_worse_one_of_behavior_and_close(behavior, behavior_close, verdict):
    assert make_result(behavior, behavior_close).verdict == verdict


def test_failures_are_all_but_right_and_informational_cases():
    behaviors = ("OK", "INFORMATIONAL", "NON-STRICT", "UNIMPLEMENTED", "FAILED")
    failures = find_failures([make_result(behavior) for behavior in behaviors])
    assert [failure.behavior for failure in failures] == list(behaviors[2:])


def test_table_counts_by_group_and_in_all():
    results = [
        make_result("OK", case=(1, 1, 1)),
        make_result("NON-STRICT", case=(6, 4, 1)),
        make_result("OK", case=(6, 4, 2)),
    ]
    assert format_table(results).splitlines() == [
        "| cases | of | OK | INFORMATIONAL | NON-STRICT | UNIMPLEMENTED | FAILED | s |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
        "| `1.*` | framing | 1 |  |  |  |  | 0.5 |",
        "| `6.*` | UTF-8 | 1 |  | 1 |  |  | 1.0 |",
        "| `all` |  | 2 |  | 1 |  |  | 1.5 |",
    ]


def test_report_is_read_in_the_order_of_cases(tmp_path):
    result = {"behavior": "OK", "behaviorClose": "OK", "duration": 3, "reportfile": "a.json"}
    index = {"asgiserve-pure": {"10.1.1": result, "9.1.1": result, "9.1.10": result}}
    (tmp_path / "index.json").write_text(json.dumps(index))
    results = read_report(tmp_path, "asgiserve-pure")
    assert [result.name for result in results] == ["9.1.1", "9.1.10", "10.1.1"]
    assert results[0].duration_ms == 3


def test_duration_of_a_case_that_never_opened_is_none(tmp_path):
    result = {
        "behavior": "FAILED",
        "behaviorClose": "FAILED",
        "duration": 1_795_377_545_300,
        "reportfile": "a.json",
    }
    (tmp_path / "index.json").write_text(json.dumps({"uvicorn": {"1.1.1": result}}))
    (only,) = read_report(tmp_path, "uvicorn")
    assert only.duration_ms == 0


def test_environment_with_other_pins_is_not_taken(tmp_path):
    (tmp_path / "requirements.txt").write_text("autobahntestsuite==0.8.2\n")
    with pytest.raises(InstallError, match="--install"):
        find_wstest(tmp_path)


def test_installation_leaves_a_folder_alone_that_holds_something_else(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "find_python2", lambda: "python2.7")
    (tmp_path / "requirements.txt").write_text("django\n")
    with pytest.raises(InstallError, match="is not empty"):
        install(tmp_path)
    assert (tmp_path / "requirements.txt").exists()


def test_installation_without_a_python_2_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InstallError, match=r"CPython 2\.7"):
        install(tmp_path / "autobahn")
    assert not (tmp_path / "autobahn").exists()
