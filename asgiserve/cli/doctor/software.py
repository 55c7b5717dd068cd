"""What the doctor finds in the Python that would serve: column, event loop, TLS, packages."""

from __future__ import annotations

import importlib
import os
import platform
import ssl
import sys
import sysconfig
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import TYPE_CHECKING, NamedTuple

from asgiserve.cli.doctor.findings import Finding, Level
from asgiserve.errors import ConfigError, StartupError

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["OPTIONAL_PACKAGES", "find_in_software"]

IS_CPYTHON = sys.implementation.name == "cpython"
# Whether uvloop and aiofastnet have wheels for this machine, as the markers of our own requirements
# say; a 32-bit Python has none, also where the kernel and so the machine are of 64 bits.
HAS_WHEELS = (
    IS_CPYTHON
    and sys.platform in ("linux", "darwin")
    and platform.machine() in ("x86_64", "aarch64", "arm64")
    and sys.maxsize > 2**32
)


class OptionalPackage(NamedTuple):
    """A package that asgiserve uses where it is installed.

    Attributes:
        name: as pip knows it.
        module: as Python does.
        extra: of asgiserve, which brings it.
        gives: what there is with it.
    """

    name: str
    module: str
    extra: str
    gives: str


OPTIONAL_PACKAGES = (
    OptionalPackage("watchfiles", "watchfiles", "reload", "reload without polling"),
    OptionalPackage("setproctitle", "setproctitle", "proctitle", "names of processes in ps, top"),
    OptionalPackage("pyyaml", "yaml", "yaml", "logging configurations in YAML"),
    OptionalPackage("python-dotenv", "dotenv", "dotenv", "env_file"),
)


def find_in_software(config: Config) -> Iterator[Finding]:
    """Look at everything that is Python's, or a package's."""
    yield find_python()
    yield from find_debug_modes()
    column = find_column()
    yield column
    yield find_loop(config)
    yield from find_tls()
    yield from find_packages(config)
    # Without a column nothing of the server can be imported.
    if column.level is not Level.BROKEN:
        yield find_options(config)


def find_python() -> Finding:
    """Which Python this is."""
    text = f"{platform.python_implementation()} {platform.python_version()}, {sys.platform}"
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        text += ", free-threaded"
    if hasattr(sys, "gettotalrefcount"):
        return Finding("python", Level.ADVICE, f"{text}: a debug build, which is slow")
    return Finding("python", Level.OK, text)


def find_debug_modes() -> Iterator[Finding]:
    """Switches of Python that make it slower."""
    flags = sys.flags
    if flags.dont_write_bytecode:
        text = "no .pyc files are written: every process compiles the application at its start"
        yield find_switch("bytecode", text, "PYTHONDONTWRITEBYTECODE", "-B")
    if flags.dev_mode:
        yield find_switch("dev mode", "Python runs slow checks", "PYTHONDEVMODE", "-X dev")
    slow = (
        ("PYTHONASYNCIODEBUG", "asyncio checks every callback"),
        ("PYTHONTRACEMALLOC", "every allocation is traced"),
        ("PYTHONMALLOC", "another allocator than Python's own"),
        ("PYTHONPROFILEIMPORTTIME", "every import writes a line"),
    )
    for variable, text in slow:
        if os.environ.get(variable) not in (None, "", "0", "default", "pymalloc"):
            yield Finding("environment", Level.ADVICE, f"{variable}: {text}", f"unset {variable}")


def find_switch(subject: str, text: str, variable: str, flag: str) -> Finding:
    """What *variable*, or else *flag* on the command line of Python, has switched on."""
    if os.environ.get(variable):
        return Finding(subject, Level.ADVICE, text, f"unset {variable}")
    return Finding(subject, Level.ADVICE, f"{text}; leave {flag} out")


def find_column() -> Finding:
    """Which column runs, and why."""
    try:
        from asgiserve._twins import COLUMN, LLHTTP_VERSION
    except ImportError as error:
        mode = os.environ.get("ASGISERVE_SPEEDUPS", "auto")
        reason = " ".join(str(error).split())
        if mode not in ("", "auto", "require", "off"):
            return Finding("column", Level.BROKEN, reason, "unset ASGISERVE_SPEEDUPS")
        return Finding("column", Level.BROKEN, reason, "pip install --force-reinstall asgiserve")
    if COLUMN == "compiled":
        return Finding("column", Level.OK, f"compiled, llhttp {LLHTTP_VERSION}")
    if os.environ.get("ASGISERVE_SPEEDUPS") == "off":
        return Finding(
            "column", Level.ADVICE, "pure: ASGISERVE_SPEEDUPS=off", "unset ASGISERVE_SPEEDUPS"
        )
    if not IS_CPYTHON:
        python = platform.python_implementation()
        return Finding("column", Level.OK, f"pure: {python} compiles it as it runs")
    return Finding(
        "column",
        Level.ADVICE,
        "pure: the compiled modules were not built for this Python; with a C compiler they can be",
        "ASGISERVE_BUILD=require pip install --force-reinstall --no-binary asgiserve asgiserve",
    )


