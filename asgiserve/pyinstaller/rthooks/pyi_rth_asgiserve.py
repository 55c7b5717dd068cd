"""Run by a frozen program before its own first line."""

from asgiserve.child_process import enter_child

enter_child()
