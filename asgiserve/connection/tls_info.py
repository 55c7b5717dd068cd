"""What an application is told about its TLS connection (ASGI TLS extension 0.2)."""

from __future__ import annotations

import ssl
from collections.abc import Iterable
from typing import Any

__all__ = ["ServerContext", "add_tls", "format_name", "resets_late_input"]

# The numbers of the record layer (RFC 8446 section 4.2.1), by the names of `ssl`.
VERSION_NUMBERS = {
    "TLSv1": 0x0301,
    "TLSv1.1": 0x0302,
    "TLSv1.2": 0x0303,
    "TLSv1.3": 0x0304,
}

# OpenSSL's long names, and what RFC 4514 section 3 calls them; other long names are registered
# descriptors of LDAP as they are ("emailAddress", "serialNumber").
ATTRIBUTE_NAMES = {
    "commonName": "CN",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "countryName": "C",
    "streetAddress": "STREET",
    "domainComponent": "DC",
    "userId": "UID",
}


class ServerContext(ssl.SSLContext):
    """A context that knows what it shows to clients.

    Attributes:
        certificate_pem: the server's own certificate.
    """

    certificate_pem: str | None = None
    _cipher_numbers: dict[str, int] | None = None

    def cipher_numbers(self) -> dict[str, int]:
        """The numbers that IANA has given to the ciphers, by OpenSSL's names for them."""
        if self._cipher_numbers is None:
            self._cipher_numbers = number_ciphers(self)
        return self._cipher_numbers


def add_tls(extensions: dict[str, Any], transport: Any) -> dict[str, Any]:
    """The *extensions* of a connection over *transport*, with ``tls`` if that is its kind."""
    ssl_object = transport.get_extra_info("ssl_object")
    if ssl_object is None:
        return extensions
    context = transport.get_extra_info("sslcontext")
    return {**extensions, "tls": describe_tls(ssl_object, context)}


def resets_late_input(transport: Any) -> bool:
    """Whether *transport*, once closed, answers what its peer still sends by a reset.

    So does the TLS of asyncio and uvloop: to the end that it has sent, it takes nothing but the
    peer's.
    """
    return type(transport).__module__ in ("asyncio.sslproto", "uvloop.loop")


def describe_tls(ssl_object: Any, context: ssl.SSLContext) -> dict[str, Any]:
    """The ``tls`` extension of a connection.

    Args:
        ssl_object: an ``ssl.SSLObject`` whose handshake is over, or what resembles one.
        context: what the server began the handshake with.
    """
    # Another one where the client has named a host that has its own certificate.
    used_context = getattr(ssl_object, "context", context)
    info = {
        "server_cert": getattr(used_context, "certificate_pem", None),
        "client_cert_chain": (),
        "client_cert_name": None,
        # A certificate that does not verify ends the handshake.
        "client_cert_error": None,
        "tls_version": VERSION_NUMBERS.get(ssl_object.version()),
        "cipher_suite": cipher_number(ssl_object.cipher(), used_context),
    }
    if used_context.verify_mode is not ssl.CERT_NONE:
        certificate = ssl_object.getpeercert(True)
        if certificate is not None:
            info["client_cert_chain"] = client_chain(ssl_object, certificate)
            info["client_cert_name"] = format_name(ssl_object.getpeercert()["subject"])
    return info


def cipher_number(cipher: tuple[str, str, int] | None, context: ssl.SSLContext) -> int | None:
    """The number that IANA has given to *cipher*."""
    if cipher is None:
        return None
    if isinstance(context, ServerContext):
        return context.cipher_numbers().get(cipher[0])
    return number_ciphers(context).get(cipher[0])


def number_ciphers(context: ssl.SSLContext) -> dict[str, int]:
    """The numbers of what *context* can choose from, which takes 30 us to find out."""
    # OpenSSL puts the version of its own numbering in front.
    return {cipher["name"]: int(cipher["id"]) & 0xFFFF for cipher in context.get_ciphers()}


def client_chain(ssl_object: Any, certificate: bytes) -> tuple[str, ...]:
    """The certificates that the client has sent, its own first, in PEM."""
    if hasattr(ssl_object, "get_unverified_chain"):
        chain = ssl_object.get_unverified_chain()
    else:
        # Python 3.12 and older have it only inside.
        get_chain = getattr(ssl_object._sslobj, "get_unverified_chain", list)
        chain = [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in get_chain() or ()]
    return tuple(ssl.DER_cert_to_PEM_cert(each) for each in chain or [certificate])


def format_name(subject: Iterable[Iterable[tuple[str, str]]]) -> str:
    """A distinguished name by RFC 4514, from the form that ``getpeercert`` has."""
    parts = [
        "+".join(f"{ATTRIBUTE_NAMES.get(name, name)}={escape(value)}" for name, value in attributes)
        for attributes in subject
    ]
    return ",".join(reversed(parts))


def escape(value: str) -> str:
    """*value* as RFC 4514 section 2.4 writes it."""
    text = "".join(f"\\{char}" if char in '"+,;<>\\' else char for char in value)
    text = text.replace("\0", "\\00")
    if text[:1] in ("#", " "):
        text = f"\\{text}"
    if len(value) > 1 and value.endswith(" "):
        text = f"{text[:-1]}\\ "
    return text
