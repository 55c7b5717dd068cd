"""Processes that are left to process 1, or to who adopts them."""

import os
import subprocess
import sys

import pytest

from asgiserve.process.orphans import adopt_orphans

# A process that becomes what process 1 is to its descendants, and loses a grandchild.
SCRIPT = """
import os, time
from asgiserve.process.orphans import adopt_orphans, reap_orphans

assert adopt_orphans()
child = os.fork()
if child == 0:
    if os.fork() == 0:
        os._exit(7)
    os._exit(5)
os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
reaped = reap_orphans({child})
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5, "left to who has started it"
while not reaped:
    time.sleep(0.01)
    reaped = reap_orphans(())
print(reaped, reap_orphans(()))
"""


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(os, "waitid"), reason="no adoption here")
def test_orphans_are_waited_for_and_own_children_are_left():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=20, check=False
    )
    assert done.stdout == "1 0\n", done.stderr


@pytest.mark.parametrize(("place", "name"), [(sys, "platform"), (os, "waitid")])
def test_orphans_are_not_adopted_where_the_system_or_python_cannot(monkeypatch, place, name):
    if name == "platform":
        monkeypatch.setattr(place, name, "darwin")
    else:
        monkeypatch.delattr(place, name, raising=False)
    assert not adopt_orphans()
