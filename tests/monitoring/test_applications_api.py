"""REST: the application of a key."""

from __future__ import annotations

import base64

import pytest
from django.test import Client

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import create_application, issue_key

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    create_application(name="Other")
    return create_application(name="ERP")


def headers(application: Application, *scopes: Scope) -> dict[str, str]:
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=scopes or [Scope.READ, Scope.WRITE]).token
    return {"Authorization": f"Bearer {token}"}


def test_list__any_key__shows_its_own_application_only(client: Client, application: Application) -> None:
    body = client.get("/api/v1/applications/", headers=headers(application)).json()
    assert [row["id"] for row in body["results"]] == [application.pk]


def test_current__any_key__shows_its_application(client: Client, application: Application) -> None:
    body = client.get("/api/v1/applications/current/", headers=headers(application, Scope.READ)).json()
    assert (body["slug"], body["allocated_storage"]) == ("erp", None)


def test_current__key_used__shows_when(client: Client, application: Application) -> None:
    sent = headers(application, Scope.READ)
    client.get("/api/v1/applications/current/", headers=sent)
    assert application.keys.get().last_used_at is not None


def test_retrieve__another_application__is_not_there(client: Client, application: Application) -> None:
    other = Application.objects.get(name="Other")
    assert client.get(f"/api/v1/applications/{other.pk}/", headers=headers(application)).status_code == 404


def test_patch__some_fields__changes_those(client: Client, application: Application) -> None:
    response = client.patch(
        f"/api/v1/applications/{application.pk}/",
        {"allocated_storage": 5_000_000_000, "time_zone": "Europe/Berlin"},
        content_type="application/json",
        headers=headers(application),
    )
    application.refresh_from_db()
    assert response.status_code == 200
    assert response.json()["allocated_storage"] == 5_000_000_000
    assert (application.time_zone, application.name) == ("Europe/Berlin", "ERP")


@pytest.mark.parametrize(
    ("body", "field"),
    [({"time_zone": "Moon"}, "time_zone"), ({"allocated_bandwidth": 0}, "allocated_bandwidth"), ({"name": ""}, "name")],
)
def test_patch__bad_value__names_the_field_and_changes_nothing(
    client: Client, application: Application, body: dict[str, object], field: str
) -> None:
    response = client.patch(
        f"/api/v1/applications/{application.pk}/",
        body,
        content_type="application/json",
        headers=headers(application),
    )
    assert (response.status_code, response.json()["errors"][0]["field"]) == (400, field)


def test_patch__key_may_only_read__is_refused(client: Client, application: Application) -> None:
    response = client.patch(
        f"/api/v1/applications/{application.pk}/",
        {"name": "x"},
        content_type="application/json",
        headers=headers(application, Scope.READ),
    )
    assert (response.status_code, response.json()["scope"]) == (403, "write")


@pytest.mark.parametrize(
    "cursor", ["nonsense", base64.b64encode(b"p=abc").decode(), base64.b64encode(b"o=-1").decode()]
)
def test_list__cursor_not_ours__is_refused_by_name(client: Client, application: Application, cursor: str) -> None:
    response = client.get("/api/v1/applications/", {"cursor": cursor}, headers=headers(application))
    assert response.status_code == 400
    assert response.json()["type"] == "/api/docs/errors/#parameter-invalid"
