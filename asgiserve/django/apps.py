"""The Django app, and the check that its ``runserver`` is the one that runs."""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.core import checks
from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand

from asgiserve.django.development_server import DevelopmentServer

__all__ = ["AsgiserveConfig"]


class AsgiserveConfig(AppConfig):
    """Brings the management command ``runserver``, and nothing else."""

    name = "asgiserve.django"
    # "django" would be the last part of the name.
    label = "asgiserve"
    verbose_name = "asgiserve"

    def ready(self) -> None:
        """Have the order of the apps checked."""
        checks.register(check_order)


def check_order(app_configs: Any, **options: Any) -> list[checks.CheckMessage]:
    """Say which app's ``runserver`` hides that of asgiserve, if one does."""
    owner = get_commands()["runserver"]
    command = owner if isinstance(owner, BaseCommand) else load_command_class(owner, "runserver")
    # Others may build on ours, as that of whitenoise does on whichever comes after it.
    if getattr(command, "server_cls", None) is DevelopmentServer:
        return []
    return [
        checks.Error(
            f"runserver is that of {owner}, not that of asgiserve",
            hint=f'Put "{AsgiserveConfig.name}" before "{owner}" in INSTALLED_APPS.',
            id="asgiserve.E001",
        )
    ]
