"""The chat of FastAPI's documentation in two tabs of Chromium, where that is installed."""

import json
import signal

import pytest

from .chromium import CHROMIUM, Chromium
from .waiting import wait_until

pytest.importorskip("fastapi")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def server(start_server):
    return start_server("-m", "asgiserve", "chat_site:app", "--port", "0")


def wait_for_messages(tab, messages):
    script = "[...document.querySelectorAll('#messages li')].map(item => item.textContent)"
    wait_until(lambda: tab.evaluate(script) == messages, f"{messages} on the page")


def say(tab, text):
    """Type into the field and press the button."""
    tab.evaluate(f"document.getElementById('messageText').value = {json.dumps(text)}")
    tab.evaluate("document.querySelector('button').click()")


def test_two_tabs_chat_with_each_other(browser, server):
    ann = browser.open_tab(f"{server.url}/?id=1")
    wait_for_messages(ann, ["Client #1 joined the chat"])
    bob = browser.open_tab(f"{server.url}/?id=2")
    seen_by_ann = ["Client #1 joined the chat", "Client #2 joined the chat"]
    seen_by_bob = ["Client #2 joined the chat"]
    wait_for_messages(bob, seen_by_bob)
    say(ann, "grüß dich 👋")
    seen_by_ann += ["You wrote: grüß dich 👋", "Client #1 says: grüß dich 👋"]
    seen_by_bob += ["Client #1 says: grüß dich 👋"]
    wait_for_messages(ann, seen_by_ann)
    wait_for_messages(bob, seen_by_bob)
    long = "long " * 20_000
    say(bob, long)
    wait_for_messages(ann, [*seen_by_ann, f"Client #2 says: {long}"])
    wait_for_messages(bob, [*seen_by_bob, f"You wrote: {long}", f"Client #2 says: {long}"])
    bob.close()
    left = "Client #2 left the chat"
    wait_for_messages(ann, [*seen_by_ann, f"Client #2 says: {long}", left])
    ann.close()


def test_compression_is_agreed_with_chromium(browser, server):
    tab = browser.open_tab(f"{server.url}/?id=1")
    wait_for_messages(tab, ["Client #1 joined the chat"])
    assert tab.evaluate("ws.extensions").startswith("permessage-deflate")
    tab.close()


def test_page_is_told_1012_when_the_server_stops(browser, server):
    tab = browser.open_tab(f"{server.url}/?id=1")
    wait_for_messages(tab, ["Client #1 joined the chat"])
    server.send_signal(signal.SIGTERM)
    wait_until(lambda: tab.evaluate("document.title") == "closed with 1012", "the page to be told")
    assert server.exit_status() == 0
    tab.close()
