"""Client and scheme behind proxies: whom to trust, how far to walk, what to make of nonsense."""

from __future__ import annotations

import time
from typing import Any

import pytest

from asgiserve.middleware import proxy_headers, trusted_hosts
from asgiserve.middleware.proxy_headers import ProxyHeadersMiddleware
from asgiserve.middleware.trusted_hosts import MAX_HOST_CHARS, MAX_VERDICTS, TrustedHosts

PROXY = ("127.0.0.1", 40000)

Fields = list[tuple[bytes, bytes]]


def make_scope(fields: Fields, client: Any = PROXY, kind: str = "http", **details: Any) -> Any:
    scheme = "ws" if kind == "websocket" else "http"
    return {"type": kind, "scheme": scheme, "client": client, "headers": fields, **details}


async def pass_through(
    fields: Fields,
    trusted_hosts: Any = "127.0.0.1",
    *,
    use_forwarded: bool = False,
    **details: Any,
) -> Any:
    """The scope that the application gets."""
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    await ProxyHeadersMiddleware(app, trusted_hosts, use_forwarded)(
        make_scope(fields, **details), None, None
    )
    return seen[0]


def x_forwarded(*for_lines: str, proto: str = "") -> Fields:
    fields = [(b"x-forwarded-for", line.encode("latin-1")) for line in for_lines]
    return [*fields, (b"x-forwarded-proto", proto.encode("latin-1"))] if proto else fields


def forwarded(*lines: str) -> Fields:
    return [(b"forwarded", line.encode("latin-1")) for line in lines]


async def test_trusted_proxy_names_client_and_scheme() -> None:
    scope = await pass_through([(b"host", b"a"), *x_forwarded("203.0.113.7", proto="https")])
    assert scope["client"] == ("203.0.113.7", 0)
    assert scope["scheme"] == "https"


async def test_scope_without_forwarding_is_left_as_it_is() -> None:
    scope = await pass_through([(b"host", b"a")])
    assert scope == make_scope([(b"host", b"a")])


async def test_lifespan_scope_passes() -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope)

    await ProxyHeadersMiddleware(app, "*")({"type": "lifespan"}, None, None)
    assert seen == [{"type": "lifespan"}]


def test_call_adds_no_coroutine_of_its_own() -> None:
    result = object()

    def app(scope: Any, receive: Any, send: Any) -> object:
        return result

    assert ProxyHeadersMiddleware(app)(make_scope([]), None, None) is result


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("10.0.0.1, 127.0.0.1", "127.0.0.1"),
        (["127.0.0.0/8"], "127.9.9.9"),
        ("10.0.0.5/8", "10.0.0.6"),
        ("::1", "0:0::1"),
        ("2001:db8::/32", "2001:db8:7::1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3"),
        ("*", "203.0.113.1"),
        (["10.0.0.1", "*"], "203.0.113.1"),
        ("testclient", "testclient"),
    ],
)
async def test_trusted_peer_is_believed(trusted: Any, peer: str) -> None:
    scope = await pass_through(x_forwarded("198.51.100.1"), trusted, client=(peer, 1))
    assert scope["client"] == ("198.51.100.1", 0)


@pytest.mark.parametrize(
    ("trusted", "peer"),
    [
        ("127.0.0.1", "127.0.0.2"),
        ("10.0.0.0/8", "11.0.0.1"),
        ("2001:db8::/32", "10.0.0.1"),
        ("10.0.0.0/8", "2001:db8::1"),
        ("testclient", "otherclient"),
        ("unix", "127.0.0.1"),
        ("::1", "::1%evil"),
        ("::1%evil", "::1"),
        ("*", "::1%evil"),
        ("", "127.0.0.1"),
        ([], ""),
    ],
)
async def test_other_peer_is_not_believed(trusted: Any, peer: str) -> None:
    fields = x_forwarded("198.51.100.1", proto="https")
    scope = await pass_through(fields, trusted, client=(peer, 1))
    assert scope == make_scope(fields, client=(peer, 1))


@pytest.mark.parametrize("trusted", ["unix", "*", "/run/site.sock", ["10.0.0.1", "unix"]])
async def test_peer_on_a_unix_socket_is_believed_when_told_so(trusted: Any) -> None:
    scope = await pass_through(
        x_forwarded("198.51.100.1"), trusted, client=None, server=("/run/site.sock", None)
    )
    assert scope["client"] == ("198.51.100.1", 0)


