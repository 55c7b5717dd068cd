"""A Django project behind Django's WSGI handler. https://docs.djangoproject.com/"""

import pytest

from . import django_checks, site_checks
from .packages import need

need("django")
pytestmark = pytest.mark.framework("Django (WSGI)", "Django")
SITE = "django_site:wsgi_application"
OPTIONS = ("--interface", "wsgi")


class TestSite(
    django_checks.DjangoViews,
    site_checks.FileUpload,
    site_checks.Stream,
    site_checks.LeftStream,
):
    file_bytes = django_checks.LARGE_FILE_BYTES
    count_paths = ("/stream-sync",)
    ticks_path = "/ticks-sync"
