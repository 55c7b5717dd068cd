"""The frameworks' own launchers with asgiserve in them, as their users start them."""

import os
from importlib.util import find_spec

import httpx
import pytest

import asgiserve

from .raw_client import RawClient
from .waiting import wait_until

needs_django = pytest.mark.skipif(find_spec("django") is None, reason="Django is not installed")
needs_litestar = pytest.mark.skipif(
    find_spec("litestar") is None, reason="Litestar is not installed"
)
needs_nicegui = pytest.mark.skipif(find_spec("nicegui") is None, reason="NiceGUI is not installed")


def get(server, path="/"):
    with RawClient(server.address) as raw:
        return raw.get(path, "connection: close")


# Django ---------------------------------------------------------------------------------------

MANAGE = """
import os
import sys

from django.core.management import execute_from_command_line

os.environ["DJANGO_SETTINGS_MODULE"] = "site_settings"
execute_from_command_line(sys.argv)
"""
SETTINGS = """
DEBUG = True
ALLOWED_HOSTS = ["*"]
SECRET_KEY = "only for tests"
ROOT_URLCONF = "site_urls"
STATIC_URL = "/static/"
INSTALLED_APPS = [
    "asgiserve.django",
    "django.contrib.staticfiles",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.admin",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
"""
URLS = """
from django.http import HttpResponse
from django.urls import path


async def hello(request):
    return HttpResponse(f"hello, {type(request).__name__}")


urlpatterns = [path("hello", hello)]
"""
ASGI = """
from django.core.asgi import get_asgi_application

django_application = get_asgi_application()


async def application(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            event = await receive()
            print("site:", event["type"], flush=True)
            await send({"type": event["type"] + ".complete"})
            if event["type"] == "lifespan.shutdown":
                return
    await django_application(scope, receive, send)
"""
CSS = "/static/admin/css/base.css"


@pytest.fixture
def start_django(start_server):
    """Start ``manage.py runserver``; a reloader's child ends with its parent only in order."""
    started = []

    def start(*arguments, settings=SETTINGS, files=None, **details):
        content = {
            "manage.py": MANAGE,
            "site_settings.py": settings,
            "site_urls.py": URLS,
            **(files or {}),
        }
        command = ("manage.py", "runserver", "127.0.0.1:0", *arguments)
        started.append(start_server(*command, files=content, **details))
        return started[-1]

    yield start
    for server in started:
        if server.is_running:
            server.terminate()


def save(server, name, text):
    """Save a file, and again until Django's reloader sees it, which must have seen it before."""
    path = server.work_dir / name
    path.write_text(text)

    def is_reloading():
        os.utime(path)
        return f"{name} changed, reloading" in server.log()

    wait_until(is_reloading, f"a reload for {name}")


@needs_django
def test_runserver_serves_asgi_and_static_files(start_django):
    server = start_django("--noreload")
    assert get(server, "/hello").body == b"hello, ASGIRequest"
    assert b"--primary" in get(server, CSS).body
    assert get(server, "/nowhere").status == 404
    log = server.log()
    assert f"Starting asgiserve {asgiserve.__version__} for development at {server.url}/" in log
    assert "System check identified no issues" in log
    assert "using settings 'site_settings'" in log
    assert "Quit the server with CONTROL-C." in log
    server.wait_for_log(r'"GET /hello HTTP/1\.1" 200 18 ')
    assert server.terminate() == 0


@needs_django
@pytest.mark.parametrize(
    ("arguments", "debug", "status"),
    [(["--nostatic"], True, 404), ([], False, 404), (["--insecure"], False, 200)],
    ids=["nostatic", "no-debug", "insecure"],
)
def test_runserver_has_static_files_when_django_has(start_django, arguments, debug, status):
    settings = SETTINGS.replace("DEBUG = True", f"DEBUG = {debug}")
    server = start_django("--noreload", *arguments, settings=settings)
    assert get(server, CSS).status == status


@needs_django
def test_runserver_serves_what_was_saved_and_ends_the_lifespan_before(start_django):
    settings = SETTINGS + 'ASGI_APPLICATION = "site_asgi.application"\n'
    server = start_django(settings=settings, files={"site_asgi.py": ASGI})
    server.wait_for_log("site: lifespan.startup")
    assert get(server, "/hello").body == b"hello, ASGIRequest"
    save(server, "site_urls.py", URLS.replace("hello, {", "goodbye, {"))
    server.wait_for_log(r"site: lifespan\.shutdown")
    wait_until(lambda: len(server.addresses()) == 2, "the second start")
    with RawClient(("127.0.0.1", server.addresses()[1][1])) as raw:
        assert raw.get("/hello", "connection: close").body == b"goodbye, ASGIRequest"


