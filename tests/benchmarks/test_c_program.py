"""The benchmarks' C programs are compiled on first use, whole and once."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from benchmarks import c_program
from benchmarks.c_program import build_program

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler"
)


@pytest.fixture
def source(monkeypatch, tmp_path):
    monkeypatch.setattr(c_program, "FOLDER", tmp_path / "build")
    source = tmp_path / "three.c"
    source.write_text("int main(void) { return 3; }")
    return source


def test_missing_compiler_is_named(source, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"no C compiler: three\.c needs cc"):
        build_program(source)


def test_program_is_compiled_once(source, monkeypatch):
    program = build_program(source)
    monkeypatch.setenv("PATH", "")
    assert build_program(source) == program
    assert list(program.parent.iterdir()) == [program]


def test_changed_source_is_compiled_again(source):
    program = build_program(source)
    source.write_text("int main(void) { return 4; }")
    assert subprocess.run([build_program(source)]).returncode == 4
    assert subprocess.run([program]).returncode == 3


def test_program_is_whole_when_threads_compile_it_at_once(source):
    with ThreadPoolExecutor(4) as executor:
        programs = list(executor.map(build_program, [source] * 4))
    assert [subprocess.run([program]).returncode for program in programs] == [3] * 4
    assert list(programs[0].parent.iterdir()) == [programs[0]]


def test_faulty_source_is_named(source):
    source.write_text("int main(void) { return three; }")
    with pytest.raises(RuntimeError, match=r"three\.c cannot be compiled: .*three"):
        build_program(source)
