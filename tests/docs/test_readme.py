"""What the README says of options and figures is what the command and the documentation have."""

from __future__ import annotations

import re

import pytest

from asgiserve.cli.command import make_command

from .pages import DOCS, ROOT

README = (ROOT / "README.md").read_text()
# Each figure of the README: the first cell of its row in docs/performance.md, the server, the unit.
FIGURES = (
    ("bare ASGI, 13 bytes", "asgiserve", "µs"),
    ("bare ASGI, 13 bytes", "uvicorn", "µs"),
    ("bare ASGI, 13 bytes", "asgiserve pure, asyncio", "µs"),
    ("bare ASGI, 13 bytes", "uvicorn h11, asyncio", "µs"),
    ("asgiserve", "idle connection, KiB", "KiB"),
    ("uvicorn", "idle connection, KiB", "KiB"),
)
SETUP = "pip install -e '.[test]' && python -m pytest -n 3 --dist worksteal"


def test_options_are_all_in_their_page_and_the_readme_names_no_other() -> None:
    parameters = make_command(lambda **_: 0).params
    options = {name for parameter in parameters for name in parameter.opts if name[:2] == "--"}
    options |= {"--help"}
    named = re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", (DOCS / "options.md").read_text())
    assert options <= set(named)
    prose = re.sub(r"```.*?```", "", README, flags=re.S)
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", prose)) <= options


def read_summary() -> dict[tuple[str, str], str]:
    """The cells of the summary, by the first cell of the row and the heading."""
    page = (DOCS / "performance.md").read_text()
    cells: dict[tuple[str, str], str] = {}
    headings: list[str] = []
    for line in page.partition("\n## Summary\n")[2].partition("\n## ")[0].splitlines():
        if not line.startswith("|"):
            headings = []
            continue
        row = [cell.strip() for cell in line.strip("|").split("|")]
        headings = headings or row
        for heading, cell in zip(headings, row, strict=True):
            cells.setdefault((row[0], heading), cell)
    return cells


@pytest.mark.parametrize(("row", "heading", "unit"), FIGURES)
def test_figure_is_the_published_one(row: str, heading: str, unit: str) -> None:
    figure = read_summary()[row, heading].partition(" ")[0].strip("*")
    assert f"{figure} {unit}" in README


def test_readme_has_no_figure_besides() -> None:
    assert len(re.findall(r"[\d.]+ (?:µs|KiB)", README)) == len(FIGURES)


def test_readme_is_short() -> None:
    assert len(README.split()) <= 600


def test_tests_are_set_up_in_the_readme_as_in_contributing() -> None:
    assert f"$ {SETUP}\n" in README
    assert f"$ {SETUP}" in (ROOT / "CONTRIBUTING.md").read_text()
