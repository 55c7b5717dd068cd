"""Where a server is started: without standard files, temporary folder, or working folder."""

import os
import socket
import sys

import pytest

from .raw_client import RawClient
from .waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="descriptors and folders of Unix")

MODES = {"single": (), "workers": ("--workers=2",), "reload": ("--reload",)}

# Is the server, as in a container with a read-only root, and in a folder that is gone.
WITHOUT_FOLDERS = """\
import os, sys, tempfile
tempfile.tempdir = "/nowhere"
os.mkdir("removed")
os.chdir("removed")
os.rmdir(os.path.abspath("."))
from asgiserve.__main__ import main
main()
"""
# Becomes that, with its standard files closed. -P: modules are not looked for in the current
# directory, as by the installed command.
WITHOUT_FILES = """\
import os, sys
for fd in range(3):
    os.close(fd)
os.execv(sys.executable, [sys.executable, "-P", "-c", *sys.argv[1:]])
"""


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
@pytest.mark.parametrize("mode", MODES)
def test_server_without_files_and_folders_serves_and_stops_in_order(start_server, mode, tmp_path):
    path = tmp_path / "s"
    options = (f"--uds={path}", f"--app-dir={tmp_path}", *MODES[mode])
    server = start_server(
        "-c", WITHOUT_FILES, WITHOUT_FOLDERS, "identity_site:app", *options, wait=False
    )
    wait_until(lambda: is_listening(path), "a server that listens")
    with RawClient(str(path)) as raw:
        assert raw.get("/").status == 200
    assert server.terminate() == 0


def is_listening(path):
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(path))
    except OSError:
        return False
    return True
