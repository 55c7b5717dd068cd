"""The pages of docs/: what is generated is up to date, and the site is built without a warning."""

from __future__ import annotations

import ast
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

from asgiserve.cli.bench.command import command as bench
from asgiserve.cli.command import make_command
from asgiserve.cli.options import from_command_line
from asgiserve.config.config import OPTIONS, parse_option

from .pages import DOCS, ROOT, find_pages, read_navigation

PAGES = find_pages()


def load_generator(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_of_options_are_those_of_the_command() -> None:
    page = (DOCS / "options.md").read_text()
    assert load_generator("gen_options").make_page(page) == page, "run python docs/gen_options.py"
    for name in OPTIONS:
        assert page.count(f"| `{name}` |") == 1, name


def read_feature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[str, bool]:
    """What a test is marked with, and whether that is a fault."""
    for mark in node.decorator_list:
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.feature":
            return ast.literal_eval(mark.args[0]), bool(mark.keywords)
    return "HTTP", False


def list_tests(body: list[ast.stmt]) -> list[tuple[str, bool]]:
    """The features of the tests that stand right in a module or a class."""
    functions = [n for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [read_feature(node) for node in functions if node.name.startswith("test_")]


def read_shared_tests(folder: Path) -> dict[str, list[tuple[str, bool]]]:
    """The features of the tests of each class that files of frameworks take, by its name."""
    trees = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    return {node.name: list_tests(node.body) for node in classes}


def read_marks(path: Path) -> tuple[str, dict[str, bool]]:
    """The framework that a file of tests tries, and each feature: whether it has a fault."""
    module = ast.parse(path.read_text())
    shared = read_shared_tests(path.parent)
    framework, found = "", list_tests(module.body)
    for node in module.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark":
            assert isinstance(node.value, ast.Call)
            framework = ast.literal_eval(node.value.args[0])
        if isinstance(node, ast.ClassDef):
            for base in node.bases:
                found += shared[ast.unparse(base).rpartition(".")[2]]
    faults = {feature for feature, has_fault in found if has_fault}
    return framework, {feature: feature in faults for feature, _ in found}


def read_table(page: str) -> dict[str, list[str]]:
    """The cells of the table of frameworks, by the framework."""
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| [")]
    return {row[0].partition("]")[0][1:]: row for row in rows}


def test_table_of_frameworks_is_that_of_their_tests() -> None:
    generator = load_generator("gen_frameworks")
    page = (DOCS / "frameworks.md").read_text()
    tried = dict(read_marks(path) for path in generator.TESTS.glob("test_*.py"))
    table = read_table(page)
    assert sorted(table) == sorted(tried)
    for name, features in tried.items():
        assert set(features) <= set(generator.FEATURES), name
        anchor = generator.make_anchor(name)
        section = page.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        assert "$ asgiserve " in section, name
        assert table[name][0].startswith(f"[{name}](#{anchor}): "), name
        for feature, cell in zip(generator.FEATURES, table[name][1:], strict=True):
            expected = "✓ ✓" if feature in features else "—"
            if features.get(feature):
                expected += f" [but](#{anchor})"
                assert "Limitation" in section, name
            assert cell == expected, (name, feature)


def test_table_of_frameworks_tells_what_failed() -> None:
    generator = load_generator("gen_frameworks")
    details = {"framework": "A (b)", "versions": "a 1", "fault": "no"}
    results = [
        {**details, "feature": "SSE", "column": "pure", "result": "passed"},
        {**details, "feature": "SSE", "column": "pure", "result": "failed"},
        {**details, "feature": "SSE", "column": "compiled", "result": "passed"},
        {**details, "feature": "HTTP", "column": "pure", "result": "passed", "fault": "yes"},
    ]
    assert generator.make_row("A (b)", results).split(" | ") == [
        "| [A (b)](#a-b): a 1",
        "✓ [but](#a-b)",
        *["—"] * 4,
        "✓ ✗",
        "—",
        "— |",
    ]


def test_every_page_is_in_the_navigation_once() -> None:
    assert sorted(read_navigation()) == [page.relative_to(DOCS).as_posix() for page in PAGES]


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


# The other pages are run, by `test_blocks`; these name commands beside those of others.
@pytest.mark.parametrize("name", ["launchers", "migration"])
def test_commands_of_a_page_are_ones_that_the_command_takes(name: str) -> None:
    given: list[dict[str, Any]] = []
    command = make_command(lambda **values: given.append(values) or 0)
    commands = commands_of(DOCS / f"{name}.md")
    assert len(commands) >= 5
    for arguments in commands:
        command.main(arguments, "asgiserve", standalone_mode=False)
        options = from_command_line(
            {name: value for name, value in given.pop().items() if name in OPTIONS}
        )
        for option, (value, _) in options.items():
            parse_option(option, value)


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
        folder = tmp_path / page.relative_to(DOCS).parent
        assert (folder / ("" if page.stem == "index" else page.stem) / "index.html").is_file()
    assert "Keep a Changelog" in (tmp_path / "changelog" / "index.html").read_text()
