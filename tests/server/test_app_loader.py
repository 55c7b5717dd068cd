"""Loading applications: import strings, what errors say, factories, interfaces, middleware."""

from __future__ import annotations

import functools
import logging
import os
import sys
from textwrap import dedent

import pytest

from asgiserve.config.config import Config
from asgiserve.errors import ConfigError, StartupError
from asgiserve.logs.formatters import TracebackFormatter
from asgiserve.middleware.asgi2 import ASGI2Adapter
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.middleware.wsgi import WSGIAdapter
from asgiserve.server import app_loader
from asgiserve.server.app_loader import check_env_file, detect_interface, load_app


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A directory of applications; what is imported from it is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    known = set(sys.modules)

    def write(**sources):
        for name, source in sources.items():
            path = tmp_path.joinpath(*name.split("__dot__")).with_suffix(".py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(dedent(source))
        return tmp_path

    yield write
    for name in set(sys.modules) - known:
        del sys.modules[name]


def load(directory, app, **options):
    return load_app(Config(app, app_dir=directory, proxy_headers=False, **options))


APP = """
    async def app(scope, receive, send):
        pass

    class Holder:
        inner = app

    holder = Holder()
    number = 7
    _private = app
"""


# Import strings -------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["app", "Holder.inner", "holder.__class__.inner"])
def test_attribute_is_found_however_deep(site, attribute):
    directory = site(first_site=APP)
    app = load(directory, f"first_site:{attribute}")
    assert app.__name__ == "app"
    assert sys.path[0] == str(directory)


def test_module_of_a_package_is_found(site):
    directory = site(package__dot____init__="", package__dot__inner=APP)
    assert load(directory, "package.inner:app").__module__ == "package.inner"


def test_application_object_is_taken_as_it_is():
    async def app(scope, receive, send): ...

    path = sys.path[:]
    assert load_app(Config(app, proxy_headers=False)) is app
    assert sys.path == path


def test_path_is_left_alone_when_asked_to(site, monkeypatch):
    directory = site(second_site=APP)
    monkeypatch.syspath_prepend(directory)
    path = sys.path[:]
    load(None, "second_site:app")
    assert sys.path == path


@pytest.mark.parametrize(
    ("app", "message"),
    [
        (
            "no_such_site:app",
            "cannot load 'no_such_site:app': there is no module 'no_such_site'; "
            "there is good_site, other, package",
        ),
        ("goodsite:app", "there is no module 'goodsite'; there is good_site, other, package"),
        ("good_site.py:app", "write the name of a module, 'good_site', not of a file"),
        ("src/good_site:app", "write the name of a module, 'src.good_site', not of a file"),
        ("package.nothing:app", "there is no module 'package.nothing'; there is package.inner"),
        ("nothing.inner:app", "there is no module 'nothing'; there is "),
        ("good_site:aap", "'good_site' has no attribute 'aap'; there is app, Holder"),
        ("good_site:_nothing", "'good_site' has no attribute '_nothing'; there is Holder, app"),
        ("good_site:holder.x", "'good_site.holder' has no attribute 'x'"),
        ("good_site:number.x", "'good_site.number' has no attribute 'x'; there is nothing else"),
        ("other:x", "'other' has no attribute 'x'; there is nothing else"),
    ],
)
def test_wrong_import_string_says_which_part_and_what_there_is(site, app, message):
    directory = site(good_site=APP, other="", package__dot____init__="", package__dot__inner=APP)
    with pytest.raises(StartupError) as caught:
        load(directory, app)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"cannot load {app!r}: ")


def test_list_of_names_is_bounded(site):
    many = "\n".join(f"def f{number}(): pass" for number in range(40))
    with pytest.raises(StartupError) as caught:
        load(site(many_site=many), "many_site:app")
    assert str(caught.value).endswith(" and 30 more")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("import no_such_dependency", "ModuleNotFoundError: No module named 'no_such_dependency'"),
        ("import broken_site.deeper", "ModuleNotFoundError: "),
        ("from math import nothing_there", "ImportError: "),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("def f(:", "SyntaxError: "),
    ],
)
def test_error_inside_the_module_shows_its_own_traceback(site, caplog, source, error):
    directory = site(broken_site=f"# first line\n{source}\n")
    with pytest.raises(StartupError) as caught:
        load(directory, "broken_site:app")
    assert str(caught.value).startswith(f"importing 'broken_site' raised {error}")
    # Python 3.15 fails to format some of them, and a second record says so.
    record = caplog.records[0]
    assert record.getMessage() == "Exception while importing 'broken_site'"
    shown = TracebackFormatter().formatException(record.exc_info)
    assert error in shown
    assert "app_loader" not in shown
    assert "importlib" not in shown
    assert os.path.join(str(directory), "broken_site.py") in shown


