"""Start a server with the echo application, run the fuzzing client against it, read its report."""

from __future__ import annotations

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asgiserve
from asgiserve._twins import Column
from tests.e2e.server_process import ServerProcess

from .report import CaseResult, read_report

__all__ = ["FAST_CASES", "FULL_CASES", "SERVERS", "FuzzingError", "Outcome", "run_cases"]

# Groups 12 and 13 take most of the time, with a thousand messages a case: of each kind one, with
# messages of 64 bytes, and one with frames of 256 bytes.
FAST_CASES = (
    *(f"{group}.*" for group in (1, 2, 3, 4, 5, 6, 7, 9, 10)),
    *(f"12.{kind}.2" for kind in range(1, 6)),
    *(f"13.{kind}.2" for kind in range(1, 8)),
    "12.1.11",
)
FULL_CASES = ("*",)
SERVERS = ("asgiserve", "uvicorn")
OPTIONS = ("--port", "0", "--lifespan", "off", "--no-access-log")


class FuzzingError(Exception):
    """The fuzzing client did not come to its end."""


@dataclass(frozen=True)
class Outcome:
    """One run.

    Attributes:
        complaints: tracebacks and warnings in the server's log.
        log: all that the server wrote.
    """

    results: list[CaseResult]
    complaints: list[str]
    log: str


def run_cases(
    wstest: Path,
    cases: Sequence[str],
    report_folder: Path,
    *,
    server: str = "asgiserve",
    column: Column = "pure",
    time_limit_s: float,
) -> Outcome:
    """Run *cases* (numbers, or patterns such as ``6.*``) against a new server.

    Args:
        wstest: the Autobahn|Testsuite's program.
        report_folder: where its report goes, with an index.html.

    Raises:
        FuzzingError: it failed, left cases out, or took longer than *time_limit_s*.
    """
    agent = f"asgiserve-{column}" if server == "asgiserve" else server
    with start_server(server, column) as process:
        host, port = process.address
        specification = {
            "outdir": str(report_folder),
            "servers": [{"agent": agent, "url": f"ws://{host}:{port}"}],
            "cases": list(cases),
            "exclude-cases": [],
            "exclude-agent-cases": {},
        }
        expected = run_client(wstest, specification, time_limit_s)
        process.terminate()
        outcome = Outcome(
            read_report(report_folder, agent), process.complaints(), process.log_since_mark()
        )
    if len(outcome.results) != expected:
        raise FuzzingError(f"{len(outcome.results)} results for {expected} cases\n{outcome.log}")
    return outcome


@contextmanager
def start_server(server: str, column: Column) -> Iterator[ServerProcess]:
    """Start a server with the echo application; killed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", server, "echo_site:app", *OPTIONS]
        process = ServerProcess(arguments, column=column, work_dir=Path(folder))
        paths = [Path(asgiserve.__path__[0]).parent, Path(__file__).parent]
        process.extra_environment["PYTHONPATH"] = os.pathsep.join(map(str, paths))
        process.start()
        try:
            wait_until_listening(process)
            yield process
        finally:
            process.kill()


def wait_until_listening(process: ServerProcess) -> None:
    """Wait for the server's start, or show what it wrote instead.

    Raises:
        FuzzingError: it does not listen.
    """
    try:
        process.wait_until_listening()
    except AssertionError as error:
        raise FuzzingError(f"{error}\n{process.log()[-2000:]}") from None


def run_client(wstest: Path, specification: dict[str, object], time_limit_s: float) -> int:
    """Run the fuzzing client, and return how many cases it set out to run."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(specification, file)
        file.flush()
        try:
            finished = subprocess.run(
                [wstest, "--mode", "fuzzingclient", "--spec", file.name],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=time_limit_s,
            )
        except subprocess.TimeoutExpired as error:
            output = (error.stdout or b"").decode(errors="replace")
            raise FuzzingError(f"not done after {time_limit_s:.0f} s: {output[-500:]}") from None
    announced = re.search(r"will run (\d+) test cases", finished.stdout)
    if finished.returncode or announced is None:
        raise FuzzingError(f"wstest ended with {finished.returncode}: {finished.stdout[-2000:]}")
    return int(announced[1])
