"""What the pages have their readers install: the tests run where it is installed already."""

from __future__ import annotations

import shlex
import tomllib
from importlib import metadata

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .pages import ROOT

__all__ = ["check_pip"]

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
# Beside what an extra brings.
KNOWN = {
    canonicalize_name(Requirement(text).name)
    for texts in (PROJECT["dependencies"], *EXTRAS.values())
    for text in texts
}


def check_pip(command: str) -> None:
    """Fail for a ``pip install`` of what nobody knows, skip where it is not there."""
    for word in shlex.split(command)[2:]:
        if word == "--upgrade":
            continue
        assert word[0] != "-", f"an option that is not known here: {word}"
        requirement = Requirement(word)
        name = canonicalize_name(requirement.name)
        if name == "asgiserve":
            assert requirement.extras <= EXTRAS.keys(), f"no such extra: {word}"
            continue
        assert name in KNOWN, f"{name} stands in no extra, so that nothing tests it"
        try:
            metadata.distribution(name)
        except metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed")
