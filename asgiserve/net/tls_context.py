"""Contexts of TLS from the options, or the one line that says which file is wrong, and why."""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

from asgiserve.config.values import split_sni
from asgiserve.connection.tls_info import ServerContext
from asgiserve.errors import ConfigError, StartupError
from asgiserve.imports import explain_failure, import_callable

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["ContextMaker"]

PathLike: TypeAlias = str | os.PathLike[str]

VERIFY_MODES = {
    "none": ssl.CERT_NONE,
    "optional": ssl.CERT_OPTIONAL,
    "required": ssl.CERT_REQUIRED,
}
MINIMUM_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
KEY = re.compile(rb"-----BEGIN ([A-Z ]+ )?PRIVATE KEY-----")


class KeyPair:
    """The files of one certificate, and the options that name them.

    Args:
        certificate: PEM, with the chain.
        key: PEM; None: in the file of the certificate.
        password: of the key.
        option: what names the certificate; that of its key, where it differs, is *key_option*.
    """

    def __init__(
        self,
        certificate: PathLike,
        key: PathLike | None = None,
        password: str | None = None,
        *,
        option: str = "ssl_certfile",
        key_option: str = "ssl_keyfile",
    ) -> None:
        self._certificate_path = os.path.abspath(certificate)
        self._key_path = self._certificate_path if key is None else os.path.abspath(key)
        self._password = password
        self._option = option
        self._key_option = option if key is None else key_option
        self._was_password_wanted = False

    def load(self, context: ServerContext) -> None:
        """Have *context* show the certificate.

        Raises:
            ConfigError: a file does not hold what it should.
            StartupError: a file cannot be read.
        """
        found = CERTIFICATE.search(read(self._certificate_path, self._option))
        if found is None:
            raise self._error(f"there is no certificate in {self._certificate_path!r}")
        if KEY.search(read(self._key_path, self._key_option)) is None:
            hint = "; give ssl_keyfile" if self._key_option == "ssl_certfile" else ""
            raise self._key_error(f"there is no private key in {self._key_path!r}{hint}")
        self._was_password_wanted = False
        try:
            context.load_cert_chain(self._certificate_path, self._key_path, self._give_password)
        except (ssl.SSLError, OSError, ValueError) as error:
            raise self._explain(error) from error
        context.certificate_pem = found[0].decode("ascii", "replace") + "\n"

    @property
    def paths(self) -> list[str]:
        """The files, absolute."""
        return [self._certificate_path, self._key_path]

    def _give_password(self) -> str:
        # OpenSSL would ask on the terminal, and wait there for ever, if there were no function.
        self._was_password_wanted = True
        return self._password or ""

    def _explain(self, error: Exception) -> ConfigError:
        key = repr(self._key_path)
        if getattr(error, "reason", None) == "KEY_VALUES_MISMATCH":
            return self._key_error(f"the key in {key} is not that of the certificate")
        if self._was_password_wanted and not self._password:
            return self._key_error(f"the key in {key} is encrypted: give ssl_keyfile_password")
        if self._was_password_wanted:
            return ConfigError(f"ssl_keyfile_password: does not open the key in {key}")
        return self._error(f"cannot load {self._certificate_path!r}: {error}")

    def _error(self, reason: str) -> ConfigError:
        return ConfigError(f"{self._option}: {reason}")

    def _key_error(self, reason: str) -> ConfigError:
        return ConfigError(f"{self._key_option}: {reason}")


