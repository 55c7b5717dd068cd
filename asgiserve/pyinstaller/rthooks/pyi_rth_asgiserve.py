"""Run by a frozen program before its own first line."""

from asgiserve.process.child_process import enter_child

enter_child()