@needs_django
def test_wrong_asgi_application_is_one_line(start_django):
    settings = f"{SETTINGS}ASGI_APPLICATION = 'nowhere.app'\n"
    server = start_django("--noreload", settings=settings, wait=False)
    assert server.exit_status() == 1
    assert "ASGI_APPLICATION: cannot load 'nowhere.app': there is no module" in server.log()
    assert "Traceback" not in server.log()


LOAD = """
from django.conf import settings

settings.configure()
import django

django.setup()
from django.core.management.base import CommandError

from asgiserve.django.management.commands.runserver import load_application

for path in ("application", "nowhere.app", "os.nothing", "os.path.nothing.app", "json.loads"):
    settings.ASGI_APPLICATION = path
    try:
        print(path, load_application().__name__)
    except CommandError as error:
        print(error)
"""


@needs_django
def test_application_is_loaded_or_it_is_said_why_not(start_server):
    program = start_server("-c", LOAD, wait=False)
    assert program.exit_status() == 0
    assert program.log().splitlines() == [
        "ASGI_APPLICATION: 'application' is not MODULE.ATTRIBUTE",
        "ASGI_APPLICATION: cannot load 'nowhere.app': there is no module 'nowhere'",
        "ASGI_APPLICATION: cannot load 'os.nothing': 'os' has no attribute 'nothing'",
        "ASGI_APPLICATION: cannot load 'os.path.nothing.app': there is no module 'os.path.nothing'",
        "json.loads loads",
    ]


@needs_django
def test_wrong_asgi_application_can_be_mended_while_the_reloader_waits(start_django):
    settings = f"{SETTINGS}ASGI_APPLICATION = 'site_urls.app'\n"
    server = start_django(settings=settings, wait=False)
    server.wait_for_log("Error: ASGI_APPLICATION: cannot load 'site_urls.app'")
    save(server, "site_settings.py", SETTINGS)
    server.wait_until_listening()
    assert get(server, "/hello").status == 200


@needs_django
def test_port_in_use_is_one_line(start_django, start_server):
    server = start_django("--noreload")
    files = {"manage.py": MANAGE, "site_settings.py": SETTINGS, "site_urls.py": URLS}
    address = f"127.0.0.1:{server.address[1]}"
    other = start_server("manage.py", "runserver", address, "--noreload", files=files, wait=False)
    assert other.exit_status() == 1
    assert "Error: That port is already in use." in other.log()


@needs_django
def test_app_behind_another_runserver_fails_the_checks(start_django):
    settings = SETTINGS.replace('    "asgiserve.django",\n', "").replace(
        '    "django.contrib.admin",\n', '    "django.contrib.admin",\n    "asgiserve.django",\n'
    )
    server = start_django("--noreload", settings=settings, wait=False)
    assert server.exit_status() == 1
    assert "(asgiserve.E001) runserver is that of django.contrib.staticfiles" in server.log()
    assert 'Put "asgiserve.django" before "django.contrib.staticfiles"' in server.log()


CHECK = """
from django.conf import settings

settings.configure(INSTALLED_APPS=["asgiserve.django", "django.contrib.staticfiles"])
import django

django.setup()
from django.contrib.staticfiles.management.commands.runserver import Command as Foreign

from asgiserve.django import apps
from asgiserve.django.management.commands.runserver import Command


class Built(Command):
    pass


for owner in ("asgiserve.django", "django.contrib.staticfiles", Built(), Foreign()):
    apps.get_commands = lambda: {"runserver": owner}
    print([each.id for each in apps.check_order(None)])
"""


@needs_django
def test_check_lets_commands_pass_that_build_on_ours(start_server):
    program = start_server("-c", CHECK, wait=False)
    assert program.exit_status() == 0
    assert program.log().splitlines() == ["[]", "['asgiserve.E001']", "[]", "['asgiserve.E001']"]


# Litestar -------------------------------------------------------------------------------------

LITESTAR = """
from litestar import Litestar, Request, get

from asgiserve.litestar import AsgiservePlugin


@get("/")
async def hello(request: Request) -> str:
    return f"hello {request.scope['server'][1]} {request.app.debug}"


app = Litestar([hello], plugins=[AsgiservePlugin()])
"""


