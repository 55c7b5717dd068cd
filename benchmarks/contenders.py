"""The servers that are measured side by side: how each is started, as data.

Every one gets one worker, keep-alive, HTTP/1.1 and the event loop that its authors recommend.
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


@dataclass(frozen=True)
class Contender:
    """One server under test.

    Arguments follow the interpreter; ``{app}`` and ``{port}`` are filled in, and ``{certificate}``
    and ``{key}`` in those for TLS.
    """

    name: str
    package: str
    arguments: tuple[str, ...]
    log_on: tuple[str, ...] = ()
    log_off: tuple[str, ...] = ()
    # Lets thousands of idle connections stay open while memory is measured.
    many_idle: tuple[str, ...] = ()
    tls: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    has_access_log: bool = True

    def command(
        self,
        *,
        app: str,
        port: int,
        access_log: bool = False,
        many_idle: bool = False,
        key_files: KeyFiles | None = None,
        python: str = sys.executable,
    ) -> list[str]:
        """Say the command that serves *app* on *port* of 127.0.0.1, by TLS with *key_files*."""
        log = self.log_on if access_log else self.log_off
        arguments = (*self.arguments, *log, *(self.many_idle if many_idle else ()))
        command = [python, *(part.format(app=app, port=port) for part in arguments)]
        if key_files is not None:
            command += [part.format(**key_files._asdict()) for part in self.tls]
        return command


ASGISERVE = Contender(
    "asgiserve",
    "asgiserve",
    ("-m", "asgiserve", "{app}", "--host", "127.0.0.1", "--port", "{port}"),
    log_on=("--access-log",),
    log_off=("--no-access-log",),
    many_idle=("--timeout-keep-alive", "300"),
    tls=SSL_FILES,
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
)

WITHOUT_AIOFASTNET = (
    "import sys; sys.modules['aiofastnet'] = None; from asgiserve.cli import main; main()"
)
PURE = {"ASGISERVE_SPEEDUPS": "off"}
ASYNCIO = ("--loop", "asyncio")

CONTENDERS = {
    contender.name: contender
    for contender in (
        Contender(
            "constant",
            "uvloop",
            ("-m", "benchmarks.apps.constant_server", "{port}"),
            has_access_log=False,
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
        ),
        Contender(
            "h2corn",
            "h2corn",
            ("-m", "h2corn", "{app}", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-log",),
            log_off=("--no-access-log",),
            many_idle=("--timeout-keep-alive", "300"),
            tls=FILES,
        ),
        Contender(
            "gunicorn",
            "gunicorn",
            ("-m", "gunicorn", "{app}", "-k", "asgi", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-logfile", "-"),
            many_idle=("--keep-alive", "300"),
            tls=FILES,
        ),
        Contender(
            "hypercorn",
            "hypercorn",
            ("-m", "hypercorn", "{app}", "-k", "uvloop", "--bind", "127.0.0.1:{port}"),
            log_on=("--access-logfile", "-"),
            many_idle=("--keep-alive", "300"),
            tls=FILES,
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
    "asgiserve",
    "asgiserve-without-aiofastnet",
    "uvicorn",
    "granian",
    "h2corn",
)
