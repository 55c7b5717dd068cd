"""The TLS of a server: its certificates, and who may connect with which version and cipher."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.config import Config

__all__ = ["TlsSettings"]


class TlsSettings:
    """What the TLS connections of one process share.

    Attributes:
        context: its certificates may be replaced while connections are open.
        handshake_timeout_s: how long a peer has for its handshake.
    """

    def __init__(self, context: ssl.SSLContext, handshake_timeout_s: float) -> None:
        self.context = context
        self.handshake_timeout_s = handshake_timeout_s

    @classmethod
    def from_config(cls, config: Config) -> TlsSettings:
        """Read what *config* names."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert config.ssl_certfile is not None
        context.load_cert_chain(config.ssl_certfile, config.ssl_keyfile)
        return cls(context, config.timeout_tls_handshake)
