"""The end of a worker that was forked."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no workers on Windows")

# A child as a preloaded worker is one, beside a process that its parent has started.
SCRIPT = """\
import multiprocessing, os, sys, time
from asgiserve.supervisor.worker_process import end_interpreter, forget_processes

helper = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,), daemon=True)
helper.start()
pid = os.fork()
if pid == 0:
    forget_processes()
    end_interpreter()
    os._exit(0)
assert os.waitpid(pid, 0)[1] == 0
sys.exit(not helper.is_alive())
"""


def test_processes_that_its_parent_has_started_outlive_a_forked_worker():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
