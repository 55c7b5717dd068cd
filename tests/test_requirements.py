"""pyproject.toml's requirements: what is asked for only where it can be had without a compiler."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

PYPROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"

# The wheels of uvloop and aiofastnet: CPython on these.
WITH_WHEELS = [("linux", "x86_64"), ("linux", "aarch64"), ("darwin", "x86_64"), ("darwin", "arm64")]
WITHOUT_WHEELS = [
    *(("linux", machine) for machine in ("i686", "armv7l", "ppc64le", "s390x", "riscv64", "")),
    ("freebsd14", "amd64"),
    ("win32", "AMD64"),
    ("win32", "ARM64"),
    ("cygwin", "x86_64"),
]


def requirements() -> dict[str, Requirement]:
    texts = tomllib.loads(PYPROJECT.read_text())["project"]["dependencies"]
    return {each.name: each for each in map(Requirement, texts)}


def is_required(package: str, platform: str, machine: str, python: str = "CPython") -> bool:
    marker = requirements()[package].marker
    assert marker is not None
    environment = {
        "sys_platform": platform,
        "platform_machine": machine,
        "platform_python_implementation": python,
    }
    return marker.evaluate(environment)


@pytest.mark.parametrize("package", ["uvloop", "aiofastnet"])
def test_compiled_package_is_required_where_it_has_wheels_and_nowhere_else(package):
    assert all(is_required(package, *each) for each in WITH_WHEELS)
    assert not any(is_required(package, *each) for each in WITHOUT_WHEELS)
    assert not any(is_required(package, *each, "PyPy") for each in WITH_WHEELS)


def test_all_other_requirements_are_pure_python():
    others = requirements().keys() - {"uvloop", "aiofastnet"}
    assert others == {"click", "websockets"}  # websockets: its extension is optional


def test_doctor_knows_the_same_machines_as_the_markers():
    from asgiserve.cli.doctor import software

    source = Path(software.__file__).read_text()
    for name in ("uvloop", "aiofastnet"):
        marker = str(requirements()[name].marker)
        for subject, pattern in (
            ("sys_platform", r"sys.platform in \((.*?)\)"),
            ("platform_machine", r"platform.machine\(\) in \((.*?)\)"),
        ):
            found = re.search(pattern, source)
            assert found is not None
            wanted = set(re.findall(rf'{subject} == "(\w+)"', marker))
            assert set(re.findall(r'"(\w+)"', found[1])) == wanted
