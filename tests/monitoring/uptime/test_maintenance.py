"""Maintenance windows that come again: followed, moved, cancelled, in the admin and over REST."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from monitoring.applications.enums import KeyKind, Scope
from monitoring.applications.models import Application
from monitoring.applications.services import issue_key
from monitoring.uptime.models import Check, MaintenanceWindow
from monitoring.uptime.recurrence import Recurrence, Repeat
from monitoring.uptime.selectors import describe_open_windows
from monitoring.uptime.services.maintenance import (
    WindowInvalid,
    cancel_window,
    create_window,
    delete_window,
    end_occurrence,
    follow_windows,
    update_window,
)
from monitoring.uptime.window_drafts import WindowDraft
from tests.support.locks import held_by_another
from tests.support.metrics import make_application
from tests.support.uptime import UP, find, make_check

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
DAILY = Recurrence(Repeat.DAILY)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def draft(application: Application, **fields: Any) -> WindowDraft:
    """Two hours a night in Berlin, from 24 October 2026 on, the night before summer time ends."""
    values = {
        "application_id": application.pk,
        "starts_at": at("2026-10-24T02:00+02:00"),
        "ends_at": at("2026-10-24T04:00+02:00"),
        "time_zone": "Europe/Berlin",
        "recurrence": DAILY,
        **fields,
    }
    return WindowDraft(**values)


BEFORE = at("2026-10-23T12:00+00:00")


def test_follow__night_after_night__stands_at_the_next_time_by_the_local_clock() -> None:
    window = create_window(draft=draft(make_application()), now=BEFORE)
    stood = []
    for _ in range(3):
        window.refresh_from_db()
        stood.append((window.opens_at, window.closes_at))
        follow_windows(now=window.closes_at)
    assert stood == [
        (at("2026-10-24T00:00Z"), at("2026-10-24T02:00Z")),
        (at("2026-10-25T00:00Z"), at("2026-10-25T03:00Z")),
        (at("2026-10-26T01:00Z"), at("2026-10-26T03:00Z")),
    ]


def test_follow__nobody_followed_for_days__stands_at_the_one_that_is_open() -> None:
    window = create_window(draft=draft(make_application()), now=BEFORE)
    follow_windows(now=at("2026-11-03T02:00Z"))
    assert [one.window_id for one in describe_open_windows(now=at("2026-11-03T02:00Z"))] == [window.pk]


def test_follow__only_twice__is_over_then() -> None:
    recurrence = Recurrence(Repeat.DAILY, count=2)
    window = create_window(draft=draft(make_application(), recurrence=recurrence), now=BEFORE)
    for _ in range(2):
        window.refresh_from_db()
        follow_windows(now=window.closes_at)
    window.refresh_from_db()
    assert (window.opens_at, window.closes_at) == (None, None)


def test_follow__open_in_the_night__checks_do_not_count_and_do_again() -> None:
    check = make_check()
    find(check, UP)
    create_window(draft=draft(check.application), now=BEFORE)
    states = []
    for moment in ("2026-10-25T01:00Z", "2026-10-25T12:00Z", "2026-10-26T01:00Z"):
        follow_windows(now=at(moment))
        states.append(Check.objects.get().state)
    assert states == ["maintenance", "new", "maintenance"]


def test_follow__with_matchers__is_for_alerts_alone() -> None:
    check = make_check()
    find(check, UP)
    create_window(draft=draft(check.application, matchers='{host="erp1"}'), now=BEFORE)
    follow_windows(now=at("2026-10-24T01:00Z"))
    assert Check.objects.get().state == "up"
    assert describe_open_windows(now=at("2026-10-24T01:00Z"))[0].matchers == '{host="erp1"}'


def test_end__open_one_that_comes_again__opens_again_the_next_night() -> None:
    window = create_window(draft=draft(make_application()), now=BEFORE)
    now = at("2026-10-24T01:00Z")
    assert end_occurrence(window=window, now=now)
    assert not end_occurrence(window=window, now=now)
    window.refresh_from_db()
    assert window.opens_at == at("2026-10-25T00:00Z")
    assert describe_open_windows(now=now) == []


@pytest.mark.parametrize("how", ["cancel", "delete", "move"])
def test_open_window__taken_away__checks_count_again_at_once(how: str) -> None:
    check = make_check()
    find(check, UP)
    window = create_window(draft=draft(check.application), now=BEFORE)
    now = at("2026-10-24T01:00Z")
    follow_windows(now=now)
    match how:
        case "cancel":
            assert cancel_window(window=window, now=now)
            assert not cancel_window(window=window, now=now)
        case "delete":
            delete_window(window=window, now=now)
        case "move":
            later = draft(check.application, starts_at=now + HOUR, ends_at=now + 2 * HOUR)
            update_window(window=window, draft=later, now=now)
    assert Check.objects.get().state == "new"


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("matchers", {"matchers": "{"}),
        ("time_zone", {"time_zone": "Europe/Nowhere"}),
        ("ends_at", {"recurrence": Recurrence()}),
        ("check_row", {"check_id": 1}),
    ],
)
def test_create__impossible__refused_in_words_and_nothing_is_kept(field: str, changes: dict[str, Any]) -> None:
    with pytest.raises(WindowInvalid) as caught:
        create_window(draft=draft(make_application(), **changes), now=at("2030-01-01T00:00Z"))
    assert list(caught.value.errors) == [field]
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.parametrize(
    ("field", "starts_at", "ends_at", "zone"),
    [
        ("starts_at", "0002-01-01T02:00+00:00", "2026-01-01T04:00+00:00", "Europe/Berlin"),
        ("starts_at", "0001-01-01T00:00+00:00", "2026-01-01T04:00+00:00", "America/New_York"),
        ("ends_at", "2026-01-01T02:00+00:00", "9999-12-31T23:00+00:00", "Asia/Tokyo"),
    ],
)
def test_times__of_another_age__refused_over_rest_and_in_the_form(
    admin_client: Client, field: str, starts_at: str, ends_at: str, zone: str
) -> None:
    check = make_check()
    body = {"starts_at": starts_at, "ends_at": ends_at}
    typed = {
        f"{name}_{place}": text for name, moment in body.items() for place, text in enumerate(moment[:16].split("T"))
    }
    api = Api(check.application)

    answers = [
        api("POST", "", {**body, "time_zone": zone, "repeat": "daily"}).json(),
        api("POST", f"/api/v1/checks/{check.pk}/maintenance/", body).json(),
    ]
    form = fill_in(check.application, time_zone=zone, **typed)
    page = admin_client.post(reverse("admin:monitoring_maintenancewindow_add"), form).content.decode()

    words = "Choose a day of the years 2000 to 2100."
    assert [answer["errors"] for answer in answers] == [[{"field": field, "detail": words}]] * 2
    assert words in page
    assert not MaintenanceWindow.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_follow__somebody_is_changing_a_window_that_is_over__others_do_not_wait_and_checks_stay_as_they_are() -> None:
    check = make_check()
    find(check, UP)
    whole_days = draft(check.application, ends_at=at("2026-10-25T02:00+02:00"))
    window = create_window(draft=whole_days, now=BEFORE)
    follow_windows(now=at("2026-10-24T12:00Z"))
    with held_by_another(MaintenanceWindow):
        assert follow_windows(now=at("2026-10-25T12:00Z")) == 0
    assert Check.objects.get().state == "maintenance"
    follow_windows(now=at("2026-10-25T12:00Z"))
    window.refresh_from_db()
    assert (window.opens_at, Check.objects.get().state) == (at("2026-10-25T00:00Z"), "maintenance")


def fill_in(application: Application, **changes: object) -> dict[str, object]:
    return {
        "application": application.pk,
        "starts_at_0": "2026-03-28",
        "starts_at_1": "02:00",
        "ends_at_0": "2026-03-28",
        "ends_at_1": "04:00",
        "time_zone": "Europe/Berlin",
        "repeat": "weekly",
        "weekdays": ["5", "6"],
        "month_day": "1",
        "nth": "1",
        "weekday": "0",
        "end_action": "drop",
        "reason": "Backup",
        **changes,
    }


def test_admin__times_typed__are_those_of_its_zone_and_shown_so_again(admin_client: Client) -> None:
    application = make_application()
    answer = admin_client.post(reverse("admin:monitoring_maintenancewindow_add"), fill_in(application))
    assert answer.status_code == 302
    window = MaintenanceWindow.objects.get()
    assert window.starts_at == at("2026-03-28T01:00Z")
    assert (window.repeat, window.weekdays, window.end_action) == ("weekly", [5, 6], "drop")
    page = admin_client.get(window.get_absolute_url()).content.decode()
    assert 'value="02:00:00"' in page
    assert (
        "Every Saturday, Sunday"
        in admin_client.get(reverse("admin:monitoring_maintenancewindow_changelist")).content.decode()
    )


def test_admin__preview__the_next_five_times_on_the_local_clock(admin_client: Client) -> None:
    changes = {"starts_at_0": "2099-03-28", "ends_at_0": "2099-03-28"}
    text = admin_client.post(
        reverse("admin:monitoring_window_preview"), fill_in(make_application(), **changes)
    ).content.decode()
    assert text.count("<li") == 5
    # The clock is put forward in this night.
    assert "29 Mar 2099, 03:00" in text
    assert "04 Apr 2099, 02:00" in text.replace("4 Apr", "04 Apr")


def test_admin__wrong__says_so_and_keeps_nothing(admin_client: Client) -> None:
    wrong = fill_in(make_application(), time_zone="Nowhere", matchers="{")
    text = admin_client.post(reverse("admin:monitoring_window_preview"), wrong).content.decode()
    assert "is not a time zone" in text
    admin_client.post(reverse("admin:monitoring_maintenancewindow_add"), wrong)
    assert not MaintenanceWindow.objects.exists()


def test_admin__end_and_cancel__by_their_buttons(admin_client: Client) -> None:
    now = timezone.now()
    wished = draft(make_application(), starts_at=now - HOUR, ends_at=now + HOUR)
    window = create_window(draft=wished, now=now)
    assert "End it now" in admin_client.get(window.get_absolute_url()).content.decode()
    admin_client.post(reverse("admin:monitoring_window_end", args=[window.pk]))
    window.refresh_from_db()
    assert window.opens_at > now + 20 * HOUR
    admin_client.post(reverse("admin:monitoring_window_cancel", args=[window.pk]))
    window.refresh_from_db()
    assert window.cancelled_at is not None
    assert "Cancelled" in admin_client.get(window.get_absolute_url()).content.decode()


class Api:
    """A program with a key."""

    def __init__(self, application: Application) -> None:
        key = issue_key(application=application, kind=KeyKind.SECRET, scopes=list(Scope))
        self._headers = {"Authorization": f"Bearer {key.token}"}

    def __call__(self, method: str, path: str = "", body: Any = None) -> Any:
        return Client().generic(
            method,
            path if path.startswith("/") else f"/api/v1/maintenance/{path}",
            b"" if body is None else json.dumps(body),
            content_type="application/json",
            headers=self._headers,
        )


def test_api__planned_moved_ended_cancelled_deleted() -> None:
    api = Api(make_application())
    wished = {
        "starts_at": "2099-01-01T02:00:00+01:00",
        "ends_at": "2099-01-01T04:00:00+01:00",
        "time_zone": "Europe/Berlin",
        "repeat": "monthly_weekday",
        "nth": -1,
        "weekday": 6,
    }
    made = api("POST", "", wished)
    assert made.status_code == 201
    window = made.json()
    assert (window["state"], window["opens_at"]) == ("planned", "2099-01-25T01:00:00Z")
    assert api("POST", f"{window['id']}/end/").status_code == 409
    long_ago = {"starts_at": "2020-01-01T00:00:00Z", "ends_at": "2020-01-08T00:00:00Z", "time_zone": "UTC"}
    moved = api("PATCH", f"{window['id']}/", {**long_ago, "repeat": "weekly", "weekdays": [2]})
    assert moved.json()["state"] == "open"
    assert [one["id"] for one in api("GET", "?state=open").json()["results"]] == [window["id"]]
    assert api("POST", f"{window['id']}/end/").json()["state"] == "planned"
    assert api("POST", f"{window['id']}/cancel/").json()["state"] == "cancelled"
    assert api("DELETE", f"{window['id']}/").status_code == 204
    assert api("POST", "", {**wished, "ends_at": wished["starts_at"]}).json()["errors"][0]["field"] == "ends_at"


def test_api__another_applications__is_not_there() -> None:
    window = create_window(draft=draft(make_application()), now=BEFORE)
    api = Api(make_application())
    assert api("GET", "").json()["results"] == []
    assert api("POST", f"{window.pk}/cancel/").status_code == 404
    other = make_check()
    body = {"starts_at": "2099-01-01T02:00:00Z", "ends_at": "2099-01-01T04:00:00Z", "check_id": other.pk}
    assert api("POST", "", body).json()["errors"][0]["field"] == "check_id"
