"""The worker process: gunicorn forks it, replaces it, and says by signals when it shall end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, ClassVar

from gunicorn.arbiter import Arbiter
from gunicorn.workers import base

from asgiserve.config.config import OPTIONS, Config
from asgiserve.config.option import ADDRESS, PROCESSES, RELOAD
from asgiserve.errors import ConfigError, StartupError
from asgiserve.gunicorn.log import log_as_gunicorn
from asgiserve.gunicorn.settings import find_unused, read_settings
from asgiserve.net.listener import Listener
from asgiserve.process.signal_handlers import set_handler
from asgiserve.server.event_loop import open_runner
from asgiserve.server.in_flight import describe_requests
from asgiserve.server.server import Server

__all__ = ["Worker"]

# Options of what gunicorn does itself.
GUNICORN_OPTIONS = {"app", "app_dir", "env_file", "factory"} | {
    name for name, option in OPTIONS.items() if option.group in (ADDRESS, PROCESSES, RELOAD)
}
# The exit status of a worker that was aborted.
ABORTED = 1
# The master looks at the signs of life of its workers once a second.
MAX_NOTIFY_INTERVAL_S = 1.0
# The most that gunicorn writes before the event loop comes to it, and more.
PIPE_BYTES = 4096


class Aborted(BaseException):
    """Raised in whatever holds the event loop; applications catch Exception only, mostly."""


class Worker(base.Worker):  # type: ignore[misc]
    """A worker process of gunicorn in which asgiserve serves.

    Attributes:
        CONFIG_KWARGS: options of `asgiserve.Config`, for a subclass to set; they come before what
            gunicorn's settings say.
    """

    CONFIG_KWARGS: ClassVar[dict[str, Any]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._server: GunicornServer | None = None
        self._timer: asyncio.TimerHandle | None = None

    @classmethod
    def check_config(cls, cfg: Any, log: Any) -> None:
        """Refuse options that are wrong, and warn of settings without effect; in the master.

        Raises:
            RuntimeError: an option is wrong; gunicorn shows it in one line.
        """
        theirs = GUNICORN_OPTIONS & cls.CONFIG_KWARGS.keys()
        if theirs:
            names = ", ".join(sorted(theirs))
            raise RuntimeError(f"CONFIG_KWARGS: gunicorn's settings are to say {names}")
        try:
            Config("main:app", **(read_settings(cfg) | cls.CONFIG_KWARGS))
        except ConfigError as error:
            raise RuntimeError(f"asgiserve: {error}") from None
        unused = find_unused(cfg)
        if unused:
            log.warning("Without effect where asgiserve serves: %s", ", ".join(unused))

    def init_signals(self) -> None:
        """Take the signals that gunicorn documents for its workers."""
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        set_handler(signal.SIGTERM, self.handle_exit)
        set_handler(signal.SIGQUIT, self.handle_quit)
        set_handler(signal.SIGINT, self.handle_quit)
        set_handler(signal.SIGABRT, self.handle_abort)
        set_handler(signal.SIGUSR1, self.handle_usr1)
        # They are meant for the master, and would kill where a whole process group gets them.
        for number in (signal.SIGHUP, signal.SIGUSR2, signal.SIGWINCH):
            set_handler(number, self.handle_winch)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: finish what is in flight, then end."""
        self._stop()

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """SIGQUIT and SIGINT: end without waiting for what is in flight."""
        self.cfg.worker_int(self)
        if self._server is None:
            # The application is being imported.
            sys.exit(0)
        self._stop(force=True)

    def handle_abort(self, sig: int, frame: FrameType | None) -> None:
        """SIGABRT: there was no sign of life for gunicorn's ``timeout``; say what goes on."""
        worker = self._server.worker if self._server else None
        requests = describe_requests(worker) if worker else []
        self.log.critical(
            "The event loop stands still; requests in flight: %s; stack:\n%s",
            "; ".join(requests) or "none",
            "".join(traceback.format_stack(frame)),
        )
        self.cfg.worker_abort(self)
        self.aborted = True
        if self._server is None:
            sys.exit(ABORTED)
        self._stop()
        # Ends what holds the loop; the others in flight are then finished as at any stop. gunicorn
        # kills the worker if there is no sign of life all the same.
        raise Aborted(f"the event loop stood still for {self.cfg.timeout} s")

    def handle_winch(self, sig: int, frame: FrameType | None) -> None:
        """Do nothing."""

    def _stop(self, *, force: bool = False) -> None:
        self.alive = False
        if self._server is not None:
            self._server.should_exit = True
            if force:
                self._server.force_exit = True

    def load_wsgi(self) -> None:
        """Import the application; the reloader waits for a syntax error to be mended."""
        try:
            self.wsgi = self.app.wsgi()
        except SyntaxError as error:
            if not self.cfg.reload:
                raise
            self.log.exception(error)
            if self.reloader is not None and error.filename is not None:
                self.reloader.add_extra_file(error.filename)
            text = "".join(traceback.format_exception(error))
            self.wsgi = make_failure(text.encode(errors="backslashreplace"))

    def run(self) -> None:
        """Serve until the master, or a signal, ends it."""
        options = read_settings(self.cfg)
        if self.max_requests != sys.maxsize:
            # gunicorn has drawn its jitter by now.
            options["limit_max_requests"] = self.max_requests
        options |= self.CONFIG_KWARGS
        try:
            config = Config(self.wsgi, **options)
            if config.log_config is None:
                log_as_gunicorn(self.log)
            self._server = server = GunicornServer(config)
            with open_runner(config) as runner:
                runner.run(self._serve(server))
        except (ConfigError, StartupError) as error:
            self.log.error("%s", error)
            sys.exit(Arbiter.WORKER_BOOT_ERROR)
        sys.exit(ABORTED if self.aborted else server.exit_status)

    async def _serve(self, server: GunicornServer) -> None:
        """Serve at gunicorn's sockets, with signs of life as long as the event loop turns."""
        loop = asyncio.get_running_loop()
        self._give_sign(loop)
        # The reloader, in its thread, writes here when a file has changed.
        loop.add_reader(self.PIPE[0], self._hear)
        try:
            await server.serve([Listener(each.sock) for each in self.sockets])
        finally:
            loop.remove_reader(self.PIPE[0])
            if self._timer is not None:
                self._timer.cancel()

    def _give_sign(self, loop: asyncio.AbstractEventLoop) -> None:
        # Half of gunicorn's; 0 is none, but the look is still worth its while.
        interval_s = min(self.timeout or MAX_NOTIFY_INTERVAL_S, MAX_NOTIFY_INTERVAL_S)
        self._timer = loop.call_later(interval_s, self._give_sign, loop)
        self.notify()
        if self.alive and self.ppid != os.getppid():
            self.log.info("The master is gone, shutting down: %s", self)
            self.alive = False
        self._look()

    def _hear(self) -> None:
        """Take what was written to the pipe: the event loop would call this again at once."""
        os.read(self.PIPE[0], PIPE_BYTES)
        self._look()

    def _look(self) -> None:
        """Stop when somebody has said so by the attribute that gunicorn has for it."""
        if not self.alive and self._server is not None and not self._server.should_exit:
            self._stop()


class GunicornServer(Server):
    """A server whose process is gunicorn's: that has the sockets, the pid file and the signals."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.owns_process = True
        self.is_supervised = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to `Worker`."""
        yield


def make_failure(text: bytes) -> Any:
    """An application that answers every request with *text*, and status 500."""
    head = {
        "type": "http.response.start",
        "status": 500,
        "headers": [(b"content-type", b"text/plain; charset=utf-8")],
    }

    async def tell_failure(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            await send(head)
            await send({"type": "http.response.body", "body": text})

    return tell_failure
