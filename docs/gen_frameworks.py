"""Writes the table of frameworks.md from a run of its tests: python docs/gen_frameworks.py

Needs the extra `test`, Chromium, and both columns.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
PAGE = Path(__file__).with_name("frameworks.md")
TESTS = ROOT / "tests" / "e2e" / "frameworks"

FEATURES = (
    "HTTP",
    "upload",
    "streaming",
    "background",
    "WebSocket",
    "SSE",
    "disconnect",
    "lifespan",
)
COLUMNS = ("compiled", "pure")

# In the page, all between these lines is written here.
BEGIN = "<!-- Written by gen_frameworks.py from a run of tests/e2e/frameworks. -->\n"
END = "<!-- End of what gen_frameworks.py writes. -->\n"

# What a test tells of itself, and whether it passed.
Result = dict[str, str]


def run_tests() -> list[Result]:
    """Run the tests of all frameworks on both columns."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        environment = {
            **os.environ,
            "ASGISERVE_TEST_COLUMNS": "both",
            "ASGISERVE_TEST_FRAMEWORKS": "all",
        }
        command = [sys.executable, "-m", "pytest", str(TESTS), f"--junit-xml={report}"]
        subprocess.run(command, cwd=ROOT, env=environment, check=False)
        return read_report(report)


def read_report(report: Path) -> list[Result]:
    """The tests in *report* that tried a framework."""
    results = []
    for case in ElementTree.parse(report).iter("testcase"):
        result = {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")}
        if "framework" in result and case.find("skipped") is None:
            has_failed = case.find("failure") is not None or case.find("error") is not None
            results.append({**result, "result": "failed" if has_failed else "passed"})
    return results


def make_table(results: Iterable[Result]) -> str:
    """The table of *results*, and when and where they were made."""
    rows: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        rows[result["framework"]].append(result)
    lines = [
        f"| framework | {' | '.join(FEATURES)} |",
        f"| --- |{' --- |' * len(FEATURES)}",
        *(make_row(name, rows[name]) for name in sorted(rows, key=str.lower)),
    ]
    python = f"{platform.python_implementation()} {platform.python_version()}"
    day = datetime.now(UTC).date()
    return "\n".join([*lines, "", f"Tried on {day} with {python} on {platform.system()}.\n"])


def make_row(name: str, results: list[Result]) -> str:
    """The row of one framework."""
    anchor = make_anchor(name)
    cells = [f"[{name}](#{anchor}): {results[0]['versions']}"]
    for feature in FEATURES:
        tried = [result for result in results if result["feature"] == feature]
        cells.append(make_cell(tried, anchor))
    return f"| {' | '.join(cells)} |"


def make_cell(results: list[Result], anchor: str) -> str:
    """How one feature did, on each column."""
    if not results:
        return "—"
    marks = []
    for column in COLUMNS:
        outcomes = {each["result"] for each in results if each["column"] == column}
        if outcomes:
            marks.append("✗" if "failed" in outcomes else "✓")
    has_fault = any(each["fault"] == "yes" for each in results)
    return " ".join(marks) + (f" [but](#{anchor})" if has_fault else "")


def make_anchor(name: str) -> str:
    """The anchor of a heading, as mkdocs makes it."""
    kept = "".join(letter for letter in name.lower() if letter.isalnum() or letter in " -")
    return kept.replace(" ", "-")


def make_page(page: str, table: str) -> str:
    """*page* with *table* in the place of the one that it has."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(make_page(PAGE.read_text(), make_table(run_tests())))
