"""The code blocks of docs/testing.md, as the project that they are."""

import os
import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import asgiserve

from .waiting import DEADLINE_S

PAGE = Path(__file__).parent.parent.parent / "docs" / "testing.md"
BLOCKS = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE.read_text(), flags=re.M | re.S)
TESTS = [name for name, _ in BLOCKS if name.startswith("test_")]


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """What pytest says of the project."""
    project = tmp_path_factory.mktemp("project")
    for name, text in BLOCKS:
        (project / name).write_text(text)
    command = [sys.executable, "-W", "error", "-m", "pytest", "-v", "-p", "no:cacheprovider"]
    if not entry_points(group="pytest11", name="asgiserve"):
        command += ["-p", "asgiserve.pytest_plugin"]  # installed before there was a plugin
    # What the outer pytest was told, such as to use several processes, is not for this one.
    strange = ("proxy", "pytest")
    others = {
        name: value
        for name, value in os.environ.items()
        if not any(word in name.lower() for word in strange)
    }
    environment = {**others, "PYTHONPATH": str(Path(asgiserve.__path__[0]).parent)}
    result = subprocess.run(
        [*command, "--import-mode=prepend"],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=3 * DEADLINE_S,
        check=False,
    )
    return result.stdout + result.stderr


def test_every_block_of_the_page_is_a_file_of_the_project():
    text = PAGE.read_text()
    names = [name for name, _ in BLOCKS]
    assert len(names) == text.count("```python") == len(set(names))
    assert text.count("```") == 2 * len(names)


@pytest.mark.parametrize("name", TESTS)
def test_block_passes(report, name):
    outcomes = re.findall(rf"^{re.escape(name)}::\S+ (\w+)", report, flags=re.M)
    assert outcomes, report
    assert set(outcomes) == {"PASSED"}, report


def test_application_that_is_typed_is_one(asgiserve_server):
    # The only block that no test of the page runs.
    httpx = pytest.importorskip("httpx")
    namespace: dict[str, object] = {}
    exec(dict(BLOCKS)["typed_app.py"], namespace)
    server = asgiserve_server(namespace["app"])
    with httpx.Client(trust_env=False) as client:
        assert client.get(server.url).status_code == 204
