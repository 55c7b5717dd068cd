# Which tests `.ci/run` leaves out where, as pytest's options; sourced. `.ci/nightly` runs all of them
# everywhere, and so does .github/workflows/tests.yml.

# leave_out TIER...: fill LEFT_OUT with what belongs to tiers that are not among those given.
leave_out() {
    LEFT_OUT=()
    [[ " $* " == *" benchmarks "* ]] || LEFT_OUT+=(--ignore=tests/benchmarks)
    [[ " $* " == *" frameworks "* ]] ||
        LEFT_OUT+=(--ignore=tests/e2e/frameworks --ignore=tests/e2e/test_launchers.py --ignore=tests/e2e/test_chromium.py)
    [[ " $* " == *" pages "* ]] ||
        LEFT_OUT+=(--ignore=tests/docs --ignore-glob='*/e2e/test_docs_*.py' --ignore-glob='*/e2e/test_examples_*.py')
}

# The language of an older Python, and what depends on its asyncio: the protocols, in the compiled build.
SELECTED_OF_311=(
    tests/{asgi,connection,middleware,net,process,server,worker}
    tests/e2e/test_{asgi_semantics,bodies,embedding,shutdown,signals,tls,websockets_library,workers}.py
)
# What PyPy has other than CPython: its garbage collector, its Python code compiled at run time.
SELECTED_OF_PYPY=(
    tests/{asgi,codecs,connection,logs,middleware}
    tests/e2e/test_{asgi_semantics,bodies,curl,hostile_clients,shutdown,websocket_protocol,workers}.py
)
