"""What the doctor finds on the machine, or in the container: limits, cores, memory, rights."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from asgiserve.cli.doctor.findings import Finding, Level
from asgiserve.supervisor.required import needs_supervisor

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["Machine", "find_on_machine"]

# Connections that a worker should be able to hold when no option says how many.
USUAL_CONNECTIONS = 4096
# Files that a worker has open beside its connections.
OTHER_FILES = 64
# What to set a limit to that is too low.
GOOD_FILE_LIMIT = 65536
# Less than this for a worker, interpreter and application together, is little.
SMALL_WORKER_BYTES = 64 * 1024 * 1024
# Old cgroups write a number of this size for no limit.
NO_LIMIT_BYTES = 2**60


class Machine:
    """What the system tells of itself; None where it does not, as on macOS.

    Args:
        root: where its files are.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root

    def somaxconn(self) -> int | None:
        """How many connections the kernel lets wait for a socket."""
        return to_integer(self._read("proc/sys/net/core/somaxconn"))

    def file_limits(self) -> tuple[float, float] | None:
        """The soft and the hard limit of open files; infinity for none."""
        try:
            import resource
        except ImportError:
            return None
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        soft, hard = (math.inf if each == resource.RLIM_INFINITY else each for each in limits)
        return soft, hard

    def cores(self) -> float:
        """How many cores this process may keep busy: those it may run on, and its quota."""
        try:
            allowed = len(os.sched_getaffinity(0))
        except (AttributeError, OSError):
            allowed = os.cpu_count() or 1
        return min([float(allowed), *self._cpu_quotas()])

    def memory_bytes(self) -> int | None:
        """The memory that this process and its mates may use; None for no limit."""
        texts = [*self._cgroup_files("", "memory.max")]
        texts += self._cgroup_files("memory", "memory.limit_in_bytes")
        sizes = [size for size in map(to_integer, texts) if size and size < NO_LIMIT_BYTES]
        return min(sizes, default=None)

    def _cpu_quotas(self) -> Iterator[float]:
        for text in self._cgroup_files("", "cpu.max"):
            quota, _, period = text.partition(" ")
            if quota.isdigit() and period.strip().isdigit():
                yield int(quota) / int(period)
        quotas = self._cgroup_files("cpu", "cpu.cfs_quota_us")
        periods = self._cgroup_files("cpu", "cpu.cfs_period_us")
        for quota, period in zip(quotas, periods, strict=False):
            if quota.isdigit() and period.isdigit() and int(period):
                yield int(quota) / int(period)

    def _cgroup_files(self, controller: str, name: str) -> Iterator[str]:
        """The files *name* of this process's cgroup and of those around it.

        Args:
            controller: of the old hierarchies; "" for the new one.
        """
        for line in self._read("proc/self/cgroup").splitlines():
            _, _, rest = line.partition(":")
            controllers, _, path = rest.partition(":")
            if controller not in controllers.split(","):
                continue
            groups = PurePosixPath(path.lstrip("/"))
            for group in (groups, *groups.parents):
                # In a container the path may be that of the host, of which only the root is seen.
                text = self._read(str(PurePosixPath("sys/fs/cgroup", controllers, group, name)))
                if text:
                    yield text

    def _read(self, path: str) -> str:
        try:
            return (self._root / path).read_text().strip()
        except (OSError, UnicodeError):
            return ""


def find_on_machine(config: Config, machine: Machine) -> Iterator[Finding]:
    """Look at what *machine* gives to the server of *config*."""
    yield find_file_limit(config, machine.file_limits())
    yield find_backlog(config, machine.somaxconn())
    yield find_workers(config, machine.cores())
    yield find_memory(config, machine.memory_bytes())
    yield from find_rights(config)


def find_file_limit(config: Config, limits: tuple[float, float] | None) -> Finding:
    """Whether a worker may have as many connections as it should."""
    if limits is None:
        return Finding("open files", Level.OK, "this system has no such limit")
    soft, hard = limits
    asked = config.limit_connections or config.limit_concurrency
    wanted = (asked or USUAL_CONNECTIONS) + OTHER_FILES
    text = f"{show(soft)} for each process, at most {show(hard)}"
    if soft >= wanted:
        return Finding("open files", Level.OK, text)
    text += f"; {wanted} would do for {asked or USUAL_CONNECTIONS} connections"
    good = max(GOOD_FILE_LIMIT, wanted)
    command = f"ulimit -n {int(min(hard, good))}"
    if hard < wanted:
        command = f"sudo prlimit --pid $$ --nofile={good}:{good}  # systemd: LimitNOFILE={good}"
    # What an option asks for cannot be; else it is a matter of how many come.
    return Finding("open files", Level.BROKEN if asked else Level.ADVICE, text, command)


