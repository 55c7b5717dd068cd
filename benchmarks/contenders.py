"""The servers that are measured side by side: how each is started, as data.

Every one gets keep-alive, HTTP/1.1 and the event loop that its authors recommend, and one worker
unless a workload says another number.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from benchmarks.certificate import KeyFiles

__all__ = [
    "CONTENDERS",
    "DEFAULT_CONTENDERS",
    "TLS_CONTENDERS",
    "WEBSOCKET_CONTENDERS",
    "Contender",
]

# uvicorn's names, which others have too.
SSL_FILES = ("--ssl-certfile", "{certificate}", "--ssl-keyfile", "{key}")
# gunicorn's names.
FILES = ("--certfile", "{certificate}", "--keyfile", "{key}")
WORKERS = ("--workers", "{workers}")

# What can be answered without reading the request.
CONSTANT_SCENARIOS = frozenset(
    {"http1-get-13b-c64", "http1-get-browser-13b-c64", "http1-get-13b-c64-rate"}
)
NGINX_SCENARIOS = CONSTANT_SCENARIOS | {
    "http1-get-64k-c64",
    "http1-get-1m-c64",
    "http1-pipelined-16-c64",
    "http1-close-13b-c64",
    "http1-get-13b-c64-w2",
    "http1-get-13b-c64-log",
    "http1-tls-get-13b-c64",
    "http1-tls-get-64k-c64",
    "http1-tls-close-13b-c64",
}


@dataclass(frozen=True)
class Contender:
    """One server under test.

    Arguments follow the interpreter; ``{app}`` and ``{port}`` are filled in, ``{certificate}``
    and ``{key}`` in those for TLS, ``{workers}`` in those for more than one.

    Attributes:
        package: what its version is read from; None for a program that is no Python package.
        scenarios: all that it can do, by name, for what is no ASGI server; None: no such limit.
    """

    name: str
    package: str | None
    arguments: tuple[str, ...]
    log_on: tuple[str, ...] = ()
    log_off: tuple[str, ...] = ()
    # Lets thousands of idle connections stay open while memory is measured.
    many_idle: tuple[str, ...] = ()
    tls: tuple[str, ...] = ()
    workers: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    has_access_log: bool = True
    scenarios: frozenset[str] | None = None

    def command(
        self,
        *,
        app: str,
        port: int,
        access_log: bool = False,
        many_idle: bool = False,
        workers: int = 1,
        key_files: KeyFiles | None = None,
        python: str = sys.executable,
    ) -> list[str]:
        """Say the command that serves *app* on *port* of 127.0.0.1, by TLS with *key_files*."""
        log = self.log_on if access_log else self.log_off
        arguments = (*self.arguments, *log, *(self.many_idle if many_idle else ()))
        command = [python, *(part.format(app=app, port=port) for part in arguments)]
        if key_files is not None:
            command += [part.format(**key_files._asdict()) for part in self.tls]
        if workers > 1:
            command += [part.format(workers=workers) for part in self.workers]
        return command


ASGISERVE = Contender(
    "asgiserve",
    "asgiserve",
    ("-m", "asgiserve", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
    log_on=("--access-log",),
    log_off=("--no-access-log",),
    many_idle=("--timeout-keep-alive", "300"),
    tls=SSL_FILES,
    workers=WORKERS,
    environment={"ASGISERVE_SPEEDUPS": "require"},
)

# uvicorn picks httptools, websockets and uvloop by itself when they are installed.
UVICORN = Contender(
    "uvicorn",
    "uvicorn",
    ("-m", "uvicorn", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
    log_off=("--no-access-log",),
    many_idle=("--timeout-keep-alive", "300"),
    tls=SSL_FILES,
    workers=WORKERS,
)

WITHOUT_AIOFASTNET = (
    "import sys; sys.modules['aiofastnet'] = None; from asgiserve.cli.command import main; main()"
)
PURE = {"ASGISERVE_SPEEDUPS": "off"}
ASYNCIO = ("--loop", "asyncio")

CONTENDERS = {
    contender.name: contender
    for contender in (
        # The least that a server can do: in C, and in Python.
        Contender(
            "floor",
            None,
            ("-m", "benchmarks.apps.floor_server", "{port}"),
            has_access_log=False,
            scenarios=CONSTANT_SCENARIOS | {"http1-pipelined-16-c64"},
        ),
        Contender(
            "constant",
            "uvloop",
            ("-m", "benchmarks.apps.constant_server", "{port}"),
            has_access_log=False,
            scenarios=CONSTANT_SCENARIOS,
        ),
        # What most people put before a server, answering by itself.
        Contender(
            "nginx",
            None,
            ("-m", "benchmarks.apps.nginx_server", "{app}", "{port}"),
            log_on=("--access-log",),
            tls=FILES,
            workers=WORKERS,
            scenarios=NGINX_SCENARIOS,
        ),
        ASGISERVE,
        replace(ASGISERVE, name="asgiserve-pure", environment=PURE),
        replace(
            ASGISERVE,
            name="asgiserve-pure-asyncio",
            arguments=(*ASGISERVE.arguments, *ASYNCIO),
            environment=PURE,
        ),
        # With the event loop's own TLS.
        replace(
            ASGISERVE,
            name="asgiserve-without-aiofastnet",
            arguments=("-c", WITHOUT_AIOFASTNET, *ASGISERVE.arguments[2:]),
        ),
        UVICORN,
        replace(
            UVICORN,
            name="uvicorn-h11-asyncio",
            arguments=(*UVICORN.arguments, "--http", "h11", *ASYNCIO),
        ),
        # With its access log on even where the others have none, to see what the log costs.
        replace(ASGISERVE, name="asgiserve-log", log_off=ASGISERVE.log_on),
        Contender(
            "granian",
            "granian",
            (
                "-m",
                "granian",
                "{app}",
                "--interface",
                "asgi",
                "--host",
                "127.0.0.1",
                "--port",
                "{port}",
            ),
            log_on=("--access-log",),
            log_off=("--no-access-log",),
            # Its header timeout closes idle connections too, and a minute is the longest it takes.
            many_idle=("--http1-header-read-timeout", "60000", "--backpressure", "10000"),
            tls=("--ssl-certificate", "{certificate}", "--ssl-keyfile", "{key}"),
            workers=WORKERS,
        ),
        Contender(
            "h2corn",
            "h2corn",
            ("-m", "h2corn", "{app}", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-log",),
            log_off=("--no-access-log",),
            many_idle=("--timeout-keep-alive", "300"),
            tls=FILES,
            workers=WORKERS,
        ),
        Contender(
            "gunicorn",
            "gunicorn",
            ("-m", "gunicorn", "{app}", "-k", "asgi", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-logfile", "-"),
            many_idle=("--keep-alive", "300"),
            tls=FILES,
            workers=WORKERS,
        ),
        Contender(
            "hypercorn",
            "hypercorn",
            ("-m", "hypercorn", "{app}", "-k", "uvloop", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-logfile", "-"),
            many_idle=("--keep-alive", "300"),
            tls=FILES,
            workers=WORKERS,
        ),
        Contender(
            "daphne",
            "daphne",
            ("-m", "daphne", "{app}", "-b", "127.0.0.1", "-p", "{port}"),
            log_on=("--access-log", "-"),
            log_off=("-v", "0"),
        ),
        Contender(
            "fastpysgi",
            "fastpysgi",
            ("-m", "benchmarks.apps.fastpysgi_server", "{app}", "{port}"),
            has_access_log=False,
        ),
        Contender(
            "freastal",
            "freastal",
            ("-m", "benchmarks.apps.freastal_server", "{app}", "{port}"),
            has_access_log=False,
        ),
    )
}

DEFAULT_CONTENDERS = (
    "floor",
    "nginx",
    "asgiserve",
    "asgiserve-pure-asyncio",
    "uvicorn",
    "uvicorn-h11-asyncio",
    "granian",
    "h2corn",
)

WEBSOCKET_CONTENDERS = (
    "asgiserve",
    "asgiserve-pure",
    "uvicorn",
    "granian",
    "h2corn",
    "hypercorn",
)

TLS_CONTENDERS = (
    "nginx",
    "asgiserve",
    "asgiserve-without-aiofastnet",
    "uvicorn",
    "granian",
    "h2corn",
)