def find_loop(config: Config) -> Finding:
    """Which event loop runs."""
    if config.loop not in ("auto", "uvloop"):
        return Finding("event loop", Level.OK, f"{config.loop}, as the option says")
    try:
        importlib.import_module("uvloop")
    except ImportError as error:
        if find_spec("uvloop") is not None:
            text = f"uvloop is installed, and cannot be imported: {error}"
            return Finding("event loop", Level.BROKEN, text, "pip install --force-reinstall uvloop")
        if config.loop == "uvloop":
            text = "loop is uvloop, which is not installed"
            return Finding("event loop", Level.BROKEN, text, "pip install uvloop")
        if not HAS_WHEELS:
            return Finding("event loop", Level.OK, "asyncio: uvloop has no wheel for this platform")
        text = "asyncio: uvloop is faster"
        return Finding("event loop", Level.ADVICE, text, "pip install uvloop")
    return Finding("event loop", Level.OK, f"uvloop {version_of('uvloop')}")


def find_tls() -> Iterator[Finding]:
    """What TLS is made of."""
    versions = [f"1.{minor}" for minor in (2, 3) if getattr(ssl, f"HAS_TLSv1_{minor}", False)]
    alpn = "ALPN http/1.1" if ssl.HAS_ALPN else "no ALPN"
    text = f"{ssl.OPENSSL_VERSION}, TLS {' and '.join(versions)}, {alpn}"
    if "1.3" not in versions:
        yield Finding("tls", Level.ADVICE, f"{text}: a newer OpenSSL has TLS 1.3")
    else:
        yield Finding("tls", Level.OK, text)
    try:
        aiofastnet = importlib.import_module("aiofastnet")
    except ImportError as error:
        if find_spec("aiofastnet") is not None:
            text = f"aiofastnet is installed, and cannot be imported: {error}"
            command = "pip install --force-reinstall aiofastnet"
            yield Finding("tls transport", Level.BROKEN, text, command)
        elif HAS_WHEELS:
            text = "of the event loop: aiofastnet's is faster"
            yield Finding("tls transport", Level.ADVICE, text, "pip install 'aiofastnet>=1.2,<2'")
        else:
            yield Finding("tls transport", Level.OK, "of the event loop")
    else:
        text = f"aiofastnet {version_of('aiofastnet')}"
        if getattr(aiofastnet, "OPENSSL_DYN_LIBS", None) is None:
            text = f"of the event loop: {text} did not find the OpenSSL of this Python"
        yield Finding("tls transport", Level.OK, text)


def find_packages(config: Config) -> Iterator[Finding]:
    """Which optional packages are there, and what the others would give."""
    needed = needed_modules(config)
    for package in OPTIONAL_PACKAGES:
        command = f"pip install 'asgiserve[{package.extra}]'"
        if find_spec(package.module) is None:
            level = needed.get(package.module, Level.OPTIONAL)
            text = f"not installed; it gives: {package.gives}"
            yield Finding(package.name, level, text, command)
            continue
        try:
            importlib.import_module(package.module)
        except Exception as error:  # noqa: BLE001 - it is told
            text = f"cannot be imported: {type(error).__name__}: {error}"
            yield Finding(package.name, Level.BROKEN, text, f"{command} --force-reinstall")
        else:
            text = f"{version_of(package.name)}: {package.gives}"
            yield Finding(package.name, Level.OK, text)


def needed_modules(config: Config) -> dict[str, Level]:
    """What it means that a module is missing, where the options of *config* ask for it."""
    needed = {}
    if config.reload:
        needed["watchfiles"] = Level.ADVICE
    if config.env_file is not None:
        needed["dotenv"] = Level.BROKEN
    if isinstance(config.log_config, str) and config.log_config.endswith((".yaml", ".yml")):
        needed["yaml"] = Level.BROKEN
    return needed


def find_options(config: Config) -> Finding:
    """Whether what the options name is there and can be read."""
    from asgiserve.net.tls import TlsSettings
    from asgiserve.server.app_loader import check_env_file
    from asgiserve.server.event_loop import choose_loop_factory

    try:
        check_env_file(config)
        choose_loop_factory(config)
        tls = TlsSettings.from_config(config)
    except (ConfigError, StartupError) as error:
        return Finding("options", Level.BROKEN, str(error))
    text = "what they name is there"
    return Finding("options", Level.OK, f"{text}; certificates can be read" if tls else text)


def version_of(package: str) -> str:
    """The version of *package*."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "of unknown version"
