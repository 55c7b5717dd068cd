"""The options by the groups of ``--help``: a class for each, with the checks within it."""
