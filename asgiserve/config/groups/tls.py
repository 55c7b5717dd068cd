"""The options of TLS; uvicorn's names where uvicorn has the option."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from asgiserve.config import kinds
from asgiserve.config import values as server_kinds
from asgiserve.config.kinds import choice, optional, seconds
from asgiserve.config.option import TIMEOUTS, TLS, OptionError, option

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["TlsOptions", "check_tls_conflicts"]

# What has an effect only where there is a certificate.
NEEDS_CERTIFICATE = (
    "ssl_keyfile",
    "ssl_keyfile_password",
    "ssl_cert_reqs",
    "ssl_ca_certs",
    "ssl_ciphers",
    "ssl_min_version",
    "ssl_sni",
)


# Config makes the methods.
@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class TlsOptions:
    """Certificates, and who may connect with which version and cipher."""

    ssl_certfile: str | os.PathLike[str] | None = option(
        None,
        optional(kinds.EXISTING_FILE),
        TLS,
        "Serve TLS with the certificate chain in this file (PEM).",
    )
    ssl_keyfile: str | os.PathLike[str] | None = option(
        None,
        optional(kinds.EXISTING_FILE),
        TLS,
        "Private key of the certificate (PEM). [default: in ssl_certfile]",
    )
    ssl_keyfile_password: str | None = option(
        None, optional(kinds.TEXT), TLS, "Password of the private key.", is_secret=True
    )
    ssl_sni: Sequence[str] = option(
        (),
        server_kinds.SNI,
        TLS,
        "Certificate for another name: HOST=CERTFILE or HOST=CERTFILE:KEYFILE, HOST may begin "
        "with *.; may be repeated.",
    )
    ssl_ca_certs: str | os.PathLike[str] | None = option(
        None,
        optional(kinds.EXISTING_FILE),
        TLS,
        "Certificate authorities of clients (PEM).",
    )
    ssl_cert_reqs: str = option(
        "none",
        server_kinds.CERT_REQS,
        TLS,
        "Whether a client has to show a certificate.",
    )
    ssl_ciphers: str | None = option(
        None, optional(kinds.TEXT), TLS, "Ciphers up to TLS 1.2, in OpenSSL's notation."
    )
    ssl_min_version: str = option("1.2", choice("1.2", "1.3"), TLS, "Lowest version of TLS.")
    ssl_context_factory: Any = option(
        None,
        optional(server_kinds.IMPORT_OR_CALLABLE),
        TLS,
        "MODULE:FACTORY, called with the options and a function that makes the default "
        "ssl.SSLContext; gives the context to use.",
    )
    timeout_tls_handshake: float = option(
        10, seconds(), TIMEOUTS, "Deadline for the TLS handshake of a connection."
    )

    @property
    def is_ssl(self) -> bool:
        """Whether connections are TLS."""
        return self.ssl_certfile is not None or self.ssl_context_factory is not None


def check_tls_conflicts(config: Config) -> None:
    """Refuse options of TLS that miss what they need.

    Raises:
        OptionError: they do.
    """
    for name in NEEDS_CERTIFICATE:
        if getattr(config, name) not in (None, (), "none", "1.2") and not config.is_ssl:
            raise OptionError(f"{name}: has no effect without ssl_certfile", name)
    if (
        config.ssl_cert_reqs != "none"
        and not config.ssl_ca_certs
        and not config.ssl_context_factory
    ):
        raise OptionError("ssl_cert_reqs: needs ssl_ca_certs", "ssl_cert_reqs", "ssl_ca_certs")
