"""The options of TLS; uvicorn's names where uvicorn has the option."""

# ruff: noqa: RUF009 - `option` gives a field, not a value shared by all instances.

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from asgiserve.config import kinds, values
from asgiserve.config.kinds import choice, optional
from asgiserve.config.option import TLS, OptionError, OptionGroup, option

__all__ = ["TlsOptions"]

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
class TlsOptions(OptionGroup):
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
        values.SNI,
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
        values.CERT_REQS,
        TLS,
        "Whether a client has to show a certificate.",
    )
    ssl_ciphers: str | None = option(
        None, optional(kinds.TEXT), TLS, "Ciphers up to TLS 1.2, in OpenSSL's notation."
    )
    ssl_min_version: str = option("1.2", choice("1.2", "1.3"), TLS, "Lowest version of TLS.")
    ssl_context_factory: Any = option(
        None,
        optional(values.IMPORT_OR_CALLABLE),
        TLS,
        "MODULE:FACTORY, called with the options and a function that makes the default "
        "ssl.SSLContext; gives the context to use.",
    )

    @property
    def is_ssl(self) -> bool:
        """Whether connections are TLS."""
        return self.ssl_certfile is not None or self.ssl_context_factory is not None

    def check(self) -> None:
        for name in NEEDS_CERTIFICATE:
            if self.is_changed(name) and not self.is_ssl:
                raise OptionError(f"{name}: has no effect without ssl_certfile", name)
        is_asked = self.ssl_cert_reqs != "none"
        if is_asked and not self.ssl_ca_certs and not self.ssl_context_factory:
            raise OptionError("ssl_cert_reqs: needs ssl_ca_certs", "ssl_cert_reqs", "ssl_ca_certs")
