"""The file in which a worker writes its stacks."""

import os

from asgiserve.process.stack_file import StackFile


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


def test_stacks_are_read_as_lines_that_can_be_logged():
    stacks = StackFile()
    os.write(stacks.fd, b"one\n  two\x1b[2J\r\n")
    assert stacks.read() == "one\n  two\\x1b[2J"
    stacks.close()