@pytest.mark.parametrize("trusted", ["127.0.0.1", "0.0.0.0/0", "/run/other.sock"])
async def test_peer_on_a_unix_socket_is_not_believed_otherwise(trusted: str) -> None:
    scope = await pass_through(
        x_forwarded("198.51.100.1"), trusted, client=None, server=("/run/site.sock", None)
    )
    assert scope["client"] is None


async def test_tcp_peer_that_has_lost_its_address_is_not_one_on_a_unix_socket() -> None:
    # It reset the connection before it was accepted: getpeername() fails, the request is there.
    fields = x_forwarded("198.51.100.1")
    scope = await pass_through(fields, "unix", client=None, server=("192.0.2.1", 80))
    assert scope["client"] is None


@pytest.mark.parametrize(
    ("lines", "client"),
    [
        (["203.0.113.7, 10.0.0.1"], "203.0.113.7"),
        (["203.0.113.7", "10.0.0.1, 10.0.0.2"], "203.0.113.7"),
        # What a client sends by itself stands left of what the first proxy adds.
        (["6.6.6.6, 203.0.113.7, 10.0.0.1"], "203.0.113.7"),
        (["10.6.6.6, 203.0.113.7"], "203.0.113.7"),
        (["10.0.0.3, 10.0.0.2, 10.0.0.1"], "10.0.0.3"),
        ([" ,203.0.113.7,, 10.0.0.1 , "], "203.0.113.7"),
        (["6.6.6.6, unknown, 10.0.0.1"], "10.0.0.1"),
    ],
)
async def test_walk_from_the_right_ends_at_the_first_untrusted_hop(
    lines: list[str], client: str
) -> None:
    scope = await pass_through(x_forwarded(*lines), "127.0.0.1, 10.0.0.0/8")
    assert scope["client"] == (client, 0)


async def test_walk_passes_a_hop_on_a_unix_socket() -> None:
    fields = x_forwarded("203.0.113.7, unix:")
    scope = await pass_through(fields, "unix", client=None, server=("/run/site.sock", None))
    assert scope["client"] == ("203.0.113.7", 0)


async def test_walk_ends_at_a_trusted_address_with_a_zone() -> None:
    scope = await pass_through(x_forwarded("6.6.6.6, ::1%evil, ::1"), "127.0.0.1, ::1")
    assert scope["client"] == ("::1", 0)


async def test_walk_goes_to_the_left_end_when_everybody_is_trusted() -> None:
    scope = await pass_through(x_forwarded("203.0.113.7, 198.51.100.1, 10.0.0.1"), "*")
    assert scope["client"] == ("203.0.113.7", 0)


NODES = [
    ("203.0.113.7:4711", ("203.0.113.7", 4711)),
    ("203.0.113.7:0", ("203.0.113.7", 0)),
    ("203.0.113.7:_hidden", ("203.0.113.7", 0)),
    ("[2001:db8::1]", ("2001:db8::1", 0)),
    ("[2001:db8::1]:4711", ("2001:db8::1", 4711)),
    ("[2001:db8::1]:_hidden", ("2001:db8::1", 0)),
]
MALFORMED_NODES = [
    "unknown",
    "_hidden",
    "localhost",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4:x",
    "1.2.3.4:70000",
    "1.2.3.4:123456",
    "1.2.3.4:-1",
    "[1.2.3.4]",
    "[2001:db8::1",
    "[2001:db8::1]x",
    "[2001:db8::1]:x",
    "[]:1",
    "2001:db8::g",
    # A zone belongs to the proxy's machine, and may be any text.
    "fe80::1%eth0",
    "fe80::1%><b>",
    "[fe80::1%25eth0]:80",
    "::1%evil",
    ":1",
    "[",
    "a" * 60_000,
]


@pytest.mark.parametrize(("node", "client"), [*NODES, ("2001:db8::1", ("2001:db8::1", 0))])
async def test_node_of_x_forwarded_for_may_have_a_port(node: str, client: Any) -> None:
    assert (await pass_through(x_forwarded(node)))["client"] == client


@pytest.mark.parametrize("node", [*MALFORMED_NODES, "\xf0\xfd", "\u00b2.1.1.1", "1.2.3.4:\u00b2"])
async def test_malformed_node_of_x_forwarded_for_is_ignored(node: str) -> None:
    assert (await pass_through(x_forwarded(node)))["client"] == PROXY
    fields = x_forwarded(f"6.6.6.6, {node}, 10.0.0.1")
    scope = await pass_through(fields, "127.0.0.1, 10.0.0.1")
    assert scope["client"] == ("10.0.0.1", 0)


