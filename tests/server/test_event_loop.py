"""What the option ``loop`` stands for."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError
from asgiserve.server.event_loop import choose_loop_factory, name_loop
from tests.apps import answer


class OwnLoop(asyncio.SelectorEventLoop):
    """An event loop that a user brings."""


def config(loop: str, **options: Any) -> Config:
    return Config(answer, loop=loop, **options)


def loop_of(name: str) -> asyncio.AbstractEventLoop:
    factory = choose_loop_factory(config(name))
    assert factory is not None
    loop = factory()
    loop.close()
    return loop


def hide_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)


def test_asyncio_is_asyncio_whatever_is_installed() -> None:
    assert type(loop_of("asyncio")).__module__.startswith("asyncio.")


def test_auto_is_uvloop_where_it_is_installed() -> None:
    pytest.importorskip("uvloop", reason="uvloop is not made for this Python")
    assert type(loop_of("auto")).__module__ == "uvloop"
    assert type(loop_of("uvloop")).__module__ == "uvloop"


def test_auto_is_asyncio_without_uvloop(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_uvloop(monkeypatch)
    assert type(loop_of("auto")).__module__.startswith("asyncio.")


def test_uvloop_that_is_not_installed_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    hide_uvloop(monkeypatch)
    with pytest.raises(ConfigError, match=r"^loop: .*uvloop"):
        choose_loop_factory(config("uvloop"))


def test_import_string_names_a_factory() -> None:
    assert isinstance(loop_of(f"{__name__}:OwnLoop"), OwnLoop)


def test_none_leaves_the_choice_to_asyncio() -> None:
    assert choose_loop_factory(config("none")) is None


def test_factory_beside_the_application_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop_beside_app.py").write_text("def make():\n    pass\n")
    monkeypatch.setattr(sys, "path", sys.path.copy())
    factory = choose_loop_factory(config("loop_beside_app:make", app_dir=tmp_path))
    assert factory is sys.modules.pop("loop_beside_app").make


@pytest.mark.parametrize(
    ("import_string", "message"),
    [
        ("no_such_module:Loop", "no_such_module"),
        ("asyncio:NoSuchLoop", "NoSuchLoop"),
        ("asyncio:__name__", "is not callable"),
    ],
)
def test_wrong_import_string_is_a_config_error(import_string: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        choose_loop_factory(config(import_string))
    assert import_string in str(caught.value)
    assert message in str(caught.value)


def test_name_of_a_loop_has_package_and_version() -> None:
    assert name_loop(loop_of("asyncio")) == "asyncio"
    uvloop = pytest.importorskip("uvloop", reason="uvloop is not made for this Python")
    assert name_loop(loop_of("uvloop")) == f"uvloop {uvloop.__version__}"
