"""Imports never point up, nor in circles, and the two columns do not mix.

``import`` is read by ast, ``cimport`` by regular expression; nothing is imported for it.
"""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

from asgiserve._twins import TWINNED, module_of

PACKAGE = Path(__file__).resolve().parent.parent / "asgiserve"
SPEEDUPS = "asgiserve._speedups"
TWINS = "asgiserve._twins"

# Packages, and modules that stand beside them, ground first. One line is one layer: in it, what
# stands on the right may import what stands on the left.
LAYERS = (
    ("version", "errors", "imports", "asgi_types"),
    ("config", "codecs"),
    ("logs", "process"),
    ("asgi",),
    ("connection",),
    # It imports every twinned module, and they reach up to here.
    ("_twins",),
    ("middleware",),
    ("net",),
    ("server",),
    ("worker",),
    ("supervisor", "reload"),
    ("uvicorn_api", "cli"),
    ("__init__", "__main__"),
    ("testing", "pytest_plugin", "pyinstaller", "django", "gunicorn", "litestar"),
)
RANKS = {name: rank for rank, name in enumerate(name for layer in LAYERS for name in layer)}

# How many modules may stand beside the packages: each is a public face, or what all others use.
MAX_LOOSE_MODULES = 12

# Declarations, with inline functions, but without a module behind them: only other .pxd and .pyx
# files read these.
DECLARATIONS = {f"{SPEEDUPS}.codecs.{name}" for name in ("http1_section", "llhttp")}

FIRST_LINE = "# cython: language_level=3, freethreading_compatible=True"

CYTHON_IMPORT = re.compile(
    r"^[ ]*(?:from[ ]+(?P<source>[\w.]+)[ ]+c?import[ ]+(?:\((?P<block>[^)]*)\)|(?P<names>.*))"
    r"|c?import[ ]+(?P<module>[\w.]+))",
    re.MULTILINE,
)


class Import(NamedTuple):
    """One arrow: *importer* needs *target*, at run time or only for its types."""

    importer: str
    target: str
    is_for_types: bool


def module_name(path: Path) -> str:
    parts = ("asgiserve", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


PYTHON_FILES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}
PYX_FILES = sorted((PACKAGE / "_speedups").rglob("*.pyx"))
PXD_FILES = sorted((PACKAGE / "_speedups").rglob("*.pxd"))
MODULES = {*PYTHON_FILES, *(module_name(path) for path in PYX_FILES + PXD_FILES)}