@pytest.mark.parametrize(
    ("proto", "http_scheme", "websocket_scheme"),
    [
        ("https", "https", "wss"),
        ("HTTPS", "https", "wss"),
        ("http", "http", "ws"),
        ("wss", "https", "wss"),
        ("ws", "http", "ws"),
        ("gopher", "http", "ws"),
        ("https;", "http", "ws"),
        ("\xff", "http", "ws"),
    ],
)
async def test_scheme_is_named_in_the_words_of_the_scope(
    proto: str, http_scheme: str, websocket_scheme: str
) -> None:
    assert (await pass_through(x_forwarded(proto=proto)))["scheme"] == http_scheme
    scope = await pass_through(x_forwarded(proto=proto), kind="websocket")
    assert scope["scheme"] == websocket_scheme


@pytest.mark.parametrize(
    ("nodes", "protos", "scheme"),
    [
        # The first proxy spoke TLS with the client, and both appended what they saw.
        ("203.0.113.7, 10.0.0.1", "https, http", "https"),
        ("203.0.113.7, 10.0.0.1", "http, https", "http"),
        # A proxy replaced the list, or it is the only one that sets it.
        ("203.0.113.7, 10.0.0.1", "https", "https"),
        # The client has put its own invention in front.
        ("6.6.6.6, 203.0.113.7", "https, http", "http"),
        ("", "https, http", "http"),
    ],
)
async def test_scheme_belongs_to_the_hop_of_the_client(
    nodes: str, protos: str, scheme: str
) -> None:
    fields = x_forwarded(nodes, proto=protos)
    assert (await pass_through(fields, "127.0.0.1, 10.0.0.1"))["scheme"] == scheme


@pytest.mark.parametrize(("node", "client"), NODES)
async def test_node_of_forwarded_may_have_a_port(node: str, client: Any) -> None:
    scope = await pass_through(forwarded(f'for="{node}";proto=https'), use_forwarded=True)
    assert scope["client"] == client
    assert scope["scheme"] == "https"


@pytest.mark.parametrize("node", MALFORMED_NODES)
async def test_malformed_node_of_forwarded_is_ignored(node: str) -> None:
    scope = await pass_through(forwarded(f'for="{node}"'), use_forwarded=True)
    assert scope["client"] == PROXY


@pytest.mark.parametrize(
    ("lines", "client", "scheme"),
    [
        # RFC 7239 section 4
        (['For="[2001:db8:cafe::17]:4711"'], ("2001:db8:cafe::17", 4711), "http"),
        (["for=192.0.2.60;proto=https;by=203.0.113.43"], ("192.0.2.60", 0), "https"),
        (["for=192.0.2.43, for=198.51.100.17"], ("198.51.100.17", 0), "http"),
        # several proxies
        (["for=192.0.2.43;proto=https, for=10.0.0.1;proto=http"], ("192.0.2.43", 0), "https"),
        (["for=192.0.2.43;proto=https", "for=10.0.0.1"], ("192.0.2.43", 0), "https"),
        (["for=192.0.2.43, for=10.0.0.1;proto=https"], ("192.0.2.43", 0), "https"),
        # looser than the grammar, as some proxies are
        (["for=192.0.2.43:4711 ; Proto=HTTPS"], ("192.0.2.43", 4711), "https"),
        (["for=[2001:db8::1]:4711"], ("2001:db8::1", 4711), "http"),
        ([";;for=192.0.2.43;, ,"], ("192.0.2.43", 0), "http"),
        # quoted strings
        ([r'for="192.0.2\.43"'], ("192.0.2.43", 0), "http"),
        (['for=192.0.2.43;ext="a, for=6.6.6.6"'], ("192.0.2.43", 0), "http"),
        ([r'for=192.0.2.43;ext="a\", for=6.6.6.6"'], ("192.0.2.43", 0), "http"),
        ([r'for=192.0.2.43;ext="\\", for=10.0.0.1'], ("192.0.2.43", 0), "http"),
        # what a client puts in front of what the proxy adds
        (['for="6.6.6.6, for=192.0.2.43;proto=https'], ("192.0.2.43", 0), "https"),
        (['for=6.6.6.6;ext=", for="192.0.2.43"'], ("192.0.2.43", 0), "http"),
        (["for=6.6.6.6, =, for=10.0.0.1"], ("10.0.0.1", 0), "http"),
        (["for=6.6.6.6", "nonsense", "for=10.0.0.1"], ("10.0.0.1", 0), "http"),
        (["for=6.6.6.6, for=unknown;proto=https, for=10.0.0.1"], ("10.0.0.1", 0), "https"),
        (["for=6.6.6.6, proto=https, for=10.0.0.1"], ("10.0.0.1", 0), "https"),
        # malformed as a whole
        (["nonsense"], PROXY, "http"),
        (["for=1.1.1.1;for=2.2.2.2"], PROXY, "http"),
        (['for="1.1.1.1'], PROXY, "http"),
        (['for="1.1.1.1\\"'], PROXY, "http"),
        (["for"], PROXY, "http"),
        (["for="], PROXY, "http"),
        (["for =1.1.1.1"], PROXY, "http"),
        (["for=\xb2"], PROXY, "http"),
        ([""], PROXY, "http"),
    ],
)
async def test_forwarded_is_read_from_the_right(lines: list[str], client: Any, scheme: str) -> None:
    trusted = "127.0.0.1, 10.0.0.0/8"
    scope = await pass_through(forwarded(*lines), trusted, use_forwarded=True)
    assert (scope["client"], scope["scheme"]) == (client, scheme)


