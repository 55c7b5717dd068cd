"""The blocks of code that stand in the pages of docs/ and in the README."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

__all__ = [
    "DOCS",
    "READINGS",
    "ROOT",
    "Block",
    "find_pages",
    "name_of",
    "read_blocks",
    "read_navigation",
]

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"
EXAMPLES = ROOT / "examples"

FENCE = re.compile(
    r"^(?P<indent> *)(?P<fence>```+)(?P<language>[\w-]*)(?P<info>.*)\n"
    r"(?P<text>(?:.*\n)*?)"
    r"(?P=indent)(?P=fence)$",
    re.MULTILINE,
)
TITLE = re.compile(r'title="([^"]+)"')
# GitHub shows no titles: the README names a file in its first line.
NAMED_IN_COMMENT = re.compile(r"# ([\w./-]+\.\w+)\n")
SNIPPET = re.compile(r'^--8<-- "([^"]+)"$', re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """One fenced block.

    Attributes:
        page: the page's path from the root on.
        line: of the page, in which the block begins.
        title: the file that it is, or what else it is called; empty: nothing.
        text: with its snippets in their places.
        snippets: files of examples/ of which it is made.
    """

    page: str
    line: int
    language: str
    title: str
    text: str
    snippets: tuple[str, ...]

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def read_blocks(page: Path) -> list[Block]:
    """The blocks of *page*, in their order."""
    return list(parse_blocks(page.read_text(), name_of(page)))


def parse_blocks(source: str, page: str) -> Iterator[Block]:
    for match in FENCE.finditer(source):
        text = textwrap.dedent(match["text"])
        title = TITLE.search(match["info"]) or NAMED_IN_COMMENT.match(text)
        yield Block(
            page,
            source.count("\n", 0, match.start()) + 1,
            match["language"],
            title[1] if title else "",
            SNIPPET.sub(lambda snippet: (EXAMPLES / snippet[1]).read_text().rstrip("\n"), text),
            tuple(SNIPPET.findall(text)),
        )


def name_of(page: Path) -> str:
    """How a page is called here."""
    return page.relative_to(ROOT).as_posix()


def find_pages() -> list[Path]:
    """All pages of the site."""
    return sorted(DOCS.rglob("*.md"))


def pages_of(nav: Any) -> list[str]:
    """The pages of a navigation, in its order."""
    if isinstance(nav, str):
        return [nav]
    entries = nav.values() if isinstance(nav, dict) else nav
    return [page for entry in entries for page in pages_of(entry)]


def read_navigation() -> list[str]:
    """The pages of the site's navigation, in its order."""
    return pages_of(yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"])


def make_readings() -> dict[str, list[Path]]:
    """What is read in one go: a page, or all pages of a folder, in the navigation's order."""
    readings = {"README.md": [ROOT / "README.md"]}
    for name in read_navigation():
        folder = name.rpartition("/")[0]
        readings.setdefault(f"docs/{folder or name}", []).append(DOCS / name)
    return readings


READINGS = make_readings()
