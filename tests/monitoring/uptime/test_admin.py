"""Uptime's pages: they render, cost the same with one row and with three, and do what their buttons say."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from config.settings import OPTION
from monitoring.uptime.admin.checks import write_availability
from monitoring.uptime.models import Check, MaintenanceWindow
from tests.support.admin import sign_in
from tests.support.metrics import make_application
from tests.support.receiver import run_receiver
from tests.support.uptime import DOWN, UP, find, make_check

pytestmark = pytest.mark.django_db
LIST = "admin:monitoring_check_changelist"


def text_of(client: Client, name: str, *arguments: object, query: str = "") -> str:
    response = client.get(reverse(name, args=arguments) + query)
    assert response.status_code == 200
    return str(response.content.decode())


def fill_in(**changes: Any) -> dict[str, Any]:
    return {
        "name": "Login page",
        "kind": "http",
        "address": "https://erp.example.com/login",
        "interval_seconds": "1 min",
        "timeout_seconds": "10 s",
        "grace_seconds": "5 min",
        "retries": "1",
        "tls_days": "14",
        "statuses": "200-299",
        "follow_redirects": "on",
        "verify_certificate": "on",
        **changes,
    }


def test_list__one_and_three_rows__same_queries(admin_client: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            text_of(admin_client, LIST)
        return len(queries)

    find(make_check(), UP)
    count()
    one = count()
    find(make_check(retries=0), DOWN)
    find(make_check(), UP)

    assert count() == one


def test_list__nothing_there__says_what_to_do_next(admin_client: Client) -> None:
    assert "ERP&#x27;s login page" in text_of(admin_client, LIST)


def test_list__some_down__on_top_with_the_reason(admin_client: Client) -> None:
    application = make_application()
    find(make_check(application, name="Alpha"), UP)
    find(make_check(application, name="Omega", retries=0), DOWN)
    page = text_of(admin_client, LIST)

    assert page.index("Omega") < page.index("Alpha")
    assert DOWN.reason in page
    assert "Alpha" not in text_of(admin_client, LIST, query="?q=Omega")


def test_list__pause_and_resume_selected__done(admin_client: Client) -> None:
    check = make_check()
    for action, state in (("pause_selected", "paused"), ("resume_selected", "new")):
        admin_client.post(reverse(LIST), {"action": action, "_selected_action": [check.pk]})
        assert Check.objects.get().state == state


def test_case__up_and_down__says_since_when_why_and_how_available(admin_client: Client) -> None:
    check = make_check(retries=0)
    seconds = (timezone.now() - find(check, UP).last_result_at).total_seconds()
    find(check, UP, at=seconds - 3600)
    find(check, DOWN, at=seconds - 1800)
    page = text_of(admin_client, "admin:monitoring_check_case", check.pk)

    assert "Check now" in page
    assert DOWN.reason in page
    assert "30 min" in page
    assert text_of(admin_client, "admin:monitoring_check_now", check.pk).count("pl-figure--bad") == 1


def test_case__heartbeat__shows_what_the_job_calls(admin_client: Client) -> None:
    check = make_check(kind="heartbeat", address="")
    page = text_of(admin_client, "admin:monitoring_check_case", check.pk)

    assert f"/api/v1/checks/{check.ping_key}/ping/" in page
    assert "Check now" not in page


def test_case__heartbeat_for_whoever_only_looks__keeps_its_address(client: Client) -> None:
    check = make_check(kind="heartbeat", address="")
    sign_in(client, "monitoring.view_check")

    page = text_of(client, "admin:monitoring_check_case", check.pk)

    assert "How it reports" in page
    assert str(check.ping_key) not in page
    assert "Related" not in page, "nothing that this account may see"


def test_case__buttons__do_what_they_say(admin_client: Client) -> None:
    check = make_check()
    Check.objects.update(due_at=None)
    admin_client.post(reverse("admin:monitoring_check_look", args=[check.pk]))
    assert Check.objects.get().due_at is not None
    admin_client.post(reverse("admin:monitoring_check_pause", args=[check.pk]))
    assert Check.objects.get().state == "paused"
    page = admin_client.post(reverse("admin:monitoring_check_look", args=[check.pk]), follow=True).content.decode()
    assert "It is paused" in page
    admin_client.post(reverse("admin:monitoring_check_resume", args=[check.pk]))
    assert Check.objects.get().state == "new"


def test_pages__reader_may_only_look__no_buttons_and_no_effect(client: Client) -> None:
    check = make_check()
    sign_in(client, "monitoring.view_check")

    assert "Check now" not in text_of(client, "admin:monitoring_check_case", check.pk)
    for name in ("look", "pause", "resume"):
        assert client.post(reverse(f"admin:monitoring_check_{name}", args=[check.pk])).status_code == 403
    assert client.post(reverse("admin:monitoring_check_try"), fill_in()).status_code == 403


def test_pages__without_permission__refused(client: Client) -> None:
    check = make_check()
    sign_in(client)

    assert client.get(reverse("admin:monitoring_check_case", args=[check.pk])).status_code == 403
    assert client.get(reverse(LIST)).status_code == 403


def test_editor__new__saved_by_the_service_and_led_to_its_page(admin_client: Client) -> None:
    application = make_application()
    page = text_of(admin_client, "admin:monitoring_check_add")
    assert "Try it now" in page
    assert all(f'value="{text}"' in page for text in ("1 min", "30 s", "5 min"))
    answer = admin_client.post(
        reverse("admin:monitoring_check_add"), fill_in(application=application.pk, json_path="status", json_value="ok")
    )
    check = Check.objects.get()

    assert answer.url == reverse("admin:monitoring_check_case", args=[check.pk])
    assert (check.interval_seconds, check.timeout_seconds, check.json_value) == (60, 10, "ok")
    assert check.due_at is not None


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "erp"}, "Write it like https://"),
        ({"timeout_seconds": "2 min"}, "It goes from 1 to 30 seconds."),
        ({"interval_seconds": "often"}, "is not a length of time"),
        ({"kind": "tcp", "address": "erp"}, "Write it like erp.example.com:443."),
        ({"statuses": "ok"}, "Write it like 200-299"),
    ],
)
def test_editor__anything_wrong__says_so_and_saves_nothing(
    admin_client: Client, changes: dict[str, str], words: str
) -> None:
    body = fill_in(application=make_application().pk, **changes)
    page = admin_client.post(reverse("admin:monitoring_check_add"), body).content.decode()

    assert words in page
    assert not Check.objects.exists()


def test_editor__change__saved(admin_client: Client) -> None:
    check = make_check(name="Old")
    address = reverse("admin:monitoring_check_change", args=[check.pk])
    assert "Old" in admin_client.get(address).content.decode()
    admin_client.post(address, fill_in(name="New"))

    assert Check.objects.get().name == "New"
    assert Check.objects.get().application == check.application


def test_editor__delete__gone(admin_client: Client) -> None:
    check = make_check()
    admin_client.post(reverse("admin:monitoring_check_delete", args=[check.pk]), {"post": "yes"})

    assert not Check.objects.exists()


def test_try__real_server__shows_what_was_found_and_saves_nothing(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(OPTION, "CHECK_ALLOW_PRIVATE", True)
    with run_receiver() as site:
        body = fill_in(name="", address=site.url, own_application=make_application().pk)
        page = admin_client.post(reverse("admin:monitoring_check_try"), body).content.decode()

    assert "Answered 200." in page
    assert not Check.objects.exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"address": "http://127.0.0.1:9/"}, "CHECK_ALLOW_PRIVATE"),
        ({"address": "erp"}, "Write it like"),
        ({"kind": "heartbeat", "address": ""}, "A heartbeat is not looked at"),
    ],
)
def test_try__refused_or_senseless__says_so(admin_client: Client, changes: dict[str, str], words: str) -> None:
    body = fill_in(application=make_application().pk, **changes)

    assert words in admin_client.post(reverse("admin:monitoring_check_try"), body).content.decode()


def test_windows__planned_for_a_check__it_is_in_maintenance(admin_client: Client) -> None:
    check = make_check()
    find(check, UP)
    body = {
        "application": check.application_id,
        "check_row": check.pk,
        "starts_at_0": "2020-01-01",
        "starts_at_1": "00:00",
        "ends_at_0": "2099-01-01",
        "ends_at_1": "00:00",
        "reason": "Update",
    }
    add = reverse("admin:monitoring_maintenancewindow_add")
    assert admin_client.get(f"{add}?check_row={check.pk}").status_code == 200
    admin_client.post(add, {**body, "ends_at_0": "2019-01-01"})
    admin_client.post(add, {**body, "application": make_application().pk})
    assert not MaintenanceWindow.objects.exists()
    admin_client.post(add, body)

    assert Check.objects.get().state == "maintenance"
    assert "Open now" in text_of(admin_client, "admin:monitoring_maintenancewindow_changelist")
    assert "Update" in text_of(admin_client, "admin:monitoring_check_case", check.pk)


def test_home__with_and_without_checks__shows_them(admin_client: Client) -> None:
    application = make_application()
    assert "Add a check" in text_of(admin_client, "admin:home_panel", "uptime")
    find(make_check(application, name="Login page", retries=0), DOWN)

    assert "1 down" in text_of(admin_client, "admin:home_panel", "uptime")


@pytest.mark.parametrize(
    ("ratio", "text"),
    [(None, "–"), (1.0, "100 %"), (0.999999, "99.99 %"), (0.5, "50.00 %"), (0.0, "0.00 %")],
)
def test_write_availability__any__never_better_than_it_was(ratio: float | None, text: str) -> None:
    assert write_availability(ratio) == text


def test_case__of_another_application_than_the_chosen__leads_to_its_own_pages(admin_client: Client) -> None:
    make_application()
    check = make_check(make_application())
    page = text_of(admin_client, "admin:monitoring_check_case", check.pk)

    for name, parameter in (("errorissue_changelist", "application__id__exact"), ("performance", "application")):
        assert f"{reverse(f'admin:monitoring_{name}')}?{parameter}={check.application_id}" in page
