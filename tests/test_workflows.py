"""GitHub's workflows: no action changes under us, and none is given more than it needs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

yaml = pytest.importorskip("yaml")

WORKFLOWS = sorted((Path(__file__).parent.parent / ".github" / "workflows").glob("*.yml"))


@pytest.fixture(params=WORKFLOWS, ids=lambda path: path.stem)
def workflow(request: pytest.FixtureRequest) -> str:
    text: str = request.param.read_text()
    return text


def jobs_of(text: str) -> dict[str, dict[str, Any]]:
    jobs: dict[str, dict[str, Any]] = yaml.safe_load(text)["jobs"]
    return jobs


def test_actions_are_pinned_by_hash_and_name_their_version(workflow):
    used = re.findall(r"uses: (.*)", workflow)
    pinned = re.compile(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
    assert [each for each in used if not pinned.fullmatch(each)] == []


def test_checkouts_leave_no_credentials_behind(workflow):
    for job in jobs_of(workflow).values():
        for step in job["steps"]:
            if "actions/checkout@" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False


def test_jobs_may_read_and_only_the_last_one_publishes(workflow):
    assert yaml.safe_load(workflow)["permissions"] == {}
    for name, job in jobs_of(workflow).items():
        allowed = {"id-token": "write"} if name == "publish" else {"contents": "read"}
        assert job.get("permissions", {}).items() <= allowed.items()


def test_commands_hold_no_expressions(workflow):  # which could end in another command
    for job in jobs_of(workflow).values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")
