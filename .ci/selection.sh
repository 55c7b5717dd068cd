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
# And what PyPy, which starts a server slowly, need not run here either: the hot path, which is the pure
# one there, has no part in it.
LEFT_OUT_OF_PYPY=(
    "${LEFT_OUT[@]}"
    --ignore=tests/bench
    --ignore=tests/doctor
    --ignore=tests/gunicorn
    --ignore-glob='*/e2e/test_examples_*.py'
)
for subject in accepting addresses bench children doctor drain_delay embedding gunicorn identity launchers \
    log_formats options pytest_plugin signals start_up surroundings systemd testing tls_options unread_log; do
    LEFT_OUT_OF_PYPY+=("--ignore=tests/e2e/test_$subject.py")
done
