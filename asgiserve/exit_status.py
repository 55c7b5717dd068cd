"""What processes end with: 0, or one of these."""

__all__ = ["FAILURE", "STARTUP_FAILURE", "USAGE_ERROR"]

# The application's shutdown failed, or the server broke.
FAILURE = 1
# An option is wrong: nothing was bound.
USAGE_ERROR = 2
# It could not start; uvicorn says it so too.
STARTUP_FAILURE = 3
