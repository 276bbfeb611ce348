import logging
import stat
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.contrib.auth.signals import user_login_failed
from django.db.backends.signals import connection_created
from django.http import HttpRequest

logger = logging.getLogger(__name__)


class ClassifierConfig(AppConfig):
    name = "classifier"
    verbose_name = "Images and detectors"

    def ready(self) -> None:
        from allauth.mfa.signals import authentication_failed

        from classifier.accounts import hooks  # noqa: F401  # listens to what happens to images

        authentication_failed.connect(_log_failed_second_step)
        connection_created.connect(_hide_database)
        user_login_failed.connect(_log_failed_login)


def _hide_database(connection: Any, **kwargs: Any) -> None:
    """SQLite's file is for its owner only; its journal takes over these rights."""
    path = Path(str(connection.settings_dict["NAME"]))
    if connection.vendor == "sqlite" and path.is_file() and stat.S_IMODE(path.stat().st_mode) & 0o077:
        path.chmod(0o600)


def _log_failed_second_step(user: Any, request: HttpRequest, **kwargs: Any) -> None:
    """Somebody who knew the password gave a wrong code or key."""
    address = request.META.get("REMOTE_ADDR", "")
    logger.warning("failed second step as %r from %s", user.get_username(), address or "an unknown address")


def _log_failed_login(credentials: dict[str, object], request: HttpRequest | None = None, **kwargs: Any) -> None:
    """Who tried and from where, for whoever looks for attacks; the password is never among the credentials here."""
    name = credentials.get("username") or credentials.get("email") or ""
    address = request.META.get("REMOTE_ADDR", "") if request else ""
    logger.warning("failed log-in as %r from %s", str(name)[:100], address or "an unknown address")
