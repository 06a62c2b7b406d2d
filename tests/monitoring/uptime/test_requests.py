"""How web addresses are asked: methods, headers, bodies; and that what is secret stays so."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.services import issue_key
from monitoring.uptime.drafts import CheckInvalid, check_draft
from monitoring.uptime.enums import CheckKind
from monitoring.uptime.models import Check
from monitoring.uptime.probes.looking import look
from monitoring.uptime.requests import MASK, RequestWish, put_back
from monitoring.uptime.targets import Target
from tests.support.admin import sign_in
from tests.support.receiver import run_receiver
from tests.support.uptime import make_check, make_draft

HEADERS = "Authorization: Bearer very-secret\nX-Tenant: main"


def test_look__with_method_headers_and_body__sends_them() -> None:
    with run_receiver() as site:
        wish = RequestWish("POST", HEADERS, '{"query": "{ ok }"}')
        assert look(Target(CheckKind.HTTP, site.url, 5, True, request=wish)).is_up
    (request,) = site.requests
    assert (request.method, request.body) == ("POST", b'{"query": "{ ok }"}')
    assert (request.headers["authorization"], request.headers["x-tenant"]) == ("Bearer very-secret", "main")


def test_look__led_elsewhere__does_not_take_secrets_along() -> None:
    with run_receiver() as other, run_receiver() as site:
        site.answer = lambda _: (302, {"Location": other.url}, b"")
        look(Target(CheckKind.HTTP, site.url, 5, True, request=RequestWish("GET", HEADERS)))
    (request,) = other.requests
    assert "authorization" not in request.headers
    assert "x-tenant" not in request.headers


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"method": "DELETE"}, "method"),
        ({"method": "HEAD", "expected_body": True}, "method"),
        ({"request_headers": "no colon"}, "request_headers"),
        ({"request_headers": "Host: elsewhere"}, "request_headers"),
        ({"request_headers": "A: ü"}, "request_headers"),
        ({"request_body": "x"}, "request_body"),
    ],
)
def test_check_draft__request_that_makes_no_sense__says_what(fields: dict[str, object], field: str) -> None:
    from monitoring.uptime.expectations import Expectations

    if fields.pop("expected_body", None):
        fields["expected"] = Expectations(body_contains="ok")
    with pytest.raises(CheckInvalid) as caught:
        check_draft(make_draft(**fields))
    assert list(caught.value.errors) == [field]


def test_put_back__to_another_host__is_refused() -> None:
    stored = RequestWish("GET", HEADERS)
    masked = RequestWish("GET", f"Authorization: {MASK}")
    found = put_back(masked, address="https://a.example/x", stored=stored, stored_address="https://a.example/y")
    assert found.headers == "Authorization: Bearer very-secret"
    for address, known in (
        ("https://b.example/", stored),
        ("https://xn--a.example/", stored),
        ("https://a.example/", None),
    ):
        with pytest.raises(ValueError, match="Write the hidden values again"):
            put_back(masked, address=address, stored=known, stored_address="https://a.example/y")
    with pytest.raises(ValueError, match="Write the value of X-New"):
        put_back(
            RequestWish("GET", f"X-New: {MASK}"),
            address="https://a.example/",
            stored=stored,
            stored_address="https://a.example/",
        )


@pytest.mark.django_db
def test_secrets__in_database_page_and_rest__are_not_shown(client: Client) -> None:
    check = make_check(method="POST", request_headers=HEADERS, request_body="hidden-body")
    with connection.cursor() as cursor:
        cursor.execute("SELECT request_headers || request_body FROM monitoring_check")
        assert "secret" not in cursor.fetchone()[0]
    key = issue_key(application=check.application, kind=KeyKind.SECRET, label="x", scopes=list(Scope)).token
    headers = {"Authorization": f"Bearer {key}"}
    answer = client.get(f"/api/v1/checks/{check.pk}/", headers=headers)
    assert answer.json()["request_headers"] == f"Authorization: {MASK}\nX-Tenant: {MASK}"
    assert answer.json()["request_body"] == MASK
    # Sent back as they are shown, they stay; to another address they do not go.
    changed = client.patch(f"/api/v1/checks/{check.pk}/", {**{k: answer.json()[k] for k in ("request_headers", "request_body")}, "name": "New"}, "application/json", headers=headers)  # fmt: skip
    assert changed.status_code == 200
    assert Check.objects.get().request_headers == HEADERS
    moved = client.patch(
        f"/api/v1/checks/{check.pk}/",
        {"address": "https://evil.example/", "request_headers": answer.json()["request_headers"]},
        "application/json",
        headers=headers,
    )
    assert moved.status_code == 400
    alone = client.patch(
        f"/api/v1/checks/{check.pk}/", {"address": "https://evil.example/"}, "application/json", headers=headers
    )
    assert alone.status_code == 400
    sign_in(client, "monitoring.view_check", "monitoring.change_check")
    page = client.get(f"/admin/monitoring/check/{check.pk}/change/").content.decode()
    assert MASK in page
    assert "very-secret" not in page
    assert "hidden-body" not in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "shown"), [("tcp", ("", "")), ("tls", ("", "")), ("dns", ("", "")), ("http", (MASK, MASK))]
)
def test_headers_that_can_not_be_read__stored_by_an_earlier_version__shown_without_failing(
    client: Client, kind: str, shown: tuple[str, str]
) -> None:
    check = make_check(kind="http")
    Check.objects.update(kind=kind, address="erp.example.com:443", request_headers="no header", request_body="x")
    key = issue_key(application=check.application, kind=KeyKind.SECRET, label="x", scopes=list(Scope)).token
    sign_in(client, "monitoring.view_check", "monitoring.change_check")

    (told,) = client.get("/api/v1/checks/", headers={"Authorization": f"Bearer {key}"}).json()["results"]
    page = client.get(f"/admin/monitoring/check/{check.pk}/change/")

    assert (told["request_headers"], told["request_body"]) == shown
    assert (page.status_code, "no header" in page.content.decode()) == (200, False)


@pytest.mark.django_db
def test_change__to_a_kind_that_sends_no_headers__hidden_ones_are_dropped_without_a_word(client: Client) -> None:
    check = make_check(method="POST", request_headers=HEADERS, request_body="hidden-body")
    key = issue_key(application=check.application, kind=KeyKind.SECRET, label="x", scopes=list(Scope)).token
    change = {"kind": "tcp", "address": "erp.example.com:443"}

    answer = client.patch(
        f"/api/v1/checks/{check.pk}/", change, "application/json", headers={"Authorization": f"Bearer {key}"}
    )

    assert (answer.status_code, answer.json()["request_headers"], answer.json()["request_body"]) == (200, "", "")
    check.refresh_from_db()
    assert (check.kind, check.request_headers, check.request_body) == ("tcp", "", "")
