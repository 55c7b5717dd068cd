"""Both columns have one surface, and the chooser takes one of them whole."""

from __future__ import annotations

import enum
import importlib
import inspect
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import asgiserve
from asgiserve import _twins
from asgiserve._twins import TWINNED, module_of
from tests.columns import COLUMNS, environment_of

PACKAGE = Path(asgiserve.__path__[0])

needs_both_columns = pytest.mark.skipif(
    "compiled" not in COLUMNS, reason="the compiled column is not part of this run"
)


def path_of(module: str, suffix: str) -> Path:
    """The source of a module of asgiserve."""
    return PACKAGE.joinpath(*module.split(".")[1:]).with_suffix(suffix)


@pytest.fixture(params=sorted(TWINNED))
def twins(request: pytest.FixtureRequest) -> tuple[ModuleType, ModuleType]:
    """The pure and the compiled module of one name."""
    pure = importlib.import_module(TWINNED[request.param])
    return pure, importlib.import_module(module_of("compiled", request.param))


def test_the_list_of_twins_is_what_the_tree_holds():
    compiled = {path_of(module_of("compiled", name), ".pyx") for name in TWINNED}
    assert compiled == set((PACKAGE / "_speedups").rglob("*.pyx"))
    for name in TWINNED:
        assert list(PACKAGE.rglob(f"{name}.py")) == [path_of(module_of("pure", name), ".py")]


def test_chooser_offers_every_twinned_module():
    assert set(TWINNED) < set(_twins.__all__)
    for name in TWINNED:
        assert isinstance(getattr(_twins, name), ModuleType)


# The surface ---------------------------------------------------------------------------------


def kind_of(thing: Any) -> str:
    if inspect.isclass(thing):
        return "enum" if issubclass(thing, enum.Enum) else "class"
    if inspect.iscoroutinefunction(thing):
        return "coroutine function"
    return "function" if callable(thing) else "constant"


def parameters_of(function: Any) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults; annotations are the pure twin's alone."""
    return [
        (parameter.name, parameter.kind, parameter.default)
        for parameter in inspect.signature(function).parameters.values()
        if parameter.name != "self"  # positional-only in a compiled method
    ]


def constructor_parameters_of(compiled: type) -> list[tuple[str, Any, Any]]:
    """As parameters_of(), read from the source: a compiled constructor has no signature."""
    source = path_of(compiled.__module__, ".pyx").read_text()
    bodies = [
        re.search(rf"^cdef class {base.__name__}\b.*:\n((?:    .*\n|\n)*)", source, re.M)
        for base in compiled.__mro__
        if base.__module__ == compiled.__module__
    ]
    assert all(bodies), f"no class statement for {compiled}"
    constructors = [re.search(r"^    def __init__\(((?:.|\n)*?)\):$", b[1], re.M) for b in bodies]
    found = next(filter(None, constructors), None)
    if found is None:
        return []
    plain = []
    for parameter in re.split(r",(?![^(\[]*[)\]])", found[1]):
        declared, equals, default = parameter.partition("=")
        # A C type stands before the name, a Python one behind it.
        words = declared.replace("not None", "").partition(":")[0].split()
        plain += [f"{words[-1]}{equals}{default}"] if words else []
    namespace: dict[str, Any] = {}
    exec(f"def __init__({', '.join(plain)}): ...", {}, namespace)
    return parameters_of(namespace["__init__"])


def members_of(cls: type) -> dict[str, Any]:
    """The public members that *cls* itself and its bases in the same module define."""
    return {
        name: member
        for base in reversed(cls.__mro__)
        if base.__module__ == cls.__module__
        for name, member in vars(base).items()
        if not name.startswith("_")
    }


@needs_both_columns
def test_twins_export_the_same_names(twins):
    pure, compiled = twins
    assert sorted(compiled.__all__) == sorted(pure.__all__)


