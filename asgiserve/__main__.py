"""The command, as ``asgiserve`` and as ``python -m asgiserve``."""

from __future__ import annotations

import atexit
from typing import NoReturn

from asgiserve.process.early_signals import catch_early_signals, ignore_late_signals
from asgiserve.process.standard_files import open_standard_files

__all__ = ["main"]


def main() -> NoReturn:
    """Run the command with the arguments of the process, and exit."""
    open_standard_files()
    # Before the rest is imported, which takes a few tenths of a second.
    catch_early_signals()
    # What is registered first is called last, when no thread is left that only a signal would end.
    atexit.register(ignore_late_signals)
    from asgiserve.cli.command import main as run

    run()


if __name__ == "__main__":
    main()
