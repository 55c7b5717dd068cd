"""asgiserve doctor as a user runs it, on both columns, and where a column is broken."""

import json

import pytest


@pytest.mark.each_build("the build is the subject")
def test_doctor_says_which_column_would_run(start_server, column):
    doctor = start_server("-m", "asgiserve", "doctor", "asgi_site:app", "--json", wait=False)
    status = doctor.exit_status()
    report = json.loads(doctor.log())
    (found,) = [each for each in report["findings"] if each["subject"] == "column"]
    assert found["text"].startswith(column)
    assert status == report["is_broken"]


def test_column_that_cannot_be_chosen_is_broken(start_server):
    doctor = start_server(
        "-m", "asgiserve", "doctor", wait=False, environment={"ASGISERVE_SPEEDUPS": "on"}
    )
    assert doctor.exit_status() == 1
    broken = [line for line in doctor.log().splitlines() if line.startswith("broken")]
    assert [line.split()[1] for line in broken] == ["column"]
    assert "ASGISERVE_SPEEDUPS is auto, require or off, not 'on'" in broken[0]
    assert "$ unset ASGISERVE_SPEEDUPS" in doctor.log()
