"""Somebody who does what the pages say: saves files, types commands, looks at the output."""

from __future__ import annotations

import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

import asgiserve
from asgiserve._twins import Column
from tests.columns import environment_of
from tests.e2e.server_process import die_with_parent
from tests.e2e.waiting import DEADLINE_S, wait_until

from .loosely import has_lines, is_same
from .ports import DEFAULT, Ports
from .requirements import check_pip

__all__ = ["Reader"]

PYTHON_PROGRAMS = ("asgiserve", "gunicorn", "pytest")
# What a machine may lack; the pages that need it are skipped there.
OTHER_PROGRAMS = ("curl", "openssl")

# A command that goes on until it is interrupted.
STARTS_A_SERVER = re.compile(
    r"^(?:\w+=\S+ )*(?:asgiserve|gunicorn)\b(?!.* --(?:version|help|check-config|print-config)\b)"
    r"(?! bench | doctor)"
)
SAYS_ITS_PORT = re.compile(r" --(?:port|uds|bind|fd)\b")
URL = re.compile(r"(https?)://[\w.]+:(\d+)")
UNIX_SOCKET = re.compile(r"\bunix:/")
# A worker that gunicorn is just forking loses the signal to stop: it is killed after this time.
GUNICORN_OPTIONS = "--no-control-socket --graceful-timeout 1"
ERROR = "asgiserve: error:"
NO_CERTIFICATE_CHECK = ssl._create_unverified_context()
NO_PROXY = urllib.request.ProxyHandler({})


