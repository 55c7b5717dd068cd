"""The compiled column: one extension module for each twinned pure module."""
