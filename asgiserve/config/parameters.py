"""The parameters of `Config`, for functions that pass their options on to it.

Type checkers and editors see them; at run time nothing is imported for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["takes_options"]

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ParamSpec, Protocol, TypeVar

    from asgiserve.config.config import Config

    P = ParamSpec("P")
    Result = TypeVar("Result")

    class OptionTaker(Protocol[P]):
        """A decorator that leaves a function its result, and has it take other parameters."""

        def __call__(self, function: Callable[..., Result]) -> Callable[P, Result]: ...

    def like(function: Callable[P, Any]) -> OptionTaker[P]: ...

    takes_options = like(Config)
else:

    def takes_options(function):
        """Leave *function* as it is: its ``**options`` are checked by `Config`."""
        return function
