"""A measured server is found, read and stopped with its whole session."""

import os
import shutil
import sys

import pytest

from benchmarks.server_process import ServerError, ServerProcess, find_free_port

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_server_process_reads_a_running_server_and_stops_it():
    port = find_free_port()
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with ServerProcess(command, port) as server:
        assert server.find_pids() == [server.process.pid]
        assert server.read_cpu_time_s() > 0
        assert server.read_resident_bytes() > 100_000
    assert server.find_pids() == []


@pytest.mark.skipif(
    shutil.which("taskset") is None or not hasattr(os, "sched_getaffinity"),
    reason="needs taskset, and a Python that tells cores: PyPy does not",
)
def test_server_process_is_pinned_to_its_cores():
    port = find_free_port()
    cores = sorted(os.sched_getaffinity(0))[:2]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with ServerProcess(command, port, cores=cores) as server:
        assert sorted(os.sched_getaffinity(server.process.pid)) == cores
    with ServerProcess(command, port, cores=cores[:1]) as server:
        assert sorted(os.sched_getaffinity(server.process.pid)) == cores[:1]


def test_server_process_shows_the_output_of_a_server_that_ends():
    command = [sys.executable, "-c", "raise SystemExit('no such app')"]
    with pytest.raises(ServerError, match="exit status 1: no such app"), ServerProcess(command, 1):
        pass