class FailingHandler(logging.Handler):
    """As a host program's, whose formatter fails on Python 3.15."""

    def emit(self, record):
        if record.exc_info:
            raise ModuleNotFoundError("no suggestion")


def test_log_handler_that_fails_does_not_hide_the_error(site, monkeypatch):
    directory = site(broken_site="1 / 0")
    monkeypatch.setattr(logging.getLogger("asgiserve.error"), "handlers", [FailingHandler()])
    with pytest.raises(StartupError, match="importing 'broken_site' raised ZeroDivisionError"):
        load(directory, "broken_site:app")


def test_module_that_exits_is_an_error(site):
    directory = site(exiting_site="import sys\nsys.exit(0)\n")
    with pytest.raises(StartupError, match=r"importing 'exiting_site' called sys.exit\(0\)"):
        load(directory, "exiting_site:app")


def test_interrupt_during_the_import_goes_through(site):
    with pytest.raises(KeyboardInterrupt):
        load(site(interrupted_site="raise KeyboardInterrupt"), "interrupted_site:app")


def test_attribute_that_is_no_application_is_refused(site):
    with pytest.raises(StartupError, match="'fourth_site:number' is a int, not an application"):
        load(site(fourth_site=APP), "fourth_site:number")
    with pytest.raises(StartupError, match="app is a int, not an application"):
        load_app(Config(7))


# Factories ------------------------------------------------------------------------------------


def make_app():
    async def made(scope, receive, send): ...

    return made


def test_factory_is_called():
    assert load_app(Config(make_app, factory=True, proxy_headers=False)).__name__ == "made"


def test_factory_that_nobody_announced_is_used_with_a_warning(caplog):
    assert load_app(Config(make_app, proxy_headers=False)).__name__ == "made"
    assert "takes no arguments: used as a factory" in caplog.text


async def make_app_later():
    return make_app()


def break_down():
    raise ValueError("no database")


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        (break_down, "calling the factory break_down raised ValueError: no database"),
        (make_app_later, "is a coroutine function"),
        (lambda: None, "gave None, not an application"),
        (lambda: "app", "gave a str, not an application"),
        (lambda needed: None, "raised TypeError: "),
    ],
)
def test_factory_that_gives_no_application_is_refused(factory, message):
    with pytest.raises(StartupError) as caught:
        load_app(Config(factory, factory=True))
    assert message in str(caught.value)


def test_traceback_of_a_factory_is_shown(caplog):
    with pytest.raises(StartupError):
        load_app(Config(break_down, factory=True))
    shown = logging.Formatter().formatException(caplog.records[0].exc_info)
    assert shown.count("File ") == 1
    assert "in break_down" in shown


# Interfaces -----------------------------------------------------------------------------------


async def asgi3_function(scope, receive, send): ...


def asgi3_plain_function(scope, receive, send):
    return asgi3_function(scope, receive, send)


def asgi2_function(scope):
    return asgi3_function


def wsgi_function(environ, start_response):
    return []


def any_arguments(*arguments): ...


class ASGI3Object:
    async def __call__(self, scope, receive, send): ...


class ASGI3PlainObject:
    def __call__(self, scope, receive, send): ...


class WSGIObject:
    def __call__(self, environ, start_response): ...


class ASGI2Class:
    def __init__(self, scope): ...

    async def __call__(self, receive, send): ...


class ASGI3Class:
    def __init__(self, scope, receive, send): ...

    def __await__(self): ...


def marked(function, mark):
    @functools.wraps(function)
    def wrapper(*arguments):
        return function(*arguments)

    setattr(wrapper, mark, True)
    del wrapper.__wrapped__
    return wrapper


