"""``manage.py runserver``, served by asgiserve: Django's own command but for the server.

Reload, checks, messages and options are Django's, static files in debug as well.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime
from importlib import import_module
from typing import Any

from django.apps import apps
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management.base import CommandError

from asgiserve.django.development_server import DevelopmentServer
from asgiserve.version import __version__

# The options and the handler of static files are those of the command that would run without us.
HAS_STATIC_FILES = apps.is_installed("django.contrib.staticfiles")
if HAS_STATIC_FILES:
    from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
    from django.contrib.staticfiles.management.commands.runserver import Command as RunserverCommand
else:
    from django.core.management.commands.runserver import Command as RunserverCommand

__all__ = ["Command"]


class Command(RunserverCommand):
    """Starts asgiserve for development."""

    help = "Starts asgiserve for development, and also serves static files."
    server_cls = DevelopmentServer

    def inner_run(self, *args: Any, **options: Any) -> None:
        """Serve until the process is told to stop."""
        try:
            super().inner_run(*args, **options)
        except CommandError as error:
            if not options["use_reloader"]:
                raise
            # In the reloader's thread nobody would say it in one line; it waits for the next save.
            self.stderr.write(f"Error: {error}")

    def get_handler(self, *args: Any, **options: Any) -> Any:
        """The ASGI application, with static files around it where Django serves them."""
        application = load_application()
        wants_static_files = HAS_STATIC_FILES and options["use_static_handler"]
        if wants_static_files and (settings.DEBUG or options["insecure_serving"]):
            return ASGIStaticFilesHandler(application)
        return application

    def on_bind(self, server_port: int) -> None:
        """Say what serves, and where."""
        host = "0.0.0.0" if self.addr == "0" else str(self.addr)
        if ":" in host:
            host = f"[{host}]"
        quit_command = "CTRL-BREAK" if sys.platform == "win32" else "CONTROL-C"
        self.stdout.write(
            f"{datetime.now():%B %d, %Y - %X}\n"
            f"Django version {self.get_version()}, using settings {settings.SETTINGS_MODULE!r}\n"
            f"Starting asgiserve {__version__} for development at "
            f"{self.protocol}://{host}:{server_port}/\n"
            f"Quit the server with {quit_command}."
        )
        if os.environ.get("DJANGO_RUNSERVER_HIDE_WARNING") != "true":
            self.stdout.write(
                self.style.WARNING(
                    "WARNING: this is for development; in production the asgiserve command serves."
                )
            )
        # Into a file or a pipe it would come when the process ends.
        self.stdout.flush()


def load_application() -> Any:
    """What the setting ``ASGI_APPLICATION`` names, as ``site.asgi.application``; or Django's own.

    Raises:
        CommandError: there is no such thing.
    """
    path = getattr(settings, "ASGI_APPLICATION", None)
    if path is None:
        return get_asgi_application()
    module_name, _, attribute = str(path).rpartition(".")
    if not module_name:
        raise CommandError(f"ASGI_APPLICATION: {path!r} is not MODULE.ATTRIBUTE")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        # One that is missing further in is told by a traceback.
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise CommandError(
            f"ASGI_APPLICATION: cannot load {path!r}: there is no module {error.name!r}"
        ) from None
    try:
        return getattr(module, attribute)
    except AttributeError:
        raise CommandError(
            f"ASGI_APPLICATION: cannot load {path!r}: {module_name!r} has no attribute "
            f"{attribute!r}"
        ) from None