class ContextMaker:
    """Makes the contexts of *config*, as often as its files change.

    Args:
        config: its paths are taken from the directory that is the current one now.
        alpn: the protocols to offer, the best first.

    Attributes:
        paths: the files that contexts are made of.
    """

    def __init__(self, config: Config, alpn: tuple[str, ...]) -> None:
        self._config = config
        self._alpn = alpn
        self._pair = main_key_pair(config)
        self._named_pairs = named_key_pairs(config)
        authorities = config.ssl_ca_certs
        self._authorities = None if authorities is None else os.path.abspath(authorities)
        self.paths: list[str] = [] if self._authorities is None else [self._authorities]
        for pair in [self._pair, *self._named_pairs.values()]:
            if pair is not None:
                self.paths += pair.paths

    def make(self) -> ssl.SSLContext:
        """The context that is asked for.

        Raises:
            ConfigError: an option is wrong, or a file that it names.
            StartupError: a file cannot be read, or the factory raised.
        """
        if self._config.ssl_context_factory is None:
            return self._make_default()
        factory, name = import_factory(self._config)
        try:
            context = factory(self._config, self._make_default)
        except (ConfigError, StartupError):
            raise
        except Exception as error:
            raise explain_failure(f"calling the factory {name}", error) from error
        if not isinstance(context, ssl.SSLContext):
            what = f"{name} gave a {type(context).__name__}, not an ssl.SSLContext"
            raise ConfigError(f"ssl_context_factory: {what}")
        return context

    def _make_default(self) -> ServerContext:
        """The context of ``ssl_certfile``, which knows the other names too."""
        if self._pair is None:
            raise ConfigError("ssl_context_factory: the default context needs ssl_certfile")
        context = self._make_bare()
        self._pair.load(context)
        contexts = {}
        for name, pair in self._named_pairs.items():
            contexts[name] = self._make_bare()
            pair.load(contexts[name])
        if contexts:
            context.sni_callback = make_sni_callback(contexts)
        return context

    def _make_bare(self) -> ServerContext:
        """A context by the rules of the options, without a certificate."""
        config = self._config
        context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = MINIMUM_VERSIONS[config.ssl_min_version]
        # A client could make the server do the costly half of handshakes over and over.
        context.options |= ssl.OP_NO_RENEGOTIATION
        context.verify_mode = VERIFY_MODES[config.ssl_cert_reqs]
        context.set_alpn_protocols(list(self._alpn))
        if self._authorities is not None:
            load_authorities(context, self._authorities)
        if config.ssl_ciphers is not None:
            try:
                context.set_ciphers(config.ssl_ciphers)
            except ssl.SSLError:
                raise ConfigError(f"ssl_ciphers: {config.ssl_ciphers!r} names no cipher") from None
        return context


def main_key_pair(config: Config) -> KeyPair | None:
    """The certificate for clients that name no host, or an unknown one."""
    if config.ssl_certfile is None:
        return None
    return KeyPair(config.ssl_certfile, config.ssl_keyfile, config.ssl_keyfile_password)


def named_key_pairs(config: Config) -> dict[str, KeyPair]:
    """The certificates of ``ssl_sni`` by their names, in lower case."""
    pairs = {}
    for text in config.ssl_sni:
        name, certificate, key = split_sni(text)
        pairs[name.lower()] = KeyPair(
            certificate,
            key,
            config.ssl_keyfile_password,
            option="ssl_sni",
            key_option="ssl_sni",
        )
    return pairs


def load_authorities(context: ssl.SSLContext, path: str) -> None:
    """Have *context* trust the certificates of clients that those at *path* have signed."""
    if CERTIFICATE.search(read(path, "ssl_ca_certs")) is None:
        raise ConfigError(f"ssl_ca_certs: there is no certificate in {path!r}")
    try:
        context.load_verify_locations(path)
    except ssl.SSLError as error:
        raise ConfigError(f"ssl_ca_certs: cannot load {path!r}: {error}") from error


SniCallback: TypeAlias = Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]


def make_sni_callback(contexts: dict[str, ServerContext]) -> SniCallback:
    """What OpenSSL calls with the name that a client wants; an unknown one changes nothing."""

    def choose(ssl_object: ssl.SSLObject, name: str | None, context: ssl.SSLContext) -> None:
        if name is None:
            return
        name = name.lower().rstrip(".")
        # A wildcard stands for one label (RFC 9525 section 6.3).
        found = contexts.get(name) or contexts.get(f"*.{name.partition('.')[2]}")
        if found is not None:
            ssl_object.context = found

    return choose


def import_factory(config: Config) -> tuple[Callable[..., Any], str]:
    """The ``ssl_context_factory`` of *config*, and what to call it in a message."""
    factory = config.ssl_context_factory
    if not isinstance(factory, str):
        return factory, getattr(factory, "__qualname__", repr(factory))
    return import_callable(factory, config.app_dir, "ssl_context_factory"), factory


def read(path: str, option: str) -> bytes:
    """What stands in the file at *path*, which *option* names."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        reason = error.strerror or str(error)
        raise StartupError(
            f"{option}: cannot read {path!r}: {reason[:1].lower()}{reason[1:]}"
        ) from error
