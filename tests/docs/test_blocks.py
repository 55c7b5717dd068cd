"""Each block of code in docs/ and the README is run, or is named in `not_run` with the reason.

What happens to a block follows from its language and its title:

- ``console``: the lines with a ``$`` are typed, one after another, in one folder for each page (or
  for all pages of a folder), and have to print what stands below them (`loosely`). A command that
  serves has to answer a request, serves until the next one is started, and has to stop in order.
- a title with a dot is a file's name: the file is saved in that folder. The README has no titles;
  there the first line, a comment, names the file. Tests that no command of the page runs are run
  at its end.
- ``python`` without a title is run as a program, or by pytest if there is a test in it.
- ``text`` with the title "log" stands in the log of the server that runs.
- ``toml``, ``yaml``, ``json`` and ``ini`` are parsed.
- What another program reads is a file of examples/, which tests/e2e/test_examples_*.py run.
"""

from __future__ import annotations

import configparser
import json
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import yaml

from tests.certificates import Authority
from tests.columns import COLUMNS
from tests.e2e.programs import Programs

from .not_run import NOT_RUN
from .pages import READINGS, ROOT, Block, name_of, read_blocks
from .reader import Reader

if sys.platform == "win32":
    pytest.skip("the commands are for a unix shell", allow_module_level=True)

# What has no page of its own starts from there.
QUICK_START = ROOT / "docs" / "quick-start.md"
MAIN = "main.py"

OF_OTHER_PROGRAMS = ("dockerfile", "haproxy", "nginx", "systemd")


def read_ini(text: str) -> None:
    configparser.ConfigParser(interpolation=None).read_string(text)


PARSERS: dict[str, Callable[[str], object]] = {
    "ini": read_ini,
    "json": json.loads,
    "toml": tomllib.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
}


def reason_not_to_run(block: Block) -> str | None:
    """Why a block is not run, from the list."""
    for (page, first_line), reason in NOT_RUN.items():
        if block.page == page and block.first_line.startswith(first_line):
            return reason
    return None


def is_tested_example(block: Block) -> bool:
    """Whether a block is an example as it stands, of a folder that a test knows."""
    tests = [path.read_text() for path in (ROOT / "tests" / "e2e").glob("test_examples_*.py")]
    return bool(block.snippets) and all(
        any(f'"{snippet.partition("/")[0]}' in test for test in tests) for snippet in block.snippets
    )


def do(reader: Reader, block: Block) -> None:
    """Do what a reader does with *block*."""
    if parse := PARSERS.get(block.language):
        parse(block.text)
    if block.language == "console":
        reader.type_transcript(block.text)
    elif block.language == "text" and block.title == "log":
        reader.expect_log(block.text.splitlines())
    elif "." in block.title:
        reader.save(block.title, block.text)
    elif block.snippets:
        assert is_tested_example(block), "no test knows this example"
    elif block.language == "python":
        reader.run_program(block.text, f"block_{block.line}.py")
    elif not parse:
        raise AssertionError(f"nobody knows what to do with a block of {block.language!r}")


@contextmanager
def open_reader(reading: str, folder: Path) -> Iterator[Reader]:
    """A reader in a new folder, who has done the quick start, and has what a page speaks of."""
    work_dir = folder / "site"
    work_dir.mkdir()
    with ExitStack() as stack:
        environment = {}
        if reading == "docs/tutorial":
            environment["REDIS_URL"] = Programs(folder, stack).start_redis()
        # One column is enough: the hot path has no part in it.
        reader = Reader(work_dir, COLUMNS[-1], **environment)
        stack.callback(reader.close)
        (main,) = (block for block in read_blocks(QUICK_START) if block.title == MAIN)
        reader.save(main.title, main.text)
        if reading == "docs/tls.md":
            files = Authority(folder).issue("localhost")
            reader.save("chain.pem", files.certificate.read_text())
            reader.save("key.pem", files.key.read_text())
        yield reader
        reader.finish()


@pytest.mark.parametrize("reading", READINGS)
def test_reader_can_do_what_the_page_says(
    reading: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    blocks = [block for page in READINGS[reading] for block in read_blocks(page)]
    # A short path: unix sockets stand in it.
    with open_reader(reading, tmp_path_factory.mktemp("d")) as reader:
        for block in blocks:
            if reason_not_to_run(block) is None:
                try:
                    do(reader, block)
                except (AssertionError, ValueError, OSError) as error:
                    raise AssertionError(f"{block}: {error}") from error


def test_no_reason_is_left_without_its_block() -> None:
    blocks = [block for pages in READINGS.values() for page in pages for block in read_blocks(page)]
    for page, first_line in NOT_RUN:
        found = [b for b in blocks if b.page == page and b.first_line.startswith(first_line)]
        assert found, (page, first_line)


def test_every_fence_is_read() -> None:
    for page in (page for pages in READINGS.values() for page in pages):
        fences = sum(line.lstrip().startswith("```") for line in page.read_text().splitlines())
        assert fences == 2 * len(read_blocks(page)), name_of(page)
