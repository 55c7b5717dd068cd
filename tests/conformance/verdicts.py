"""Whether a server did what a row of the raw-bytes table says.

That is what it sent, whether it kept the connection, and what it let the application see.
"""

from __future__ import annotations

from collections.abc import Sequence

from tests.apps import SeenRequest
from tests.http_responses import Response, read_responses

from .raw_bytes import Case, Request

__all__ = ["assert_answered", "assert_saw", "expected_requests"]


def expected_requests(case: Case) -> list[Request]:
    """The requests of *case* that have to be answered with 200, the follow-up among them."""
    if case.is_closed or case.is_waiting:
        return list(case.seen)
    return [*case.seen, Request(path="/follow-up")]


def assert_answered(case: Case, sent: bytes, *, is_open: bool) -> None:
    """*sent* is what the client got for *case* with its follow-up."""
    expected = expected_requests(case)
    responses = read_responses(sent, [request.method for request in expected])
    statuses = [200] * len(expected) + [case.refusal] * (case.refusal is not None)
    assert [response.status for response in responses] == statuses
    assert all(response.is_complete for response in responses)
    for response, request in zip(responses, expected, strict=False):
        assert response.body == (b"" if request.method == "HEAD" else request.body)
    assert is_open is case.is_waiting
    if not case.is_waiting:
        assert_end_is_announced(responses)


def assert_end_is_announced(responses: list[Response]) -> None:
    """The last response says that the connection ends (RFC 9112 section 9.6), no other does."""
    *others, last = (response.says_close for response in responses)
    assert last, "the last response does not say that the connection ends"
    assert not any(others), "a response announced an end that did not come"


def assert_saw(case: Case, requests: Sequence[SeenRequest]) -> None:
    """*requests* is all that the application was called with for *case* and its follow-up."""
    expected = expected_requests(case)
    whole, rest = requests[: len(expected)], requests[len(expected) :]
    for seen, request in zip(whole, expected, strict=True):
        _assert_is(seen, request)
    assert len(rest) <= case.begins, f"the application saw {rest!r} too"
    assert not any(seen.is_complete for seen in rest), f"a refused request is complete: {rest!r}"


def _assert_is(seen: SeenRequest, expected: Request) -> None:
    scope = seen.scope
    assert seen.is_complete, f"incomplete: {seen!r}"
    assert (scope["method"], scope["http_version"]) == (expected.method, expected.http_version)
    assert seen.body == expected.body
    assert scope["query_string"] == expected.query_string
    if expected.path is not None:
        assert scope["path"] == expected.path
    if expected.raw_path is not None:
        assert scope["raw_path"] == expected.raw_path
    if expected.headers is not None:
        assert tuple(tuple(pair) for pair in scope["headers"]) == expected.headers
