"""The tests, laid out as ``asgiserve`` is; ``columns.py`` says which columns they run."""
