"""Instructions per request in two forms: a connection alone, a whole server with sockets.

Each figure is the difference of a long and a short run divided by the difference of their requests,
so start-up and shutdown cancel out.
"""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.certificate import KeyFiles, make_certificate
from benchmarks.client import read_answer
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.samples import REQUESTS
from benchmarks.server_process import REPOSITORY, ServerError, ServerProcess, find_free_port
from benchmarks.wire import callgrind

__all__ = ["DIFFERENCE", "FORMS", "Subject", "count_harness", "count_per_request"]

# One run before, uncounted: what is imported is compiled in it, not in one of the two that count.
FIRST_RUN = 64
# The short run is long enough for the interpreter to have specialised the bytecode. Both are
# multiples of 64, the most connections that a form has.
SHORT_RUN = 256
LONG_RUN = 2304
DIFFERENCE = LONG_RUN - SHORT_RUN
# Callgrind makes a server many times slower, and the machine may be busy beside it.
PATIENCE = 8


@dataclass(frozen=True)
class Subject:
    """What is counted: a server and a key of EXCHANGES, for a whole server one of REQUESTS."""

    contender: Contender
    request: str


Wrap = Callable[[list[str]], list[str]]
CountRun = Callable[[Subject, int, Wrap], None]
Connect = Callable[[], socket.socket]
Load = Callable[[Connect, bytes, int], None]


def count_per_request(form: str, subject: Subject, folder: Path) -> float:
    """Count the user-space instructions of one GET, or of one message.

    Args:
        form: a key of FORMS.
        subject: the server and the request.
        folder: gets callgrind's files, in a subfolder ``short`` and one ``long``.
    """
    return count_difference(FORMS[form], subject, folder)


def count_harness(request: str, folder: Path) -> float:
    """Count what the fake transport and its client cost themselves."""
    return count_difference(run_connection, Subject(CONTENDERS["constant"], request), folder)


def count_difference(count_run: CountRun, subject: Subject, folder: Path) -> float:
    """Count one long and one short run, side by side: counts do not depend on time."""
    count_run(subject, FIRST_RUN, lambda command: command)
    runs = {folder / "short": SHORT_RUN, folder / "long": LONG_RUN}
    with ThreadPoolExecutor(len(runs)) as pool:
        for run_folder in runs:
            shutil.rmtree(run_folder, ignore_errors=True)
            run_folder.mkdir(parents=True)
        results = [
            pool.submit(
                count_run, subject, runs[path], partial(callgrind.wrap_command, folder=path)
            )
            for path in runs
        ]
        for result in results:
            result.result()
    short, long = (callgrind.read_instructions(run_folder) for run_folder in runs)
    return (long - short) / DIFFERENCE


def run_connection(subject: Subject, requests: int, wrap: Wrap) -> None:
    """Run one connection over a fake transport, by the command that *wrap* makes of its own."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.wire.one_connection",
        subject.contender.name,
        subject.request,
        str(requests),
    ]
    finished = subprocess.run(
        wrap(command),
        cwd=REPOSITORY,
        env={**os.environ, **subject.contender.environment, **callgrind.ENVIRONMENT},
        capture_output=True,
        text=True,
    )
    if finished.returncode:
        raise ServerError(finished.stderr.strip()[-2000:])


def run_server(
    subject: Subject, requests: int, wrap: Wrap, *, load: Load, is_tls: bool = False
) -> None:
    """Run a whole server by the command that *wrap* makes, and have *load* send *requests* GETs."""
    port = find_free_port()
    key_files = make_certificate() if is_tls else None
    command = subject.contender.command(
        app="benchmarks.apps.raw:hello", port=port, key_files=key_files
    )
    environment = {**subject.contender.environment, **callgrind.ENVIRONMENT}
    with ServerProcess(wrap(list(command)), port, environment=environment, patience=PATIENCE):
        load(partial(connect, port, key_files), REQUESTS[subject.request], requests)


def connect(port: int, key_files: KeyFiles | None) -> socket.socket:
    """Connect to 127.0.0.1, by TLS to a server that has *key_files*."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60 * PATIENCE)
    if key_files is None:
        return client
    context = ssl.create_default_context(cafile=key_files.certificate)
    return context.wrap_socket(client, server_hostname="127.0.0.1")


def request_in_turns(connect: Connect, request: bytes, requests: int, *, connections: int) -> None:
    """Send the request on each connection, read all the answers, and that again and again."""
    with ExitStack() as stack:
        clients = [stack.enter_context(connect()) for _ in range(connections)]
        for _ in range(requests // connections):
            for client in clients:
                client.sendall(request)
            for client in clients:
                read_answer(client)


def request_and_close(connect: Connect, request: bytes, requests: int) -> None:
    """Send each request on a connection of its own, which the server is asked to close."""
    closing = request.removesuffix(b"\r\n") + b"Connection: close\r\n\r\n"
    for _ in range(requests):
        with connect() as client:
            client.sendall(closing)
            read_answer(client)
            if client.recv(1):
                raise ServerError("the server did not close the connection")


FORMS: dict[str, CountRun] = {
    "connection": run_connection,
    "server": partial(run_server, load=partial(request_in_turns, connections=1)),
    "server-c64": partial(run_server, load=partial(request_in_turns, connections=64)),
    "server-tls-c64": partial(
        run_server, load=partial(request_in_turns, connections=64), is_tls=True
    ),
    "server-close": partial(run_server, load=request_and_close),
}
