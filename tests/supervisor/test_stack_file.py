"""The file in which a worker writes its stacks."""

import os

from asgiserve.supervisor.stack_file import StackFile


def test_what_another_descriptor_of_the_file_writes_is_read():
    stacks = StackFile()
    inherited = os.dup(stacks.fd)
    try:
        for text in (b"a long first answer\n", b"second\n"):
            stacks.clear()
            assert stacks.read() == ""
            os.write(inherited, text)
            assert stacks.read() == text.decode().strip()
    finally:
        os.close(inherited)
        stacks.close()