@pytest.fixture
def start_litestar(start_server):
    def start(*arguments, **details):
        return start_server(
            "-m", "litestar", "--app", "site_app:app", "run", *arguments,
            files={"site_app.py": LITESTAR, "pyproject.toml": ""},
            **details,
        )  # fmt: skip

    return start


@needs_litestar
def test_litestar_run_serves_by_asgiserve(start_litestar):
    server = start_litestar("--port", "0", "--debug")
    answer = get(server)
    assert answer.body == b"hello %d True" % server.address[1]
    assert answer.header("server") == "asgiserve"
    assert server.terminate() == 0


@needs_litestar
@pytest.mark.parametrize(
    ("arguments", "pattern"),
    [
        (["--wc", "2"], "with 2 workers"),
        (["--reload"], r"[Ww]atch"),
        (["--reload-dir", "."], r"[Ww]atch"),
    ],
)
def test_litestar_run_has_workers_and_reload(start_litestar, arguments, pattern):
    server = start_litestar("--port", "0", *arguments)
    server.wait_for_log(pattern)
    assert get(server).status == 200
    assert server.terminate() == 0


@needs_litestar
def test_litestar_run_takes_what_else_asgiserve_has_from_its_variables(start_litestar):
    environment = {"ASGISERVE_LOG_FORMAT": "json", "ASGISERVE_PORT": "0"}
    server = start_litestar(environment=environment)
    assert get(server).status == 200
    server.wait_for_log(r'"method":"GET","target":"/"')


@needs_litestar
def test_mistake_in_litestar_run_is_status_2(start_litestar):
    server = start_litestar("--ssl-keyfile", "nowhere.pem", wait=False)
    assert server.exit_status() == 2
    assert "ssl_keyfile: 'nowhere.pem' is not the path of a file" in server.log()


# What to type in the place of the commands of FastAPI and Quart ---------------------------------

FASTAPI = """
from fastapi import FastAPI

app = FastAPI()


@app.get("/")
def hello() -> dict[str, str]:
    return {"hello": "FastAPI"}
"""
QUART = """
from quart import Quart

app = Quart(__name__)


@app.get("/")
async def hello():
    return {"hello": "Quart"}
"""


@pytest.mark.parametrize(
    ("framework", "source", "body"),
    [
        ("fastapi", FASTAPI, b'{"hello":"FastAPI"}'),
        ("quart", QUART, b'{"hello":"Quart"}\n'),
    ],
)
def test_framework_is_developed_with_reload(start_server, framework, source, body):
    pytest.importorskip(framework)
    server = start_server(
        "-m", "asgiserve", "main:app", "--port", "0", "--reload", files={"main.py": source}
    )
    assert get(server).body == body
    assert server.terminate() == 0


# NiceGUI --------------------------------------------------------------------------------------

NICEGUI = """
from fastapi import FastAPI
from nicegui import ui

app = FastAPI()


@ui.page("/")
def page():
    ui.label("hello from NiceGUI")


ui.run_with(app)
"""


@needs_nicegui
def test_nicegui_runs_with_asgiserve(start_server):
    server = start_server(
        "-m", "asgiserve", "site_app:app", "--port", "0", files={"site_app.py": NICEGUI}
    )
    page = httpx.get(server.url, timeout=10)
    assert page.status_code == 200
    assert "hello from NiceGUI" in page.text
    assert server.terminate() == 0


# A script of one's own -------------------------------------------------------------------------

SCRIPT = """
import asgiserve


async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({{"type": "http.response.start", "status": 200, "headers": []}})
    await send({{"type": "http.response.body", "body": __name__.encode()}})


{guard}
    asgiserve.run(f"{{__name__}}:app", port=0, {options})
"""


@pytest.mark.parametrize("options", ["reload=True", "workers=2", "workers=2, preload=True"])
def test_script_names_itself(start_server, options):
    script = SCRIPT.format(guard='if __name__ == "__main__":', options=options)
    server = start_server("script.py", files={"script.py": script})
    wait_until(lambda: get(server).body, "an answer")
    assert get(server).body == (b"__main__" if "preload" in options else b"script")
    assert server.terminate() == 0


def test_script_without_a_guard_is_told_to_have_one(start_server):
    script = SCRIPT.format(guard="if True:", options="workers=2")
    server = start_server("script.py", files={"script.py": script}, wait=False)
    assert server.exit_status() == 3
    assert "put it below if __name__ == '__main__'" in server.log()
    server.end_test()
