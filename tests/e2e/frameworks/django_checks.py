"""What a client of the Django site does and sees, by ASGI as by WSGI."""

import pytest

from ..clients import Client, Form
from ..server_process import SITES_DIR, ServerProcess

# Django keeps 2.5 MiB in memory.
LARGE_FILE_BYTES = 3_000_000


class DjangoViews:
    """Views of both kinds, forms and files."""

    @pytest.mark.parametrize("view", ["hello-async", "hello-sync"])
    def test_view_answers(self, site_url: str, client: Client, view: str) -> None:
        assert client.fetch("GET", f"{site_url}/{view}/you").text == "Hello, you!"

    def test_request_tells_path_query_host_and_client(
        self, server: ServerProcess, client: Client
    ) -> None:
        answer = client.fetch("GET", f"{server.url}/request/caf%C3%A9?q=%26&r=")
        assert answer.json == {
            "path": "/request/café",
            "query": {"q": "&", "r": ""},
            "host": server.url.removeprefix("http://"),
            "remote": "127.0.0.1",
            "absolute": f"{server.url}/request/caf%C3%A9?q=%26&r=",
        }

    def test_form_is_posted(self, site_url: str, client: Client) -> None:
        form = Form({"name": "zoë", "note": "a&b=c"})
        answer = client.fetch("POST", f"{site_url}/form", body=form)
        assert answer.json == {"method": "POST", "form": form.values}

    def test_file_arrives_whole(self, site_url: str, client: Client) -> None:
        answer = client.fetch("GET", f"{site_url}/file")
        assert answer.body == (SITES_DIR / "django_site.py").read_bytes()