@pytest.mark.parametrize(
    ("app", "interface"),
    [
        (asgi3_function, "asgi3"),
        (asgi3_plain_function, "asgi3"),
        (ASGI3Object(), "asgi3"),
        (ASGI3Object().__call__, "asgi3"),
        (ASGI3PlainObject(), "asgi3"),
        (ASGI3Class, "asgi3"),
        (functools.partial(asgi3_plain_function), "asgi3"),
        (functools.partial(lambda x, scope, receive, send: None, 1), "asgi3"),
        (any_arguments, "asgi3"),
        (lambda scope, receive=None, send=None: None, "asgi3"),
        (max, "asgi3"),
        (asgi2_function, "asgi2"),
        (ASGI2Class, "asgi2"),
        (wsgi_function, "wsgi"),
        (WSGIObject(), "wsgi"),
        (marked(wsgi_function, "_asgi_single_callable"), "asgi3"),
        (marked(asgi3_plain_function, "_asgi_double_callable"), "asgi2"),
    ],
)
def test_interface_is_told_by_how_the_application_can_be_called(app, interface):
    assert detect_interface(app) == interface


def test_asgi2_application_is_adapted(caplog):
    caplog.set_level(logging.INFO, "asgiserve.error")
    app = load_app(Config(asgi2_function, proxy_headers=False))
    assert isinstance(app, ASGI2Adapter)
    assert "taken for an application of interface asgi2" in caplog.text


def test_wsgi_application_is_adapted():
    assert isinstance(load_app(Config(wsgi_function, proxy_headers=False)), WSGIAdapter)
    app = load_app(Config(any_arguments, interface="wsgi", proxy_headers=False))
    assert isinstance(app, WSGIAdapter)


@pytest.mark.parametrize("is_set", [False, True])
def test_wsgi_application_is_told_of_options(monkeypatch, is_set):
    given = {}
    monkeypatch.setattr(app_loader, "WSGIAdapter", lambda app, **details: given.update(details))
    options = {"wsgi_underscore_headers": True, "workers": 2} if is_set else {"workers": 1}
    load_app(Config(wsgi_function, proxy_headers=False, **options))
    assert given == {"keeps_underscores": is_set, "is_multiprocess": is_set}


def test_interface_that_is_given_is_not_questioned():
    config = Config(wsgi_function, interface="asgi3", proxy_headers=False)
    assert load_app(config) is wsgi_function


# Proxies and environment ----------------------------------------------------------------------


def test_proxy_headers_are_read_as_the_options_say(monkeypatch):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert isinstance(load_app(Config(asgi3_function)), ProxyHeadersMiddleware)
    assert load_app(Config(asgi3_function, proxy_headers=False)) is asgi3_function
    assert load_app(Config(asgi3_function, forwarded_allow_ips=[])) is asgi3_function


async def ask_scheme(**options):
    seen = []

    async def app(scope, receive, send):
        seen.append(scope["scheme"])

    headers = [(b"x-forwarded-proto", b"https"), (b"forwarded", b"for=1.2.3.4;proto=https")]
    middleware = load_app(Config(app, **options))
    for header in headers:
        scope = {"type": "http", "client": ("10.0.0.1", 5), "scheme": "http", "headers": [header]}
        await middleware(scope, None, None)
    return seen


async def test_header_of_the_options_is_the_one_that_counts():
    assert await ask_scheme(forwarded_allow_ips="10.0.0.1") == ["https", "http"]
    options = {"forwarded_allow_ips": "10.0.0.0/8", "forwarded_header": "forwarded"}
    assert await ask_scheme(**options) == ["http", "https"]
    assert await ask_scheme(forwarded_allow_ips="10.0.0.2") == ["http", "http"]


def test_environment_of_the_application_is_there_when_it_is_imported(site, monkeypatch):
    pytest.importorskip("dotenv")
    monkeypatch.setenv("KEPT", "from outside")
    # Known to monkeypatch, so that it is taken away again.
    monkeypatch.setenv("GREETING", "")
    monkeypatch.delenv("GREETING")
    directory = site(
        env_site="import os\nASKED = os.environ['GREETING'], os.environ['KEPT']\n" + dedent(APP)
    )
    env_file = directory / "app.env"
    env_file.write_text("# comment\nGREETING='hello you'\nKEPT=no\n")
    load(directory, "env_site:app", env_file=env_file)
    assert sys.modules["env_site"].ASKED == ("hello you", "from outside")


def test_environment_file_without_its_library_is_a_config_error(tmp_path, monkeypatch):
    (tmp_path / "app.env").touch()
    config = Config("main:app", env_file=tmp_path / "app.env")
    monkeypatch.setitem(sys.modules, "dotenv", None)
    with pytest.raises(ConfigError, match="env_file: needs python-dotenv"):
        check_env_file(config)
