"""Compare a server's answer with the right one, before and after load that looks at it less."""

from __future__ import annotations

import http.client
import socket
import ssl

from benchmarks.certificate import make_certificate
from benchmarks.load.scenarios import EchoScenario, Scenario
from benchmarks.samples import encode_request
from benchmarks.server_process import ServerError
from benchmarks.ws_client import WebSocketClient

__all__ = ["check_answer"]


def check_answer(scenario: Scenario | EchoScenario, port: int) -> str | None:
    """Send one request or message and compare the answer.

    Returns:
        What a reader of the figures should know.

    Raises:
        ServerError: the answer is another one.
    """
    if isinstance(scenario, EchoScenario):
        return check_echo(scenario, port)
    if scenario.pipelined > 1:
        check_pipelined(scenario, port)
    else:
        check_response(scenario, port)
    return None


def check_response(scenario: Scenario, port: int) -> None:
    """Send the request once; status and body must be the right ones."""
    connection = connect(scenario, port)
    try:
        connection.request(
            scenario.method, "/", b"x" * scenario.body_bytes or None, dict(scenario.fields)
        )
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    compare(scenario, answer.status, body)


def check_pipelined(scenario: Scenario, port: int) -> None:
    """Send the requests at once; there must be as many answers, all right."""
    request = encode_request((("Host", f"127.0.0.1:{port}"), *scenario.fields))
    with (
        socket.create_connection(("127.0.0.1", port), timeout=5) as client,
        client.makefile("rb") as answers,
    ):
        client.sendall(request * scenario.pipelined)
        for _ in range(scenario.pipelined):
            status = answers.readline()[len("HTTP/1.1 ") :][:3]
            fields = http.client.parse_headers(answers)
            body = answers.read(int(fields["content-length"] or 0))
            compare(scenario, int(status) if status.isdigit() else 0, body)


def compare(scenario: Scenario, status: int, body: bytes) -> None:
    """Raise an error unless this is the right answer."""
    if (status, body) != (200, scenario.answer):
        raise ServerError(f"wrong answer: {status}, {len(body)} bytes {body[:40]!r}")


def connect(scenario: Scenario, port: int) -> http.client.HTTPConnection:
    """A client of the server, which trusts its throw-away certificate."""
    if not scenario.is_tls:
        return http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    context = ssl.create_default_context(cafile=make_certificate().certificate)
    return http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=context)


def check_echo(scenario: EchoScenario, port: int) -> str | None:
    """Send the first message once; say whether a server does not compress though it might."""
    client = WebSocketClient(port, offers_deflate=scenario.offers_deflate)
    with client.socket:
        client.check_echo(scenario.messages[0], scenario.opcode)
    return "does not compress" if scenario.offers_deflate and not client.is_compressed else None
