"""The blocks that no test runs, each with its reason."""

from __future__ import annotations

__all__ = ["NOT_RUN"]

OF_A_SERVER = (
    "it is for a machine with a name; tests/e2e/test_examples_tutorial.py runs what it is made of"
)
OF_OTHER_SERVERS = (
    "other servers' commands beside ours, which test_site.py reads and test_uvicorn_names.py tries"
)
OF_FRAMEWORKS = "a framework's own command or settings; tests/e2e/test_launchers.py starts them"
OF_PROJECTS = "it needs a project; those of tests/e2e/frameworks are served like this"
OF_LOGS = (
    "a sample of lines, which tests/logs/test_structured.py and tests/logs/test_configure.py make"
)
# The page and the block's first line. A block that is gone has to go here too.
NOT_RUN = {
    ("README.md", "$ pip install -e '.[test]' && python -m pytest"): (
        "it would run this test suite in itself; CI does the same in a clean environment"
    ),
    ("docs/doctor.md", "$ asgiserve doctor main:app"): (
        "each machine is another; tests/e2e/test_doctor.py runs the command"
    ),
    ("docs/frameworks.md", "$ asgiserve mysite.asgi:application"): OF_PROJECTS,
    ("docs/frameworks.md", "$ asgiserve server:app"): OF_PROJECTS,
    ("docs/frameworks.md", "$ asgiserve main:app --interface wsgi"): OF_PROJECTS,
    ("docs/frameworks.md", "$ asgiserve mysite.wsgi:application"): OF_PROJECTS,
    ("docs/launchers.md", "# settings.py"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ python manage.py runserver"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ asgiserve mysite.asgi:application"): OF_FRAMEWORKS,
    ("docs/launchers.md", "from litestar import Litestar"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ litestar run --port"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ fastapi dev"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ fastapi run"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ quart --app"): OF_FRAMEWORKS,
    ("docs/launchers.md", "# main.py"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ asgiserve main:app --reload"): OF_FRAMEWORKS,
    ("docs/launchers.md", "$ reflex export"): "it downloads what builds a frontend",
    ("docs/logs.md", "INFO: "): OF_LOGS,
    ("docs/logs.md", "time="): OF_LOGS,
    ("docs/migration.md", "$ uvicorn"): OF_OTHER_SERVERS,
    ("docs/migration.md", "$ gunicorn"): OF_OTHER_SERVERS,
    ("docs/migration.md", "$ hypercorn"): OF_OTHER_SERVERS,
    ("docs/migration.md", "$ granian"): OF_OTHER_SERVERS,
    ("docs/migration.md", "$ daphne"): OF_OTHER_SERVERS,
    ("docs/load-spread.md", "ERROR: Cannot accept connections at http://127.0.0.1:8000"): (
        "a log line of a process out of files, which tests/e2e/test_accepting.py makes"
    ),
    ("docs/operations.md", "$ apt install wrk slowhttptest"): (
        "forty minutes of load; tests/benchmarks/test_smoke.py runs the program in short"
    ),
    ("docs/performance.md", "$ apt install gcc"): (
        "half an hour of load; tests/benchmarks run its programs in short"
    ),
    ("docs/tutorial/index.md", "$ python -m venv .venv"): (
        "it makes an environment, and the tests have one"
    ),
    ("docs/tutorial/processes.md", "$ apt install redis-server"): (
        "it changes the machine; the test has a Redis of its own"
    ),
    ("docs/tutorial/server.md", "$ apt install nginx redis-server certbot"): OF_A_SERVER,
    ("docs/tutorial/server.md", "$ .venv/bin/pip install"): OF_A_SERVER,
    ("docs/tutorial/server.md", "$ systemctl enable"): OF_A_SERVER,
    ("docs/tutorial/server.md", "$ certbot certonly"): OF_A_SERVER,
    ("docs/tutorial/server.md", "$ rsync chat.py"): OF_A_SERVER,
    ("docs/websocket.md", "$ python -m tests.conformance.autobahn --install FOLDER"): (
        "it needs CPython 2.7; .ci/autobahn runs it"
    ),
}
