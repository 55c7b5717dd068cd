"""Chromium, where it is installed: the chat of FastAPI's documentation, and what pages ask for."""

import hashlib
import json
import signal
from importlib.util import find_spec

import pytest

from .chromium import CHROMIUM, Chromium
from .journal import read_journal, wait_for_journal
from .waiting import wait_until

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def chat_server(start_server):
    if find_spec("fastapi") is None:
        pytest.skip("FastAPI is not installed")
    return start_server("-m", "asgiserve", "chat_site:app", "--port", "0", has_calm_clients=True)


def wait_for_messages(tab, messages):
    script = "[...document.querySelectorAll('#messages li')].map(item => item.textContent)"
    wait_until(lambda: tab.evaluate(script) == messages, f"{messages} on the page")


def say(tab, text):
    """Type into the field and press the button."""
    tab.evaluate(f"document.getElementById('messageText').value = {json.dumps(text)}")
    tab.evaluate("document.querySelector('button').click()")


def test_two_tabs_chat_with_each_other(browser, chat_server):
    ann = browser.open_tab(f"{chat_server.url}/?id=1")
    wait_for_messages(ann, ["Client #1 joined the chat"])
    bob = browser.open_tab(f"{chat_server.url}/?id=2")
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


def test_compression_is_agreed_with_chromium(browser, chat_server):
    tab = browser.open_tab(f"{chat_server.url}/?id=1")
    wait_for_messages(tab, ["Client #1 joined the chat"])
    assert tab.evaluate("ws.extensions").startswith("permessage-deflate")
    tab.close()


def test_page_is_told_1012_when_the_server_stops(browser, chat_server):
    tab = browser.open_tab(f"{chat_server.url}/?id=1")
    wait_for_messages(tab, ["Client #1 joined the chat"])
    chat_server.send_signal(signal.SIGTERM)
    wait_until(lambda: tab.evaluate("document.title") == "closed with 1012", "the page to be told")
    assert chat_server.exit_status() == 0
    tab.close()


# --- what pages ask for ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(start_shared_server):
    return start_shared_server(
        "-m", "asgiserve", "browser_site:app", "--port=0", has_calm_clients=True
    )


def open_page(browser, server):
    tab = browser.open_tab(f"{server.url}/page")
    wait_until(lambda: tab.evaluate("document.title") == "page", "the page")
    return tab


@pytest.fixture(scope="module")
def tab(browser, server):
    """A page of the site, for tests that do not leave it."""
    tab = open_page(browser, server)
    yield tab
    tab.close()


