"""What a figure was measured on is described."""

import sys

import pytest

from benchmarks.machine import ask_version, describe_machine, format_header

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_description_leaves_out_what_is_no_package():
    description = describe_machine({None, "pytest"}, {"a server": None})
    assert None not in description
    assert description["pytest"] == pytest.__version__
    assert format_header(description).endswith(f"pytest {pytest.__version__}, a server missing")


def test_version_is_the_number_that_a_program_tells(tmp_path):
    program = tmp_path / "program"
    program.write_text('#!/bin/sh\necho "program: its/1.22.1 (1)" >&2; exit 1\n')
    program.chmod(0o755)
    assert ask_version(str(program)) == "1.22.1"
