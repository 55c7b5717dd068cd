"""``litestar run`` by asgiserve: ``Litestar(..., plugins=[AsgiservePlugin()])``.

The command keeps Litestar's options and variables; whatever else asgiserve knows comes from its
own variables and file.
"""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import click
from click.core import ParameterSource
from litestar.plugins import CLIPlugin

from asgiserve.config.sources import Sourced, collect_settings
from asgiserve.errors import STARTUP_FAILURE, ConfigError, StartupError
from asgiserve.uvicorn_api import Config

__all__ = ["AsgiservePlugin"]

# Litestar's names of options, and ours.
OPTION_NAMES = {
    "fd": "fd",
    "host": "host",
    "port": "port",
    "reload": "reload",
    "reload_dir": "reload_dirs",
    "reload_exclude": "reload_excludes",
    "reload_include": "reload_includes",
    "ssl_certfile": "ssl_certfile",
    "ssl_keyfile": "ssl_keyfile",
    "uds": "uds",
    "wc": "workers",
}


class AsgiservePlugin(CLIPlugin):
    """Has ``litestar run`` serve by asgiserve."""

    __slots__ = ()

    def on_cli_init(self, cli: click.Group) -> None:
        """Put our command in the place of Litestar's, with the same options."""
        command = click.Command(
            "run",
            params=list(cli.commands["run"].params),
            callback=run,
            help="Run a Litestar app by asgiserve.\n\nWhat asgiserve can do beside the options "
            "below is said by ASGISERVE_... in the environment, and by asgiserve.toml.",
        )
        cli.add_command(command)


def run(ctx: click.Context, **given: Any) -> None:
    """Serve the application of *ctx*, which Litestar gives to whatever asks for it, and exit."""
    if given["debug"]:
        os.environ["LITESTAR_DEBUG"] = "1"
    if given["pdb"]:
        os.environ["LITESTAR_PDB"] = "1"
    if callable(ctx.obj):
        ctx.obj = ctx.obj()
    else:
        # Found before the options were read.
        ctx.obj.app.debug = ctx.obj.app.debug or given["debug"]
        ctx.obj.app.pdb_on_exception = ctx.obj.app.pdb_on_exception or given["pdb"]
    env = ctx.obj
    try:
        settings = collect_settings(read_options(ctx, given), None, os.environ)
        settings.add("app", env.app_path, "litestar")
        settings.add("factory", env.is_app_factory, "litestar")
        settings.add("app_dir", env.cwd, "litestar")
        config = settings.make_config(Config)
    except ConfigError as error:
        raise click.UsageError(str(error), ctx) from None
    with ExitStack() as stack:
        for plugin in env.app.plugins.cli:
            if isinstance(plugin, CLIPlugin):
                stack.enter_context(plugin.server_lifespan(env.app))
        ctx.exit(serve(config))


def read_options(ctx: click.Context, given: dict[str, Any]) -> dict[str, Sourced]:
    """What was given to ``litestar run``, as asgiserve's options."""
    if given["create_self_signed_cert"]:
        from litestar.cli._utils import create_ssl_files

        certificate, key = given["ssl_certfile"], given["ssl_keyfile"]
        given["ssl_certfile"], given["ssl_keyfile"] = create_ssl_files(
            certificate, key, given["host"]
        )
    options = {}
    for name, our_name in OPTION_NAMES.items():
        # Litestar's defaults are ours too, and what ASGISERVE_... says is stronger than they are.
        if ctx.get_parameter_source(name) is ParameterSource.DEFAULT:
            continue
        value = given[name]
        if isinstance(value, tuple):
            value = [str(each) for each in value]
            # Naming files is enough.
            options["reload"] = Sourced(True, "litestar run")
        options[our_name] = Sourced(value, "litestar run")
    return options


def serve(config: Any) -> int:
    """Serve as the command ``asgiserve`` does; give the exit status."""
    from asgiserve.cli.serve import serve as serve_by_command

    try:
        return serve_by_command(config, lambda: config)
    except StartupError as error:
        click.echo(f"asgiserve: error: {error}", err=True)
        return STARTUP_FAILURE
