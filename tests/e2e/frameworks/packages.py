"""Which packages a file of tests needs, and what they are in the table of the matrix."""

import os
import sys
from importlib.metadata import version
from importlib.util import find_spec

import pytest

# What a framework drops is closed at once where references are counted.
closes_generators = pytest.mark.skipif(
    sys.implementation.name == "pypy",
    reason="the framework leaves its generator to the garbage collector",
)


def need(*modules: str) -> None:
    """Skip a file of tests where one of *modules* is not installed.

    With ``ASGISERVE_TEST_FRAMEWORKS=all`` that is a failure.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        skip_or_fail(f"not installed: {', '.join(missing)}")


def skip_or_fail(reason: str) -> None:
    """Skip a file of tests for *reason*, unless all of them are to run."""
    wanted = os.environ.get("ASGISERVE_TEST_FRAMEWORKS") or "installed"
    if wanted not in ("all", "installed"):
        raise ValueError(f"ASGISERVE_TEST_FRAMEWORKS is all or installed, not {wanted!r}")
    if wanted == "all":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)


def describe(item: pytest.Function) -> dict[str, str]:
    """What the table says of the test *item*; nothing for one of no framework."""
    framework = item.get_closest_marker("framework")
    if framework is None:
        return {}
    feature = item.get_closest_marker("feature")
    versions = [f"{package} {version(package)}" for package in framework.args[1:]]
    # A fault of the framework: the test shows what happens, the page says why.
    has_fault = feature is not None and feature.kwargs.get("fault", False)
    return {
        "framework": framework.args[0],
        "versions": ", ".join(versions),
        "feature": "HTTP" if feature is None else feature.args[0],
        "fault": "yes" if has_fault else "no",
        "column": item.callspec.params["column"],
    }
