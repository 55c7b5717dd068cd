"""What the command does with a configuration: it checks it, or serves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asgiserve.config.config import Config

__all__ = ["check", "log_service_links", "serve"]


def log_service_links(variables: Sequence[str], config: Config) -> None:
    """Say that *variables* are not taken for options."""
    import logging

    from asgiserve.logs.configure import configure_logging

    configure_logging(config)
    logging.getLogger("asgiserve.error").info(
        "Ignoring the service links of Kubernetes in the environment: %s", ", ".join(variables)
    )


def check(config: Config) -> None:
    """Check what can be without importing the application.

    Raises:
        ConfigError: something would fail.
        StartupError: a file of TLS cannot be read.
    """
    from asgiserve.logs.configure import configure_logging
    from asgiserve.net.tls import TlsSettings
    from asgiserve.server.app_loader import check_env_file
    from asgiserve.server.event_loop import choose_loop_factory

    configure_logging(config)
    check_env_file(config)
    choose_loop_factory(config)
    TlsSettings.from_config(config)


def serve(config: Config, reread: Callable[[], Config]) -> int:
    """Serve until a signal; give the exit status.

    Args:
        reread: gives the configuration as its sources say by then.
    """
    if config.reload:
        from asgiserve.reload.reloader import run_reloader

        return run_reloader(config)
    from asgiserve.supervisor.required import needs_supervisor

    if needs_supervisor(config):
        from asgiserve.supervisor.supervise import supervise

        return supervise(config, reread, owns_process=True)
    from asgiserve.process.title import set_process_title
    from asgiserve.server.server import Server

    set_process_title("server", config)
    server = Server(config)
    server.owns_process = True
    server.run()
    return server.exit_status