@needs_both_columns
def test_twins_export_the_same_kinds_and_parameters(twins):
    pure, compiled = twins
    for name in pure.__all__:
        ours, theirs = getattr(pure, name), getattr(compiled, name)
        kind = kind_of(ours)
        assert kind_of(theirs) == kind, name
        if kind == "constant":
            assert theirs == ours or type(theirs).__name__ == type(ours).__name__ != "object", name
        elif kind == "enum":
            assert list(theirs.__members__.items()) == list(ours.__members__.items()), name
        elif kind == "class":
            assert constructor_parameters_of(theirs) == parameters_of(ours), name
        else:
            assert parameters_of(theirs) == parameters_of(ours), name


def public_classes(pure: ModuleType, compiled: ModuleType) -> list[tuple[type, type]]:
    return [
        (getattr(pure, name), getattr(compiled, name))
        for name in pure.__all__
        if kind_of(getattr(pure, name)) == "class"
    ]


@needs_both_columns
def test_twinned_classes_have_the_same_members(twins):
    for ours, theirs in public_classes(*twins):
        assert sorted(members_of(theirs)) == sorted(members_of(ours)), ours


@needs_both_columns
def test_twinned_methods_take_the_same_parameters(twins):
    for ours, theirs in public_classes(*twins):
        for name in members_of(ours):
            method, other = getattr(ours, name), getattr(theirs, name)
            assert inspect.isroutine(other) == inspect.isroutine(method), f"{ours}.{name}"
            if inspect.isroutine(method):
                assert parameters_of(other) == parameters_of(method), f"{ours}.{name}"


@needs_both_columns
def test_pure_twins_keep_their_fields_in_slots(twins):
    # As the fields of a cdef class are: a misspelt attribute is an error in both columns.
    for ours, _ in public_classes(*twins):
        in_module = [base for base in ours.__mro__ if base.__module__ == ours.__module__]
        assert all("__slots__" in vars(base) for base in in_module), ours


# Fields that only one column needs, by class: those of the pure twin, those of the compiled one.
OWN_FIELDS: dict[str, tuple[set[str], set[str]]] = {
    # The pieces of a line as C has them.
    "AccessLines": (
        set(),
        {"_request_count", "_request_pieces", "_websocket_count", "_websocket_pieces"},
    ),
    # Who waits for an event: coroutines, or tasks that are stepped at once.
    "Cycle": ({"_event_waiters"}, {"_more_waits", "_spare_wait", "_tasks", "_wait"}),
    "DefaultFields": (set(), {"_extra_names"}),
    # Sizes stand beside C arrays.
    "MessageReader": (set(), {"_control_size", "_has_frame", "_partial_size", "_room", "_size"}),
    # What C asks of a head.
    "RequestHead": (set(), {"body_size", "is_head_method", "is_http_1_0"}),
    # The compiled one feeds llhttp first.
    "RequestParser": (
        {"_max_fields"},
        {"_is_line_checked", "_kept_section", "_llhttp", "_section"},
    ),
    # The compiled one frames in place.
    "ResponseFramer": (
        {"_fields"},
        {"_head", "_head_room", "_head_size", "_own_defaults", "_own_names"},
    ),
    "ScopeFactory": (set(), {"_keeps_path"}),
    "TaskStarter": (set(), {"_done", "_get_loop", "_options", "_stop"}),
    # Bound methods, kept, and the way past the transport.
    "WriteGate": (
        set(),
        {"_fd", "_is_drained", "_is_sendable", "_transport_is_closing", "_transport_write"},
    ),
}


def slots_of(pure: type) -> set[str]:
    """The fields that *pure* itself declares."""
    slots = vars(pure)["__slots__"]
    return {slots} if isinstance(slots, str) else set(slots)


def fields_of(compiled: type) -> set[str]:
    """The fields that *compiled* itself declares, in its .pxd or, without one, in its .pyx."""
    path = path_of(compiled.__module__, ".pxd")
    source = (path if path.is_file() else path.with_suffix(".pyx")).read_text()
    body = re.search(rf"^cdef class {compiled.__name__}\b.*:\n((?:    .*\n|\n)*)", source, re.M)
    assert body, f"no class statement for {compiled}"
    # A method has parentheses.
    return set(re.findall(r"^    cdef [^(#\n]*?(\w+) *(?:#.*)?$", body[1], re.M))


