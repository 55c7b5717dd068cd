"""A BlackSheep application. https://www.neoteroi.dev/blacksheep/"""

import pytest

from . import site_checks
from .packages import need

need("blacksheep")
pytestmark = pytest.mark.framework("BlackSheep", "blacksheep")
SITE = "blacksheep_site:app"


class TestSite(
    site_checks.Parameters,
    site_checks.JsonBody,
    site_checks.UnknownPage,
    site_checks.FileUpload,
    site_checks.BodyStream,
    site_checks.Stream,
    site_checks.Background,
    site_checks.Echo,
    site_checks.ServerSentEvents,
    site_checks.LeftPoll,
    site_checks.StartAndStop,
):
    event_data = '{{"number":{}}}'
