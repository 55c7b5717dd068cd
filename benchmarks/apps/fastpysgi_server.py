"""Serve an ASGI application with fastpysgi: ``python -m ... MODULE:ATTRIBUTE PORT``."""

from __future__ import annotations

import sys

import fastpysgi

from benchmarks.apps.import_app import import_app

if __name__ == "__main__":
    fastpysgi.run(
        import_app(sys.argv[1]),
        host="127.0.0.1",
        port=int(sys.argv[2]),
        loglevel=fastpysgi.LL_ERROR,
    )
