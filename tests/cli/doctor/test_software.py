"""What the doctor says of Python and of packages that are missing or broken."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from asgiserve.cli.doctor import software
from asgiserve.cli.doctor.findings import Level
from asgiserve.cli.doctor.software import (
    OPTIONAL_PACKAGES,
    find_debug_modes,
    find_loop,
    find_options,
    find_packages,
    find_tls,
)
from asgiserve.config.config import Config

APP = "main:app"


@pytest.fixture
def hide(monkeypatch):
    """Make packages missing, or, with ``is_broken``, there but not to be imported."""
    hidden = {}

    def hide(name, *, is_broken=False):
        monkeypatch.setitem(sys.modules, name, None)
        hidden[name] = is_broken

    real = software.find_spec
    monkeypatch.setattr(
        software, "find_spec", lambda name: hidden[name] or None if name in hidden else real(name)
    )
    return hide


@pytest.fixture(autouse=True)
def _where_there_are_wheels(monkeypatch):
    monkeypatch.setattr(software, "HAS_WHEELS", True)


def test_missing_uvloop_is_advice_unless_it_was_asked_for(hide, monkeypatch):
    hide("uvloop")
    finding = find_loop(Config(APP))
    assert (finding.level, finding.command) == (Level.ADVICE, "pip install uvloop")
    assert find_loop(Config(APP, loop="uvloop")).level is Level.BROKEN
    assert find_loop(Config(APP, loop="asyncio")).level is Level.OK
    monkeypatch.setattr(software, "HAS_WHEELS", False)
    assert find_loop(Config(APP)).level is Level.OK


def test_uvloop_that_cannot_be_imported_is_broken(hide):
    hide("uvloop", is_broken=True)
    finding = find_loop(Config(APP))
    assert finding.level is Level.BROKEN
    assert finding.command == "pip install --force-reinstall uvloop"


@pytest.mark.parametrize(("is_broken", "level"), [(False, Level.ADVICE), (True, Level.BROKEN)])
def test_missing_and_broken_tls_transports_are_told(hide, monkeypatch, is_broken, level):
    hide("aiofastnet", is_broken=is_broken)
    library, transport = find_tls()
    assert library.text.startswith(("OpenSSL", "LibreSSL", "AWS-LC"))
    assert "ALPN http/1.1" in library.text
    assert transport.level is level


def test_tls_transport_without_a_wheel_is_no_advice(hide, monkeypatch):
    monkeypatch.setattr(software, "HAS_WHEELS", False)
    hide("aiofastnet")
    assert list(find_tls())[1].level is Level.OK


@pytest.mark.parametrize(
    ("module", "options", "level"),
    [
        ("watchfiles", {}, Level.OPTIONAL),
        ("watchfiles", {"reload": True}, Level.ADVICE),
        ("dotenv", {"env_file": __file__}, Level.BROKEN),
        ("yaml", {"log_config": "log.yaml"}, Level.BROKEN),
        ("setproctitle", {}, Level.OPTIONAL),
    ],
)
def test_missing_package_matters_as_much_as_it_is_needed(hide, tmp_path, module, options, level):
    if "log_config" in options:
        (tmp_path / "log.yaml").touch()
        options = {"log_config": tmp_path / "log.yaml"}
    hide(module)
    (package,) = [each for each in OPTIONAL_PACKAGES if each.module == module]
    (finding,) = [
        each for each in find_packages(Config(APP, **options)) if each.subject == package.name
    ]
    assert finding.level is level
    assert package.gives in finding.text
    assert finding.command == f"pip install 'asgiserve[{package.extra}]'"


def test_package_that_cannot_be_imported_is_broken(hide):
    hide("watchfiles", is_broken=True)
    (finding,) = [each for each in find_packages(Config(APP)) if each.subject == "watchfiles"]
    assert finding.level is Level.BROKEN


def test_switches_that_slow_python_down_are_told(monkeypatch):
    for name in list(os.environ):
        if name.startswith("PYTHON"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONASYNCIODEBUG", "1")
    monkeypatch.setenv("PYTHONMALLOC", "pymalloc")
    commands = [each.command for each in find_debug_modes() if each.subject == "environment"]
    assert commands == ["unset PYTHONASYNCIODEBUG"]


def test_options_that_name_what_is_not_there_are_broken(tmp_path):
    (tmp_path / "cert.pem").touch()
    finding = find_options(Config(APP, ssl_certfile=tmp_path / "cert.pem"))
    assert finding.level is Level.BROKEN
    assert finding.text.startswith("ssl_certfile: there is no certificate in ")
    assert find_options(Config(APP)).level is Level.OK


@pytest.mark.parametrize("flags", [[], ["-B", "-X", "dev"]])
def test_flags_of_python_are_seen(flags):
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHOND")
    }
    code = (
        "from asgiserve.cli.doctor.software import find_debug_modes;"
        "print([each.text.partition('; ')[2] for each in find_debug_modes()])"
    )
    result = subprocess.run(
        [sys.executable, *flags, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    expected = ["leave -B out", "leave -X dev out"] if flags else []
    assert result.stdout.strip() == str(expected)
