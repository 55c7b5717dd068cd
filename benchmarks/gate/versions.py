"""What instruction counts depend on beside asgiserve's code: interpreter, compilers, libraries."""

from __future__ import annotations

import platform
import re
import shlex
import sysconfig
from importlib import metadata
from pathlib import Path

__all__ = ["BuildError", "check_built", "list_differences", "read_versions"]

SPEEDUPS = Path("asgiserve", "_speedups")
# Options that change what a Python is made of, without those that name folders.
CONFIGURE_OPTIONS = ("--enable-", "--disable-", "--with-", "--without-")
# Of the modules that this Python imports.
SUFFIX = sysconfig.get_config_var("EXT_SUFFIX")
# What compiled modules say of their making: the name of the module that Cython keeps its shared
# types in, which not all of them have, and the C compiler's comment.
CYTHON_MARK = re.compile(rb"_cython_(\d+(?:_\d+)+[a-z0-9]*)")
COMPILER_MARK = re.compile(rb"(?:GCC: |clang version )[ -~]+")


class BuildError(Exception):
    """There is no compiled column to be measured; the message says why."""


def read_versions(tree: Path) -> dict[str, str]:
    """Say what this process, and the compiled column below *tree*, are made of.

    Raises:
        BuildError: the compiled column is not built.
    """
    modules = sorted((tree / SPEEDUPS).rglob(f"*{SUFFIX}"))
    if not modules:
        raise BuildError("the compiled column is not built for this Python")
    code = b"\0".join(module.read_bytes() for module in modules)
    cython, compiler = CYTHON_MARK.search(code), COMPILER_MARK.search(code)
    return {
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "python build": describe_build(),
        "machine": platform.machine(),
        "cython": cython[1].decode().replace("_", ".") if cython else "unknown",
        "compiler": compiler[0].decode() if compiler else "unknown",
        "uvloop": metadata.version("uvloop"),
    }


def describe_build() -> str:
    """Name the compiler and the options that this Python was made with."""
    options = shlex.split(sysconfig.get_config_var("CONFIG_ARGS") or "")
    named = [each for each in options if each.startswith(CONFIGURE_OPTIONS) and "/" not in each]
    return " ".join([platform.python_compiler(), *sorted(named)])


def check_built(tree: Path) -> None:
    """Refuse a column that is not built, or was before its source was changed.

    Raises:
        BuildError: names a module.
    """
    for source in sorted((tree / SPEEDUPS).rglob("*.pyx")):
        built = source.with_name(source.stem + SUFFIX)
        if not built.is_file():
            raise BuildError(f"{source.name} is not compiled for this Python")
        if source.stat().st_mtime > built.stat().st_mtime:
            raise BuildError(f"{source.name} has changed since it was compiled")


def list_differences(then: dict[str, str], now: dict[str, str]) -> list[str]:
    """Say which versions differ."""
    names = dict.fromkeys([*then, *now])
    return [
        f"{name} {then.get(name, 'unknown')!r}, now {now.get(name, 'unknown')!r}"
        for name in names
        if then.get(name) != now.get(name)
    ]
