"""Options that name ``__main__``: what a worker is told in its place."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from types import ModuleType

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError
from asgiserve.worker.main_module import name_main_module


@pytest.fixture
def main(monkeypatch, tmp_path):
    """The main module: the script ``site_of_test.py``, which is found in its folder."""
    module = ModuleType("__main__")
    module.__file__ = str(tmp_path / "site_of_test.py")
    (tmp_path / "site_of_test.py").touch()
    monkeypatch.setitem(sys.modules, "__main__", module)
    monkeypatch.syspath_prepend(tmp_path)
    return module


def test_script_is_named_by_its_file(main):
    config = name_main_module(Config("__main__:app.inner", loop="__main__:make_loop", port=9))
    assert (config.app, config.loop) == ("site_of_test:app.inner", "site_of_test:make_loop")
    assert config.port == 9


def test_function_of_the_script_is_named_too(main):
    exec("async def notify(): ...", vars(main))
    other = Config("site:app", callback_notify=test_function_of_the_script_is_named_too)
    assert name_main_module(other) is other
    config = name_main_module(Config("site:app", callback_notify=main.notify))
    assert config.callback_notify == "site_of_test:notify"


@pytest.mark.parametrize("name", ["site", "site.__main__"])
def test_module_of_the_command_line_is_named_by_its_name(main, name):
    main.__spec__ = ModuleSpec(name, None)
    assert name_main_module(Config("__main__:app")).app == f"{name}:app"


def test_app_dir_comes_first(main, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    assert name_main_module(Config("__main__:app", app_dir=other)).app == "site_of_test:app"
    (other / "site_of_test.py").touch()
    with pytest.raises(ConfigError, match=r"^app: '__main__:app' cannot be imported by another"):
        name_main_module(Config("__main__:app", app_dir=other))


@pytest.mark.parametrize("file", [None, "<stdin>", "site", "a.b.py", "sys.py", "nowhere/x.py"])
def test_what_has_no_name_is_refused(main, tmp_path, file):
    main.__file__ = file and str(tmp_path / file)
    if file and "/" not in file:
        (tmp_path / file).touch()
    with pytest.raises(ConfigError, match="cannot be imported by another process"):
        name_main_module(Config("__main__:app"))


def test_folder_that_is_run_has_no_name(main):
    main.__spec__ = ModuleSpec("__main__", None)
    with pytest.raises(ConfigError, match="cannot be imported by another process"):
        name_main_module(Config("__main__:app"))


def test_options_without_main_stay_as_they_are(main):
    config = Config("site:app", workers=2)
    assert name_main_module(config) is config
