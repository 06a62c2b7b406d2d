"""Applications in the admin: list, form, connect page, keys."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from monitoring.applications.enums import KeyKind
from monitoring.applications.models import Application, IngestKey
from monitoring.applications.overview import judge_heard
from monitoring.applications.selectors import find_grant
from monitoring.applications.services import issue_key
from tests.support.admin import report_now, sign_in
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
LIST = "/admin/monitoring/application/"
FORM = {"name": "Acme ERP", "environment": "production", "time_zone": "Europe/Berlin", "max_series": "1000"}


@pytest.fixture
def application() -> Application:
    return make_application()


def text_of(client: Client, address: str) -> str:
    return unescape(client.get(address).content.decode())


def connect_address(application: Application, name: str = "application_connect", *more: int) -> str:
    return reverse(f"admin:monitoring_{name}", args=[application.pk, *more])


def make_key(client: Client, application: Application, **fields: object) -> str:
    response = client.post(connect_address(application, "application_make_key"), fields)
    return unescape(response.content.decode())


def shown_key(text: str) -> str:
    match = re.search(r'id="issued-key">([^<]+)<', text)
    assert match is not None, "no key is shown"
    return match[1]


def test_list__one_and_three_rows__same_queries(admin_client: Client) -> None:
    counts = []
    for more in (1, 2):
        for _ in range(more):
            report_now(make_application(), up=1)
        admin_client.get(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert admin_client.get(LIST).status_code == 200
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_list__application__shows_whether_it_is_heard(admin_client: Client, application: Application) -> None:
    report_now(application, up=1, load=2)
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    assert "not heard yet" in text_of(admin_client, LIST)
    IngestKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())

    assert "reporting" in text_of(admin_client, LIST)


def test_list__empty__names_the_next_step(admin_client: Client) -> None:
    text = text_of(admin_client, LIST)

    assert "No application yet" in text
    assert "Add application" in text


@pytest.mark.parametrize(
    ("minutes", "state"), [(None, State.QUIET), (0, State.WELL), (3, State.WELL), (4, State.QUIET), (6000, State.WATCH)]
)
def test_judge_heard__time_since__is_a_state(minutes: int | None, state: State) -> None:
    now = timezone.now()
    last = None if minutes is None else now - timedelta(minutes=minutes)

    assert judge_heard(last, now=now).state == state


def test_add__in_words__is_stored_in_base_units_and_leads_to_connecting(admin_client: Client) -> None:
    data = {**FORM, "allocated_bandwidth": "100 Mbit/s", "allocated_storage": "50 GB"}
    response = admin_client.post(f"{LIST}add/", data)

    application = Application.objects.get()
    assert response["Location"] == connect_address(application)
    assert (application.slug, application.time_zone) == ("acme-erp", "Europe/Berlin")
    assert (application.allocated_bandwidth, application.allocated_storage) == (12_500_000, 50 * 10**9)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("time_zone", "Berlin", "Europe/Berlin"),
        ("allocated_bandwidth", "fast", "100 Mbit/s"),
        ("allocated_storage", "fifty", "50 GB"),
        ("name", "", "required"),
    ],
)
def test_add__impossible_value__is_explained_and_nothing_stored(
    admin_client: Client, field: str, value: str, words: str
) -> None:
    response = admin_client.post(f"{LIST}add/", {**FORM, field: value})

    assert words in unescape(response.content.decode())
    assert not Application.objects.exists()


def test_add__name_taken_in_the_environment__is_refused(admin_client: Client) -> None:
    admin_client.post(f"{LIST}add/", FORM)
    again = admin_client.post(f"{LIST}add/", FORM)
    admin_client.post(f"{LIST}add/", {**FORM, "environment": "staging"})

    assert "There already is an application of this name" in again.content.decode()
    assert Application.objects.count() == 2


def test_change__amounts__are_shown_with_their_units(admin_client: Client) -> None:
    application = make_application(allocated_bandwidth=12_500_000)
    address = reverse("admin:monitoring_application_change", args=[application.pk])
    assert 'value="100 Mbit/s"' in text_of(admin_client, address)
    admin_client.post(address, {**FORM, "allocated_bandwidth": ""})

    application.refresh_from_db()
    assert application.allocated_bandwidth is None
    assert application.name == "Acme ERP"
    assert application.slug.startswith("erp-")


def test_delete__application_that_reported__is_not_offered(admin_client: Client, application: Application) -> None:
    address = reverse("admin:monitoring_application_delete", args=[application.pk])
    assert admin_client.get(address).status_code == 200
    report_now(application, up=1)

    assert admin_client.get(address).status_code == 403


def test_connect__no_data_yet__waits_and_shows_every_client(admin_client: Client, application: Application) -> None:
    text = text_of(admin_client, connect_address(application))

    assert f"Waiting for the first data from {application.name}" in text
    assert text.count('role="tabpanel"') == 11
    assert "YOUR_SECRET_KEY" in text


def test_connect__unknown_application__is_not_found(admin_client: Client) -> None:
    assert admin_client.get(reverse("admin:monitoring_application_connect", args=[999])).status_code == 404


def test_heard__first_data__turns_green(admin_client: Client, application: Application) -> None:
    address = connect_address(application, "application_heard")
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    assert 'data-heard="quiet"' in text_of(admin_client, address)
    IngestKey.objects.filter(pk=key.pk).update(last_used_at=timezone.now())

    assert 'data-heard="well"' in text_of(admin_client, address)


def test_make_key__secret__is_shown_once_and_works(admin_client: Client, application: Application) -> None:
    text = make_key(admin_client, application, kind="secret", label="web 1", scopes=["ingest", "read"])
    token = shown_key(text)

    grant = find_grant(token)
    assert grant is not None
    assert (grant.application_id, grant.scopes) == (application.pk, frozenset({"ingest", "read"}))
    assert f"Authorization: Bearer {token}" in text
    assert token not in text_of(admin_client, connect_address(application))


def test_make_key__without_scopes__may_only_send(admin_client: Client, application: Application) -> None:
    make_key(admin_client, application, kind="secret")

    assert IngestKey.objects.get().scopes == ["ingest"]


def test_make_key__public__keeps_its_origins_and_stays_readable(admin_client: Client, application: Application) -> None:
    text = make_key(admin_client, application, kind="public", origins="https://erp.example/ https://b.example:8443")
    token = shown_key(text)

    assert IngestKey.objects.get().origins == ["https://erp.example", "https://b.example:8443"]
    assert token in text_of(admin_client, connect_address(application))


def test_make_key__origin_that_is_none__is_explained(admin_client: Client, application: Application) -> None:
    text = make_key(admin_client, application, kind="public", origins="erp.example")

    assert "“erp.example” is not an address like https://erp.example.com." in text
    assert not IngestKey.objects.exists()


def test_make_key__page__is_never_kept_by_browsers(admin_client: Client, application: Application) -> None:
    response = admin_client.post(connect_address(application, "application_make_key"), {"kind": "secret"})

    assert "no-store" in response["Cache-Control"]


def test_rotate__key__gives_a_new_one_and_leaves_the_old(admin_client: Client, application: Application) -> None:
    old = issue_key(application=application, kind=KeyKind.SECRET, label="web 1", scopes=["ingest"])
    response = admin_client.post(connect_address(application, "key_rotate", old.key.pk))

    new = shown_key(response.content.decode())
    assert find_grant(new) is not None
    assert find_grant(old.token) is not None
    assert list(IngestKey.objects.values_list("label", "scopes")) == [("web 1", ["ingest"])] * 2


def test_rotate__revoked_key__is_refused(admin_client: Client, application: Application) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    admin_client.post(connect_address(application, "key_revoke", key.pk))
    response = admin_client.post(connect_address(application, "key_rotate", key.pk), follow=True)

    assert "Make a new one instead" in response.content.decode()
    assert IngestKey.objects.count() == 1


def test_revoke__key__no_longer_works_and_says_so(admin_client: Client, application: Application) -> None:
    issued = issue_key(application=application, kind=KeyKind.SECRET)
    response = admin_client.post(connect_address(application, "key_revoke", issued.key.pk), follow=True)

    assert find_grant(issued.token) is None
    assert "is revoked" in response.content.decode()


def test_key__of_another_application__is_not_found(admin_client: Client, application: Application) -> None:
    other = issue_key(application=make_application(), kind=KeyKind.SECRET).key

    assert admin_client.post(connect_address(application, "key_revoke", other.pk)).status_code == 404
    other.refresh_from_db()
    assert other.revoked_at is None


@pytest.mark.parametrize("name", ["application_make_key", "key_rotate", "key_revoke"])
def test_keys__someone_who_may_only_look__can_not_change_them(
    client: Client, application: Application, name: str
) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    sign_in(client, "monitoring.view_application")
    more = [] if name == "application_make_key" else [key.pk]

    assert client.get(connect_address(application)).status_code == 200
    assert client.post(connect_address(application, name, *more), {"kind": "secret"}).status_code == 403
    assert IngestKey.objects.get().revoked_at is None


@pytest.mark.parametrize("name", ["application_make_key", "key_rotate", "key_revoke"])
def test_keys__by_get__nothing_happens(admin_client: Client, application: Application, name: str) -> None:
    key = issue_key(application=application, kind=KeyKind.SECRET).key
    more = [] if name == "application_make_key" else [key.pk]

    assert admin_client.get(connect_address(application, name, *more)).status_code == 405


def test_connect__configured_address_is_loopback__the_readers_address_is_told(
    admin_client: Client, application: Application
) -> None:
    with override_settings(PUBLIC_URL="http://127.0.0.1:8000", ALLOWED_HOSTS=["erp-watch.example"]):
        response = admin_client.get(connect_address(application), headers={"host": "erp-watch.example"})

    assert response.context["base_url"] == "http://erp-watch.example"
    assert not response.context["is_local_only"]


def test_switch__chosen_application__stays_for_the_session(admin_client: Client, application: Application) -> None:
    other = make_application()
    address = reverse("admin:monitoring_choose_application")
    response = admin_client.post(address, {"application": other.pk, "next": "/admin/system/"})

    assert response["Location"] == "/admin/system/"
    assert admin_client.get("/admin/system/").context["current_application"] == other


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example", "", "javascript:alert(1)"])
def test_switch__foreign_way_back__leads_home(admin_client: Client, application: Application, back: str) -> None:
    address = reverse("admin:monitoring_choose_application")

    assert admin_client.post(address, {"application": application.pk, "next": back})["Location"] == "/admin/"


def test_switch__address_names_an_application__is_about_it_and_stays(
    admin_client: Client, application: Application
) -> None:
    other = make_application()
    page = admin_client.get("/admin/monitoring/performance/", {"application": other.pk})

    assert page.context["application"] == other
    assert page.context["current_application"] == other
    assert admin_client.get("/admin/monitoring/performance/").context["application"] == other
    assert admin_client.get("/admin/monitoring/performance/", {"application": "4711"}).context["application"] is None


def test_switch__on_a_page_whose_address_names_another__wins(admin_client: Client, application: Application) -> None:
    other = make_application()
    back = f"/admin/monitoring/performance/?range=7d&application={application.pk}&q=a+b"
    address = reverse("admin:monitoring_choose_application")
    response = admin_client.post(address, {"application": other.pk, "next": back})

    assert response["Location"] == "/admin/monitoring/performance/?range=7d&q=a+b"
