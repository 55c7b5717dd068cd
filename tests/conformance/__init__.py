"""What the RFCs and the ASGI specification ask for, tried on whole connections."""

import pytest

# These assert in the name of the tests, and should show as much when they fail.
pytest.register_assert_rewrite(
    "tests.conformance.verdicts", "tests.fakes", "tests.http_responses", "tests.parser_traces"
)
