"""What users read has the standard terms of the field, not the words of those who wrote it.

To hold more texts to this (help texts, log lines, errors), add a function to `SOURCES`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest
import yaml

from asgiserve.config.config import OPTIONS

from .pages import ROOT, find_pages, name_of

Passage = tuple[str, str]
"""Where a text is, and the text."""


@dataclass(frozen=True)
class Rule:
    """One word of the dialect.

    Attributes:
        pattern: a regular expression, which ignores case and in which a space is any white space.
        instead: what to write.
        sample: a text that the pattern finds.
        allowed_in: files that need the word, such as those that explain the code.
    """

    pattern: str
    instead: str
    sample: str
    allowed_in: frozenset[str] = frozenset()

    def find_in(self, text: str) -> str | None:
        """The first occurrence in *text*."""
        match = self._compiled.search(text)
        return match[0] if match else None

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern.replace(" ", r"\s+"), re.IGNORECASE)


ABOUT_THE_CODE = frozenset({"CONTRIBUTING.md", "docs/architecture.md"})
# Their subject is a table.
ABOUT_TABLES = frozenset({"CONTRIBUTING.md"})

RULES = (
    Rule(
        r"\bcolumns?\b",
        "build (the compiled build, the pure-Python fallback, both builds)",
        "the pure column",
        ABOUT_TABLES,
    ),
    Rule(r"\btwin(s|ned)?\b", "pure-Python fallback, counterpart", "a twin", ABOUT_THE_CODE),
    Rule(
        r"\b(an?|the|its|no|each|every|whole|first|last|slowest|wire|HTTP|error|right|wrong|early)"
        r" answers?\b(?! to\b)|\banswers of\b|\banswer of\b",
        "response",
        "a client that does not read its answer",
    ),
    Rule(r"\bby chance\b", "random, at random", "the kernel spreads by chance"),
    Rule(r"\b(stand(s|ing)?|stood) still\b", "blocked, is blocked", "a worker stands still"),
    Rule(r"\banew\b", "again", "opens log files anew"),
    Rule(r"\bwhoever\b|\bwhosoever\b", "anyone who, the one that", "whoever wakes up first"),
    Rule(r"\bmend(s|ed|ing)?\b", "fix, fixed", "which versions are mended"),
    Rule(r"\bdearer\b|\bdear\b", "slower, more expensive, regressed", "a request is dearer"),
    Rule(r"'s sake\b", "for ... compatibility", "Taken for uvicorn's sake"),
    Rule(r"\bstead\b", "on behalf of, instead", "in the application's stead"),
    Rule(r"\beverything stays\b|\ball stays\b", "keeping the current ...", "Everything stays as"),
    Rule(r"\bare new\b(?=$|[.:])", "restart complete", "All 4 workers are new"),
    Rule(
        r"\bturns? of the (event )?loop\b|\b(once|connections) a turn\b",
        "event-loop iteration",
        "once a turn of the loop",
    ),
    Rule(r"\bcircles?\b", "cycle", "imports never form circles"),
    Rule(r"\btime-outs?\b", "timeout", "Time-outs are set to ten seconds"),
    Rule(r"\btake-overs?\b", "takeover", "two take-overs by USR2"),
    Rule(r"\bslow-down\b", "slowdown", "never a silent slow-down"),
    Rule(r"\bstart-up\b", "startup", "the start-up line"),
    Rule(r"\ba beat\b|\bbeats\b", "heartbeat", "Each event loop sends a beat"),
    Rule(r"\bspare (process|worker)\b", "standby", "a spare process waits"),
    Rule(r"\bsuccessors?\b", "replacement", "a successor is started first"),
    Rule(r"\bbroken off\b|\bbreaks off\b", "cancelled, aborted, truncated", "is broken off"),
    Rule(r"\bgiven up after\b", "disconnected, stopped", "clients are given up after 3.5 s"),
    Rule(
        r"\b(stop|end)\w*( the server)? in order\b(?! to\b)",
        "stop gracefully, exit cleanly",
        "Ctrl+C stops the server in order",
    ),
    Rule(
        r"\bstands? (in|at|on|below|above|behind|beside|there|here|left|for no)\b",
        "is in, is at, ...",
        "each option stands in the table",
    ),
    Rule(r"\bgoes on\b|\bgo on\b", "continues, keeps running", "the old workers go on"),
    Rule(r"\ball else\b", "everything else", "all else is left out"),
    Rule(r"\bholds? for\b", "applies to", "the same holds for trailers"),
    Rule(r"\bheld (against|to)\b", "compared with, matched against", "a pattern is held against"),
    Rule(r"\bfor so long\b", "for this long", "stands for so long"),
    Rule(r"\bper cent\b", "percent, %", "five per cent"),
    Rule(
        r"\bis no (option|HTTP|path|host|number)\b|\bthat are none\b",
        "is not a(n) ...",
        "ASGISERVE_SPEEDUPS is no option",
    ),
    Rule(r"\bis taken for\b", "counts as", "a worker is taken for dead"),
    Rule(
        r"\bput in the place of\b|\bin the place of\b|\btakes? the place of\b",
        "replaces, instead of",
        "takes the place of the first",
    ),
    Rule(r"\bcrews?\b|\bmates?\b|\bmanned\b", "workers, another worker", "its mates"),
)

TOP_PAGES = ("README.md", "SECURITY.md", "CONTRIBUTING.md", "CHANGELOG.md", "benchmarks/README.md")
# Behind this mark are the help texts, which are a source of their own.
GENERATED = "<!-- Written by gen_options.py"


def read_prose(page: Path) -> str:
    """A page without what a program prints, or what it is called."""
    text = page.read_text(encoding="utf-8").partition(GENERATED)[0]
    text = re.sub(r"^( *)(```+).*?\n\1\2$", "", text, flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"(`+)[^`].*?\1", "`", text, flags=re.DOTALL)


def read_pages() -> Iterator[Passage]:
    """The prose of each page, paragraph by paragraph."""
    for page in (*find_pages(), *(ROOT / name for name in TOP_PAGES)):
        for paragraph in read_prose(page).split("\n\n"):
            yield name_of(page), paragraph


def read_examples() -> Iterator[Passage]:
    """The files that the pages include, with their comments."""
    for path in sorted((ROOT / "examples").rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield name_of(path), path.read_text(encoding="utf-8")


def read_titles() -> Iterator[Passage]:
    """The titles of the site's navigation."""

    def titles_of(entries: list[dict[str, object] | str]) -> Iterator[str]:
        for entry in entries:
            if isinstance(entry, dict):
                for title, below in entry.items():
                    yield title
                    if isinstance(below, list):
                        yield from titles_of(below)

    navigation = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    for title in titles_of(navigation):
        yield "mkdocs.yml", title


