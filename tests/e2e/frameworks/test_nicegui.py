"""A page of NiceGUI in Chromium. https://nicegui.io/"""

import json

import pytest

from ..chromium import CHROMIUM, Chromium
from ..waiting import wait_until
from . import site_checks
from .packages import need, skip_or_fail

need("nicegui")
if CHROMIUM is None:
    skip_or_fail("Chromium is not installed")
pytestmark = pytest.mark.framework("NiceGUI", "nicegui")
SITE = "nicegui_site:app"


class TestSite(site_checks.StartAndStop):
    pass


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def tab(browser, server):
    tab = browser.open_tab(server.url)
    wait_until(lambda: has_text(tab, "nobody"), "the page to be shown")
    # The timer of the page runs once its socket is there.
    wait_until(lambda: not has_text(tab, "0"), "the socket of the page")
    yield tab
    tab.close()


def has_text(tab, text):
    """Whether an element of the page has just this *text*."""
    script = "[...document.querySelectorAll('div')].some(div => div.textContent === {})"
    return tab.evaluate(script.format(json.dumps(text)))


def read_ticks(tab):
    """The number on the page."""
    texts = tab.evaluate("[...document.querySelectorAll('div')].map(div => div.textContent)")
    return next(int(text) for text in texts if text.isdigit())


def test_route_beside_the_page_is_served(server, http):
    assert http.fetch("GET", f"{server.url}/api").json == {"message": "beside the page"}


def test_page_and_its_files_arrive(tab):
    assert tab.evaluate("document.title") == "The page of the test"
    sizes = "performance.getEntriesByType('resource').map(entry => entry.responseStatus)"
    assert set(tab.evaluate(sizes)) == {200}


@pytest.mark.feature("WebSocket")
def test_click_reaches_the_server_and_changes_the_page(tab):
    tab.evaluate("const field = document.querySelector('input[aria-label=Name]'); field.focus()")
    tab.type("grüß dich 👋")
    tab.evaluate("document.querySelector('button').click()")
    wait_until(lambda: has_text(tab, "Hello, grüß dich 👋!"), "the greeting")
    transports = "window.socket.io.engine.transport.name"
    wait_until(lambda: tab.evaluate(transports) == "websocket", "the transport")


@pytest.mark.feature("upload")
def test_file_that_is_chosen_is_uploaded(tab):
    tab.evaluate(
        "const files = new DataTransfer();"
        "files.items.add(new File(['x'.repeat(300000)], 'data.txt'));"
        "const chooser = document.querySelector('input[type=file]');"
        "chooser.files = files.files;"
        "chooser.dispatchEvent(new Event('change', {bubbles: true}));"
    )
    wait_until(lambda: has_text(tab, "data.txt has 300000 bytes"), "the upload")


@pytest.mark.feature("background")
def test_timer_changes_the_page_by_itself(tab):
    wait_until(lambda: read_ticks(tab) >= 5, "the timer to have ticked five times")


@pytest.mark.feature("disconnect")
def test_page_that_is_closed_is_told_to_the_application(browser, server):
    before = site_checks.events(server).count("client left")
    tab = browser.open_tab(server.url)
    wait_until(lambda: has_text(tab, "nobody"), "the page to be shown")
    wait_until(lambda: not has_text(tab, "0"), "the socket of the page")
    tab.close()
    wait_until(lambda: site_checks.events(server).count("client left") > before, "the end")
