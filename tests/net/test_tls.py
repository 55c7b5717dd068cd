"""TLS of one process: what its files make of it, what is wrong with them, and when they change."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from asgiserve.config.config import Config
from asgiserve.config.values import split_sni
from asgiserve.errors import AsgiserveError, ConfigError, StartupError
from asgiserve.net.tls import TlsSettings
from tests.apps import answer
from tests.certificates import Authority, KeyFiles, encrypt_key, shake_hands

MakeTls = Callable[..., TlsSettings]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def files(authority: Authority) -> KeyFiles:
    return authority.issue("localhost")


@pytest.fixture
def make_tls(files: KeyFiles) -> MakeTls:
    """The TLS of the options, with the certificate of ``localhost`` unless they say otherwise."""

    def make(**options: Any) -> TlsSettings:
        options = {"ssl_certfile": files.certificate, "ssl_keyfile": files.key, **options}
        tls = TlsSettings.from_config(Config(answer, **options))
        assert tls is not None
        return tls

    return make


def shown_certificate(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> str:
    """What a client that asks for *name* gets."""
    client.check_hostname = False
    der = shake_hands(server, client, name)[1].getpeercert(True)
    assert der is not None
    return ssl.DER_cert_to_PEM_cert(der)


def test_there_is_no_tls_without_a_certificate():
    assert TlsSettings.from_config(Config(answer)) is None


def test_context_speaks_tls_1_2_and_offers_http_1_1(make_tls, authority):
    client = authority.client_context()
    client.set_alpn_protocols(["h2", "http/1.1"])
    server_end, client_end = shake_hands(make_tls().context, client)
    assert client_end.version() == "TLSv1.3"
    assert server_end.selected_alpn_protocol() == "http/1.1"
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(make_tls().context, client)[1].version() == "TLSv1.2"


def test_minimum_version_keeps_older_clients_out(make_tls, authority):
    client = authority.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError, match=r"(?i)protocol"):
        shake_hands(make_tls(ssl_min_version="1.3").context, client)


def test_ciphers_are_those_that_are_named(make_tls, authority):
    client = authority.client_context()
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    context = make_tls(ssl_ciphers="ECDHE-ECDSA-AES128-GCM-SHA256").context
    cipher = shake_hands(context, client)[1].cipher()
    assert cipher is not None
    assert cipher[0] == "ECDHE-ECDSA-AES128-GCM-SHA256"


@pytest.mark.parametrize("mode", ["required", "optional"])
def test_client_has_to_show_a_certificate_that_verifies(make_tls, authority, mode):
    context = make_tls(ssl_ca_certs=authority.path, ssl_cert_reqs=mode).context
    client = authority.client_context(authority.issue("ann@example.com", common_name="Ann"))
    server_end, _ = shake_hands(context, client)
    assert server_end.getpeercert()["subject"][-1] == (("commonName", "Ann"),)
    if mode == "optional":
        assert shake_hands(context, authority.client_context())[0].getpeercert() is None
    else:
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            shake_hands(context, authority.client_context())


def test_names_get_their_own_certificates_and_unknown_ones_the_default(
    make_tls, authority, files, tmp_path
):
    exact, wild = authority.issue("a.example"), authority.issue("*.b.example")
    in_one_file = tmp_path / "both.pem"
    in_one_file.write_bytes(wild.key.read_bytes() + wild.certificate.read_bytes())
    names = [f"A.example={exact.certificate}:{exact.key}", f"*.b.example={in_one_file}"]
    context = make_tls(ssl_sni=names).context
    client = authority.client_context()
    expected = {
        "a.example": exact,
        "A.EXAMPLE": exact,
        "x.b.example": wild,
        "b.example": files,
        "x.y.b.example": files,
        "other.example": files,
    }
    for name, its_files in expected.items():
        assert shown_certificate(context, client, name) == its_files.certificate_pem, name
    client.check_hostname = False
    assert shake_hands(context, client, None)[1].getpeercert() is not None


def test_factory_may_change_the_default_context_or_make_its_own(make_tls, files):
    seen = []

    def adjust(config: Config, make_default: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
        seen.append(config)
        context = make_default()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    tls = make_tls(ssl_context_factory=adjust)
    assert tls.context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert seen[0].ssl_certfile == str(files.certificate)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    config = Config(answer, ssl_context_factory=lambda config, make_default: own)
    tls = TlsSettings(config)
    assert tls.context is own
    assert not tls.is_bare


@pytest.mark.parametrize(
    ("factory", "told"),
    [
        (lambda config, make_default: make_default(), "needs ssl_certfile"),
        (lambda config, make_default: "context", "gave a str, not an ssl.SSLContext"),
        (lambda config, make_default: 1 / 0, "raised ZeroDivisionError"),
        ("no_such_module:factory", "there is no module 'no_such_module'"),
        ("os:sep", "'os:sep' is not callable"),
    ],
)
def test_factory_that_makes_no_context_is_refused(factory, told):
    with pytest.raises(AsgiserveError, match=told):
        TlsSettings(Config(answer, ssl_context_factory=factory))


def break_nothing(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    return {"ssl_keyfile": None}


def use_other_key(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    return {"ssl_keyfile": authority.issue("localhost").key}


def lock_key(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    encrypt_key(files.key, "secret")
    return {}


def lock_key_and_guess(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    encrypt_key(files.key, "secret")
    return {"ssl_keyfile_password": "wrong"}


def spoil_certificate(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    files.certificate.write_text("-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----\n")
    return {}


def empty_certificate(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    files.certificate.write_text("")
    return {}


def spoil_key(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    files.key.write_text("-----BEGIN PRIVATE KEY-----\nxx\n-----END PRIVATE KEY-----\n")
    return {}


def name_no_cipher(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    return {"ssl_ciphers": "no-such-cipher"}


def trust_a_key(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    return {"ssl_ca_certs": files.key}


@pytest.mark.parametrize(
    ("files", "has_drives", "certificate", "key"),
    [
        ("a.pem", False, "a.pem", None),
        ("a.pem:b.pem", False, "a.pem", "b.pem"),
        ("c:/b.pem", False, "c", "/b.pem"),
        (r"C:\a.pem", True, r"C:\a.pem", None),
        (r"C:\a.pem:D:\b.pem", True, r"C:\a.pem", r"D:\b.pem"),
        ("c:/a.pem:b.pem", True, "c:/a.pem", "b.pem"),
        ("a.pem:C:/b.pem", True, "a.pem", "C:/b.pem"),
        ("a.pem:b.pem", True, "a.pem", "b.pem"),
    ],
)
def test_key_of_a_name_stands_behind_a_colon_that_ends_no_drive(
    files, has_drives, certificate, key
):
    split = split_sni(f"*.example.com={files}", has_drives=has_drives)
    assert split == ("*.example.com", certificate, key)


def name_a_wrong_pair(files: KeyFiles, authority: Authority) -> dict[str, Any]:
    return {"ssl_sni": [f"a.example={files.certificate}:{authority.issue('a.example').key}"]}


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (break_nothing, r"ssl_certfile: there is no private key in '\S+'; give ssl_keyfile"),
        (use_other_key, r"ssl_keyfile: the key in '\S+' is not that of the certificate"),
        (lock_key, r"ssl_keyfile: the key in '\S+' is encrypted: give ssl_keyfile_password"),
        (lock_key_and_guess, r"ssl_keyfile_password: does not open the key in '\S+'"),
        (spoil_certificate, r"ssl_certfile: cannot load '\S+'"),
        (empty_certificate, r"ssl_certfile: there is no certificate in '\S+'"),
        (spoil_key, r"ssl_certfile: cannot load '\S+'"),
        (name_no_cipher, r"ssl_ciphers: 'no-such-cipher' names no cipher"),
        (trust_a_key, r"ssl_ca_certs: there is no certificate in '\S+'"),
        (name_a_wrong_pair, r"ssl_sni: the key in '\S+' is not that of the certificate"),
    ],
)
def test_wrong_file_is_one_line_that_names_it(make_tls, files, authority, spoil, told):
    options = spoil(files, authority)
    with pytest.raises(ConfigError, match=told) as caught:
        make_tls(**options)
    assert "\n" not in str(caught.value)


def test_password_opens_a_key(make_tls, authority, files):
    encrypt_key(files.key, "secret")
    shake_hands(make_tls(ssl_keyfile_password="secret").context, authority.client_context())


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="everything can be read here"
)
def test_unreadable_file_is_one_line_that_names_it(make_tls, files):
    files.key.chmod(0)
    with pytest.raises(StartupError, match=r"ssl_keyfile: cannot read '\S+': permission denied"):
        make_tls()


def test_file_that_vanished_is_one_line_that_names_it(files):
    config = Config(answer, ssl_certfile=files.certificate, ssl_keyfile=files.key)
    files.key.unlink()
    with pytest.raises(StartupError, match=r"ssl_keyfile: cannot read '\S+': no such file"):
        TlsSettings(config)


def test_reload_shows_the_new_certificate_to_new_connections(make_tls, authority, files):
    tls = make_tls()
    before = tls.context
    old_pem = files.certificate_pem
    files.replace_by(authority.issue("localhost"))
    assert tls.reload()
    assert tls.context is not before
    client = authority.client_context()
    assert shown_certificate(before, client, "localhost") == old_pem
    shown = shown_certificate(tls.context, client, "localhost")
    assert shown == files.certificate_pem
    assert shown != old_pem


def test_reload_finds_relative_paths_where_they_were(make_tls, files, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tls = make_tls(ssl_certfile=files.certificate.name, ssl_keyfile=files.key.name)
    monkeypatch.chdir("/")
    assert tls.reload()


def test_reload_of_a_broken_file_keeps_the_old_one_and_says_so(make_tls, files, caplog):
    tls = make_tls()
    before = tls.context
    files.key.write_text("")
    with caplog.at_level(logging.INFO, "asgiserve.error"):
        assert not tls.reload()
    assert tls.context is before
    (message,) = caplog.messages
    assert "there is no private key" in message


async def watch_change(tls: TlsSettings, change: Callable[[], None]) -> None:
    """Wait until *change* has been noticed, and then for some looks more."""
    looks = asyncio.Queue[int]()
    reload, look = tls.reload, tls._look

    def count_reload() -> bool:
        counts.append("reload")
        return reload()

    def count_look() -> Any:
        counts.append("look")
        if "reload" in counts and counts[-5:] == ["look"] * 5:
            looks.put_nowait(len(counts))
        return look()

    counts: list[str] = []
    tls.reload, tls._look = count_reload, count_look
    watch = asyncio.create_task(tls.watch(interval_s=0.001))
    try:
        change()
        async with asyncio.timeout(20):
            await looks.get()
    finally:
        watch.cancel()


async def test_files_that_change_are_read_again(make_tls, authority, files):
    tls = make_tls()
    new = authority.issue("localhost")
    await watch_change(tls, lambda: files.replace_by(new))
    assert tls.context.certificate_pem == new.certificate_pem


async def test_link_that_is_set_anew_is_followed(make_tls, authority, files, tmp_path):
    # As Kubernetes does with the files of a secret: the link of the directory changes.
    folders = [tmp_path / name for name in ("one", "two")]
    for folder, pair in zip(folders, (files, authority.issue("localhost")), strict=True):
        folder.mkdir()
        (folder / "tls.crt").write_bytes(pair.certificate.read_bytes())
        (folder / "tls.key").write_bytes(pair.key.read_bytes())
    data, new_data = tmp_path / "data", tmp_path / "new"
    data.symlink_to(folders[0])
    new_data.symlink_to(folders[1])
    tls = make_tls(ssl_certfile=data / "tls.crt", ssl_keyfile=data / "tls.key")
    await watch_change(tls, lambda: new_data.replace(data))
    pem = KeyFiles(folders[1] / "tls.crt", folders[1] / "tls.key").certificate_pem
    assert tls.context.certificate_pem == pem


async def test_broken_file_is_reported_once_while_it_stays_so(make_tls, files, caplog):
    await watch_change(make_tls(), lambda: files.key.write_text(""))
    assert len(caplog.messages) == 1


def test_plain_http_is_reported_now_and_then(make_tls, caplog):
    caplog.set_level(logging.INFO, "asgiserve.error")
    tls = make_tls()
    for number in range(3):
        tls.report_plain(f"192.0.2.{number}:1")
    (message,) = caplog.messages
    assert message.startswith("192.0.2.0:1 - sent plain HTTP")
