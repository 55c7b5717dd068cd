"""Files without a name, with and without a folder for temporary files."""

import os
import tempfile

import pytest

from asgiserve.process.nameless_file import open_nameless_file


def check(fd):
    assert not os.get_inheritable(fd)
    os.write(fd, b"text")
    assert os.pread(fd, 5, 0) == b"text"
    os.close(fd)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="no files in memory here")
def test_it_takes_no_temporary_folder(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/nowhere")
    check(open_nameless_file("label"))


def test_it_is_in_the_temporary_folder_where_there_are_none_in_memory(monkeypatch):
    def refuse(label):
        raise PermissionError

    monkeypatch.setattr(os, "memfd_create", refuse, raising=False)
    check(open_nameless_file("label"))
    monkeypatch.delattr(os, "memfd_create")
    check(open_nameless_file("label"))
