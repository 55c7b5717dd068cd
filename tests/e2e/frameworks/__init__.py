"""The matrix of frameworks: each as its documentation uses it, on a real server, on both columns.

``docs/gen_frameworks.py`` makes the table of ``docs/frameworks.md`` out of a run of these tests.
"""
