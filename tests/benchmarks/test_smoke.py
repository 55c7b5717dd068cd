"""Each measuring program runs, shortly, and prints a figure for all that it was asked.

What their figures say is not looked at here, and callgrind, which takes minutes, is faked.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("uvloop")

from tests.columns import COLUMNS

ROOT = Path(__file__).parent.parent.parent
TIMEOUT_S = 110

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)

# A request costs 10 by itself, and 1 in the harness, over the 2048 by which the runs differ.
VALGRIND = """\
#!/bin/sh
while :; do
    case $1 in
    --callgrind-out-file=*) file=${1#*=} ;;
    --*) ;;
    *) break ;;
    esac
    shift
done
case $file in
*/harness/long/*) total=2048 ;;
*/long/*) total=22528 ;;
*) total=0 ;;
esac
echo "totals: $total" >"${file%%%p}$$"
exec "$@"
"""


@pytest.fixture
def valgrind_path(tmp_path):
    """A PATH on which valgrind counts nothing, but runs its command."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "valgrind").write_text(VALGRIND)
    (folder / "valgrind").chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def run(*arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wire_counts_a_request_without_its_harness(valgrind_path):
    printed = run("benchmarks.wire", "asgiserve-pure", "--form", "connection", PATH=valgrind_path)
    assert "| asgiserve-pure | 10 |" in printed


def test_gate_counts_a_figure_without_its_harness(valgrind_path, tmp_path):
    figures, name = tmp_path / "figures.json", "asgiserve-pure-connection-wrk"
    run("benchmarks.gate.instructions", str(figures), name, PATH=valgrind_path)
    assert json.loads(figures.read_text()) == {name: 10.0}


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            "http1-get-13b-c64",
            marks=pytest.mark.skipif(shutil.which("wrk") is None, reason="needs wrk"),
        ),
        "http1-get-13b-c64-rate",
        "ws-echo-json-1k-deflate-c64",
    ],
)
def test_load_measures_a_server_for_a_second(scenario, tmp_path):
    server, document = "asgiserve-pure-asyncio", tmp_path / "load.json"
    extent = ["--rounds", "1", "--round-s", "1", "--load-core", "0"]
    cell = ["--server", server, "--scenario", scenario, "--json", str(document)]
    printed = run("benchmarks.load", *extent, *cell)
    measured = json.loads(document.read_text())["scenarios"][scenario][server]
    assert measured["failure"] is None
    assert measured["cpu_us_per_exchange"][0] > 0
    assert server in printed


def test_memory_measures_idle_connections_that_settle_for_a_second():
    extent = ["--connections", "50", "--requests", "0"]
    printed = run("benchmarks.memory", "--server", "asgiserve-pure-asyncio", *extent)
    assert re.search(r"^\| asgiserve-pure-asyncio \| -?\d+\.\d ", printed, re.M)


@pytest.mark.skipif("compiled" not in COLUMNS, reason="the server is the compiled build")
def test_faults_stop_a_server_under_load():
    printed = run("benchmarks.faults", "--short", "--server", "asgiserve", "--case", "stop")
    assert re.search(r"^\| SIGTERM.* \| 20 of 20 answered", printed, re.M)
