"""The environment of Autobahn|Testsuite: a CPython 2.7 with the pins of ``requirements.txt``.

``--install`` makes it with virtualenv 20.15.1, the last release that a current Python runs and that
still serves a 2.7; it has a place of its own in the same folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["InstallError", "find_wstest", "install"]

VIRTUALENV = "virtualenv==20.15.1"
REQUIREMENTS = Path(__file__).with_name("requirements.txt")
# The copy's name until the environment is complete.
BEGUN = "requirements.txt.part"


class InstallError(Exception):
    """The environment is not there, or cannot be made."""


def find_wstest(folder: Path) -> Path:
    """Return the program in the environment *folder*.

    Raises:
        InstallError: there is none, or one of other versions.
    """
    if not is_complete(folder):
        raise InstallError(
            f"no Autobahn|Testsuite of these pins in {folder}: "
            f"python -m tests.conformance.autobahn --install {folder}"
        )
    return folder / "bin" / "wstest"


def install(folder: Path) -> None:
    """Make the environment in *folder*, unless it is there and has the right versions.

    Raises:
        InstallError: there is no Python 2.7, *folder* holds something else, or a step failed.
    """
    if is_complete(folder):
        return
    python2 = find_python2()
    remove_old(folder)
    folder.mkdir(parents=True)
    begun = Path(shutil.copy(REQUIREMENTS, folder / BEGUN))
    tools = folder / "tools"
    run(sys.executable, "-m", "venv", tools)
    run(tools / "bin" / "pip", "install", "--quiet", VIRTUALENV)
    run(tools / "bin" / "virtualenv", "--quiet", "--python", python2, folder)
    # The file lists all there is, and pip of that age would complain of what it cannot resolve.
    options = ["--quiet", "--no-deps", "--requirement", REQUIREMENTS]
    run(folder / "bin" / "python", "-W", "ignore", "-m", "pip", "install", *options)
    # Last, since it says that all went well.
    begun.rename(folder / REQUIREMENTS.name)


def remove_old(folder: Path) -> None:
    """Remove an environment of other pins, or half of one.

    Raises:
        InstallError: *folder* holds something else.
    """
    if not folder.exists():
        return
    is_ours = any((folder / name).is_file() for name in (BEGUN, REQUIREMENTS.name))
    if any(folder.iterdir()) and not (is_ours and (folder / "tools").is_dir()):
        raise InstallError(f"{folder} is not empty, and no environment of Autobahn|Testsuite")
    shutil.rmtree(folder)


def is_complete(folder: Path) -> bool:
    """Tell whether an installation came to its end, and with these pins."""
    installed = folder / REQUIREMENTS.name
    return installed.is_file() and installed.read_bytes() == REQUIREMENTS.read_bytes()


def find_python2() -> str:
    """Find a Python 2.7: on PATH (a pyenv shim counts only if it runs), else in pyenv.

    Raises:
        InstallError: there is none.
    """
    question = "import sys; assert sys.version_info[:2] == (2, 7)"
    for candidate in list_pythons():
        try:
            subprocess.run([candidate, "-c", question], check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            continue
        return candidate
    raise InstallError(
        "Autobahn|Testsuite needs a CPython 2.7, and there is none on PATH or in pyenv "
        "(pyenv install 2.7.18)"
    )


def list_pythons() -> Iterator[str]:
    """Name the places where a Python 2.7 may be."""
    yield from ("python2.7", "python2")
    try:
        answer = subprocess.run(["pyenv", "root"], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return
    versions = Path(answer.stdout.strip(), "versions")
    yield from (str(path / "bin" / "python2.7") for path in sorted(versions.glob("2.7*")))


def run(*command: str | Path) -> None:
    """Run one step.

    Raises:
        InstallError: it failed.
    """
    finished = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if finished.returncode:
        raise InstallError(f"{Path(command[0]).name} failed:\n{finished.stdout[-4000:]}")
