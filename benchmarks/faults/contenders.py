"""How each server is started with several workers, and what it can do with them, as data."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.contenders import CONTENDERS, Contender

__all__ = ["DEFAULT_CONTENDERS", "FAULT_CONTENDERS", "FaultContender"]

# A worker that is found computing gets all the time that any other gets to stop, so it is short.
QUICK = (
    *("--timeout-worker-healthcheck", "2"),
    *("--timeout-graceful-shutdown", "3", "--timeout-lifespan-shutdown", "1"),
)
# Slow clients are slow by ten seconds, so that the longest pauses have to be shorter.
IMPATIENT = (
    *("--timeout-request-header", "10", "--timeout-request-body", "8"),
    *("--timeout-write", "8"),
)

# Its script, since by SIGUSR2 it starts that again, which "-m" would not let it do.
GUNICORN = (
    *(str(Path(sys.executable).parent / "gunicorn"), "{app}"),
    *("--bind", "127.0.0.1:{port}"),
)


@dataclass(frozen=True)
class FaultContender:
    """A server under test.

    ``{pid_file}`` is filled in in *arguments*.

    Attributes:
        server: how it is started with one worker.
        arguments: what else it is started with: what its documentation advises for workers.
        quick_check: has it look for stuck workers every two seconds, if it looks at all.
        impatient: shortens the time-outs for slow clients that it has, to ten seconds or less.
        resizes: SIGTTIN and SIGTTOU mean one more and one fewer.
        takes_over: SIGUSR2 starts a new supervisor.
        keeps_old: after SIGUSR2 the old supervisor goes on until it gets SIGTERM.
    """

    server: Contender
    arguments: tuple[str, ...] = ()
    quick_check: tuple[str, ...] = ()
    impatient: tuple[str, ...] = ()
    resizes: bool = False
    takes_over: bool = False
    keeps_old: bool = False

    @property
    def name(self) -> str:
        """What it is called in tables."""
        return self.server.name

    def command(
        self,
        *,
        app: str,
        port: int,
        workers: int,
        pid_file: str,
        options: Sequence[str] = (),
    ) -> list[str]:
        """The whole command line, ended by *options*."""
        arguments = [part.format(pid_file=pid_file) for part in self.arguments]
        command = self.server.command(app=app, port=port)
        return [*command, "--workers", str(workers), *arguments, *options]


FAULT_CONTENDERS = {
    contender.name: contender
    for contender in (
        FaultContender(
            CONTENDERS["asgiserve"],
            arguments=("--pid", "{pid_file}"),
            quick_check=QUICK,
            impatient=IMPATIENT,
            resizes=True,
            takes_over=True,
        ),
        FaultContender(
            CONTENDERS["asgiserve-pure"],
            arguments=("--pid", "{pid_file}"),
            quick_check=QUICK,
            impatient=IMPATIENT,
            resizes=True,
            takes_over=True,
        ),
        FaultContender(
            CONTENDERS["uvicorn"],
            quick_check=("--timeout-worker-healthcheck", "2"),
            resizes=True,
        ),
        FaultContender(
            replace(CONTENDERS["gunicorn"], arguments=(*GUNICORN, "-k", "asgi")),
            arguments=("--pid", "{pid_file}"),
            quick_check=("--timeout", "2"),
            resizes=True,
            takes_over=True,
            keeps_old=True,
        ),
        FaultContender(
            replace(
                CONTENDERS["gunicorn"],
                name="gunicorn-uvicorn",
                package="uvicorn-worker",
                arguments=(*GUNICORN, "-k", "uvicorn_worker.UvicornWorker"),
            ),
            arguments=("--pid", "{pid_file}"),
            quick_check=("--timeout", "2"),
            resizes=True,
            takes_over=True,
            keeps_old=True,
        ),
        # Without that option, one worker that dies ends the server.
        FaultContender(
            CONTENDERS["granian"],
            arguments=("--respawn-failed-workers",),
            impatient=("--http1-header-read-timeout", "10000"),
        ),
    )
}

DEFAULT_CONTENDERS = ("asgiserve", "uvicorn", "gunicorn", "granian")
