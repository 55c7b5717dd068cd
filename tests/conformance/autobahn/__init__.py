"""Autobahn|Testsuite's fuzzing client against an echo application (RFC 6455, RFC 7692).

It runs on CPython 2.7 only, so it has an environment of its own::

    python -m tests.conformance.autobahn --install FOLDER
    python -m tests.conformance.autobahn --environment FOLDER --column pure
    python -m tests.conformance.autobahn --environment FOLDER --full --report REPORT
    python -m tests.conformance.autobahn --environment FOLDER --cases '6.*' 7.1.5 --server uvicorn

The fast cases take half a minute, the full set a quarter of an hour. A run fails on every case that
is neither right nor informational, and on every traceback in the server's log. With
``ASGISERVE_TEST_AUTOBAHN=FOLDER`` pytest runs the fast cases too.
"""