class Reader:
    """Works in one folder; the server that it started last runs until the next one is started."""

    def __init__(self, folder: Path, column: Column, **environment: str) -> None:
        self._folder = self._cwd = folder
        self._ports = Ports()
        self._environment = {**environment_of(column), **environment}
        self._log = folder.parent / f"{folder.name}.log"
        self._server: subprocess.Popen[bytes] | None = None
        # What the server that runs was started by; empty since a file was saved.
        self._served: list[str] = []
        self._has_untried_tests = False
        self._install()

    def _install(self) -> None:
        """Have the commands run this interpreter, with this package."""
        programs = self._folder.parent / f"{self._folder.name}-programs"
        programs.mkdir()
        # In a terminal curl shows no progress.
        (programs / ".curlrc").write_text("silent\nshow-error\n")
        commands = {name: f"{sys.executable} -m {name}" for name in PYTHON_PROGRAMS}
        for name, command in {"python": sys.executable, **commands}.items():
            (programs / name).write_text(f'#!/bin/sh\nexec {command} "$@"\n')
            (programs / name).chmod(0o755)
        self._environment |= {
            "CURL_HOME": str(programs),
            "PATH": f"{programs}:{self._environment['PATH']}",
            "PYTHONPATH": str(Path(asgiserve.__path__[0]).parent),
            "PYTEST_ADDOPTS": "-p no:cacheprovider -W error",
            "GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{self._ports[DEFAULT]} {GUNICORN_OPTIONS}",
        }

    def close(self) -> None:
        """End what runs, whatever it does."""
        if self._server is not None and self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()

    # --- what a page has a reader do --------------------------------------------------------------

    def save(self, name: str, text: str) -> None:
        """Save a file."""
        path = self._cwd / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self._ports.replace_in(text))
        self._served = []
        if path.suffix == ".py":
            compile(text, name, "exec", dont_inherit=True)
            self._has_untried_tests |= path.name.startswith("test_")

    def type_transcript(self, transcript: str) -> None:
        """Type the commands of a console, which have to print what stands below each."""
        for command, shown in split_transcript(transcript):
            if command.startswith("pip install "):
                check_pip(command)
            elif STARTS_A_SERVER.match(command) and not has_error(shown):
                self.start_server(["bash", "-c", self._ports.replace_in(command)], shown)
            else:
                self._run_command(command, shown)

    def run_program(self, source: str, name: str) -> None:
        """Run a file of Python: a test, a server, or what ends by itself."""
        self.save(name, source)
        if re.search(r"^ *(?:async )?def test_", source, re.MULTILINE):
            self._run_command(f"python -m pytest -q {name}", [])
        elif re.search(r"\b(?:asgiserve|uvicorn)\.run\(|\.serve\(\)", source):
            self.start_server([sys.executable, name], [])
        else:
            self._run_command(f"python {name}", [])

    def finish(self) -> None:
        """Run the tests that the pages only showed, and stop the server."""
        if self._has_untried_tests:
            self._run_command("python -m pytest -q", [])
        self.stop_server()

    def expect_log(self, lines: list[str]) -> None:
        """Wait for *lines* of the server that runs, others between them or not."""
        assert self._server is not None, "no server runs"
        self._wait_until(lambda: has_lines(self._read_log(), lines), f"{lines} in the log")

    def start_server(self, command: list[str], shown: list[str]) -> None:
        """Start a server, which has to answer, in the place of another one that runs."""
        if command == self._served:
            self.expect_log(shown)
            return
        self.stop_server()
        self._served = command
        environment = dict(self._environment)
        if not SAYS_ITS_PORT.search(command[-1]):
            environment["ASGISERVE_PORT"] = self._ports[DEFAULT]
        with self._log.open("wb") as log:
            self._server = subprocess.Popen(
                command,
                cwd=self._cwd,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=die_with_parent,
                start_new_session=True,
            )
        self._wait_until(self._has_answered, "an answer")
        self.expect_log(shown)

    def stop_server(self) -> None:
        """Press Ctrl+C: the server has to end in order."""
        if self._server is None:
            return
        if self._server.poll() is None:
            os.killpg(self._server.pid, signal.SIGINT)
        status = self._server.wait(DEADLINE_S)
        log = self._read_log()
        assert status == 0, f"the server ended with {status}:\n{log}"
        assert "Traceback" not in log, log
        self._server = None

    # --- details ----------------------------------------------------------------------------------

    def _wait_until(self, condition: Callable[[], bool], subject: str) -> None:
        """As `wait_until`, with the server's log where it was in vain."""
        try:
            wait_until(condition, subject)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self._read_log()}") from None

    def _run_command(self, command: str, shown: list[str]) -> None:
        for program in OTHER_PROGRAMS:
            if re.search(rf"(^|[|&(] ?){program}\b", command) and shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        self._has_untried_tests &= "pytest" not in command
        # A `cd` holds for what follows.
        cwd_file = self._folder.parent / f"{self._folder.name}.cwd"
        script = f"{self._ports.replace_in(command)}\nstatus=$?; pwd >{cwd_file}; exit $status"
        result = subprocess.run(
            ["bash", "-c", script],
            cwd=self._cwd,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * DEADLINE_S,
            check=False,
        )
        self._cwd = Path(cwd_file.read_text().strip())
        printed = self._ports.restore_in(result.stdout)
        assert (result.returncode != 0) == has_error(shown), (
            f"{command}: {result.returncode}\n{printed}"
        )
        if shown:
            lines = "\n".join(shown)
            assert is_same(printed, shown), f"{command} printed\n{printed}\ninstead of\n{lines}"

    def _has_answered(self) -> bool:
        """Whether the server answers, by an address that it has told; it may also have ended."""
        assert self._server is not None
        log = self._log.read_text()
        if (status := self._server.poll()) is not None:
            assert status == 0, f"the server ended with {status}"
            return True
        if UNIX_SOCKET.search(log):
            return True
        address = URL.search(log)
        if address is None:
            return False
        https = urllib.request.HTTPSHandler(context=NO_CERTIFICATE_CHECK)
        opener = urllib.request.build_opener(https, NO_PROXY)
        try:
            with opener.open(f"{address[1]}://127.0.0.1:{address[2]}/", timeout=DEADLINE_S):
                return True
        except urllib.error.HTTPError as error:
            with error:
                return error.code < 500
        except OSError:
            return False

    def _read_log(self) -> str:
        return self._ports.restore_in(self._log.read_text())


def has_error(shown: list[str]) -> bool:
    """Whether a page shows how a command fails."""
    return any(line.startswith(ERROR) for line in shown)


def split_transcript(transcript: str) -> list[tuple[str, list[str]]]:
    """The commands, which follow a ``$``, and the lines that stand below each."""
    commands: list[tuple[str, list[str]]] = []
    lines = iter(transcript.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
            commands.append((command, []))
        else:
            assert commands, "a console begins with a command"
            commands[-1][1].append(line)
    return commands
