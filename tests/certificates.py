"""Throw-away certificates, signed by an authority that only the tests know."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NamedTuple

import pytest

__all__ = ["Authority", "KeyFiles", "encrypt_key", "shake_hands"]


class KeyFiles(NamedTuple):
    """Where a certificate and its key are."""

    certificate: Path
    key: Path

    @property
    def certificate_pem(self) -> str:
        """The certificate itself, without its chain."""
        first, end, _ = self.certificate.read_text().partition("-----END CERTIFICATE-----\n")
        return first + end

    def replace_by(self, other: KeyFiles) -> None:
        """Write over these files, as `certbot` does not but people do."""
        self.certificate.write_bytes(other.certificate.read_bytes())
        self.key.write_bytes(other.key.read_bytes())


class Authority:
    """Signs certificates, and writes them below *directory*.

    A test that needs one is skipped where trustme, or cryptography below it, is missing.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._authority = pytest.importorskip("trustme").CA()
        self._count = 0
        self.path = directory / "authority.pem"
        self._authority.cert_pem.write_to_path(self.path)

    def issue(self, *names: str, common_name: str | None = None) -> KeyFiles:
        """A new certificate for *names*, which may be host names, addresses or e-mail's."""
        self._count += 1
        leaf = self._authority.issue_cert(*names, common_name=common_name)
        files = KeyFiles(
            self._directory / f"certificate-{self._count}.pem",
            self._directory / f"key-{self._count}.pem",
        )
        files.certificate.write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(files.key)
        return files

    def client_context(self, files: KeyFiles | None = None) -> ssl.SSLContext:
        """A client's context that trusts the authority, and shows *files* if they are given."""
        context = ssl.create_default_context(cafile=self.path)
        if files is not None:
            context.load_cert_chain(files.certificate, files.key)
        return context


def encrypt_key(path: Path, password: str) -> None:
    """Lock the key in the file at *path* with *password*."""
    serialization = pytest.importorskip("cryptography.hazmat.primitives.serialization")
    key = serialization.load_pem_private_key(path.read_bytes(), None)
    encryption = serialization.BestAvailableEncryption(password.encode())
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    )


def shake_hands(
    server: ssl.SSLContext, client: ssl.SSLContext, name: str | None = "localhost"
) -> tuple[ssl.SSLObject, ssl.SSLObject]:
    """Both ends of a connection that is made in memory, the server's first."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = (
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname=name),
    )
    waiting = list(reversed(ends))
    while waiting:
        end = waiting.pop(0)
        try:
            end.do_handshake()
        except ssl.SSLWantReadError:
            waiting.append(end)
    return ends
