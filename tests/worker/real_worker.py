"""A real worker process whose supervisor is the test; it dies with its test."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asgiserve
from asgiserve._twins import Column
from asgiserve.config.config import Config
from asgiserve.process.child_process import child_command
from asgiserve.supervisor.worker_process import held_signals
from asgiserve.worker.channel import Channel
from asgiserve.worker.spec import ListenerOrder, WorkerOrder
from tests.columns import environment_of
from tests.e2e.waiting import DEADLINE_S, wait_until

Message = dict[str, Any]


class RealWorker:
    """One worker that serves *app*, a module of the source *code*, at a port of its own."""

    def __init__(self, work_dir: Path, column: Column, code: str, **options: Any) -> None:
        (work_dir / "served.py").write_text(code)
        self.log_path = work_dir / "worker.log"
        self.messages: list[Message] = []
        self.stacks = tempfile.TemporaryFile()  # noqa: SIM115 - closed by close()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.channel, theirs = Channel.pair()
        self.order = WorkerOrder(
            Config("served:app", app_dir=str(work_dir), **options),
            (ListenerOrder(self.listener.fileno(), "http://worker"),),
            slot=0,
            beat_interval_s=0.05,
            stacks_fd=self.stacks.fileno(),
        )
        fds = [theirs.fileno(), self.listener.fileno(), self.stacks.fileno()]
        with self.log_path.open("wb") as log, held_signals():
            self.process = subprocess.Popen(
                child_command("worker", *map(str, fds)),
                cwd=work_dir,
                env=self._environment(column),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=fds,
            )
        theirs.close()
        self.channel.send_path([])

    def start(self) -> None:
        """Send the order, and wait until the worker accepts."""
        self.channel.send_order(self.order)
        self.wait_for("ready")

    def take(self) -> None:
        """Take the messages that have come."""
        self.messages += self.channel.receive() or ()

    def wait_for(self, kind: str) -> Message:
        """Wait for a message of *kind*, which is taken out."""
        return self.wait_for_one(lambda message: message["kind"] == kind, f"a message {kind!r}")

    def wait_for_one(self, is_it: Callable[[Message], bool], what: str) -> Message:
        """Wait for the message that *is_it* says yes to, which is taken out."""

        def has_come() -> bool:
            self.take()
            if any(is_it(message) for message in self.messages):
                return True
            assert self.process.poll() is None, f"the worker has ended: {self.log()}"
            return False

        wait_until(has_come, what)
        found = next(message for message in self.messages if is_it(message))
        self.messages.remove(found)
        return found

    def give(self, order: str) -> None:
        """Give an order."""
        self.channel.send({"order": order})

    def report(self) -> list[str]:
        """What the worker answers when it is asked for its requests in flight."""
        self.give("report")
        requests: list[str] = self.wait_for("report")["requests"]
        return requests

    def signal(self, number: int) -> None:
        """Send a signal."""
        self.process.send_signal(number)

    def request(self, path: str) -> http.client.HTTPConnection:
        """Send a request on a connection of its own; its answer is to be read."""
        host, port = self.listener.getsockname()
        connection = http.client.HTTPConnection(host, port, timeout=DEADLINE_S)
        connection.request("GET", path)
        return connection

    def get(self, path: str) -> bytes:
        """The body of the answer to a request."""
        connection = self.request(path)
        try:
            return connection.getresponse().read()
        finally:
            connection.close()

    def exit_status(self) -> int:
        """Wait for the process to end; negative for a signal."""
        return self.process.wait(DEADLINE_S)

    def log(self) -> str:
        """What the process has written."""
        return self.log_path.read_text(errors="backslashreplace")

    def wait_for_log(self, pattern: str) -> None:
        """Wait until the log has *pattern*, a regular expression."""
        wait_until(lambda: re.search(pattern, self.log()), f"{pattern!r} in the log")

    def reported_stacks(self) -> str:
        """The stacks of all threads that come with a report."""
        start = self._stacks_size()
        self.report()
        return self._read_stacks(start)

    def signalled_stack(self) -> str:
        """The stack of the main thread that a signal asks for."""
        start = self._stacks_size()
        self.signal(signal.SIGUSR2)
        # Written line by line; the outermost frame comes last.
        wait_until(lambda: "<module>" in self._read_stacks(start), "the stack")
        return self._read_stacks(start)

    def _stacks_size(self) -> int:
        return os.fstat(self.stacks.fileno()).st_size

    def _read_stacks(self, start: int) -> str:
        return os.pread(self.stacks.fileno(), 65536, start).decode()

    def close(self) -> None:
        """End the process, whatever it does."""
        self.channel.close()
        self.listener.close()
        self.stacks.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(DEADLINE_S)

    @staticmethod
    def _environment(column: Column) -> dict[str, str]:
        folder = str(Path(asgiserve.__path__[0]).parent)
        return {**environment_of(column), "PYTHONPATH": folder, "PYTHONUNBUFFERED": "1"}
