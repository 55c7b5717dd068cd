"""What the doctor reads of a machine, from files like those of Linux, and what it makes of it."""

from __future__ import annotations

import math
import os
import sys

import pytest

from asgiserve.cli.doctor.findings import Level
from asgiserve.cli.doctor.machine import (
    Machine,
    find_backlog,
    find_file_limit,
    find_memory,
    find_on_machine,
    find_rights,
    find_workers,
)
from asgiserve.config.config import Config

MIB = 1024 * 1024
APP = "main:app"


@pytest.fixture
def make_machine(tmp_path, monkeypatch):
    """A machine of 8 cores whose files hold what is given."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)

    def make(**files):
        for path, text in files.items():
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return Machine(tmp_path)

    return make


def test_machine_without_proc_has_no_limits(make_machine):
    machine = make_machine()
    assert (machine.somaxconn(), machine.memory_bytes(), machine.cores()) == (None, None, 8)


def test_system_without_affinity_counts_its_cores(make_machine, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert make_machine().cores() == 3


def test_quota_of_any_group_around_the_process_counts(make_machine):
    machine = make_machine(
        **{
            "proc/self/cgroup": "0::/site.slice/web.service\n",
            "sys/fs/cgroup/site.slice/web.service/cpu.max": "max 100000\n",
            "sys/fs/cgroup/site.slice/cpu.max": "250000 100000\n",
            "sys/fs/cgroup/site.slice/web.service/memory.max": str(512 * MIB),
            "sys/fs/cgroup/site.slice/memory.max": "max\n",
        }
    )
    assert machine.cores() == 2.5
    assert machine.memory_bytes() == 512 * MIB


def test_container_that_sees_only_its_own_root(make_machine):
    machine = make_machine(
        **{
            "proc/self/cgroup": "0::/kubepods/pod1/abc\n",
            "sys/fs/cgroup/cpu.max": "50000 100000",
            "sys/fs/cgroup/memory.max": str(128 * MIB),
        }
    )
    assert (machine.cores(), machine.memory_bytes()) == (0.5, 128 * MIB)


def test_old_hierarchies_are_read(make_machine):
    machine = make_machine(
        **{
            "proc/self/cgroup": "5:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n1:name=x:/x\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "150000",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": str(256 * MIB),
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712",
        }
    )
    assert (machine.cores(), machine.memory_bytes()) == (1.5, 256 * MIB)


@pytest.mark.parametrize("text", ["", "nonsense", "0::", "::::", "\x00"])
def test_strange_files_are_no_limits(make_machine, text):
    machine = make_machine(
        **{"proc/self/cgroup": text, "sys/fs/cgroup/cpu.max": text, "proc/sys/net/core/x": text}
    )
    assert (machine.cores(), machine.memory_bytes(), machine.somaxconn()) == (8, None, None)


# Findings -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "limits", "level", "command"),
    [
        ({}, None, Level.OK, ""),
        ({}, (65536, 65536), Level.OK, ""),
        ({}, (math.inf, math.inf), Level.OK, ""),
        ({}, (1024, 1048576), Level.ADVICE, "ulimit -n 65536"),
        ({}, (1024, 20000), Level.ADVICE, "ulimit -n 20000"),
        ({}, (1024, 4096), Level.ADVICE, "sudo prlimit --pid $$ --nofile=65536:65536"),
        ({"limit_connections": 100}, (1024, 1024), Level.OK, ""),
        ({"limit_connections": 1000}, (1024, math.inf), Level.BROKEN, "ulimit -n 65536"),
        ({"limit_concurrency": 200000}, (1024, 10**6), Level.BROKEN, "ulimit -n 200064"),
    ],
)
def test_file_limit_is_compared_with_connections(options, limits, level, command):
    finding = find_file_limit(Config(APP, **options), limits)
    assert finding.level is level
    assert finding.command.partition("  #")[0] == command


def test_backlog_is_compared_with_that_of_the_kernel():
    config = Config(APP, backlog=500)
    assert find_backlog(config, 4096).level is Level.OK
    assert find_backlog(config, None).level is Level.OK
    finding = find_backlog(config, 128)
    assert finding.level is Level.ADVICE
    assert finding.command == "sudo sysctl -w net.core.somaxconn=500"


@pytest.mark.parametrize(
    ("options", "cores", "level", "command"),
    [
        ({"workers": 1}, 1, Level.OK, ""),
        ({"workers": 1}, 0.5, Level.OK, ""),
        ({"workers": 2}, 1.5, Level.OK, ""),
        ({"workers": 3}, 1.5, Level.ADVICE, "asgiserve main:app --workers 1"),
        ({"workers": 1}, 4, Level.ADVICE, "asgiserve main:app --workers 4"),
        ({"workers": 4}, 4, Level.OK, ""),
        ({"reload": True}, 4, Level.OK, ""),
    ],
)
def test_workers_are_compared_with_cores(options, cores, level, command):
    finding = find_workers(Config(APP, **options), cores)
    assert (finding.level, finding.command) == (level, command)


@pytest.mark.parametrize(
    ("options", "level", "command"),
    [
        ({}, Level.OK, ""),
        ({"workers": 2}, Level.BROKEN, "asgiserve main:app --workers 1"),
        ({"reload": True}, Level.BROKEN, "asgiserve main:app --workers 1"),
    ],
)
def test_windows_has_one_worker_whatever_its_cores(monkeypatch, options, level, command):
    monkeypatch.setattr(sys, "platform", "win32")
    finding = find_workers(Config(APP, **options), 4)
    assert (finding.level, finding.command) == (level, command)


@pytest.mark.parametrize(
    ("options", "limit_bytes", "level", "command"),
    [
        ({}, None, Level.OK, ""),
        ({"workers": 2}, 512 * MIB, Level.OK, ""),
        ({"workers": 8}, 256 * MIB, Level.ADVICE, "asgiserve main:app --workers 4"),
        ({"workers": 1}, 32 * MIB, Level.ADVICE, ""),
        (
            {"workers": 2, "worker_max_rss": 300 * MIB},
            512 * MIB,
            Level.ADVICE,
            f"asgiserve main:app --worker-max-rss {256 * MIB * 9 // 10}",
        ),
        ({"workers": 2, "worker_max_rss": 200 * MIB}, 512 * MIB, Level.OK, ""),
    ],
)
def test_memory_is_shared_by_the_workers(options, limit_bytes, level, command):
    finding = find_memory(Config(APP, **options), limit_bytes)
    assert (finding.level, finding.command) == (level, command)


def test_root_and_trust_in_everybody_are_told(monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
    config = Config(APP, forwarded_allow_ips="*")
    assert [(each.subject, each.level) for each in find_rights(config)] == [
        ("user", Level.ADVICE),
        ("proxies", Level.ADVICE),
    ]
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert [each.level for each in find_rights(Config(APP))] == [Level.OK]
    trusting = Config(APP, forwarded_allow_ips="*", proxy_headers=False)
    assert [each.level for each in find_rights(trusting)] == [Level.OK]


def test_everything_is_looked_at(make_machine):
    subjects = [each.subject for each in find_on_machine(Config(APP), make_machine())]
    assert subjects[:5] == ["open files", "backlog", "workers", "memory", "user"]
