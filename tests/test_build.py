"""setup.py: which column a build gives, what the wheels hold, and where llhttp comes from."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
NEEDED = ("setup.py", "pyproject.toml", "README.md", "LICENSE", "licenses", "asgiserve")

# What a machine without a C compiler looks like to distutils.
NO_COMPILER = {"CC": "/nonexistent/cc"}

cpython_only = pytest.mark.skipif(
    platform.python_implementation() != "CPython" or os.name == "nt",
    reason="elsewhere there is no compiled column, or no CC to break it with",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of what a build reads, with nothing built."""
    built = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tmp_path / name, ignore=built)
        else:
            shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def run_setup(tree: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if "ASGISERVE" not in name}
    return subprocess.run(
        [sys.executable, "setup.py", *arguments],
        cwd=tree,
        env={**clean, **environment},
        capture_output=True,
        text=True,
    )


def build_wheel(tree: Path, **environment: str) -> tuple[Path, str]:
    done = run_setup(tree, "bdist_wheel", **environment)
    assert done.returncode == 0, done.stderr
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel, done.stderr


def is_pure(wheel: Path) -> bool:
    names = zipfile.ZipFile(wheel).namelist()
    has_library = any(name.endswith((".so", ".pyd")) for name in names)
    assert has_library != wheel.name.endswith("-py3-none-any.whl")
    return not has_library


def test_build_switched_off_gives_the_pure_column(tree):
    wheel, _ = build_wheel(tree, ASGISERVE_BUILD="off")
    assert is_pure(wheel)


def test_wheel_holds_the_package_without_extension_sources(tree):
    wheel, _ = build_wheel(tree, ASGISERVE_BUILD="off")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {str(path.relative_to(tree)) for path in (tree / "asgiserve").rglob("*.py")}
    data = {"asgiserve/py.typed", "asgiserve/pyinstaller/rthooks.dat"}
    assert {name for name in names if ".dist-info/" not in name} == modules | data
    licenses = {name.partition("licenses/")[2] for name in names if "/licenses/" in name}
    assert licenses == {"LICENSE", "licenses/llhttp.txt"}


@cpython_only
def test_missing_compiler_leaves_the_pure_column_and_one_line(tree):
    wheel, stderr = build_wheel(tree, **NO_COMPILER)
    assert is_pure(wheel)
    (line,) = [line for line in stderr.splitlines() if line.startswith("asgiserve: ")]
    assert line == (
        "asgiserve: no C compiler (with Python's headers) works here: "
        "the pure-Python column is installed"
    )


@cpython_only
def test_missing_compiler_is_an_error_where_the_build_is_required(tree):
    done = run_setup(tree, "bdist_wheel", ASGISERVE_BUILD="require", **NO_COMPILER)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "asgiserve: ASGISERVE_BUILD=require, but no C compiler (with Python's headers) works here"
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("ASGISERVE_BUILD", "ASGISERVE_BUILD is one of auto, require, off, not 'yes'"),
        pytest.param(
            "ASGISERVE_LLHTTP",
            "ASGISERVE_LLHTTP is one of pinned, system, not 'yes'",
            marks=cpython_only,
        ),
    ],
)
def test_unknown_value_of_a_switch_is_refused(tree, name, told):
    done = run_setup(tree, "build_ext", **{name: "yes"})
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"asgiserve: {told}"


def test_llhttp_with_another_hash_is_refused(tree):
    (tree / "build").mkdir()
    (tree / "build" / "llhttp-9.3.0.0.tar.gz").write_bytes(b"not what was pinned")
    done = run_setup(tree, "sdist")
    assert done.returncode == 1
    assert "is not the pinned llhttp 9.3.0.0: its sha256 differs" in done.stderr


@cpython_only
def test_llhttp_of_the_system_needs_pkg_config_to_know_it(tree):
    empty = {"PKG_CONFIG_LIBDIR": str(tree), "PKG_CONFIG_PATH": ""}
    done = run_setup(tree, "build_ext", ASGISERVE_LLHTTP="system", **empty)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("asgiserve: ASGISERVE_LLHTTP=system")


@cpython_only
@pytest.mark.skipif(shutil.which("pkg-config") is None, reason="pkg-config is not installed")
@pytest.mark.parametrize("version", ["9.2.1", "10.0.0"])
def test_llhttp_of_the_system_with_another_interface_is_refused(tree, version):
    description = f"Name: libllhttp\nDescription: a parser\nVersion: {version}\n"
    (tree / "libllhttp.pc").write_text(description)
    alone = {"PKG_CONFIG_LIBDIR": str(tree), "PKG_CONFIG_PATH": ""}
    done = run_setup(tree, "build_ext", ASGISERVE_LLHTTP="system", **alone)
    assert done.returncode == 1
    told = done.stderr.splitlines()[-1]
    assert told.startswith("asgiserve: ASGISERVE_LLHTTP=system: ")
    assert "libllhttp" in told
