"""Django projects: behind Django's own ASGI handler, driven by every client, and with Channels.

https://docs.djangoproject.com/ and https://channels.readthedocs.io/
"""

import pytest
from websockets.exceptions import InvalidStatus

from ..server_process import SITES_DIR
from ..waiting import DEADLINE_S
from ..websocket_clients import open_websocket
from . import django_checks, site_checks
from .packages import need

need("django", "channels")
pytestmark = pytest.mark.framework("Django with Channels", "Django", "channels")

# Django's own, which it gives by design.
SYNC_ITERATORS = "ignore:StreamingHttpResponse must consume synchronous iterators"


@pytest.fixture(scope="module")
def server(start_shared_server):
    options = ["-W", SYNC_ITERATORS, "-m", "asgiserve"]
    return start_shared_server(*options, "django_site:application", "--port", "0")


@pytest.fixture(scope="module")
def channels_server(start_shared_server):
    return start_shared_server("-m", "asgiserve", "channels_site:application", "--port", "0")


class TestSite(
    django_checks.DjangoViews,
    site_checks.FileUpload,
    site_checks.Stream,
    site_checks.LeftStream,
):
    file_bytes = django_checks.LARGE_FILE_BYTES
    count_paths = ("/stream-async", "/stream-sync")


class TestChannels(site_checks.Echo, site_checks.ServerSentEvents):
    @pytest.fixture
    def server(self, channels_server):
        return channels_server

    def echo_options(self, server):
        return {"origin": server.url}


def test_redirect_keeps_its_location(server, client):
    answer = client.fetch("GET", f"{server.url}/redirect")
    assert (answer.status, answer.header("location")) == (302, "/hello-sync/again")


def test_unknown_page_is_a_404_and_unknown_host_a_400(server, client):
    assert client.fetch("GET", f"{server.url}/nowhere").status == 404
    answer = client.fetch("GET", f"{server.url}/hello-sync/you", headers={"host": "elsewhere"})
    assert answer.status == 400


def test_exception_in_a_view_is_a_500(server, client):
    assert client.fetch("GET", f"{server.url}/crash").status == 500


def test_missing_lifespan_is_no_error(server):
    # Django raises on a lifespan scope before its first receive: it has none, and nothing is wrong.
    assert "can only handle" not in server.log()


@pytest.mark.feature("WebSocket")
def test_websocket_to_django_alone_is_a_500(server):
    with pytest.raises(InvalidStatus) as caught, open_websocket(server, "/hello-async/you"):
        pass
    assert caught.value.response.status_code == 500
    server.expect_traceback("Django can only handle ASGI/HTTP connections, not websocket.")


@pytest.mark.feature("WebSocket")
def test_websocket_beside_django_is_served(start_server, client):
    server = start_server("-m", "asgiserve", "django_site:with_websockets", "--port", "0")
    with open_websocket(server, "/chat/caf%C3%A9") as socket:
        socket.send("hello")
        assert socket.recv(DEADLINE_S) == "/chat/café: hello"
        assert client.fetch("GET", f"{server.url}/hello-async/you").text == "Hello, you!"


def test_static_file_is_served_in_debug(channels_server, client):
    answer = client.fetch("GET", f"{channels_server.url}/static/channels_site.py")
    assert answer.body == (SITES_DIR / "channels_site.py").read_bytes()
    assert client.fetch("GET", f"{channels_server.url}/static/nothing.css").status == 404


def test_view_beside_the_consumers_answers(channels_server, client):
    assert client.fetch("GET", f"{channels_server.url}/hello").text == "Hello!"


@pytest.mark.feature("WebSocket")
def test_room_of_channels_hears_what_one_says(channels_server):
    origin = {"origin": channels_server.url}
    with (
        open_websocket(channels_server, "/rooms/kitchen", **origin) as ann,
        open_websocket(channels_server, "/rooms/kitchen", **origin) as bob,
        open_websocket(channels_server, "/rooms/cellar", **origin) as eve,
    ):
        # Each is in its room when it hears itself.
        for socket in (ann, bob, eve):
            socket.send("hello")
            while socket.recv(DEADLINE_S) != "hello":
                pass
        ann.send("grüß dich")
        for socket in (ann, bob):
            while (text := socket.recv(DEADLINE_S)) != "grüß dich":
                assert text == "hello"
        eve.send("alone")
        assert eve.recv(DEADLINE_S) == "alone"


@pytest.mark.feature("WebSocket")
def test_websocket_of_another_origin_is_refused(channels_server):
    origin = {"origin": "http://elsewhere.example"}
    with (
        pytest.raises(InvalidStatus) as caught,
        open_websocket(channels_server, "/echo", **origin),
    ):
        pass
    assert caught.value.response.status_code == 403
