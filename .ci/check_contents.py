"""What the archives hold: .ci/check_contents.py SDIST BINARY_WHEEL PURE_WHEEL."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from pathlib import Path

LLHTTP_FILES = {"api.c", "http.c", "llhttp.c", "llhttp.h"}
TWINNED = {str(path.with_suffix("")) for path in Path("asgiserve/_speedups").rglob("*.pyx")}


def check_sdist(path: str) -> None:
    """An sdist has all that a build offline and a test run need."""
    with tarfile.open(path) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = {f"vendor/llhttp/{name}" for name in LLHTTP_FILES}
    wanted |= {f"{name}.pyx" for name in TWINNED}
    wanted |= {str(path) for path in Path("asgiserve").rglob("*.py")}
    wanted |= {"LICENSE", "licenses/llhttp.txt", "tests/conftest.py", "CHANGELOG.md"}
    assert wanted <= names, f"missing in {path}: {sorted(wanted - names)}"
    built = {name for name in names if name.endswith((".so", ".pyc", ".pyd"))}
    assert not built, f"built files in {path}: {sorted(built)}"


def check_wheel(path: str, *, is_compiled: bool) -> None:
    """A wheel has modules, marks of typing and licences, and nothing an extension is built from."""
    names = [name for name in zipfile.ZipFile(path).namelist() if not name.endswith("/")]
    package = {name for name in names if ".dist-info/" not in name}
    libraries = {name for name in package if name.endswith(".so")}
    compiled = {name.partition(".")[0] for name in libraries}
    assert compiled == (TWINNED if is_compiled else set()), f"{path} has {sorted(compiled)}"
    wanted = {str(path) for path in Path("asgiserve").rglob("*.py")} | {"asgiserve/py.typed"}
    for data in ("*.pyi", "pyinstaller/*.dat"):
        wanted |= {str(path) for path in Path("asgiserve").rglob(data)}
    assert package - libraries == wanted, f"{path}: {sorted((package - libraries) ^ wanted)}"
    licenses = {name.rpartition("/licenses/")[2] for name in names if ".dist-info/licenses" in name}
    assert len(licenses) == 2, f"licences in {path}: {sorted(licenses)}"


if __name__ == "__main__":
    sdist, binary_wheel, pure_wheel = sys.argv[1:]
    check_sdist(sdist)
    check_wheel(binary_wheel, is_compiled=True)
    check_wheel(pure_wheel, is_compiled=False)
    print("as they should be")
