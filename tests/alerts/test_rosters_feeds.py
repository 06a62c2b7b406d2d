"""Feeds: secret addresses of calendars, read back as any calendar program would; and calendars read in again."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from alerts.models import OnCallFeed, OnCallOverride, OnCallSchedule
from alerts.oncall.calendars import CalendarInvalid, read_calendar, write_calendar
from alerts.oncall.schedule import Shift
from alerts.rosters import find_on_call, list_shifts
from alerts.services.oncall_calendars import find_feed, import_calendar, make_finder, renew_feed
from config.crypto import EncryptedTextField
from tests.support.metrics import NOW
from tests.support.rosters import BY, make_person, make_roster, override

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


@pytest.fixture
def anna() -> User:
    return make_person("anna", first_name="Anna", last_name="Arndt")


@pytest.fixture
def ben() -> User:
    return make_person("ben")


def address(feed: OnCallFeed) -> str:
    return reverse("on-call-feed", args=[feed.token])


def test_feed__of_a_schedule__read_back_as_it_is(client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna, ben)
    override(schedule, NOW + 2 * DAY, 5, ben)
    answer = client.get(address(renew_feed(schedule=schedule, now=NOW)))

    # From February to September: both changes of summer time would be seen in a whole year; here is that of March.
    start, end = NOW - 9 * DAY, NOW + 100 * DAY
    read = read_calendar(answer.content, start=start, end=end, find_person=make_finder())

    assert answer["Content-Type"] == "text/calendar; charset=utf-8"
    assert read.warnings == ()
    expected = [Shift(each.start, each.end, each.people) for each in list_shifts(schedule.pk, start, end)]
    assert list(read.shifts) == expected


def test_feed__of_a_person__their_shifts_of_all_schedules(client: Client, anna: User, ben: User) -> None:
    make_roster(anna, ben, name="Front")
    make_roster(ben, name="Back")
    text = client.get(address(renew_feed(person_id=anna.pk, now=NOW))).content
    read = read_calendar(
        text, start=NOW, end=NOW + 4 * DAY, find_person=lambda name: {"On call: Front": anna.pk}.get(name)
    )
    assert {shift.people for shift in read.shifts} == {(anna.pk,)}
    assert b"Back" not in text


def test_feed__asked_again__not_modified(client: Client, anna: User) -> None:
    path = address(renew_feed(schedule=make_roster(anna), now=NOW))
    first = client.get(path)
    cache.clear()
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        again = client.get(path, headers={"If-None-Match": first["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert first["Cache-Control"] == "private, max-age=60"


def test_feed__changed__cached_for_a_minute_then_new(client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    path = address(renew_feed(schedule=schedule, now=NOW))
    first = client.get(path)
    override(schedule, NOW + DAY, 5, ben)
    assert client.get(path).content == first.content
    cache.clear()
    assert client.get(path, headers={"If-None-Match": first["ETag"]}).status_code == 200


def test_feed__wrong_or_renewed_address__not_there(client: Client, anna: User) -> None:
    schedule = make_roster(anna)
    old = address(renew_feed(schedule=schedule, now=NOW))
    assert client.get(old).status_code == 200
    new = address(renew_feed(schedule=schedule, now=NOW))
    assert client.get(old).status_code == 404
    assert client.get(new).status_code == 200
    for token in ("x", new.removesuffix(".ics")[-20:], "%00", "é"):
        assert client.get(f"/on-call/{token}.ics").status_code == 404
    assert client.post(new).status_code == 405


def test_feed__of_a_person_whose_account_is_off__not_there(client: Client, anna: User) -> None:
    path = address(renew_feed(person_id=anna.pk, now=NOW))
    User.objects.filter(pk=anna.pk).update(is_active=False)
    assert client.get(path).status_code == 404


def test_token__in_the_database__encrypted_and_hashed(anna: User) -> None:
    feed = renew_feed(person_id=anna.pk, now=NOW)
    assert isinstance(OnCallFeed._meta.get_field("token"), EncryptedTextField)
    assert len(feed.token) >= 43
    assert bytes(OnCallFeed.objects.get().token_hash) != feed.token.encode()
    assert find_feed(feed.token) == feed


def test_pages__feeds__links_to_copy_and_to_renew(admin_client: Client, admin_user: User, anna: User) -> None:
    schedule = make_roster(anna)
    made = admin_client.post(reverse("admin:alerts_oncallschedule_feed", args=[schedule.pk]), follow=True)
    assert address(OnCallFeed.objects.get()).encode() in made.content
    mine = admin_client.post(reverse("admin:alerts_on_call_feed"), follow=True)
    assert address(OnCallFeed.objects.get(person=admin_user)).encode() in mine.content


def calendar(*shifts: tuple[float, float, str]) -> bytes:
    """Return a calendar with events from and to some hours after NOW."""
    names = dict(enumerate({name for _, _, name in shifts}))
    ids = {name: number for number, name in names.items()}
    at = [Shift(NOW + timedelta(hours=a), NOW + timedelta(hours=b), (ids[name],)) for a, b, name in shifts]
    return write_calendar("Rota", at, names, NOW, "https://example.com/")


def on_call(schedule: OnCallSchedule, hours: float) -> list[str]:
    return [person.username for person in find_on_call(schedule.pk, NOW + timedelta(hours=hours))]


def test_import__again_under_its_name__what_was_stays_what_comes_is_replaced(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    carla = make_person("carla")
    import_calendar(schedule=schedule, name="Rota", data=calendar((0, 4, "ben"), (5, 8, "ben")), by=BY, now=NOW)
    later = NOW + timedelta(hours=2)
    import_calendar(schedule=schedule, name="Rota", data=calendar((6, 7, carla.username)), by=BY, now=later)
    assert [on_call(schedule, hours) for hours in (1, 3, 5.5, 6.5, 7.5)] == [
        ["ben"],
        ["anna"],
        ["anna"],
        ["carla"],
        ["anna"],
    ]


def test_import__events_at_one_time__together_and_below_what_people_enter(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, NOW + timedelta(hours=2), 1, anna)
    data = calendar((1, 5, "ben"), (1, 5, "Anna Arndt"))
    import_calendar(schedule=schedule, name="Rota", data=data, by=BY, now=NOW)
    assert sorted(on_call(schedule, 1)) == ["anna", "ben"]
    assert on_call(schedule, 2.5) == ["anna"]


def test_import__name_that_two_people_have__nobody(anna: User) -> None:
    make_person("anna2", first_name="Anna", last_name="Arndt")
    with pytest.raises(CalendarInvalid, match="“Anna Arndt” is nobody here"):
        import_calendar(schedule=make_roster(anna), name="x", data=calendar((1, 2, "Anna Arndt")), by=BY, now=NOW)
    assert not OnCallOverride.objects.exists()
