"""CPU time and resident size of another process, from /proc or from ``ps``."""

from __future__ import annotations

import os
import subprocess
from typing import NamedTuple

__all__ = ["ProcessStats", "read_stats"]

# Far more than ps takes; it must not hold the supervisor up.
PS_TIMEOUT_S = 2.0


class ProcessStats(NamedTuple):
    """What a process has used: CPU seconds since its start, and resident bytes now."""

    cpu_s: float
    resident_bytes: int


def read_stats(pid: int) -> ProcessStats | None:
    """What the process *pid* has used, all its threads together; None when nobody can tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return parse_proc_stat(file.read())
    except FileNotFoundError:
        # No such process, or no such file system, as on macOS.
        return None if os.path.exists("/proc/self/stat") else ask_ps(pid)
    except (OSError, ValueError, IndexError):
        return None


def parse_proc_stat(text: bytes) -> ProcessStats:
    """Read the content of /proc/PID/stat (proc_pid_stat(5))."""
    # The second field is the command, in parentheses, and may hold spaces and parentheses.
    fields = text.rpartition(b")")[2].split()
    ticks = int(fields[11]) + int(fields[12])
    pages = int(fields[21])
    return ProcessStats(ticks / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE"))


def ask_ps(pid: int) -> ProcessStats | None:
    """Have ps tell."""
    command = ["ps", "-o", "rss=,time=", "-p", str(pid)]
    try:
        done = subprocess.run(command, capture_output=True, timeout=PS_TIMEOUT_S, check=False)
        return parse_ps(done.stdout.decode())
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None


def parse_ps(text: str) -> ProcessStats:
    """Read what ``ps -o rss=,time=`` says: kibibytes, and a time as ``[[DD-]HH:]MM:SS[.CC]``."""
    resident, time = text.split()
    days, _, clock = time.rpartition("-")
    cpu_s = 0.0
    for part in clock.split(":"):
        cpu_s = cpu_s * 60 + float(part)
    return ProcessStats(cpu_s + int(days or 0) * 86400, int(resident) * 1024)
