"""Calendars that a schedule reads from an address: over real HTTP, whatever the other side does."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from alerts import calendar_fetching
from alerts.models import CountedUse, OnCallCalendar, OnCallOverride, OnCallSchedule
from alerts.oncall.addresses import CalendarAddressInvalid, tidy_address
from alerts.oncall.calendar_lines import MAX_BYTES
from alerts.oncall_panels import calendars_not_read
from alerts.rosters import find_on_call
from alerts.services import oncall_subscriptions
from alerts.services.oncall_calendars import import_calendar, remove_calendar
from alerts.services.oncall_subscriptions import (
    SubscriptionInvalid,
    change_subscription,
    fetch_now,
    refresh_all,
    subscribe,
)
from alerts.tasks import read_calendars
from config.settings import OPTION
from monitoring.applications.enums import KeyKind
from monitoring.applications.services import issue_key
from tests.support.locks import held_by_another
from tests.support.metrics import NOW, make_application
from tests.support.receiver import Received, Receiver
from tests.support.rosters import BY, make_person, make_roster

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture(autouse=True)
def anna() -> User:
    return make_person("anna")


@pytest.fixture(autouse=True)
def ben() -> User:
    return make_person("ben")


@pytest.fixture
def schedule(anna: User) -> OnCallSchedule:
    return make_roster(anna, name="Ops")


def calendar(*events: tuple[float, float, str]) -> bytes:
    """Return a calendar with events from and to some hours after NOW."""
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x"]
    for number, (begins, ends, who) in enumerate(events):
        times = [(NOW + timedelta(hours=hours)).strftime("%Y%m%dT%H%M%SZ") for hours in (begins, ends)]
        lines += ["BEGIN:VEVENT", f"UID:{number}", f"DTSTART:{times[0]}", f"DTEND:{times[1]}", f"SUMMARY:{who}"]
        lines += ["END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def serve(receiver: Receiver, data: bytes, *, status: int = 200, **headers: str) -> None:
    receiver.answer = lambda _: (status, headers, data)


def on_call(schedule: OnCallSchedule, *hours: float) -> list[list[str]]:
    return [[each.username for each in find_on_call(schedule.pk, NOW + timedelta(hours=hour))] for hour in hours]


def take(schedule: OnCallSchedule, receiver: Receiver, now: datetime = NOW, **fields: str) -> OnCallCalendar:
    return subscribe(schedule=schedule, **{"name": "Rota", "url": receiver.url, **fields}, by=BY, now=now)[0]


def read() -> OnCallCalendar:
    return OnCallCalendar.objects.get()


def read_all(now: datetime) -> tuple[int, int]:
    return refresh_all(clock=lambda: now)


def test_subscribe__calendar_read__shifts_at_once_and_the_address_encrypted(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    with connection.cursor() as cursor:
        cursor.execute("SELECT url FROM alerts_oncallcalendar")
        (stored,) = cursor.fetchone()
    assert on_call(schedule, 0.5, 2, 5) == [["anna"], ["ben"], ["anna"]]
    assert (stored.startswith("f1:"), receiver.url in stored, read().url) == (True, False, receiver.url)
    assert read().host == "127.0.0.1"


def test_refresh__calendar_changed__its_shifts_to_come_replaced_as_a_whole(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((0, 2, "ben"), (5, 8, "ben"), (20, 30, "ben")))
    take(schedule, receiver)
    serve(receiver, calendar((6, 8, "ben"), (20, 30, "ben")))
    kept = OnCallOverride.objects.get(ends_at=NOW + 30 * HOUR).pk
    assert read_all(now=NOW + HOUR) == (1, 0)
    assert on_call(schedule, 0.5, 1.5, 5.5, 7, 25) == [["ben"], ["anna"], ["anna"], ["ben"], ["ben"]]
    assert OnCallOverride.objects.get(ends_at=NOW + 30 * HOUR).pk == kept


def test_refresh__shift_that_runs_stays__is_the_same_row(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((-1, 4, "ben")))
    take(schedule, receiver)
    before = list(OnCallOverride.objects.values_list("pk", "starts_at", "ends_at"))
    read_all(now=NOW + HOUR)
    assert list(OnCallOverride.objects.values_list("pk", "starts_at", "ends_at")) == before


def test_refresh__one_shift_for_years__stays_the_same_rows_and_goes_on_with_the_horizon(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((-1, 3 * 365 * 24, "ben")))
    take(schedule, receiver)
    before = list(OnCallOverride.objects.values_list("pk", "starts_at"))
    for days in (1, 2, 3):
        read_all(now=NOW + timedelta(days=days))
    assert len(before) == 2
    assert list(OnCallOverride.objects.values_list("pk", "starts_at")) == before
    assert on_call(schedule, 1, 402.9 * 24, 403.1 * 24) == [["ben"], ["ben"], ["anna"]]


def test_refresh__shift_that_runs_ends_earlier__the_same_row_ends_then(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((-1, 6, "ben")))
    take(schedule, receiver)
    before = OnCallOverride.objects.get()
    serve(receiver, calendar((-1, 4, "ben")))
    read_all(now=NOW + HOUR)
    after = OnCallOverride.objects.get()
    assert (after.pk, after.starts_at, after.ends_at) == (before.pk, before.starts_at, NOW + 4 * HOUR)


def answer_by_etag(data: bytes) -> Callable[[Received], tuple[int, dict[str, str], bytes]]:
    def answer(request: Received) -> tuple[int, dict[str, str], bytes]:
        is_known = request.headers.get("if-none-match") == '"1"'
        return (304, {}, b"") if is_known else (200, {"ETag": '"1"', "Last-Modified": "Tue, 10 Mar 2026"}, data)

    return answer


def test_refresh__not_modified__asked_so_and_everything_stays(schedule: OnCallSchedule, receiver: Receiver) -> None:
    receiver.answer = answer_by_etag(calendar((1, 4, "ben")))
    take(schedule, receiver)
    read_all(now=NOW + HOUR)
    assert [request.headers.get("if-modified-since") for request in receiver.requests] == [None, "Tue, 10 Mar 2026"]
    assert (read().imported_at, read().answered_at, read().failures) == (NOW, NOW + HOUR, 0)
    assert on_call(schedule, 2) == [["ben"]]


def test_refresh__not_modified_for_a_day__read_whole_so_that_the_horizon_goes_on(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    receiver.answer = answer_by_etag(calendar((1, 4, "ben"), (400 * 24 + 10, 400 * 24 + 12, "ben")))
    take(schedule, receiver)
    assert OnCallOverride.objects.count() == 1
    read_all(now=NOW + timedelta(hours=21))
    assert OnCallOverride.objects.filter(starts_at__gt=NOW + timedelta(days=400)).count() == 1


@pytest.mark.parametrize(
    ("status", "data", "words"),
    [
        (500, b"", "It answered 500 Internal Server Error."),
        (404, b"", "It answered 404 Not Found."),
        (302, b"", "redirects are not followed"),
        (0, b"", "broke off in the middle"),
        (200, b"<html>Sign in</html>", ""),
        (200, b"\x00\xff" * 500, ""),
        (200, b"", ""),
        (200, calendar((1, 2, "somebody else")), "names somebody here"),
        (200, calendar((1, 2, "ben")) + b" " * MAX_BYTES, "It is larger than 1024 KB."),
    ],
)
def test_refresh__feed_is_broken__keeps_what_it_had_and_says_since_when_and_why(
    schedule: OnCallSchedule, receiver: Receiver, status: int, data: bytes, words: str
) -> None:
    serve(receiver, calendar((1, 4, "ben"), (9, 10, "ben")))
    take(schedule, receiver)
    serve(receiver, data, status=status, Location="https://example.com/")
    assert read_all(now=NOW + HOUR) == (0, 1)
    assert read_all(now=NOW + 2 * HOUR) == (0, 1)
    found = read()
    assert on_call(schedule, 2, 9.5) == [["ben"], ["ben"]]
    assert (found.failures, found.failing_since, found.answered_at) == (2, NOW + HOUR, NOW)
    assert words in found.last_error
    assert found.last_error != ""


def test_refresh__answers_again__what_it_says_and_no_more_failures(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    receiver.answer = answer_by_etag(calendar((1, 4, "ben")))
    take(schedule, receiver)
    serve(receiver, b"", status=503)
    read_all(now=NOW + HOUR)
    receiver.answer = answer_by_etag(calendar((6, 7, "ben")))
    read_all(now=NOW + 2 * HOUR)
    assert (read().failures, read().failing_since, read().last_error) == (0, None, "")
    assert on_call(schedule, 3, 6.5) == [["anna"], ["ben"]]


def test_fetch__etag_that_can_not_be_sent_back__read_as_a_whole(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")), ETag='"é"', **{"Last-Modified": "10 März 2026"})
    found = take(schedule, receiver)
    assert fetch_now(calendar=found, now=NOW + HOUR)
    assert [request.headers.get("if-none-match") for request in receiver.requests] == [None, None]
    assert (read().etag, read().last_modified, read().failures) == ("", "", 0)


def test_refresh__slow_server__is_cut_off(
    schedule: OnCallSchedule, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    monkeypatch.setattr(calendar_fetching, "DEADLINE_SECONDS", 0.1)

    def hesitate(_: Received) -> tuple[int, dict[str, str], bytes]:
        time.sleep(0.5)
        return 200, {}, calendar((1, 4, "anna"))

    receiver.answer = hesitate
    read_all(now=NOW + HOUR)
    assert read().last_error == "The server took too long, or broke off in the middle."
    assert on_call(schedule, 2) == [["ben"]]


def test_refresh__inner_address__refused_like_a_webhook(
    schedule: OnCallSchedule, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    monkeypatch.setitem(OPTION, "WEBHOOK_ALLOW_PRIVATE", False)
    OnCallCalendar.objects.update(url="https://127.0.0.1/x.ics")
    read_all(now=NOW + HOUR)
    assert read().last_error == "127.0.0.1 is at 127.0.0.1, which is not on the public internet."
    assert len(receiver.requests) == 1


def test_refresh__one_goes_wrong_in_a_way_nobody_thought_of__noted_and_the_others_are_read(
    schedule: OnCallSchedule, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    first = take(schedule, receiver)
    take(schedule, receiver, name="Other")
    preview = oncall_subscriptions.preview_calendar
    calls: list[int] = []

    def fail_once(**fields: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            raise ZeroDivisionError
        return preview(**fields)

    monkeypatch.setattr(oncall_subscriptions, "preview_calendar", fail_once)
    assert read_all(now=NOW + HOUR) == (1, 1)
    first.refresh_from_db()
    assert first.last_error == "It could not be handled; the log of the worker says why."


def test_refresh__shift_begins_while_others_are_read__is_ended_and_not_forgotten(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((20, 30, "ben")))
    take(schedule, receiver, name="Slow")
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    serve(receiver, calendar((6, 8, "ben")))
    times = iter([NOW, NOW + 2 * HOUR])
    assert refresh_all(clock=lambda: next(times)) == (2, 0)
    begun = OnCallOverride.objects.get(starts_at=NOW + HOUR)
    assert begun.ends_at == NOW + 2 * HOUR


def test_round__with_its_last_calendar__ends_before_the_broker_gives_it_to_another_worker() -> None:
    longest = oncall_subscriptions.ROUND_SECONDS + 2 * calendar_fetching.DEADLINE_SECONDS
    assert longest < settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]


def test_change__another_address__its_shifts_instead(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    serve(receiver, calendar((5, 6, "ben")))
    address = receiver.url.replace("/hook", "/other")
    change_subscription(calendar=found, name="Outlook", url=address, by=BY, now=NOW)
    assert (read().name, read().url) == ("Outlook", address)
    assert on_call(schedule, 2, 5.5) == [["anna"], ["ben"]]


def test_change__address_that_can_not_be_read__nothing_is_changed(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    serve(receiver, b"", status=500)
    with pytest.raises(SubscriptionInvalid) as caught:
        change_subscription(calendar=found, name="Outlook", url=receiver.url + "2", by=BY, now=NOW)
    assert caught.value.errors == {"url": "It answered 500 Internal Server Error."}
    assert (read().name, read().url, on_call(schedule, 2)) == ("Rota", receiver.url, [["ben"]])


def test_change__moved_while_it_was_fetched__the_old_answer_is_dropped(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)

    found = read()
    found.url = "https://example.com/new.ics"
    found.save()
    oncall_subscriptions._take(found, receiver.url, calendar_fetching.Fetched(None), None, NOW + HOUR)
    assert read().answered_at == NOW


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    """Return what has somebody else do something once, after the next address answered and before that is written."""
    fetch = oncall_subscriptions.fetch_calendar

    def arrange(act: Callable[[], object]) -> None:
        def fetch_then_act(url: str, **validators: str) -> calendar_fetching.Fetched:
            monkeypatch.setattr(oncall_subscriptions, "fetch_calendar", fetch)
            fetched = fetch(url, **validators)
            act()
            return fetched

        monkeypatch.setattr(oncall_subscriptions, "fetch_calendar", fetch_then_act)

    return arrange


@pytest.mark.parametrize("is_unforeseen", [False, True])
def test_change__moved_while_the_old_address_failed__the_new_one_counts_as_read(
    schedule: OnCallSchedule, receiver: Receiver, meanwhile: Meanwhile, is_unforeseen: bool
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    address = receiver.url.replace("/hook", "/other")

    def move() -> None:
        change_subscription(calendar=found, name="Outlook", url=address, by=BY, now=NOW + HOUR)
        if is_unforeseen:
            raise ZeroDivisionError

    receiver.answer = lambda request: (200, {}, calendar((1, 4, "ben")) if request.path == "/other" else b"")
    meanwhile(move)
    assert read_all(now=NOW + HOUR) == (0, 1)
    assert (read().url, read().failures, read().last_error) == (address, 0, "")


def test_refresh__its_secret_key_is_gone__says_so_and_what_to_do(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    with override_settings(SECRET_KEY="new" * 20):
        assert read_all(now=NOW + HOUR) == (0, 1)
    words = "Its address was encrypted with a SECRET_KEY that is no longer known. Enter it again."
    assert (read().failures, read().last_error) == (1, words)


def test_change__taken_out_while_it_was_fetched__stays_out_and_says_so(
    schedule: OnCallSchedule, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    meanwhile(lambda: remove_calendar(calendar=read(), now=NOW))
    with pytest.raises(SubscriptionInvalid, match="was taken out meanwhile"):
        change_subscription(calendar=found, name="Rota", url=receiver.url + "2", by=BY, now=NOW)
    assert (OnCallCalendar.objects.count(), on_call(schedule, 2)) == (0, [["anna"]])


def test_rename__taken_out_meanwhile__says_so(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    remove_calendar(calendar=read(), now=NOW)
    with pytest.raises(SubscriptionInvalid, match="was taken out meanwhile"):
        change_subscription(calendar=found, name="Outlook", url="", by=BY, now=NOW)


def test_subscribe__schedule_deleted_while_it_was_fetched__says_so(
    schedule: OnCallSchedule, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    meanwhile(OnCallSchedule.objects.get(pk=schedule.pk).delete)
    with pytest.raises(SubscriptionInvalid, match="The schedule was deleted meanwhile"):
        take(schedule, receiver)


def test_subscribe__name_taken_while_it_was_fetched__refused_in_words(
    schedule: OnCallSchedule, receiver: Receiver, meanwhile: Meanwhile
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    meanwhile(lambda: take(schedule, receiver))
    with pytest.raises(SubscriptionInvalid, match="calendar of this name already"):
        take(schedule, receiver)
    assert OnCallCalendar.objects.count() == 1


def test_subscribe__last_place_taken_while_it_was_fetched__refused(
    schedule: OnCallSchedule, receiver: Receiver, meanwhile: Meanwhile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oncall_subscriptions, "MAX_SUBSCRIPTIONS", 1)
    serve(receiver, calendar((1, 4, "ben")))
    meanwhile(lambda: take(schedule, receiver, name="Other"))
    with pytest.raises(SubscriptionInvalid, match="1 addresses at most"):
        take(schedule, receiver)
    assert read().name == "Other"


def test_remove__subscription__layers_say_who_and_nothing_is_fetched_any_more(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    remove_calendar(calendar=take(schedule, receiver), now=NOW)
    assert read_all(now=NOW + HOUR) == (0, 0)
    assert (on_call(schedule, 2), len(receiver.requests)) == ([["anna"]], 1)


@pytest.mark.django_db(transaction=True)
def test_remove__its_shifts_are_being_written__waits_for_that(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    with held_by_another(OnCallSchedule), pytest.raises(OperationalError, match="lock timeout"):
        remove_calendar(calendar=found, now=NOW)
    remove_calendar(calendar=found, now=NOW)
    assert not OnCallOverride.objects.exists()


def test_remove__taken_out_or_schedule_deleted_meanwhile__nothing_to_do(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    once, twice = take(schedule, receiver), read()
    remove_calendar(calendar=once, now=NOW)
    remove_calendar(calendar=twice, now=NOW)
    again = take(schedule, receiver)
    schedule.delete()
    remove_calendar(calendar=again, now=NOW)
    assert not OnCallCalendar.objects.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Enter the address"),
        ("ftp://example.com/x", "begin with https://"),
        ("http://example.com/x", "begin with https://"),
        ("https://", "begin with https://"),
        ("https://ada:secret@example.com/x", "user name or password"),
        ("https://example.com/a b", "blanks"),
        ("https://example.com/" + "x" * 2000, "characters"),
        ("https://[::1", "not an address"),
        ("https://xn--ls8h.la/cal.ics", "not an address"),
    ],
)
def test_address__can_not_be_one__says_why_without_it(text: str, words: str) -> None:
    with pytest.raises(CalendarAddressInvalid, match=words) as caught:
        tidy_address(text, allow_http=False)
    assert "secret" not in str(caught.value).replace("secret address", "")


def test_address__of_a_calendar_program__is_https() -> None:
    found = tidy_address(" webcal://p.example.com:8443/x?t=1#top ", allow_http=False)
    assert found == ("https://p.example.com:8443/x?t=1", "p.example.com")


def test_fetch__asked_too_often__refused_with_how_long_to_wait(
    schedule: OnCallSchedule, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oncall_subscriptions, "FETCHES", 2)
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    assert fetch_now(calendar=found, now=NOW)
    with pytest.raises(SubscriptionInvalid, match="Try again in 1 h"):
        fetch_now(calendar=found, now=NOW)
    assert len(receiver.requests) == 2


def test_import__file_under_the_name_of_a_subscription__refused(schedule: OnCallSchedule, receiver: Receiver) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    with pytest.raises(oncall_subscriptions.CalendarInvalid, match="is read from an address"):
        import_calendar(schedule=schedule, name="Rota", data=calendar((5, 6, "ben")), by=BY, now=NOW)


def test_home__fails_three_times__is_said_with_name_and_since_when(
    schedule: OnCallSchedule, receiver: Receiver
) -> None:
    serve(receiver, calendar((1, 4, "ben")))
    take(schedule, receiver)
    serve(receiver, b"", status=500)
    found = []
    for hours in (1, 2, 3):
        read_all(now=NOW + hours * HOUR)
        found.append(calendars_not_read(HttpRequest()))
    assert [each.count for each in found] == [0, 0, 1]
    assert found[2].sentence.startswith("The calendar “Rota” of “Ops” can’t be read since Tue 10 Mar")


def send(client: Client, page: str, pk: int, **fields: str) -> str:
    return client.post(reverse(f"admin:alerts_{page}", args=[pk]), fields, follow=True).content.decode()


def test_pages__subscribed_fetched_edited_broken__in_words(
    admin_client: Client, schedule: OnCallSchedule, receiver: Receiver
) -> None:
    with time_machine.travel(NOW, tick=False):
        serve(receiver, b"", status=500)
        refused = send(admin_client, "oncallschedule_subscribe", schedule.pk, name="Rota", url=receiver.url)
        serve(receiver, calendar((1, 4, "ben")))
        taken = send(admin_client, "oncallschedule_subscribe", schedule.pk, name="Rota", url=receiver.url)
        serve(receiver, b"", status=500)
        broken = send(admin_client, "oncallcalendar_fetch", read().pk)
        named = send(admin_client, "oncallcalendar_edit", read().pk, name="Outlook")
    assert "It answered 500 Internal Server Error." in refused
    assert "Rota: 1 shift read in. It is read again every hour." in taken
    assert "Rota can’t be read: It answered 500 Internal Server Error. What it brought before stays." in broken
    assert "Can’t be read" in broken
    assert "Outlook is saved." in named
    assert receiver.url not in refused.replace(f'value="{receiver.url}"', "") + taken + broken + named


def test_pages__may_only_see__no_buttons_and_refused(
    client: Client, schedule: OnCallSchedule, receiver: Receiver, ben: User
) -> None:
    ben.user_permissions.add(Permission.objects.get(codename="view_oncallschedule"))
    client.force_login(ben)
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    page = client.get(schedule.get_absolute_url())
    answers = [
        client.post(reverse(f"admin:alerts_{name}", args=[pk]), {"name": "x", "url": receiver.url}).status_code
        for name, pk in [
            ("oncallschedule_subscribe", schedule.pk),
            ("oncallcalendar_fetch", found.pk),
            ("oncallcalendar_edit", found.pk),
        ]
    ]
    text = page.content.decode()
    acts = ["Subscribe to a calendar", "Fetch now", reverse("admin:alerts_oncallcalendar_edit", args=[found.pk])]
    assert (page.status_code, "Every hour from 127.0.0.1" in text) == (200, True)
    assert [act for act in acts if act in text] == []
    assert (answers, read().name, len(receiver.requests)) == ([403] * 3, "Rota", 1)


def test_rest__subscribe_list_fetch_change_delete(receiver: Receiver, anna: User) -> None:
    application = make_application()
    schedule = make_roster(anna, application_id=application.pk)
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=("read", "write")).token
    client = Client(headers={"Authorization": f"Bearer {token}"})
    path = f"/api/v1/schedules/{schedule.pk}/calendars/"
    serve(receiver, calendar((1, 4, "ben")))
    with time_machine.travel(NOW, tick=False):
        made = client.post(path, {"name": "Rota", "url": receiver.url}, content_type="application/json")
        one = f"{path}{made.json()['id']}/"
        serve(receiver, b"", status=500)
        fetched = client.post(f"{one}fetch/")
        refused = client.patch(one, {"url": "ftp://x"}, content_type="application/json")
        changed = client.patch(one, {"name": "Outlook"}, content_type="application/json")
        listed = client.get(path)
        deleted = client.delete(one)
    assert (made.status_code, made.json()["host"], "url" in made.json()) == (201, "127.0.0.1", False)
    assert fetched.json()["error"] == "It answered 500 Internal Server Error."
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (400, "url")
    assert [each["name"] for each in listed.json()] == [changed.json()["name"]] == ["Outlook"]
    assert (deleted.status_code, client.get(path).json()) == (204, [])


def test_rest__fetch_of_a_calendar_that_is_taken_out_meanwhile__not_found(
    receiver: Receiver, anna: User, meanwhile: Meanwhile
) -> None:
    application = make_application()
    schedule = make_roster(anna, application_id=application.pk)
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=("read", "write")).token
    serve(receiver, calendar((1, 4, "ben")))
    found = take(schedule, receiver)
    meanwhile(lambda: remove_calendar(calendar=read(), now=NOW))
    with time_machine.travel(NOW, tick=False):
        client = Client(headers={"Authorization": f"Bearer {token}"})
        answer = client.post(f"/api/v1/schedules/{schedule.pk}/calendars/{found.pk}/fetch/")
    assert (answer.status_code, OnCallCalendar.objects.count()) == (404, 0)


def test_rest__subscribe_under_an_idempotency_key__every_fetch_counts_and_an_answer_is_repeated_without_one(
    receiver: Receiver, anna: User, meanwhile: Meanwhile
) -> None:
    application = make_application()
    schedule = make_roster(anna, application_id=application.pk)
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=("read", "write")).token
    client = Client(headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"})
    depths = [len(connection.savepoint_ids)]

    def subscribe_by_rest() -> Any:
        meanwhile(lambda: depths.append(len(connection.savepoint_ids)))
        path, body = f"/api/v1/schedules/{schedule.pk}/calendars/", {"name": "Rota", "url": receiver.url}
        return client.post(path, body, content_type="application/json")

    with time_machine.travel(NOW, tick=False):
        serve(receiver, calendar((1, 2, "somebody else")))
        refused = subscribe_by_rest()
        serve(receiver, calendar((1, 4, "ben")))
        made, repeated = subscribe_by_rest(), subscribe_by_rest()
    assert [each.status_code for each in (refused, made, repeated)] == [400, 201, 201]
    assert (repeated.json(), repeated["Idempotent-Replayed"]) == (made.json(), "true")
    assert (CountedUse.objects.count(), len(receiver.requests)) == (2, 2)
    assert depths == [depths[0]] * 3


def test_rest__answered_under_the_same_key_while_it_was_refused__the_answer(
    receiver: Receiver, anna: User, meanwhile: Meanwhile
) -> None:
    application = make_application()
    schedule = make_roster(anna, application_id=application.pk)
    token = issue_key(application=application, kind=KeyKind.SECRET, scopes=("read", "write")).token
    client = Client(headers={"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"})
    answers: list[Any] = []

    def subscribe_by_rest() -> None:
        path, body = f"/api/v1/schedules/{schedule.pk}/calendars/", {"name": "Rota", "url": receiver.url}
        answers.append(client.post(path, body, content_type="application/json"))

    def answer_then_break_off() -> None:
        subscribe_by_rest()
        raise calendar_fetching.CalendarUnreachable("It broke off.")

    serve(receiver, calendar((1, 4, "ben")))
    meanwhile(answer_then_break_off)
    with time_machine.travel(NOW, tick=False):
        subscribe_by_rest()
    assert [each.status_code for each in answers] == [201, 201]
    assert answers[0].json() == answers[1].json()


def test_task__run__says_how_many(schedule: OnCallSchedule, receiver: Receiver) -> None:
    now = timezone.now()
    begins, ends = ((now - NOW) / HOUR + hours for hours in (1, 4))
    serve(receiver, calendar((begins, ends, "ben")))
    take(schedule, receiver, now)
    assert read_calendars() == "1 read, 0 failed"
