# What of the tests CPython 3.13 alone is enough for here, as pytest's options; sourced by the checks of
# the other Pythons (.github/workflows/tests.yml runs all of them everywhere): benchmarks' programs, pages,
# frameworks, and the many processes of supervisors, which take most of the time.
LEFT_OUT=(
    --ignore=tests/benchmarks
    --ignore=tests/docs
    --ignore=tests/e2e/frameworks
    --ignore=tests/e2e/test_load_spread.py
    --ignore=tests/e2e/test_reload.py
    --ignore-glob='*/e2e/test_stuck_*.py'
    --ignore-glob='*/e2e/test_worker*.py'
)
