"""Which files a reload watches: directories, and the patterns of ``reload_includes`` and -excludes.

uvicorn's patterns, matched from the right end of a path; what is more is said in `WatchRules`.
Nothing here looks for changes.
"""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from asgiserve.errors import ConfigError
from asgiserve.process.working_directory import find_working_directory

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["WatchRules"]

INCLUDES = ("*.py",)
# uvicorn's, which mean files that editors and Python leave, and those that its patterns miss.
EXCLUDES = (".*", ".py[cod]", ".sw.*", "~*", "*.py[cod]", "*.sw?", "*~", "#*#")
# Never entered, whatever the patterns say: large, and written by tools. Give a directory in one of
# them as reload_dirs to watch it.
SKIPPED_DIRECTORIES = frozenset(
    {
        "__pycache__",
        "__pypackages__",
        "node_modules",
        ".git",
        ".hg",
        ".hypothesis",
        ".idea",
        ".mypy_cache",
        ".nox",
        ".pytest_cache",
        ".ruff_cache",
        ".svn",
        ".tox",
        ".venv",
    }
)

ANY_DEPTH = "**"
WILDCARD = re.compile(r"[*?[]")


class WatchRules:
    """Which directories are entered, and which of the files in them count.

    A pattern without a wildcard that names a directory stands for everything in it; one that names
    a file watches it wherever it is, and is stronger than the excludes. All paths are absolute.

    Args:
        directories: entered without being asked about.
        includes: beside those of INCLUDES that *excludes* does not name.
        excludes: beside those of EXCLUDES that *includes* does not name; a directory that matches
            is not entered.
        current_directory: where relative paths and patterns start; "": where the process is.

    Attributes:
        roots: the directories to enter first.
        files: single files that are watched wherever they are.
    """

    def __init__(
        self,
        directories: Iterable[str],
        includes: Sequence[str] = (),
        excludes: Sequence[str] = (),
        *,
        current_directory: str = "",
    ) -> None:
        self._start = os.path.realpath(current_directory or find_working_directory())
        paths = {each: self._locate(each) for each in (*includes, *excludes)}
        directory_paths = {
            each: os.path.realpath(path) for each, path in paths.items() if os.path.isdir(path)
        }
        self._excluded_directories = tuple(
            directory_paths[each] + os.sep for each in excludes if each in directory_paths
        )
        self._included_directories = tuple(
            directory_paths[each] + os.sep for each in includes if each in directory_paths
        )
        include_patterns = [each for each in includes if each not in directory_paths]
        explicit = [each for each in include_patterns if not has_wildcard(each)]
        self.files = [paths[each] for each in explicit]
        self.roots = self._find_roots(directories, includes)

        def compile_patterns(patterns: Iterable[str]) -> Patterns:
            return Patterns([paths[each] if is_anchored(each) else each for each in patterns])

        self._explicit = compile_patterns(explicit)
        self._included = compile_patterns(
            [*include_patterns, *(each for each in INCLUDES if each not in excludes)]
        )
        self._excluded = compile_patterns(
            [
                *(each for each in excludes if each not in directory_paths),
                *(each for each in EXCLUDES if each not in includes),
            ]
        )

    @classmethod
    def from_config(cls, config: Config) -> WatchRules:
        """The rules that the options ``reload_*`` give.

        Raises:
            ConfigError: they leave nothing to watch.
        """
        directories = config.reload_dirs or (os.fspath(config.app_dir or "."),)
        rules = cls(directories, config.reload_includes, config.reload_excludes)
        if not rules.roots and not rules.files:
            raise ConfigError("reload_excludes: leaves nothing to watch")
        return rules

    def is_watched(self, path: str) -> bool:
        """Whether the file at *path*, in a directory that is entered, counts."""
        if self._explicit.match(path):
            return True
        if not self._included.match(path) and not path.startswith(self._included_directories):
            return False
        return not self._excluded.match(path) and not path.startswith(self._excluded_directories)

    def is_entered(self, path: str) -> bool:
        """Whether the directory at *path*, in one that is entered, is entered too."""
        return (
            os.path.basename(path) not in SKIPPED_DIRECTORIES
            and not self._excluded.match(path)
            and not self._is_below_excluded(path)
        )

    def _is_below_excluded(self, path: str) -> bool:
        return (path + os.sep).startswith(self._excluded_directories)

    def _find_roots(self, directories: Iterable[str], includes: Sequence[str]) -> list[str]:
        """The directories to enter first, in their order, each once."""
        roots = [os.path.realpath(self._locate(each)) for each in directories]
        roots = [each for each in roots if not self._is_below_excluded(each)]
        # What is included may lie in a directory that would not be entered.
        roots += [each.rstrip(os.sep) for each in self._included_directories]
        for each in includes:
            directory = literal_directory(self._locate(each))
            if has_wildcard(each) and directory != self._start and os.path.isdir(directory):
                roots.append(directory)
        return list(dict.fromkeys(roots))

    def _locate(self, pattern: str) -> str:
        """*pattern* as an absolute path, with no symbolic link among its directories."""
        path = os.path.normpath(os.path.join(self._start, pattern))
        directory = literal_directory(path)
        return os.path.join(os.path.realpath(directory), os.path.relpath(path, directory))


class Patterns:
    """Shell patterns that a path may match; ``**`` stands for any number of directories.

    A relative pattern is held against the end of the path.
    """

    def __init__(self, patterns: Iterable[str]) -> None:
        names = []
        self._paths: list[list[str]] = []
        for pattern in patterns:
            parts = os.path.normpath(pattern).split(os.sep)
            if len(parts) == 1 and parts != [ANY_DEPTH]:
                names.append(fnmatch.translate(parts[0]))
            else:
                self._paths.append(parts)
        # Most patterns are for names, and every file is asked about at each look.
        self._names = re.compile("|".join(names)) if names else None

    def match(self, path: str) -> bool:
        """Whether one of the patterns matches."""
        if self._names is not None and self._names.match(os.path.basename(path)):
            return True
        return any(ends_with(path.split(os.sep), parts) for parts in self._paths)


def ends_with(names: list[str], parts: list[str]) -> bool:
    """Whether the last of *names* match *parts*, each the pattern of one name."""
    if not parts:
        return True
    *front, last = parts
    if last == ANY_DEPTH:
        return any(ends_with(names[:count], front) for count in range(len(names), -1, -1))
    return bool(names) and fnmatch.fnmatchcase(names[-1], last) and ends_with(names[:-1], front)


def has_wildcard(pattern: str) -> bool:
    """Whether *pattern* may match more than one path."""
    return WILDCARD.search(pattern) is not None


def is_anchored(pattern: str) -> bool:
    """Whether *pattern* says where it starts, and so is no pattern for the end of a path."""
    return os.path.isabs(pattern) or os.pardir in pattern.split(os.sep)


def literal_directory(path: str) -> str:
    """The directory of *path*, or of its first part with a wildcard."""
    wildcard = WILDCARD.search(path)
    return os.path.dirname(path[: wildcard.start()] if wildcard else path)
