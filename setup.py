"""Build of asgiserve: the compiled column (Cython over llhttp), or else the pure one.

Static metadata stands in ``pyproject.toml``. Switches, all from the environment:

``ASGISERVE_BUILD``
    ``auto`` (default) falls back to the pure column where there is no C compiler or no CPython,
    ``require`` makes that an error, ``off`` builds the pure column (a ``py3-none-any`` wheel).
``ASGISERVE_LLHTTP``
    ``pinned`` (default) compiles its pinned source in, ``system`` links what pkg-config finds.
``ASGISERVE_CFLAGS``
    Added last to every compiler and linker call: debugging, sanitizers.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.command.sdist import sdist
from setuptools.errors import CCompilerError, ExecError, PlatformError

ROOT = Path(__file__).resolve().parent
SPEEDUPS = Path("asgiserve", "_speedups")
BUILD_DIR = Path("build")

LLHTTP_VERSION = "9.3.0.0"
LLHTTP_SHA256 = "0d989363e7fb6f270b9d49956e7a3945c26778f8c70a166815264309ac6a8295"
# The structures of llhttp.h change with the major version. Within it any will do: what a version
# refuses is decided by our own scanner.
SYSTEM_LLHTTP = ("libllhttp >= 9.3", "libllhttp < 10")
LLHTTP_SOURCES = ("api.c", "http.c", "llhttp.c")
VENDORED_LLHTTP = Path("vendor", "llhttp")

# The extension modules that call a C library: it is linked into them and into no other.
USES_LLHTTP = frozenset({"asgiserve._speedups.codecs.http1_parser"})

DIRECTIVES = {
    # language_level and freethreading_compatible stand in the first line of every .pyx.
    "auto_pickle": False,
    "binding": False,
    # Gives compiled functions a __text_signature__, so that tests can compare both columns.
    "embedsignature": True,
    "embedsignature.format": "clinic",
}

UNIX_CFLAGS = ("-O3", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra")
# Generated code, Cython's and llhttp's, gives each callback its whole signature, used or not, and
# ends CPython's static type structs early.
UNIX_CFLAGS += ("-Wno-unused-parameter", "-Wno-missing-field-initializers")
MSVC_CFLAGS = ("/O2",)

BUILDING_COMMANDS = {"bdist_wheel", "build", "build_ext", "develop", "editable_wheel", "install"}


class BuildError(Exception):
    """The build cannot go on; the message says why and what would help."""


def read_switch(name: str, values: tuple[str, ...]) -> str:
    """The value of an environment variable, by default the first of *values*."""
    value = os.environ.get(name) or values[0]
    if value not in values:
        raise BuildError(f"{name} is one of {', '.join(values)}, not {value!r}")
    return value


def speedup_extensions() -> list[Extension]:
    """Every compiled module, or none where this build is to be pure."""
    mode = read_switch("ASGISERVE_BUILD", ("auto", "require", "off"))
    if mode == "off" or not BUILDING_COMMANDS.intersection(sys.argv[1:]):
        return []
    obstacle = find_obstacle()
    if obstacle is None:
        return [
            Extension(".".join(path.with_suffix("").parts), [path.as_posix()])
            for path in sorted(SPEEDUPS.rglob("*.pyx"))
        ]
    if mode == "require":
        raise BuildError(f"ASGISERVE_BUILD=require, but {obstacle}")
    print(f"asgiserve: {obstacle}: the pure-Python column is installed", file=sys.stderr)
    return []


def find_obstacle() -> str | None:
    """Why the compiled column cannot be built here, or None where it can."""
    if platform.python_implementation() != "CPython":
        return f"the compiled column is for CPython, this is {platform.python_implementation()}"
    if not has_compiler():
        return "no C compiler (with Python's headers) works here"
    return None


def has_compiler() -> bool:
    """Compile one line of C against Python.h."""
    from setuptools._distutils import ccompiler, sysconfig

    compiler = ccompiler.new_compiler()
    sysconfig.customize_compiler(compiler)
    with tempfile.TemporaryDirectory() as directory:
        source = Path(directory, "probe.c")
        source.write_text("#include <Python.h>\nint asgiserve_probe;\n")
        try:
            compiler.compile(
                [str(source)], output_dir=directory, include_dirs=[sysconfig.get_python_inc()]
            )
        except (CCompilerError, ExecError, PlatformError, OSError):
            return False
    return True


def find_llhttp_source() -> Path:
    """The folder of llhttp's C files: the sdist's copy, else the pinned release, fetched once."""
    if VENDORED_LLHTTP.is_dir():
        return VENDORED_LLHTTP
    folder = BUILD_DIR / f"llhttp-{LLHTTP_VERSION}"
    if not folder.is_dir():
        unpack_llhttp(download_llhttp(), folder)
    return folder


def download_llhttp() -> Path:
    """Let pip take llhttp's source distribution into the build folder; it checks the hash."""
    archive = BUILD_DIR / f"llhttp-{LLHTTP_VERSION}.tar.gz"
    if not archive.is_file():
        BUILD_DIR.mkdir(exist_ok=True)
        requirement = BUILD_DIR / "llhttp.txt"
        requirement.write_text(f"llhttp=={LLHTTP_VERSION} --hash=sha256:{LLHTTP_SHA256}\n")
        # No build isolation: reading the metadata needs setuptools, which runs this file anyway.
        options = "--quiet --no-deps --no-binary :all: --no-build-isolation --require-hashes"
        command = [sys.executable, "-m", "pip", "download", *options.split()]
        command += ["--dest", str(BUILD_DIR), "--requirement", str(requirement)]
        if subprocess.run(command, check=False).returncode:
            raise BuildError(
                f"llhttp {LLHTTP_VERSION} could not be downloaded; build from asgiserve's source "
                "distribution, which carries it, or set ASGISERVE_LLHTTP=system"
            )
    if hashlib.sha256(archive.read_bytes()).hexdigest() != LLHTTP_SHA256:
        raise BuildError(f"{archive} is not the pinned llhttp {LLHTTP_VERSION}: its sha256 differs")
    return archive


