"""Standard input, output and error of a process that was started without them."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors of Unix")

# Each case in a child of its own; the status of the last one that failed.
SCRIPT = """\
import itertools, os, sys
from asgiserve.process.standard_files import open_standard_files

NAMES = ("stdin", "stdout", "stderr")

def check(closed):
    for fd in closed:
        os.close(fd)
        setattr(sys, NAMES[fd], None)
    open_standard_files()
    for fd in range(3):
        is_null = os.path.samestat(os.fstat(fd), os.stat(os.devnull))
        assert is_null == (fd in closed), fd
        assert os.get_inheritable(fd), fd
        assert getattr(sys, NAMES[fd]).fileno() == fd, fd
    print("written", flush=True)
    print("written", file=sys.stderr, flush=True)

status = 0
for count in range(4):
    for closed in itertools.combinations(range(3), count):
        pid = os.fork()
        if pid == 0:
            try:
                check(closed)
            except BaseException:
                os._exit(1)
            os._exit(0)
        if os.waitpid(pid, 0)[1]:
            status = f"wrong with {closed} closed"
sys.exit(status)
"""


def test_null_device_takes_the_place_of_those_that_are_closed():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        stdin=subprocess.PIPE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    # With each of the four combinations that left it open.
    assert done.stdout.count("written") == 4
