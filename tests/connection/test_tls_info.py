"""The ``tls`` extension: what a scope says of certificates, version and cipher."""

from __future__ import annotations

import re
import ssl
from collections.abc import Callable
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.connection.tls_info import add_tls, format_name
from asgiserve.net.tls import TlsSettings
from tests.apps import RecordingApp, answer
from tests.certificates import Authority, shake_hands
from tests.fakes import Wire
from tests.ws_peer import handshake


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def make_ends(authority: Authority) -> Callable[..., dict[str, Any]]:
    """What a TLS transport says of itself, once hands are shaken with *client*."""

    def make(client: ssl.SSLContext, name: str = "localhost", **options: Any) -> dict[str, Any]:
        files = authority.issue("localhost")
        config = Config(answer, ssl_certfile=files.certificate, ssl_keyfile=files.key, **options)
        context = TlsSettings(config).context
        server_end, _ = shake_hands(context, client, name)
        return {"sslcontext": context, "ssl_object": server_end}

    return make


def test_scopes_tell_of_tls(impl, make_ends, authority):
    app = RecordingApp()
    extra = make_ends(authority.client_context())
    with Wire(impl, app, extra=extra) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    scope = app.requests[0].scope
    assert scope["scheme"] == "https"
    assert scope["extensions"]["tls"] == {
        "server_cert": extra["sslcontext"].certificate_pem,
        "client_cert_chain": (),
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": 0x1302,
    }
    assert extra["sslcontext"].certificate_pem.startswith("-----BEGIN CERTIFICATE-----\n")


def test_websocket_scope_tells_of_tls(impl, make_ends, authority):
    scopes = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await send({"type": "websocket.close"})

    with Wire(impl, app, extra=make_ends(authority.client_context())) as wire:
        wire.feed(handshake("/"))
    (scope,) = scopes
    assert scope["scheme"] == "wss"
    assert scope["extensions"]["tls"]["tls_version"] == 0x0304
    assert "websocket.http.response" in scope["extensions"]


def test_plain_connection_has_no_tls(impl):
    app = RecordingApp()
    with Wire(impl, app) as wire:
        wire.feed(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
    scope = app.requests[0].scope
    assert scope["scheme"] == "http"
    assert "tls" not in scope["extensions"]


def test_tls_1_2_is_told_by_its_numbers(make_ends, authority):
    client = authority.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    client.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    tls = describe(make_ends(client))
    assert (tls["tls_version"], tls["cipher_suite"]) == (0x0303, 0xC02B)


def test_client_certificate_is_told_with_its_chain_and_name(make_ends, authority):
    files = authority.issue("ann@example.com", common_name="Ann, the first")
    options = {"ssl_ca_certs": authority.path, "ssl_cert_reqs": "required"}
    tls = describe(make_ends(authority.client_context(files), **options))
    assert tls["client_cert_chain"][0] == files.certificate_pem
    assert re.fullmatch(r"CN=Ann\\, the first,OU=[^,]+,O=[^,]+", tls["client_cert_name"])
    assert tls["client_cert_error"] is None


def test_client_without_certificate_is_told_by_none(make_ends, authority):
    options = {"ssl_ca_certs": authority.path, "ssl_cert_reqs": "optional"}
    tls = describe(make_ends(authority.client_context(), **options))
    assert tuple(tls["client_cert_chain"]) == ()
    assert tls["client_cert_name"] is None


def test_certificate_that_was_chosen_by_name_is_the_one_that_is_told(make_ends, authority):
    other = authority.issue("other.example")
    extra = make_ends(
        authority.client_context(),
        "other.example",
        ssl_sni=[f"other.example={other.certificate}:{other.key}"],
    )
    assert describe(extra)["server_cert"] == other.certificate_pem


def test_context_of_others_has_no_certificate_to_tell(authority):
    files = authority.issue("localhost")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.certificate, files.key)
    server_end, _ = shake_hands(context, authority.client_context())
    tls = describe({"sslcontext": context, "ssl_object": server_end})
    assert tls["server_cert"] is None
    assert tls["cipher_suite"] == 0x1302


def test_transport_that_does_not_say_has_no_extension():
    assert add_tls({}, Transport({"sslcontext": object()})) == {}


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ((), ""),
        (
            (
                (("countryName", "GB"),),
                (("organizationName", "Sue, Grabbit and Runn"),),
                (("commonName", "L. Eagle"),),
            ),
            "CN=L. Eagle,O=Sue\\, Grabbit and Runn,C=GB",
        ),
        (
            (
                (("domainComponent", "net"),),
                (("domainComponent", "example"),),
                (("organizationalUnitName", "Sales"), ("commonName", "J.  Smith")),
            ),
            "OU=Sales+CN=J.  Smith,DC=example,DC=net",
        ),
        (((("commonName", 'James "Jim" Smith, III'),),), 'CN=James \\"Jim\\" Smith\\, III'),
        (((("commonName", "#a "),),), "CN=\\#a\\ "),
        (((("commonName", " "),),), "CN=\\ "),
        (((("commonName", "a\\b\0<c>;d+e"),),), "CN=a\\\\b\\00\\<c\\>\\;d\\+e"),
        (((("emailAddress", "a@b"),), (("userId", "ann"),)), "UID=ann,emailAddress=a@b"),
        (((("commonName", "Lučić"),),), "CN=Lučić"),
    ],
)
def test_names_are_written_by_rfc_4514(subject, name):
    assert format_name(subject) == name


class Transport:
    def __init__(self, extra: dict[str, Any]) -> None:
        self._extra = extra

    def get_extra_info(self, name: str) -> Any:
        return self._extra.get(name)


def describe(extra: dict[str, Any]) -> dict[str, Any]:
    return add_tls({}, Transport(extra))["tls"]