# What a script of the page does, what it returns, and the requests that the server saw.
SCRIPTS = {
    "head": (
        """
        const answer = await fetch("/hello", {method: "HEAD"});
        return [answer.status, answer.headers.get("content-length"), await answer.text()];
        """,
        [200, "13", ""],
        ["HEAD /hello 200"],
    ),
    "no content": (
        """
        const answer = await fetch("/status?code=204");
        return [answer.status, await answer.text()];
        """,
        [204, ""],
        ["GET /status?code=204 204"],
    ),
    "not modified": (
        """
        const texts = [];
        for (let count = 0; count < 3; count++) {
            const answer = await fetch("/unchanged");
            texts.push([answer.status, await answer.text()]);
        }
        return texts;
        """,
        [[200, "version one"]] * 3,
        ["GET /unchanged 200", "GET /unchanged 304", "GET /unchanged 304"],
    ),
    "compressed": (
        """
        const text = await (await fetch("/gzipped")).text();
        return [text.length, text.slice(0, 11)];
        """,
        [11_000, "many words "],
        ["GET /gzipped 200"],
    ),
    "refused upload": (
        """
        const body = new Uint8Array(2_000_000);
        const answer = await fetch("/refuse_unread", {method: "POST", body});
        return [answer.status, await answer.text(), (await fetch("/hello")).status];
        """,
        [403, "not read", 200],
        ["POST /refuse_unread 403", "GET /hello 200"],
    ),
    "upload": (
        """
        const body = new Blob([new Uint8Array(3_000_000).fill(7)]);
        const answer = await fetch("/digest", {method: "PUT", body});
        return (await answer.json()).sha256;
        """,
        hashlib.sha256(b"\7" * 3_000_000).hexdigest(),
        ["PUT /digest 200"],
    ),
    "many at once": (
        """
        const numbers = [...Array(20).keys()];
        const answers = await Promise.all(numbers.map(number => fetch(`/hello?${number}`)));
        return answers.map(answer => answer.status);
        """,
        [200] * 20,
        [f"GET /hello?{number} 200" for number in range(20)],
    ),
    "beacon": (
        """
        const is_queued = navigator.sendBeacon("/echo", "goodbye");
        // It has no answer; the next request of the same kind does not wait for it.
        while (!performance.getEntriesByType("resource").some(
            entry => entry.initiatorType == "beacon" && entry.responseEnd > 0
        )) await new Promise(done => setTimeout(done, 5));
        return is_queued;
        """,
        True,
        ["POST /echo 200"],
    ),
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_gets_each_answer_at_the_first_try(tab, seen_requests, name):
    script, result, requests = SCRIPTS[name]
    assert tab.run(script) == result
    assert sorted(seen_requests()) == sorted(requests)


def test_stream_is_read_as_it_comes(tab, seen_requests):
    # The application goes on when the page says that it has the piece before.
    pieces = tab.run(
        """
        const answer = await fetch("/stream"), pieces = [], decoder = new TextDecoder();
        const reader = answer.body.getReader();
        while (true) {
            const {done, value} = await reader.read();
            if (done) return pieces;
            pieces.push(decoder.decode(value));
            await fetch("/told?piece=" + pieces.at(-1));
        }
        """
    )
    assert pieces == ["one", "two", "three"]
    told = [f"GET /told?piece={piece} 200" for piece in pieces]
    assert seen_requests() == [*told, "GET /stream 200"]


def test_stream_that_is_aborted_is_no_trouble(tab, server):
    tab.run(
        """
        const control = new AbortController();
        const answer = await fetch("/stream_for_ever?case=aborted", {signal: control.signal});
        await answer.body.getReader().read();
        control.abort();
        """
    )
    wait_until(lambda: "ClientDisconnected" in read_journal(server, "aborted"), "the abort")


def test_event_source_gets_the_events_and_asks_once(tab, server, seen_requests):
    events = tab.run(
        """
        return await new Promise((done, fail) => {
            const source = new EventSource("/events"), events = [];
            source.onerror = fail;
            source.addEventListener("tick", event => {
                events.push([event.lastEventId, event.data]);
                if (events.length == 3) { source.close(); done(events); }
            });
        });
        """
    )
    assert events == [[str(number), f"number {number}\ngrößer"] for number in range(3)]
    wait_for_journal(server, "events", ["left"])
    assert [each for each in seen_requests() if "/events" in each] == ["GET /events 200"]


def test_websocket_talks_and_closes_in_order(tab, seen_requests):
    result = tab.run(
        """
        const socket = new WebSocket(`ws://${location.host}/echo`), got = [];
        socket.binaryType = "arraybuffer";
        const long = "wörter ".repeat(100_000), bytes = new Uint8Array(300_000).fill(7);
        await new Promise(opened => socket.onopen = opened);
        for (const message of ["short", "", long, bytes]) {
            socket.send(message);
            const {data} = await new Promise(came => socket.onmessage = came);
            got.push(data == message || new Uint8Array(data).every(byte => byte == 7));
        }
        const closed = new Promise(closed => socket.onclose = closed);
        socket.close(3001, "bin müde");
        const {code, reason, wasClean} = await closed;
        return [got, socket.extensions, code, reason, wasClean];
        """
    )
    assert result[0] == [True] * 4
    assert result[1].startswith("permessage-deflate")
    # The server's frame repeats the code, and not the reason.
    assert result[2:] == [3001, "", True]
    assert seen_requests() == ["GET /echo 101", "WEBSOCKET /echo 3001"]


def test_websocket_is_told_the_code_of_the_application(tab):
    assert tab.run(
        """
        const socket = new WebSocket(`ws://${location.host}/close?case=c&code=4321&reason=enough`);
        const {code, reason, wasClean} = await new Promise(closed => socket.onclose = closed);
        return [code, reason, wasClean];
        """
    ) == [4321, "enough", True]


def test_form_with_a_file_is_submitted(browser, server, seen_requests):
    tab = open_page(browser, server)
    tab.evaluate(
        """
        document.body.innerHTML = '<form method="post" enctype="multipart/form-data" '
            + 'action="/submitted"><input name="text"><input type="file" name="file"></form>';
        document.querySelector("[name=text]").value = "größer";
        const files = new DataTransfer();
        files.items.add(new File([new Uint8Array(1_000_000).fill(7)], "x.bin"));
        document.querySelector("[name=file]").files = files.files;
        document.querySelector("form").submit();
        """
    )
    wait_until(lambda: "x.bin" in (tab.evaluate("document.body?.innerText") or ""), "the answer")
    digests = [hashlib.sha256(each).hexdigest() for each in ("größer".encode(), b"\7" * 1_000_000)]
    lines = tab.evaluate("document.body.innerText").split()
    assert lines == ["text", "None", digests[0], "file", "x.bin", digests[1]]
    assert seen_requests() == ["GET /page 200", "POST /submitted 200"]
    tab.close()
