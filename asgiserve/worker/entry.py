"""A worker process, from its first instruction to its exit status.

Signals are caught before the server is imported, so most imports stand in functions here.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import signal
import sys
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from asgiserve.errors import FAILURE, STARTUP_FAILURE, USAGE_ERROR
from asgiserve.process.early_signals import catch_early_signals, ignore_late_signals

if TYPE_CHECKING:
    from asgiserve.worker.channel import Channel
    from asgiserve.worker.spec import WorkerOrder

__all__ = ["fork_main", "main", "run_worker"]


def main() -> int:
    """Serve as the supervisor orders by the socket whose file descriptor is the first argument.

    Returns:
        The exit status of the process.
    """
    catch_early_signals(is_worker=True)
    channel = open_channel()
    try:
        import_server(channel, "spare worker")
    except EOFError:
        return FAILURE
    return serve_order(channel)


def fork_main() -> int:
    """Fork workers as the supervisor asks by that socket, and serve in each of them, as ``main``.

    Returns:
        The exit status of the process, be it that of all or a worker's.
    """
    catch_early_signals(is_worker=True)
    from asgiserve.worker.fork_server import serve_forks

    channel = open_channel()
    try:
        import_server(channel, "fork server")
        channel, stacks_fd = serve_forks(channel)
    except EOFError:
        return FAILURE
    return serve_order(channel, stacks_fd)


def open_channel() -> Channel:
    """The channel to the supervisor.

    Programs that the application will start inherit neither it nor what else the supervisor has
    given, some of which the order may not even name.
    """
    from asgiserve.worker.channel import Channel

    fds = [int(argument) for argument in sys.argv[1:]]
    for fd in fds:
        os.set_inheritable(fd, False)
    return Channel.from_fd(fds[0])


def serve_order(channel: Channel, stacks_fd: int | None = None) -> int:
    """Serve as the order that *channel* brings says; the exit status of the process.

    Args:
        stacks_fd: takes the place of the one that the order names.
    """
    try:
        order = channel.receive_order()
    except EOFError:
        return FAILURE
    # Unpickling imports what the options name.
    except Exception as error:  # noqa: BLE001 - it is printed
        traceback.print_exc()
        return fail(channel, f"cannot read its options: {error}", STARTUP_FAILURE)
    if stacks_fd is not None:
        order = replace(order, stacks_fd=stacks_fd)
    status = run_worker(order, channel)
    ignore_late_signals()
    return status


def import_server(channel: Channel, title: str) -> None:
    """Import what serving takes, from where *channel* says; it is done before there is an order.

    Args:
        title: what the process is until then.

    Raises:
        EOFError: the supervisor is gone.
    """
    channel.receive_path()
    from asgiserve.process.title import set_process_title

    set_process_title(title)
    try:
        importlib.import_module("asgiserve.worker.worker_server")
        importlib.import_module("uvloop")
    except ImportError:
        # What is missing, and whether it has to be there, is told when it is needed.
        pass


def run_worker(order: WorkerOrder, channel: Channel, app: Any = None) -> int:
    """Serve until the supervisor, or a signal, ends it.

    Args:
        app: the application, if it is loaded already: as `load_app` gives it.

    Returns:
        The exit status of the process: 0, 1 when the application's shutdown failed or the server
        broke, 2 or 3 when it could not start.
    """
    catch_early_signals(is_worker=True)
    write_stacks_to(order.stacks_fd)
    channel.send({"kind": "started"})
    from asgiserve.errors import ConfigError, StartupError
    from asgiserve.process.exit_guard import leave_output

    try:
        return serve(order, channel, app)
    except ConfigError as error:
        return fail(channel, str(error), USAGE_ERROR)
    except StartupError as error:
        return fail(channel, str(error), STARTUP_FAILURE)
    except SystemExit as exit_request:
        # The application's own wish.
        return exit_request.code if isinstance(exit_request.code, int) else FAILURE
    finally:
        leave_output()


def serve(order: WorkerOrder, channel: Channel, app: Any) -> int:
    """Make the server of *order* and run it; the exit status."""
    from asgiserve.process.title import set_process_title
    from asgiserve.server.event_loop import open_runner
    from asgiserve.worker.command_thread import WatchThread
    from asgiserve.worker.worker_server import WorkerServer, open_listeners

    set_process_title(f"worker {order.slot + 1}", order.config)
    server = WorkerServer(order, channel, app)
    WatchThread(channel, server).start()
    with open_runner(order.config) as runner:
        runner.run(server.serve(open_listeners(order)))
    return server.exit_status


def fail(channel: Channel, reason: str, status: int) -> int:
    """Tell the supervisor why the worker ends with *status*."""
    channel.send({"kind": "failed", "reason": " ".join(reason.split()), "status": status})
    return status


def write_stacks_to(fd: int) -> None:
    """Have SIGUSR2 write the stack of the main thread to *fd*, whoever holds the interpreter.

    The other threads' only in `WatchThread`, which holds the interpreter: those of threads that run
    cannot be read without crashing now and then.
    """
    faulthandler.register(signal.SIGUSR2, file=fd, all_threads=False)
