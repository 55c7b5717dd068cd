"""The workloads, as data; a changed workload gets a new name."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.apps import raw
from benchmarks.samples import BROWSER_FIELDS, HELLO_BODY, Fields
from benchmarks.ws_samples import BINARY, BINARY_64K, JSON_MESSAGES, TEXT, TEXT_32B

__all__ = ["ECHO_SCENARIOS", "HTTP_SCENARIOS", "SCENARIOS", "EchoScenario", "Scenario"]

RAW = "benchmarks.apps.raw"


@dataclass(frozen=True)
class Scenario:
    """One request, sent again and again over 64 connections, and the only right answer to it."""

    name: str
    app: str = f"{RAW}:hello"
    method: str = "GET"
    fields: Fields = ()
    body_bytes: int = 0
    answer: bytes = HELLO_BODY
    connections: int = 64
    access_log: bool = False
    is_tls: bool = False
    workers: int = 1
    # Requests that a connection sends at once, before it reads their answers.
    pipelined: int = 1
    # By all connections together; None: as fast as the server answers.
    rate_per_s: int | None = None


@dataclass(frozen=True)
class EchoScenario:
    """Messages of one size, sent in turn over each WebSocket as soon as the last is echoed."""

    name: str
    opcode: int
    messages: tuple[bytes, ...]
    connections: int = 64
    offers_deflate: bool = False
    app: str = f"{RAW}:echo"
    access_log: bool = False
    is_tls: bool = False
    workers: int = 1


HTTP_SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        Scenario("http1-get-13b-c64"),
        Scenario(
            "http1-fastapi-json-c64",
            app="benchmarks.apps.fastapi_json:app",
            answer=b'{"message":"Hello, world!"}',
        ),
        Scenario("http1-get-browser-13b-c64", fields=BROWSER_FIELDS),
        Scenario(
            "http1-post-1k-c64",
            app=f"{RAW}:count_body",
            method="POST",
            body_bytes=1024,
            answer=b"0000000001024",
        ),
        Scenario(
            "http1-post-64k-c64",
            app=f"{RAW}:count_body",
            method="POST",
            body_bytes=65536,
            answer=b"0000000065536",
        ),
        Scenario("http1-get-64k-c64", app=f"{RAW}:large_answer", answer=raw.LARGE_BODY),
        Scenario("http1-get-1m-c64", app=f"{RAW}:answer_1m", answer=raw.BODY_1M),
        Scenario(
            "http1-stream-50-c64",
            app=f"{RAW}:stream",
            answer=raw.STREAM_CHUNK * raw.STREAM_CHUNKS,
        ),
        Scenario("http1-close-13b-c64", fields=(("Connection", "close"),)),
        Scenario("http1-pipelined-16-c64", pipelined=16),
        Scenario("http1-get-13b-c64-w2", workers=2),
        Scenario("http1-get-13b-c64-log", access_log=True),
        # Less than half of what the slowest of the default servers can do on a quiet machine.
        Scenario("http1-get-13b-c64-rate", rate_per_s=5000),
        Scenario("http1-tls-get-13b-c64", is_tls=True),
        Scenario(
            "http1-tls-get-64k-c64",
            app=f"{RAW}:large_answer",
            answer=raw.LARGE_BODY,
            is_tls=True,
        ),
        Scenario("http1-tls-close-13b-c64", fields=(("Connection", "close"),), is_tls=True),
    )
}

ECHO_SCENARIOS = {
    scenario.name: scenario
    for scenario in (
        EchoScenario("ws-echo-32b-c64", TEXT, (TEXT_32B,)),
        EchoScenario("ws-echo-64k-c8", BINARY, (BINARY_64K,), connections=8),
        EchoScenario("ws-echo-json-1k-deflate-c64", TEXT, JSON_MESSAGES, offers_deflate=True),
    )
}

SCENARIOS: dict[str, Scenario | EchoScenario] = {**HTTP_SCENARIOS, **ECHO_SCENARIOS}