@needs_both_columns
def test_twinned_classes_have_the_same_fields(twins):
    for ours, theirs in public_classes(*twins):
        only_ours, only_theirs = OWN_FIELDS.get(ours.__name__, (set(), set()))
        slots, fields = slots_of(ours), fields_of(theirs)
        assert slots - fields == only_ours, f"{ours}: in both columns, or in OWN_FIELDS"
        assert fields - slots == only_theirs, f"{ours}: in both columns, or in OWN_FIELDS"


# The chooser ---------------------------------------------------------------------------------


def run_with_speedups(
    mode: str, code: str, directory: Path = PACKAGE.parent
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**environment_of("pure"), "ASGISERVE_SPEEDUPS": mode},
        capture_output=True,
        text=True,
        cwd=directory,
    )


PRINT_COLUMN = "from asgiserve._twins import COLUMN, http_date; print(COLUMN, http_date.__name__)"


def test_off_takes_the_pure_column():
    done = run_with_speedups("off", PRINT_COLUMN)
    assert done.stdout == "pure asgiserve.codecs.http_date\n", done.stderr


@needs_both_columns
@pytest.mark.parametrize("mode", ["auto", "require", ""])
def test_built_column_is_taken(mode):
    done = run_with_speedups(mode, PRINT_COLUMN)
    assert done.stdout == "compiled asgiserve._speedups.codecs.http_date\n", done.stderr


def test_unknown_mode_is_refused():
    done = run_with_speedups("fast", PRINT_COLUMN)
    assert done.returncode == 1
    assert "ASGISERVE_SPEEDUPS is auto, require or off, not 'fast'" in done.stderr


COMPILED = {module_of("compiled", name) for name in TWINNED}

HIDE = """
import importlib.machinery, sys
hidden = {names!r}
real = importlib.machinery.PathFinder.find_spec
def find_spec(name, path=None, target=None):
    return None if name in hidden else real(name, path, target)
importlib.machinery.PathFinder.find_spec = staticmethod(find_spec)
"""


def test_auto_falls_back_when_nothing_was_built():
    hide_all = HIDE.format(names=COMPILED)
    assert run_with_speedups("auto", hide_all + PRINT_COLUMN).stdout.startswith("pure ")


def test_require_fails_when_nothing_was_built():
    done = run_with_speedups("require", HIDE.format(names=COMPILED) + PRINT_COLUMN)
    assert done.returncode == 1
    assert "ASGISERVE_SPEEDUPS=require, but the compiled column was not built" in done.stderr


@needs_both_columns
@pytest.mark.parametrize("mode", ["auto", "require"])
@pytest.mark.parametrize("name", sorted(TWINNED))
def test_half_built_column_is_an_error_that_names_the_module(mode, name):
    done = run_with_speedups(mode, HIDE.format(names={module_of("compiled", name)}) + PRINT_COLUMN)
    assert done.returncode == 1
    # The first module in the list that needs the missing one, and then the missing one itself.
    assert "the compiled column of asgiserve is incomplete" in done.stderr
    assert f"No module named {module_of('compiled', name)!r}" in done.stderr


@needs_both_columns
@pytest.mark.parametrize("mode", ["auto", "require"])
def test_built_module_that_cannot_be_imported_is_an_error_that_names_it(mode, tmp_path):
    ignored = shutil.ignore_patterns("*.pyx", "*.pxd", "__pycache__")
    copy = shutil.copytree(PACKAGE, tmp_path / "asgiserve", ignore=ignored)
    library = find_spec(module_of("compiled", "http_date")).origin
    (copy / "_speedups" / "codecs" / Path(library).name).write_bytes(b"not a library")
    done = run_with_speedups(mode, PRINT_COLUMN, tmp_path)
    assert done.returncode == 1
    assert "is incomplete: asgiserve._speedups.codecs.http_date: " in done.stderr
