"""What the admin shows of secrets to people who may look at everything and change nothing."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission, User
from django.test import Client, RequestFactory
from django.urls import reverse

from alerts.models import Channel
from alerts.services.channels import save_channel
from config.crypto import EncryptedTextField
from tests.support.admin import sign_in
from tests.support.uptime import make_check

pytestmark = pytest.mark.django_db
SECRET = "s3cretOfTheTest"


@pytest.fixture
def viewer(client: Client) -> User:
    """Somebody signed in who has every permission to look, and no other."""
    user = sign_in(client)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return User.objects.get(pk=user.pk)


def make_webhook() -> Channel:
    hook = Channel(name="Hook", kind="webhook", address="https://example.com/x", signing_secret=SECRET)
    return save_channel(channel=hook)


def make_chat() -> Channel:
    return save_channel(
        channel=Channel(name="Chat", kind="apprise"), parts={"url": f"jsons://ops:{SECRET}@example.com"}
    )


def make_web_check() -> Any:
    return make_check(name="Login", method="POST", request_headers=f"Authorization: {SECRET}", request_body=SECRET)


@pytest.mark.parametrize("make", [make_webhook, make_chat, make_web_check])
def test_page__viewer__shows_the_row_without_its_secrets(client: Client, viewer: User, make: Any) -> None:
    row = make()
    text = client.get(
        reverse(f"admin:{row._meta.label_lower.replace('.', '_')}_change", args=[row.pk])
    ).content.decode()
    assert row.name in text
    assert SECRET not in text


def test_page__viewer__shows_no_hash_of_a_password(client: Client, viewer: User) -> None:
    text = client.get(reverse("admin:auth_user_change", args=[viewer.pk])).content.decode()
    assert viewer.username in text
    assert viewer.password not in text


@pytest.mark.parametrize("model", [model for model in apps.get_models() if model in admin.site._registry])
def test_fields__viewer__no_encrypted_one_of_any_model(rf: RequestFactory, viewer: User, model: Any) -> None:
    request, page = rf.get("/"), admin.site._registry[model]
    request.user = viewer
    shown = {
        name
        for _, options in page.get_fieldsets(request, model())
        for row in options["fields"]
        for name in (row if isinstance(row, list | tuple) else [row])
    }
    secret = {field.name for field in model._meta.get_fields() if isinstance(field, EncryptedTextField)}
    assert not shown & {*secret, *getattr(page, "secret_fields", ())}