async def test_only_the_kind_of_header_that_was_asked_for_is_read() -> None:
    fields = [*x_forwarded("6.6.6.6", proto="https"), *forwarded("for=192.0.2.43;proto=http")]
    scope = await pass_through(fields, use_forwarded=True)
    assert (scope["client"], scope["scheme"]) == (("192.0.2.43", 0), "http")
    scope = await pass_through(fields)
    assert (scope["client"], scope["scheme"]) == (("6.6.6.6", 0), "https")


@pytest.mark.parametrize(
    "line",
    [
        " " * 60_000 + "x",
        "," * 60_000,
        '",' * 30_000,
        "for=a;" * 10_000 + "x",
        'for="' + "\\" * 60_000,
        "a=" * 30_000,
        ";" * 60_000 + "=",
        "1.1.1.1," * 7_500,
    ],
)
@pytest.mark.parametrize("use_forwarded", [False, True])
async def test_hostile_header_takes_linear_time(line: str, use_forwarded: bool) -> None:
    fields = forwarded(line) if use_forwarded else x_forwarded(line)
    begin_s = time.process_time()
    scope = await pass_through(fields, "*", use_forwarded=use_forwarded)
    # What is quadratic in 60,000 takes minutes.
    assert time.process_time() - begin_s < 5
    assert scope["scheme"] == "http"


async def test_repeated_fields_give_the_same_answer_without_being_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["client"], scope["scheme"]))

    seen: list[Any] = []
    middleware = ProxyHeadersMiddleware(app)
    fields = x_forwarded("203.0.113.7", proto="https")
    await middleware(make_scope(fields), None, None)
    monkeypatch.setattr(proxy_headers, "read_x_forwarded", None)
    await middleware(make_scope(fields), None, None)
    await middleware(make_scope(fields, kind="websocket"), None, None)
    await middleware(make_scope(fields, client=("6.6.6.6", 1)), None, None)
    client = ("203.0.113.7", 0)
    assert seen == [(client, "https"), (client, "https"), (client, "wss"), (("6.6.6.6", 1), "http")]


async def test_remembered_fields_are_bounded_in_number_and_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(proxy_headers, "MAX_ORIGINS", 10)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["client"])

    seen: list[Any] = []
    middleware = ProxyHeadersMiddleware(app)
    for number in range(100):
        await middleware(make_scope(x_forwarded(f"10.0.0.{number}")), None, None)
        assert len(middleware._origins) <= 10
    assert seen == [(f"10.0.0.{number}", 0) for number in range(100)]
    known = len(middleware._origins)
    await middleware(make_scope(x_forwarded(" " * 300 + "10.0.0.1")), None, None)
    assert len(middleware._origins) == known
    assert seen[-1] == ("10.0.0.1", 0)


def test_verdicts_are_bounded_in_number_and_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trusted_hosts, "MAX_VERDICTS", 10)
    trusted = TrustedHosts("10.0.0.0/8")
    for number in range(100):
        assert trusted[f"10.0.0.{number}"] is True
        assert len(trusted) <= 10
    known = len(trusted)
    assert trusted["a" * (MAX_HOST_CHARS + 1)] is None
    assert len(trusted) == known
    assert MAX_VERDICTS >= 1000


def test_verdict_is_made_once_for_each_host(monkeypatch: pytest.MonkeyPatch) -> None:
    trusted = TrustedHosts("10.0.0.0/8")
    assert trusted["10.1.1.1"] is True
    assert trusted["11.1.1.1"] is False
    monkeypatch.setattr(TrustedHosts, "_judge", None)
    assert trusted["10.1.1.1"] is True
    assert trusted["11.1.1.1"] is False
