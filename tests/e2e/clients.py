"""The real clients, each behind one call, so that a test can be driven by all of them."""

import asyncio
import io
import json
import shutil
import subprocess
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx

from .waiting import DEADLINE_S


@dataclass(frozen=True)
class Answer:
    """What a client made of a response."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        values = [value for key, value in self.headers if key.lower() == name]
        return ", ".join(values) if values else None


@dataclass(frozen=True)
class Upload:
    """A file in a multipart form."""

    name: str
    content: bytes
    content_type: str = "application/octet-stream"


@dataclass(frozen=True)
class Form:
    """A form: url-encoded, or multipart when it holds files."""

    values: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)


class Client:
    """A way to send requests, one at a time; redirects are not followed."""

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | Form | None = None,
    ) -> Answer:
        """Send a request, with *body* as it is or as a form."""
        return self._send(method, url, headers or {}, body)

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Form | None
    ) -> Answer:
        raise NotImplementedError

    def close(self) -> None:
        """Close what outlives a request."""


class HttpxClient(Client):
    """httpx with its connection pool: requests of one test run share keep-alive connections."""

    def __init__(self) -> None:
        self._client = httpx.Client(timeout=DEADLINE_S, trust_env=False)

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Form | None
    ) -> Answer:
        content: dict[str, Any] = {"content": body}
        if isinstance(body, Form):
            files = {
                name: (part.name, part.content, part.content_type)
                for name, part in body.files.items()
            }
            content = {"data": body.values, "files": files or None}
        response = self._client.request(method, url, headers=headers, **content)
        return Answer(response.status_code, list(response.headers.multi_items()), response.content)

    def close(self) -> None:
        self._client.close()


class AiohttpClient(Client):
    """aiohttp, whose client parser is llhttp; a session per request."""

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Form | None
    ) -> Answer:
        return asyncio.run(self._send_async(method, url, headers, body))

    async def _send_async(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Form | None
    ) -> Answer:
        # Files, since aiohttp warns of plain bytes above 1 MiB.
        data: Any = io.BytesIO(body) if isinstance(body, bytes) else body
        if isinstance(body, Form):
            data = aiohttp.FormData(body.values)
            for name, part in body.files.items():
                data.add_field(
                    name,
                    io.BytesIO(part.content),
                    filename=part.name,
                    content_type=part.content_type,
                )
        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, url, headers=headers, data=data, allow_redirects=False
            ) as response,
        ):
            return Answer(response.status, list(response.headers.items()), await response.read())


class CurlClient(Client):
    """The curl command; ``run`` takes any of its options."""

    def _send(
        self, method: str, url: str, headers: dict[str, str], body: bytes | Form | None
    ) -> Answer:
        arguments = ["--head"] if method == "HEAD" else ["--request", method]
        for name, value in headers.items():
            arguments += ["--header", f"{name}: {value}"]
        stdin = b""
        if isinstance(body, bytes):
            arguments += ["--data-binary", "@-"]
            stdin = body
            if not any(name.lower() == "content-type" for name in headers):
                arguments += ["--header", "content-type:"]
        if isinstance(body, Form):
            option = "--form-string" if body.files else "--data-urlencode"
            for name, value in body.values.items():
                arguments += [option, f"{name}={value}"]
            assert len(body.files) <= 1, "curl reads one file from its stdin"
            for name, part in body.files.items():
                arguments += ["--form", f"{name}=@-;filename={part.name};type={part.content_type}"]
                stdin = part.content
        answers = self.run(*arguments, url, stdin=stdin)
        return answers[-1]

    def run(self, *arguments: str, stdin: bytes = b"") -> list[Answer]:
        """Run curl; its answers in their order, interim ones (1xx) too."""
        output = self.output("--include", *arguments, stdin=stdin)
        return _split_answers(output)

    def output(self, *arguments: str, stdin: bytes = b"", status: int | None = 0) -> bytes:
        """Run curl, which has to end with *status*, or None for failing in any way; its output."""
        command = shutil.which("curl")
        if command is None:
            raise FileNotFoundError("these tests need the curl command")
        whole = [
            command,
            "--silent",
            "--show-error",
            "--max-time",
            str(int(DEADLINE_S)),
            *arguments,
        ]
        done = subprocess.run(whole, input=stdin, capture_output=True, check=False)
        is_expected = done.returncode != 0 if status is None else done.returncode == status
        assert is_expected, f"curl {arguments} ended with {done.returncode}: {done.stderr.decode()}"
        return done.stdout


def fetch_json(client: Client, method: str, url: str, value: object) -> Answer:
    """Send *value* as a JSON body."""
    headers = {"content-type": "application/json"}
    return client.fetch(method, url, headers=headers, body=json.dumps(value).encode())


def _split_answers(output: bytes) -> list[Answer]:
    """Take heads and bodies apart; curl removed the framing, so a status line ends a body."""
    answers: list[Answer] = []
    while output:
        head, _, rest = output.partition(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")
        headers = []
        for line in lines:
            name, value = line.split(":", 1)
            headers.append((name, value.strip()))
        end = rest.find(b"HTTP/1.1 ")
        body, output = (rest, b"") if end < 0 else (rest[:end], rest[end:])
        answers.append(Answer(int(status_line.split(" ")[1]), headers, body))
    return answers


CLIENTS: dict[str, type[Client]] = {
    "aiohttp": AiohttpClient,
    "curl": CurlClient,
    "httpx": HttpxClient,
}
