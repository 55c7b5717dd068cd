"""What reads the pages, and compares them with what was printed, sees a difference."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.columns import COLUMNS

from .loosely import has_lines, is_same
from .pages import parse_blocks
from .ports import Ports
from .reader import Reader, split_transcript
from .requirements import check_pip

unix = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for a unix shell")

STARTED = "INFO:     2026-11-27 01:04:40 asgiserve 0.1.0 serves http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("asgiserve 0.1.0 (compiled column, llhttp 9.3.0)", "asgiserve 1.12.3 (pure column)"),
        (STARTED, STARTED.replace("2026-11-27 01:04:40", "2027-01-01 00:00:00")),
        ("2 passed in 0.42s", "2 passed in 12.1s"),
        ("requests  6,323, 1,264 per second", "requests 12345, 932 per second"),
        ("p50 12.41 ms, 82%", "p50 985 µs, 7%"),
        ("answers 200: 6,323", "answers 200: 17"),
        ("pid 4711 ended", "pid 1 ended"),
        ("first\n...\nlast", "first\nlast"),
        ("first\n...\nlast", "first\nsecond\nthird\nlast"),
        ("first ... last", "first and last"),
    ],
)
def test_variable_parts_are_the_same(shown: str, printed: str) -> None:
    assert is_same(printed, shown.splitlines())


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ("Hello", "Hello, World!"),
        ("Hello", "Hello\nWorld"),
        ("Hello\nWorld", "Hello"),
        ("HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found"),
        ("2 passed in 0.42s", "1 failed, 1 passed in 0.42s"),
        ("answers 200: 6,323", "answers 500: 6,323"),
        (STARTED, STARTED.replace("INFO", "ERROR")),
        ("first\n...", "second"),
        ("a.c", "abc"),
    ],
)
def test_everything_else_is_compared(shown: str, printed: str) -> None:
    assert not is_same(printed, shown.splitlines())


def test_lines_of_a_log_come_in_their_order() -> None:
    log = "one\ntwo\nthree"
    assert has_lines(log, ["one", "three"])
    assert not has_lines(log, ["three", "one"])
    assert not has_lines(log, ["one", "four"])


def test_blocks_have_their_page_and_line_and_title() -> None:
    page = 'text\n\n- item\n\n    ```python title="a.py"\n    x = 1\n\n    y = 2\n    ```\n'
    page += "```python\n# b.py\n```\n```console\n$ true\n```\n"
    first, second, third = parse_blocks(page, "docs/p.md")
    assert (str(first), first.title, first.text) == ("docs/p.md:5", "a.py", "x = 1\n\ny = 2\n")
    assert (second.title, third.language, third.title) == ("b.py", "console", "")


def test_transcript_has_commands_and_what_they_print() -> None:
    transcript = "$ one \\\n    --more\nprinted\n$ two\n"
    assert split_transcript(transcript) == [("one --more", ["printed"]), ("two", [])]


def test_ports_are_translated_where_they_are_ports() -> None:
    ports = Ports()
    text = "--port 8000 http://127.0.0.1:8001/ port=443, --limit 8000, 443 members"
    replaced = ports.replace_in(text)
    assert replaced.endswith("--limit 8000, 443 members")
    assert not any(named in replaced for named in ("port 8000", ":8001", "port=443"))
    assert ports.restore_in(f"http://127.0.0.1:{ports['8000']}/") == "http://127.0.0.1:8000/"


def test_package_that_nobody_knows_is_a_mistake() -> None:
    check_pip("pip install 'asgiserve[reload]' pytest")
    for word in ("asgiserve[relaod]", "no-such-package", "--no-such-option"):
        with pytest.raises(AssertionError):
            check_pip(f"pip install {word}")


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    folder = tmp_path / "site"
    folder.mkdir()
    reader = Reader(folder, COLUMNS[-1])
    yield reader
    reader.close()


@unix
def test_file_of_python_that_is_none_is_a_mistake(reader: Reader) -> None:
    reader.save("a.py", "x = 1")
    with pytest.raises(SyntaxError):
        reader.save("b.py", "await x")


@unix
def test_tests_that_a_page_only_shows_are_run(reader: Reader) -> None:
    reader.save("test_a.py", "def test_a():\n    assert False\n")
    with pytest.raises(AssertionError, match="1 failed"):
        reader.finish()


@unix
def test_command_that_fails_is_a_mistake_unless_its_error_is_shown(reader: Reader) -> None:
    error = "asgiserve: error: it is broken"
    reader.type_transcript(
        f"$ echo '{error}' && false\n{error}\n$ mkdir inner && cd inner\n$ cd ..\n"
    )
    for wrong in ("$ false", "$ no-such-command", f"$ echo '{error}'\n{error}", "$ echo a\nb"):
        with pytest.raises(AssertionError):
            reader.type_transcript(wrong)
