"""Signing in to the admin, and reading its pages, in tests."""

from __future__ import annotations

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from monitoring.applications.models import Application
from tests.support.metrics import store


def sign_in(client: Client, *permissions: str) -> User:
    """Sign in a member of staff with the named permissions ("app.codename")."""
    user = User.objects.create_user(
        f"user{User.objects.count()}", email="user@example.com", password="x", is_staff=True
    )
    for name in permissions:
        label, codename = name.split(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=label, codename=codename))
    client.force_login(user)
    return user


def report_now(application: Application, **values: float) -> None:
    """Store one value of each named metric, as host erp1, at this moment."""
    now = timezone.now()
    points = [
        ({"__name__": name, "host": "erp1"}, int(now.timestamp() * 1000), value) for name, value in values.items()
    ]
    store(application, points, now=now)