SVG_TEXT = re.compile(r'<text[^>]*>(.*?)</text>|aria-label="([^"]*)"', re.DOTALL)


def read_drawings() -> Iterator[Passage]:
    """The words in the drawings and charts."""
    for drawing in sorted((ROOT / "docs").rglob("*.svg")):
        for match in SVG_TEXT.finditer(drawing.read_text(encoding="utf-8")):
            yield name_of(drawing), re.sub(r"<[^>]*>", " ", match[1] or match[2] or "")


def read_help() -> Iterator[Passage]:
    """The help text of each option."""
    for name, option in OPTIONS.items():
        yield name, option.help


# What users read; each gives its texts and where they are.
SOURCES: dict[str, Callable[[], Iterator[Passage]]] = {
    "pages": read_pages,
    "examples": read_examples,
    "titles": read_titles,
    "drawings": read_drawings,
    "help": read_help,
}


@pytest.mark.parametrize("source", SOURCES)
def test_users_read_standard_terms(source: str) -> None:
    passages = list(SOURCES[source]())
    assert len(passages) > 10
    found = [
        f"{where}: {word!r} in {' '.join(text.split())[:200]!r}; write {rule.instead!r}"
        for where, text in passages
        for rule in RULES
        if where not in rule.allowed_in and (word := rule.find_in(text)) is not None
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.sample)
def test_rule_finds_its_word_and_suggests_no_other(rule: Rule) -> None:
    assert rule.find_in(rule.sample) is not None
    assert [each.pattern for each in RULES if each.find_in(rule.instead) is not None] == []


def test_code_and_output_are_no_prose(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "one `two` three\n\n```text\nfour\n```\n\n- five\n\n    ```\n    six\n    ```\n"
    )
    assert re.findall(r"\w+", read_prose(page)) == ["one", "three", "five"]
