"""The plugin of pytest, in the tests of a project that has nothing but it."""

import re
import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import asgiserve
from tests.columns import environment_of

from .waiting import DEADLINE_S

ROOT = Path(__file__).parent.parent.parent
PLUGIN = "asgiserve.pytest_plugin"

PROJECT = {
    "site_of_project.py": """
        from asgiserve._twins import COLUMN

        async def app(scope, receive, send):
            if scope["type"] == "lifespan":
                assert (await receive())["type"] == "lifespan.startup"
                await send({"type": "lifespan.startup.complete"})
                await receive()
                print("the site stops")
                await send({"type": "lifespan.shutdown.complete"})
                return
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": COLUMN.encode()})

        async def fails_to_stop(scope, receive, send):
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            raise LookupError("cannot stop")
        """,
    "test_project.py": """
        import os
        from urllib.request import urlopen

        import pytest

        from asgiserve.testing import serve
        from site_of_project import app, fails_to_stop

        COLUMN = b"compiled" if os.environ["ASGISERVE_SPEEDUPS"] == "require" else b"pure"

        def read(server):
            with urlopen(server.url) as answer:
                return answer.read()

        @pytest.fixture(scope="module")
        def shared_server():
            with serve("site_of_project:app") as server:
                yield server

        def test_several_servers(asgiserve_server):
            first, second = asgiserve_server(app), asgiserve_server("site_of_project:app")
            assert first.url != second.url
            assert [read(first), read(second)] == [COLUMN, COLUMN]

        @pytest.mark.parametrize("number", range(4))
        def test_shared(shared_server, number):
            assert read(shared_server) == COLUMN

        def test_error_at_the_end(asgiserve_server):
            asgiserve_server(fails_to_stop)

        def test_error_at_the_start(asgiserve_server):
            asgiserve_server("site_of_project:ap")
        """,
}


@pytest.fixture
def run_project(tmp_path, column):
    """Run the project's tests; the report of pytest."""
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(textwrap.dedent(text))

    def run(*options):
        command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider"]
        if not entry_points(group="pytest11", name="asgiserve"):
            command += ["-p", PLUGIN]  # it was installed before there was a plugin
        environment = environment_of(column)
        # What the outer pytest was told, such as to use several processes, is not for this one.
        environment.pop("PYTEST_ADDOPTS", None)
        environment["PYTHONPATH"] = str(Path(asgiserve.__path__[0]).parent)
        result = subprocess.run(
            [*command, *options],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=3 * DEADLINE_S,
            check=False,
        )
        return result.stdout + result.stderr

    return run


def outcomes(report):
    """How many tests had which outcome, from the closing line."""
    closing = report.strip().splitlines()[-1]
    return {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", closing)}


def test_fixture_serves_and_says_what_fails(run_project):
    report = run_project("-rA")
    found = outcomes(report)
    assert (found["passed"], found["failed"], found.get("error")) == (6, 1, 1), report
    assert "ERROR test_project.py::test_error_at_the_end - asgiserve.errors.ShutdownError" in report
    assert "LookupError: cannot stop" in report
    assert "has no attribute 'ap'; there is app" in report
    assert report.count("the site stops") == 3


def test_fixture_serves_in_several_processes(run_project):
    report = run_project("-n", "2", "-k", "several or shared")
    assert outcomes(report)["passed"] == 5, report


def test_package_names_the_plugin():
    assert f'asgiserve = "{PLUGIN}"' in (ROOT / "pyproject.toml").read_text()


def test_plugin_imports_no_server_before_it_is_used():
    script = (
        f"import pytest, sys; before = set(sys.modules); import {PLUGIN};"
        "print(sorted(set(sys.modules) - before))"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert eval(result.stdout) == [
        "asgiserve",
        "asgiserve.config",
        "asgiserve.config.parameters",
        PLUGIN,
        "asgiserve.version",
    ]
