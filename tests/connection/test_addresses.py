"""How logs name clients."""

from __future__ import annotations

from typing import Any

import pytest

from asgiserve.connection.addresses import forwarded_text


@pytest.mark.parametrize(
    ("scope", "text"),
    [
        ({"client": ("203.0.113.7", 0)}, "203.0.113.7:0"),
        ({"client": ["203.0.113.7", 5]}, "203.0.113.7:5"),
        ({"client": None}, "10.0.0.1:5"),
        ({"client": "what the application put there"}, "10.0.0.1:5"),
        ({}, "10.0.0.1:5"),
        (None, "10.0.0.1:5"),
    ],
)
def test_forwarded_client_is_named_where_it_is_known(scope: Any, text: str) -> None:
    assert forwarded_text(scope, "10.0.0.1:5") == text
