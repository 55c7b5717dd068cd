"""asgiserve under Django's ``runserver``: ``asgiserve.django`` first in ``INSTALLED_APPS``."""