def read_python_imports(importer: str, path: Path) -> list[Import]:
    tree = ast.parse(path.read_bytes())
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    arrows = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [resolve(alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            targets = [resolve(node.module or "", alias.name) for alias in node.names]
        else:
            continue
        arrows += [Import(importer, target, id(node) in for_types) for target in targets if target]
    return arrows


def read_cython_imports(importer: str, text: str) -> list[Import]:
    arrows = []
    for found in CYTHON_IMPORT.finditer(text):
        if found["module"]:
            targets = [resolve(found["module"])]
        else:
            names = re.sub(r"#.*", "", found["block"] or found["names"]).split(",")
            targets = [resolve(found["source"], name.split()[0]) for name in names if name.strip()]
        arrows += [Import(importer, target, False) for target in targets if target]
    return arrows


def resolve(module: str, name: str = "") -> str:
    """The module of asgiserve that an import means; "" if it is another package's."""
    if module == TWINS and name in TWINNED:
        return f"{TWINS}.{name}"
    if f"{module}.{name}" in MODULES:
        return f"{module}.{name}"
    if module == "asgiserve":
        return "asgiserve.__init__"
    return module if module.startswith("asgiserve.") else ""


IMPORTS = {
    *(arrow for name, path in PYTHON_FILES.items() for arrow in read_python_imports(name, path)),
    *(
        arrow
        for path in PYX_FILES + PXD_FILES
        for arrow in read_cython_imports(module_name(path), path.read_text("utf-8"))
        if arrow.target != arrow.importer  # a .pyx and its .pxd are one module
    ),
}
RUNTIME_IMPORTS: dict[str, set[str]] = {}
for _arrow in IMPORTS:
    if not _arrow.is_for_types:
        RUNTIME_IMPORTS.setdefault(_arrow.importer, set()).add(_arrow.target)

PURE_TWINS = set(TWINNED.values())
COMPILED_TWINS = {module_of("compiled", name) for name in TWINNED}


def rank_of(module: str) -> int:
    """How high *module* stands; a compiled one stands where its pure twin does."""
    if module.startswith(f"{TWINS}."):
        module = TWINNED[module.removeprefix(f"{TWINS}.")]
    return RANKS[module.replace(SPEEDUPS, "asgiserve", 1).split(".")[1]]


def reachable_from(modules: set[str]) -> set[str]:
    """What importing *modules* imports, they themselves included."""
    found: set[str] = set()
    waiting = set(modules)
    while waiting:
        module = waiting.pop()
        found.add(module)
        waiting |= RUNTIME_IMPORTS.get(module, set()) - found
    return found


def test_every_module_has_a_layer():
    beside = {module.split(".")[1] for module in PYTHON_FILES} - {"_speedups"}
    assert beside == RANKS.keys(), "say in LAYERS where these stand"


def test_few_modules_stand_beside_the_packages():
    loose = [path.name for path in PACKAGE.glob("*.py")]
    assert len(loose) <= MAX_LOOSE_MODULES, loose


def test_compiled_modules_stand_in_the_folders_of_their_twins():
    folders = {path.parent.name for path in PYX_FILES + PXD_FILES}
    assert folders == {name.split(".")[1] for name in PURE_TWINS}
    declared = {module_name(path) for path in PYX_FILES + PXD_FILES} - COMPILED_TWINS
    assert declared == DECLARATIONS, "neither twinned nor mere declarations"


def test_no_import_points_up():
    upward = [arrow for arrow in IMPORTS if rank_of(arrow.target) > rank_of(arrow.importer)]
    assert not upward


def test_no_imports_go_in_circles():
    # Not even for types: of two modules that know each other, neither can be read by itself.
    arrows: dict[str, set[str]] = {}
    for arrow in IMPORTS:
        arrows.setdefault(arrow.importer, set()).add(arrow.target)
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        pytest.fail(f"circular imports: {' <- '.join(error.args[1])}")


def test_no_twinned_module_reaches_the_chooser():
    reached = reachable_from(PURE_TWINS | COMPILED_TWINS)
    assert not {module for module in reached if module.startswith(TWINS)}


def test_each_column_keeps_to_itself():
    mixed = [
        arrow
        for arrow in IMPORTS
        if (arrow.importer in COMPILED_TWINS and arrow.target in PURE_TWINS)
        or (not arrow.importer.startswith(SPEEDUPS) and arrow.target.startswith(SPEEDUPS))
    ]
    assert not mixed


def test_modules_above_the_twins_go_through_the_chooser():
    # What a twinned module imports cannot: the chooser would import it while it is being imported.
    below = reachable_from(PURE_TWINS | COMPILED_TWINS)
    direct = [
        arrow
        for arrow in IMPORTS
        if arrow.target in PURE_TWINS
        and arrow.importer not in below
        and arrow.importer != TWINS
        and not arrow.is_for_types
    ]
    assert not direct


@pytest.mark.parametrize("path", PYX_FILES, ids=lambda path: path.name)
def test_first_line_names_the_directives(path):
    assert path.read_text("utf-8").splitlines()[0] == FIRST_LINE


@pytest.mark.parametrize(
    "text",
    [
        "from asgiserve._speedups.codecs.http_date cimport (\n    format_http_date,  # why\n)\n",
        "from asgiserve._speedups.codecs.http_date import format_http_date\n",
        "from asgiserve._speedups.codecs cimport http_date\n",
        "cimport asgiserve._speedups.codecs.http_date\n",
        "def f():\n    import asgiserve._speedups.codecs.http_date\n",
    ],
)
def test_cython_import_is_read_in_every_form(text):
    (arrow,) = read_cython_imports("importer", f"from libc.math cimport floor\n{text}")
    assert arrow.target == "asgiserve._speedups.codecs.http_date"
