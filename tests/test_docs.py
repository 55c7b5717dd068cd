"""The pages of docs/: what is generated is up to date, and the site is built without a warning."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from asgiserve.bench.command import command as bench
from asgiserve.cli import make_command
from asgiserve.command_options import from_command_line
from asgiserve.config import OPTIONS, parse_option

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_options", DOCS / "gen_options.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages_of(nav: Any) -> list[str]:
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in pages_of(entry)]


def test_tables_of_options_are_those_of_the_command() -> None:
    page = (DOCS / "options.md").read_text()
    assert load_generator().make_page(page) == page, "run python docs/gen_options.py"
    for name in OPTIONS:
        assert page.count(f"| `{name}` |") == 1, name


def test_every_page_is_in_the_navigation_once() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    assert sorted(pages_of(nav)) == [page.name for page in PAGES]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_page_names_no_option_that_is_none(page: Path) -> None:
    parameters = [*make_command(lambda **_: 0).params, *bench.params]
    flags = {flag for each in parameters for flag in (*each.opts, *each.secondary_opts)}
    # Of other commands: pip's, docker's, systemctl's and so on stand in blocks of code.
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    if page.stem == "migration":
        # The first column of a table is another server's.
        text = re.sub(r"^\|[^|]*\|", "|", text, flags=re.M)
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]+", text))
    assert named <= flags | {"--help"}, page.name


def commands_of(page: Path) -> list[list[str]]:
    lines = re.findall(r"^\$ (?:\w+=\S+ )*asgiserve (.+)$", page.read_text(), flags=re.M)
    commands = [shlex.split(line, comments=True) for line in lines]
    return [each for each in commands if each[0] not in ("bench", "doctor")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_commands_of_a_page_are_ones_that_the_command_takes(page: Path) -> None:
    given: list[dict[str, Any]] = []
    command = make_command(lambda **values: given.append(values) or 0)
    for arguments in commands_of(page):
        command.main(arguments, "asgiserve", standalone_mode=False)
        options = from_command_line(
            {name: value for name, value in given.pop().items() if name in OPTIONS}
        )
        # Files that are not here would be missed by the configuration itself.
        for name, (value, _) in options.items():
            if not name.startswith("ssl_"):
                parse_option(name, value)


@pytest.mark.skipif(find_spec("material") is None, reason="mkdocs-material is not installed")
def test_site_is_built_without_a_warning(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    # Without the theme's word on its successor.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stderr
    for page in PAGES:
        target = "index.html" if page.stem == "index" else f"{page.stem}/index.html"
        assert (tmp_path / target).is_file()
