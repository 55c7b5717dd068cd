"""A run's figures get into the page and the charts, and nothing else there changes."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.load.counts import Latency
from benchmarks.load.footprint import Footprint
from benchmarks.load.publish import (
    BEGIN,
    END,
    SUMMARY_HEAD,
    SUMMARY_HTTP,
    SUMMARY_WEBSOCKET,
    TITLES,
    publish,
    read_document,
)
from benchmarks.load.report import format_document
from benchmarks.load.rounds import Measured, Plan
from benchmarks.load.scenarios import SCENARIOS

ROOT = Path(__file__).parent.parent.parent
PLAN = Plan(rounds=2, round_s=1, warm_up_s=1, server_core=0, load_core=1)
MACHINE = {
    "date": "2030-01-02 03:04 UTC",
    "cpu": "a cpu",
    "python": "CPython 3.13.0",
    "uvicorn": "1",
}
LATENCY = Latency(5000.0, 1.0, 100.0, 250.0, 1234.0, 2000.0)
RESULTS = {
    "http1-get-13b-c64": {
        "floor": Measured([1.0, 1.0], [1.0, 1.0]),
        "asgiserve": Measured([10.0, 10.0], [1.0, 1.0]),
        "uvicorn": Measured([40.0, 40.0], [1.0, 1.0]),
        "granian": Measured(failure="no start"),
    },
    "http1-get-13b-c64-rate": {"asgiserve": Measured([9.0, 9.0], [1.0, 1.0], [LATENCY, LATENCY])},
    "http1-tls-get-13b-c64": {"asgiserve": Measured([12.0, 12.0], [1.0, 1.0])},
    "ws-echo-json-1k-deflate-c64": {
        "asgiserve": Measured([20.0, 20.0], [1.0, 1.0]),
        "asgiserve-pure": Measured([30.0, 30.0], [1.0, 1.0]),
        "granian": Measured([5.0, 5.0], [1.0, 1.0], remark="does not compress"),
    },
}

FOOTPRINTS = {"asgiserve": Footprint([0.2, 0.2], [0.1, 0.1], [2**24, 2**24], [3072.0, 3072.0])}


@pytest.fixture
def document():
    return json.loads(json.dumps(format_document(RESULTS, FOOTPRINTS, PLAN, MACHINE)))


@pytest.fixture
def root(tmp_path):
    """A copy of what is written, as it is in this checkout."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


def between_marks(text):
    before, _, rest = text.partition(BEGIN)
    inside, _, after = rest.partition(END)
    return inside, before + after


def test_summary_has_the_figures_in_words_with_ratios_and_the_best_in_bold(root, document):
    publish(document, root)
    inside, _ = between_marks((root / "docs" / "performance.md").read_text())
    summary = inside.partition("## Summary\n")[2].partition("\n## ")[0]
    assert summary.strip().splitlines() == [
        *SUMMARY_HEAD.splitlines(),
        "",
        "| workload | asgiserve | uvicorn | granian |",
        "|---|---:|---:|---:|",
        "| bare ASGI, 13 bytes | **10.0** (0.25) | 40.0 | fails |",
        "",
        "| WebSocket message | asgiserve | asgiserve pure | uvicorn | granian |",
        "|---|---:|---:|---:|---:|",
        "| echo of 1 KiB of JSON, compressed | **20.0** | 30.0 | - | does not compress |",
        "",
        "| server | first response, ms | CPU time, ms | memory, MiB | idle connection, KiB |",
        "|---|---:|---:|---:|---:|",
        "| asgiserve | 200 | 100 | 16.0 | 3.0 |",
        "",
        "Measured 2030-01-02 03:04 UTC with `python -m benchmarks.load` (2 rounds of 1 s) on a "
        "cpu, with CPython 3.13.0, uvicorn 1. Machines drift; compare only the ratios.",
    ]


def test_what_stands_outside_of_the_marks_stays(root, document):
    publish(document, root)
    _, before = between_marks((ROOT / "docs" / "performance.md").read_text())
    _, after = between_marks((root / "docs" / "performance.md").read_text())
    assert before == after
    publish(document, root)


def test_document_is_read_as_it_was_written(document):
    assert read_document(document) == (RESULTS, FOOTPRINTS, PLAN, MACHINE)


def test_every_scenario_has_a_title():
    assert TITLES.keys() == SCENARIOS.keys()
    assert {*SUMMARY_HTTP, *SUMMARY_WEBSOCKET} <= SCENARIOS.keys()


def test_committed_page_shows_the_charts_that_are_there():
    inside, _ = between_marks((ROOT / "docs" / "performance.md").read_text())
    shown = re.findall(r"\(charts/(.+\.svg)\)", inside)
    assert sorted(shown) == sorted(path.name for path in (ROOT / "docs" / "charts").iterdir())


def test_command_names_what_it_wrote(root, document):
    (root / "load.json").write_text(json.dumps(document))
    command = [sys.executable, "-m", "benchmarks.load.publish", "load.json", "--root", str(root)]
    environment = {"PYTHONPATH": ":".join([str(ROOT), *sys.path])}
    printed = subprocess.check_output(command, cwd=root, env=environment, text=True)
    assert printed.splitlines()[0] == str(root / "docs/performance.md")
    assert len(printed.splitlines()) == 1 + 7
