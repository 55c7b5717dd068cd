import sys
from types import SimpleNamespace

import pytest

from asgiserve.config.config import Config
from asgiserve.process.title import set_process_title


class Site:
    async def __call__(self, scope, receive, send):
        pass


async def serve_site(scope, receive, send):
    pass


@pytest.fixture
def titles(monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "setproctitle", SimpleNamespace(setproctitle=shown.append))
    return shown


@pytest.mark.parametrize(
    ("app", "name"), [("main:app", "main:app"), (serve_site, "serve_site"), (Site(), "Site")]
)
def test_title_names_the_role_and_the_application(titles, app, name):
    set_process_title("worker 1", Config(app))
    assert titles == [f"asgiserve: worker 1 {name}"]


def test_title_of_a_process_without_an_application_names_the_role(titles):
    set_process_title("spare worker")
    assert titles == ["asgiserve: spare worker"]


def test_title_stays_where_setproctitle_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "setproctitle", None)
    set_process_title("worker 1", Config("main:app"))
