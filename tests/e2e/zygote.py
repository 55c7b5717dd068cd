"""A process that has imported the server and forks one for each server that a test starts.

``python -m tests.e2e.zygote FD``: `forked_program` starts it, and sends orders to the socket *FD*.
What a fork runs is what ``python ARGUMENTS`` would: the same ``sys.argv`` and ``sys.path``, an
environment, folder and files of its own, and the interpreter's ordinary end.
"""

import ctypes
import fcntl
import gc
import importlib
import json
import os
import resource
import runpy
import select
import signal
import socket
import sys
from importlib.util import find_spec
from types import ModuleType
from typing import Any

IMPORTED = (
    "aiofastnet",
    "asgiserve.cli.doctor.command",
    "asgiserve.uvicorn_api",
    "asgiserve.server.server",
    "asgiserve.logs.structured",
    "asgiserve.reload.reloader",
    "asgiserve.supervisor.supervise",
    "asgiserve.supervisor.supervisor",
    "asgiserve.supervisor.worker_process",
    "asgiserve.testing",
    "uvloop",
)
MAX_ORDER_BYTES = 256 * 1024
MAX_FDS = 32
# Above what an order may name.
PRIVATE_FD = 256


def serve(control: socket.socket) -> dict[str, Any]:
    """Fork as ordered, and tell how the forks end; returns in a fork alone, with its order."""
    gc.collect()
    # Collecting writes to what it looks at; what is frozen stays shared.
    gc.freeze()
    # What is told of a fork, by the descriptor that becomes readable when it ends.
    running: dict[int, tuple[int, int]] = {}
    poller = select.poll()
    poller.register(control, select.POLLIN)
    while True:
        for fd, _event in poller.poll():
            if fd != control.fileno():
                poller.unregister(fd)
                tell_end(fd, *running.pop(fd))
                continue
            data, fds, _flags, _address = socket.recv_fds(control, MAX_ORDER_BYTES, MAX_FDS)
            if not data:
                # The test run has ended.
                os._exit(0)
            pid = os.fork()
            if pid == 0:
                control.close()
                for other, (_pid, status_fd) in running.items():
                    os.close(other)
                    os.close(status_fd)
                return {**json.loads(data), "fds": fds}
            status_fd = fds.pop(0)
            for each in fds:
                os.close(each)
            os.write(status_fd, b"%d\n" % pid)
            pid_fd = os.pidfd_open(pid)
            running[pid_fd] = pid, status_fd
            poller.register(pid_fd, select.POLLIN)


def tell_end(pid_fd: int, pid: int, status_fd: int) -> None:
    """Say with what status the fork *pid* has ended."""
    _pid, status = os.waitpid(pid, 0)
    try:
        os.write(status_fd, b"%d\n" % os.waitstatus_to_exitcode(status))
    except BrokenPipeError:
        pass
    os.close(pid_fd)
    os.close(status_fd)


def become(order: dict[str, Any]) -> None:
    """Have what a process of its own would have: descriptors, environment, folder, limits."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    status_fd, log_fd, *others = move_fds(order["fds"])
    os.close(status_fd)
    null_fd = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null_fd, 0)
    os.close(null_fd)
    os.dup2(log_fd, 1)
    os.dup2(log_fd, 2)
    os.close(log_fd)
    for fd, number in zip(others, order["inherited_fds"], strict=True):
        os.dup2(fd, number)
        os.close(fd)
    base_path = sys.path[1 + len(split_path(os.environ)) :]
    os.environ.clear()
    os.environ.update(order["environment"])
    os.chdir(order["folder"])
    sys.path[:] = [*split_path(os.environ), *base_path]
    if order["max_open_files"]:
        limit = order["max_open_files"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))


def move_fds(fds: list[int]) -> list[int]:
    """The same files at other descriptors, out of the way of those that an order names."""
    moved = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, PRIVATE_FD) for fd in fds]
    for fd in fds:
        os.close(fd)
    return moved


def split_path(environment: Any) -> list[str]:
    """The folders of PYTHONPATH in *environment*."""
    path = environment.get("PYTHONPATH", "")
    return path.split(os.pathsep) if path else []


def run(arguments: list[str]) -> None:
    """Do what an interpreter does with *arguments*: ``-m MODULE``, ``-c CODE``, or a script."""
    sys.orig_argv[:] = [sys.executable, *arguments]
    if arguments[0] == "-m":
        sys.path.insert(0, os.getcwd())
        sys.argv[:] = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    main = sys.modules["__main__"] = ModuleType("__main__")
    if arguments[0] == "-c":
        sys.path.insert(0, "")
        sys.argv[:] = ["-c", *arguments[2:]]
        code = compile(arguments[1], "<string>", "exec")
    else:
        path = os.path.abspath(arguments[0])
        sys.path.insert(0, os.path.dirname(path))
        sys.argv[:] = arguments
        main.__file__ = path
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
    exec(code, main.__dict__)


if __name__ == "__main__":
    control = socket.socket(fileno=int(sys.argv[1]))
    for name in IMPORTED:
        if find_spec(name.partition(".")[0]) is not None:
            importlib.import_module(name)
    order = serve(control)
    become(order)
    run(order["arguments"])