def unpack_llhttp(archive: Path, folder: Path) -> None:
    """Take the C library, and no more, out of the source distribution."""
    partial = folder.with_suffix(".part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    with tarfile.open(archive) as tar:
        for name in (*LLHTTP_SOURCES, "llhttp.h"):
            member = tar.extractfile(f"llhttp-{LLHTTP_VERSION}/lib/{name}")
            assert member is not None
            (partial / name).write_bytes(member.read())
    partial.rename(folder)


def ask_pkg_config(option: str) -> list[str]:
    """What pkg-config says of the system's llhttp."""
    try:
        answer = subprocess.run(
            ["pkg-config", option, *SYSTEM_LLHTTP], check=True, capture_output=True, text=True
        )
    except FileNotFoundError:
        raise BuildError("ASGISERVE_LLHTTP=system needs pkg-config") from None
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().partition("\n")[0]
        raise BuildError(f"ASGISERVE_LLHTTP=system: {reason}") from None
    return shlex.split(answer.stdout)


class BuildSpeedups(build_ext):
    """Cythonize and compile the extension modules; what has not changed stays as it is."""

    def finalize_options(self) -> None:
        """Compile on every core unless told otherwise."""
        super().finalize_options()
        if not self.parallel:
            self.parallel = os.cpu_count()

    def build_extensions(self) -> None:
        """Write the C files that are out of date, then compile what is."""
        from Cython.Build import cythonize

        flags = self.note_flags()
        self.add_llhttp(flags)
        generated = cythonize(
            self.extensions,
            build_dir=str(Path(self.build_temp, "cython")),
            compiler_directives=DIRECTIVES,
            force=self.force or None,
            nthreads=self.parallel,
            quiet=True,
        )
        for extension, c_extension in zip(self.extensions, generated, strict=True):
            extension.sources = c_extension.sources
            extension.depends.append(str(flags))
            extension.extra_compile_args += self.compile_flags()
            extension.extra_link_args += self.link_flags()
        super().build_extensions()

    def note_flags(self) -> Path:
        """Write the flags to a file whose age says when they last changed."""
        from Cython import __version__ as cython_version

        noted = Path(self.build_temp, "flags.txt")
        words = [cython_version, repr(DIRECTIVES), *self.compile_flags(), *self.link_flags()]
        words.append(os.environ.get("ASGISERVE_LLHTTP", ""))
        text = "\n".join(words)
        if not noted.is_file() or noted.read_text() != text:
            self.force = True
            noted.parent.mkdir(parents=True, exist_ok=True)
            noted.write_text(text)
        return noted

    def compile_flags(self) -> list[str]:
        """What every C file is compiled with."""
        preset = MSVC_CFLAGS if self.compiler.compiler_type == "msvc" else UNIX_CFLAGS
        return [*preset, *shlex.split(os.environ.get("ASGISERVE_CFLAGS", ""))]

    def link_flags(self) -> list[str]:
        """A sanitizer has to be named to the linker too."""
        return shlex.split(os.environ.get("ASGISERVE_CFLAGS", ""))

    def add_llhttp(self, flags: Path) -> None:
        """Give llhttp to the modules that call it, and its header to all: .pxd files name it."""
        if read_switch("ASGISERVE_LLHTTP", ("pinned", "system")) == "system":
            objects = []
            compile_args, link_args = ask_pkg_config("--cflags"), ask_pkg_config("--libs")
        else:
            folder = find_llhttp_source()
            compile_args, link_args = [f"-I{folder}"], []
            objects = [self.compile_once(folder / name, flags) for name in LLHTTP_SOURCES]
        for extension in self.extensions:
            extension.extra_compile_args += compile_args
            if extension.name in USES_LLHTTP:
                extension.extra_link_args += link_args
                extension.extra_objects += objects

    def compile_once(self, source: Path, flags: Path) -> str:
        """Compile *source* unless its object file is newer than it and the flags."""
        (target,) = self.compiler.object_filenames([str(source)], output_dir=self.build_temp)
        built = Path(target)
        inputs = (source, source.parent / "llhttp.h", flags)
        if not built.is_file() or any(
            path.stat().st_mtime > built.stat().st_mtime for path in inputs
        ):
            self.compiler.compile(
                [str(source)],
                output_dir=self.build_temp,
                include_dirs=[str(source.parent)],
                extra_postargs=self.compile_flags(),
            )
        return target


class SourceDistribution(sdist):
    """An sdist that carries llhttp's C files, so that it builds offline."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Add llhttp to the tree that becomes the archive."""
        super().make_release_tree(base_dir, files)
        carried = Path(base_dir, VENDORED_LLHTTP)
        carried.mkdir(parents=True, exist_ok=True)
        for source in find_llhttp_source().iterdir():
            shutil.copyfile(source, carried / source.name)


if __name__ == "__main__":
    os.chdir(ROOT)
    try:
        setup(
            ext_modules=speedup_extensions(),
            cmdclass={"build_ext": BuildSpeedups, "sdist": SourceDistribution},
        )
    except BuildError as error:
        sys.exit(f"asgiserve: {error}")
