"""The blocks that no test runs, each with its reason."""

from __future__ import annotations

from importlib.util import find_spec

__all__ = ["NOT_RUN"]

OF_A_SERVER = (
    "it is for a machine with a name; tests/e2e/test_examples_tutorial.py runs what it is made of"
)
# The page and the block's first line. A block that is gone has to go here too.
NOT_RUN = {
    ("README.md", "$ pip install -e '.[test]' && python -m pytest"): (
        "it would run this test suite in itself; CI does the same in a clean environment"
    ),
    ("docs/load-spread.md", "ERROR: Cannot accept connections at http://127.0.0.1:8000"): (
        "a log line of a process out of files, which tests/e2e/test_accepting.py makes"
    ),
    ("docs/operations.md", "$ apt install wrk slowhttptest"): (
        "forty minutes of load; tests/benchmarks/test_faults.py runs the program in short"
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

# TODO(#6): goes with the next merge, which brings the module.
if find_spec("asgiserve.testing") is None:
    PYTEST = "$ python -m pytest --quiet"
    for page, line in (
        ("docs/tutorial/testing.md", '"""The chat, served by a real server'),
        ("docs/tutorial/testing.md", PYTEST),
        ("docs/tutorial/processes.md", PYTEST),
    ):
        NOT_RUN[page, line] = "asgiserve.testing is not there yet"