def find_backlog(config: Config, somaxconn: int | None) -> Finding:
    """Whether as many connections may wait as the option says."""
    if somaxconn is None:
        return Finding("backlog", Level.OK, f"{config.backlog}; this system does not tell its own")
    text = f"{config.backlog} connections may wait, the kernel allows {somaxconn}"
    if somaxconn >= config.backlog:
        return Finding("backlog", Level.OK, text)
    command = f"sudo sysctl -w net.core.somaxconn={config.backlog}"
    return Finding("backlog", Level.ADVICE, text, command)


def find_workers(config: Config, cores: float) -> Finding:
    """Whether there are as many workers as cores."""
    workers = config.workers or 1
    text = f"{workers} for {cores:g} core{'s' * (cores != 1)}"
    if sys.platform == "win32":
        if config.reload or needs_supervisor(config):
            text = "this platform allows for one worker, without a supervisor or reload"
            return Finding("workers", Level.BROKEN, text, serve_with(config, "--workers 1"))
        return Finding("workers", Level.OK, f"{text}: this platform allows for no more")
    best = max(1, math.floor(cores))
    if config.reload:
        return Finding("workers", Level.OK, f"{text}, while files are watched")
    if workers > max(1, math.ceil(cores)):
        command = serve_with(config, f"--workers {best}")
        return Finding("workers", Level.ADVICE, f"{text}: they take turns", command)
    if workers < best:
        text += f": {best - workers} of them would be idle"
        return Finding("workers", Level.ADVICE, text, serve_with(config, f"--workers {best}"))
    return Finding("workers", Level.OK, text)


def find_memory(config: Config, limit_bytes: int | None) -> Finding:
    """Whether the workers have room below the limit of a container."""
    if limit_bytes is None:
        return Finding("memory", Level.OK, "no limit for this container or service")
    workers = config.workers or 1
    share = limit_bytes // workers
    text = f"{show_size(limit_bytes)} for all, {show_size(share)} for each of {workers}"
    if config.worker_max_rss is not None and config.worker_max_rss > share:
        text += f": less than worker_max_rss, {show_size(config.worker_max_rss)}"
        command = serve_with(config, f"--worker-max-rss {share * 9 // 10}")
        return Finding("memory", Level.ADVICE, text, command)
    if share < SMALL_WORKER_BYTES:
        fewer = max(1, limit_bytes // SMALL_WORKER_BYTES)
        command = serve_with(config, f"--workers {fewer}") if fewer < workers else ""
        return Finding("memory", Level.ADVICE, f"{text}: that is little", command)
    return Finding("memory", Level.OK, text)


def find_rights(config: Config) -> Iterator[Finding]:
    """Who serves, and whom it believes."""
    if hasattr(os, "geteuid") and os.geteuid() == 0 and config.user is None:
        text = "root: the application may do everything"
        yield Finding("user", Level.ADVICE, text, serve_with(config, "--user nobody"))
    else:
        yield Finding("user", Level.OK, "not root" if config.user is None else str(config.user))
    if config.proxy_headers and "*" in (config.forwarded_allow_ips or ()):
        text = "every client is believed to be a proxy, and can say that it is somebody else"
        command = serve_with(config, "--forwarded-allow-ips 127.0.0.1,::1")
        yield Finding("proxies", Level.ADVICE, text, command)


def serve_with(config: Config, options: str) -> str:
    """The command of the server with other *options* than it has."""
    return f"asgiserve {config.app} {options}"


def show(number: float) -> str:
    """*number* of files."""
    return "unlimited" if math.isinf(number) else str(int(number))


def show_size(size_bytes: int) -> str:
    """*size_bytes* in MiB."""
    return f"{size_bytes / 1024 / 1024:.0f} MiB"


def to_integer(text: str) -> int | None:
    """What *text* says, if it is a number."""
    return int(text) if text.isdigit() else None
