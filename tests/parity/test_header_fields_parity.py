"""Both columns say the same of names and values of fields."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.columns import COLUMNS, load_namespace

pytestmark = pytest.mark.skipif(
    "compiled" not in COLUMNS, reason="only one column is here to be compared"
)

# Mostly bytes that the grammars know, so that a value comes far before it is wrong.
FIELD_BYTES = st.lists(
    st.sampled_from(b"0123456789abcdefvxAFGZ:.[]%-_~!$&'()*+,;= \t\r\n\0/@\x7f\x80\xff"),
    max_size=30,
).map(bytes) | st.binary(max_size=30)


def both(function: str, *arguments: Any) -> list[Any]:
    return [
        getattr(load_namespace(name).header_fields, function)(*arguments)
        for name in ("pure", "compiled")
    ]


@given(data=FIELD_BYTES)
@example(data=b"[1:2:3:4:5:6:7:8]:80")
@example(data=b"[::ffff:192.0.2.1]")
@example(data=b"9223372036854775807")
@example(data=b"9223372036854775808")
@example(data=b"00000000000000000000000000000000000001")
@pytest.mark.parametrize(
    "function",
    ["is_field_value", "is_token", "is_valid_host", "lower_name", "parse_content_length"],
)
def test_columns_say_the_same(function: str, data: bytes) -> None:
    pure, compiled = both(function, data)
    assert compiled == pure
    assert type(compiled) is type(pure)


@given(
    parts=st.lists(FIELD_BYTES | st.sampled_from([b"close", b" Close\t", b"closed"]), max_size=4)
)
def test_columns_find_the_same_list_members(parts: list[bytes]) -> None:
    pure, compiled = both("has_list_member", b",".join(parts), b"close")
    assert compiled is pure


@given(
    names=st.lists(FIELD_BYTES | st.sampled_from([b"x-forwarded-for", b"forwarded"]), max_size=6)
)
def test_columns_select_the_same_fields(names: list[bytes]) -> None:
    fields = [(name, b"%d" % number) for number, name in enumerate(names)]
    pure, compiled = both("select_fields", fields, (b"x-forwarded-for", b"forwarded"))
    assert compiled == pure
