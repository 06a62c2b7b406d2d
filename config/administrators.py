"""The first administrator: without one nobody could let the others in."""

from __future__ import annotations

import secrets

from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import transaction

from config.bootstrap import BootstrapContext, step
from config.secrets import write_secret
from config.settings import OPTION

USERNAME = "admin"
PASSWORD_FILE = "admin_password"  # noqa: S105  (a file's name)
#: 96 random bits in 16 characters that can be typed.
PASSWORD_BYTES = 12


@step("first administrator", order=20)
def ensure_administrator(context: BootstrapContext) -> None:
    """Create the first administrator if there is none; the summary holds the password only when it was just made."""
    created = create_first_administrator()
    context.summary["username"] = created[0] if created else _find_username()
    if created:
        context.summary["password"] = created[1]


@transaction.atomic
def create_first_administrator() -> tuple[str, str] | None:
    """Create a superuser unless there is one; return (user name, password), None if there is.

    The password is ADMIN_PASSWORD or a random one, kept under DATA_DIR/secrets with mode 0600. Once it was changed the file
    is of no use and may be deleted.
    """
    users = get_user_model()._default_manager
    if users.filter(is_superuser=True, is_active=True).exists():
        return None
    password = OPTION["ADMIN_PASSWORD"] or secrets.token_urlsafe(PASSWORD_BYTES)
    users.create_superuser(username=USERNAME, email=OPTION["ADMIN_EMAIL"], password=password)
    write_secret(settings.SECRETS_DIR / PASSWORD_FILE, password)
    return USERNAME, password


def _find_username() -> str:
    first = get_user_model()._default_manager.filter(is_superuser=True, is_active=True).order_by("pk").first()
    return first.get_username() if first else ""
