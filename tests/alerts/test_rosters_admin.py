"""On call in the admin: list, page, editor, overrides and swaps, offers, calendars in and out, the home page."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from alerts.enums import OfferState
from alerts.models import OnCallCalendar, OnCallOffer, OnCallOverride, OnCallSchedule, Policy, PolicyStep
from alerts.oncall.rotations import Rotation
from alerts.rosters import find_on_call
from alerts.services.oncall import draft_of
from alerts.services.oncall_offers import offer_shift
from tests.support.admin import sign_in
from tests.support.metrics import NOW
from tests.support.on_call import wall
from tests.support.rosters import make_person, make_roster, make_rota, override

pytestmark = pytest.mark.django_db
LIST = "/admin/alerts/oncallschedule/"
MINE = "/admin/on-call/"
VIEW, OVERRIDE = "alerts.view_oncallschedule", "alerts.add_oncalloverride"


@pytest.fixture
def anna() -> User:
    return make_person("anna", first_name="Anna", last_name="Arndt")


@pytest.fixture
def ben() -> User:
    return make_person("ben")


@pytest.fixture
def _now() -> Any:
    with time_machine.travel(NOW, tick=False):
        yield


def page(schedule: OnCallSchedule, *parts: str) -> str:
    return "/".join([f"{LIST}{schedule.pk}", *parts]) + "/"


def read(client: Client, path: str, **query: str) -> str:
    answer = client.get(path, query)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def send(client: Client, path: str, **fields: Any) -> str:
    return unescape(client.post(path, fields, follow=True).content.decode())


def on_call(schedule: OnCallSchedule, hours: float = 0) -> list[str]:
    return [person.username for person in find_on_call(schedule.pk, NOW + timedelta(hours=hours))]


def count_queries(client: Client, path: str) -> int:
    """Return how many queries a page takes once what every page of the admin keeps for some seconds is there."""
    counts = []
    for _ in range(3):
        with CaptureQueriesContext(connection) as found:
            read(client, path)
        counts.append(len(found))
    return min(counts)


def form(*layers: dict[str, str], **fields: str) -> dict[str, str]:
    """Return the editor's fields."""
    usual = {
        "interval": "1",
        "rotation": "daily",
        "starts_at": "2026-01-05T09:00",
        "people": "anna\nben",
        "name": "Days",
    }
    data = {"name": "First line", "zone": "Europe/Berlin", **fields}
    for number, layer in enumerate(layers or ({},)):
        values = {**usual, "ORDER": str(number + 1), **layer}
        data |= {f"layers-{number}-{name}": value for name, value in values.items()}
    return {**data, "layers-TOTAL_FORMS": str(len(layers or ({},))), "layers-INITIAL_FORMS": "0"}


def gappy(person: User, **fields: Any) -> OnCallSchedule:
    """Return a schedule that has somebody for two hours from NOW on, and then nobody."""
    layer = make_rota(person, zone="UTC", ends_at=wall(2026, 3, 10, 14))
    return make_roster(layers=(layer,), zone="UTC", **fields)


@pytest.mark.usefixtures("_now")
def test_list__schedules__who_until_then_and_gaps(admin_client: Client, anna: User, ben: User) -> None:
    make_roster(anna, name="Always")
    gappy(ben, name="Leaky")
    text = read(admin_client, LIST)
    assert "Anna Arndt" in text
    assert "Tue 10 Mar 14:00" in text
    assert "1 gap<" in text
    assert "No gaps" in text


def test_pages__schedules_with_much_to_look_through__say_how_far_they_look(
    admin_client: Client, anna: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("alerts.rosters.MAX_LOOKED_THROUGH", 2)
    for number in range(2):
        make_roster(anna, name=f"Night {number}")
    make_roster(User.objects.get(username="admin"))
    assert "No gaps in 1 day" in read(admin_client, LIST)
    assert "next 2 days" in read(admin_client, MINE)


def test_list__empty__says_the_next_step(admin_client: Client) -> None:
    assert "No on-call schedule yet" in read(admin_client, LIST)


def test_list__one_and_three__the_same_queries(admin_client: Client, anna: User, ben: User) -> None:
    counts = []
    for number in (1, 2):
        for _ in range(number):
            override(make_roster(anna, ben), NOW + timedelta(days=9999), 2, ben)
        counts.append(count_queries(admin_client, LIST))
    assert counts[0] == counts[1]


@pytest.mark.usefixtures("_now")
def test_page__four_weeks__layers_gaps_and_overrides(admin_client: Client, anna: User, ben: User) -> None:
    schedule = gappy(anna, name="Leaky")
    override(schedule, NOW + timedelta(hours=3), 2, ben)
    text = read(admin_client, page(schedule, "change"))
    assert text.count('<div class="pl-week">') == 4
    assert "Tue 10 Mar 14:00 to 15:00" in text
    assert "Tue 10 Mar 17:00 to Thu 9 Apr 12:00" in text
    assert "ben: Tue 10 Mar 15:00 to 17:00 (override)" in text


@pytest.mark.usefixtures("_now")
def test_page__list_for_phones__in_the_schedules_own_time(admin_client: Client, anna: User, ben: User) -> None:
    text = read(admin_client, page(make_roster(anna, ben), "change"))
    agenda = text[text.index('<div class="pl-agenda">') :]
    assert "09:00 to Wed 11 Mar 09:00" in agenda
    assert "08:00 to" not in agenda


@pytest.mark.parametrize("start", ["2026-03-25", "2025-10-20", "x", "0001-01-01", "9999-12-31"])
def test_page__other_weeks__shown_or_this_one(admin_client: Client, anna: User, start: str) -> None:
    assert "Anna Arndt" in read(admin_client, page(make_roster(anna), "change"), **{"from": start})


def test_page__one_layer_and_three__the_same_queries(admin_client: Client, anna: User, ben: User) -> None:
    counts = []
    for number in (1, 3):
        schedule = make_roster(layers=tuple(make_rota(anna, ben) for _ in range(number)))
        for _ in range(number):
            override(schedule, NOW + timedelta(days=9999), 2, ben)
        counts.append(count_queries(admin_client, page(schedule, "change")))
    assert counts[0] == counts[1]


def test_editor__new_and_changed__stored(admin_client: Client, anna: User, ben: User) -> None:
    night = {"name": "Night", "people": "ben, anna", "hours": "Mon-Fri 18:00-08:00", "zone": "UTC"}
    assert "First line is saved" in send(admin_client, f"{LIST}add/", **form({}, night))
    schedule = OnCallSchedule.objects.get()
    first, second = draft_of(schedule).layers
    assert first.participants == ((anna.pk,), (ben.pk,))
    assert (second.participants, second.zone) == (((ben.pk, anna.pk),), "UTC")

    assert "Mon-Fri 18:00-08:00" in read(admin_client, page(schedule, "edit"))
    layers = [{"layer_id": str(each.layer_id), "people": "anna"} for each in (first, second)]
    layers[1]["DELETE"] = "on"
    assert "Second line is saved" in send(admin_client, page(schedule, "edit"), **form(*layers, name="Second line"))
    assert [layer.layer_id for layer in draft_of(schedule).layers] == [first.layer_id]


def test_editor__somebody_in_it_is_switched_off__edited_all_the_same_and_nobody_in_the_preview(
    admin_client: Client, anna: User, ben: User
) -> None:
    schedule = make_roster(anna, ben)
    User.objects.filter(pk=ben.pk).update(is_active=False)
    make_person("another", first_name="Ben")
    assert "anna\nben" in read(admin_client, page(schedule, "edit"))
    layer = {"layer_id": str(draft_of(schedule).layers[0].layer_id)}
    preview = reverse("admin:alerts_oncallschedule_preview")
    assert "Nobody is on call" in send(admin_client, preview, **form(layer), schedule=str(schedule.pk))
    assert "Days and days is saved" in send(admin_client, page(schedule, "edit"), **form(layer, name="Days and days"))
    assert draft_of(schedule).layers[0].participants == ((anna.pk,), (ben.pk,))


def test_editor__places_exchanged__layers_exchanged(admin_client: Client, anna: User, ben: User) -> None:
    send(admin_client, f"{LIST}add/", **form({"name": "A", "ORDER": "2"}, {"name": "B", "ORDER": "1"}))
    assert [layer.name for layer in draft_of(OnCallSchedule.objects.get()).layers] == ["B", "A"]


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        ({"people": "anna\nnobody"}, "Line 2: “nobody” is nobody here"),
        ({"people": ""}, "Add somebody"),
        ({"hours": "Mon 9"}, "Line 1:"),
        ({"starts_at": ""}, "This field is required"),
        ({"starts_at": "soon"}, "Write it like"),
        ({"ends_at": "2025-01-01T09:00"}, "It must end after it starts"),
        ({"ends_at": "2026-01-05T10:00", "hours": "daily 20:00-22:00"}, "It never has anybody"),
        ({"interval": "0"}, "greater than or equal to 1"),
        ({"zone": "Mars"}, "“Mars” is not a time zone"),
        ({"name": ""}, "Give the layer a name"),
        ({"name": "", "people": ""}, "Give the layer a name"),
        ({"name": "", "people": ""}, "Add somebody"),
    ],
)
def test_editor__impossible__said_at_its_place_and_nothing_stored(
    admin_client: Client, anna: User, ben: User, layer: dict[str, str], words: str
) -> None:
    text = send(admin_client, f"{LIST}add/", **form(layer))
    assert words in text
    assert "Nothing is saved yet" in text
    assert not OnCallSchedule.objects.exists()


def test_editor__every_layer_taken_out__refused(admin_client: Client, anna: User, ben: User) -> None:
    assert "Add a layer" in send(admin_client, f"{LIST}add/", **form({"DELETE": "on"}))
    assert not OnCallSchedule.objects.exists()


def test_editor__one_more_layer__nothing_lost_nothing_stored(admin_client: Client, anna: User, ben: User) -> None:
    text = send(admin_client, f"{LIST}add/", **form({"name": "Days and days"}), add_layer="yes")
    assert "Days and days" in text
    assert "Layer 2" in text
    assert "Nothing is saved yet" not in text
    assert not OnCallSchedule.objects.exists()


def test_preview__as_typed__drawn_with_its_gaps(admin_client: Client, anna: User, ben: User) -> None:
    address = reverse("admin:alerts_oncallschedule_preview")
    text = send(admin_client, address, **form({"hours": "daily 09:00-17:00"}))
    assert text.count('<div class="pl-week">') == 4
    assert "Nobody is on call" in text
    assert "appears as soon as" in send(admin_client, address, **form({"people": "x"}))
    assert not OnCallSchedule.objects.exists()


@pytest.mark.usefixtures("_now")
def test_override__in_the_schedules_own_time__added_and_taken_back(admin_client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    fields = {"starts_at": "2026-03-10T14:00", "ends_at": "2026-03-10T16:00", "person": str(ben.pk), "reason": "Flu"}
    assert "ben takes over from Tue 10 Mar 14:00" in send(admin_client, page(schedule, "override"), **fields)
    assert [on_call(schedule, hours) for hours in (0.5, 1.5, 3)] == [["anna"], ["ben"], ["anna"]]
    pk = OnCallOverride.objects.get().pk
    assert "taken back" in send(admin_client, reverse("admin:alerts_oncalloverride_cancel", args=[pk]))
    assert not OnCallOverride.objects.exists()


@pytest.mark.usefixtures("_now")
def test_swap__of_one_of_two__only_that_part(admin_client: Client, anna: User, ben: User) -> None:
    carla = make_person("carla")
    schedule = make_roster(layers=(make_rota(participants=((anna.pk, ben.pk),)),))
    fields = {"starts_at": "2026-03-10T13:00", "ends_at": "2026-03-10T16:00", "person": str(carla.pk)}
    address = page(schedule, "override") + "?swap"
    assert "Nothing is changed" in send(admin_client, address, **fields)
    send(admin_client, address, **fields, replaces=str(anna.pk))
    assert on_call(schedule, 1) == ["carla", "ben"]


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ends_at": "2026-03-10T13:00"}, "It must end after it starts"),
        ({"starts_at": "2026-03-01T13:00", "ends_at": "2026-03-02T13:00"}, "It is over already"),
        ({"person": ""}, "This field is required"),
        ({"ends_at": "2029-03-10T13:00"}, "longer than 366 days"),
        ({"starts_at": "0001-01-01T00:00"}, "Choose a day of the years 2000 to 2100"),
        ({"ends_at": "9999-12-31T23:59"}, "Choose a day of the years 2000 to 2100"),
    ],
)
def test_override__impossible__said_and_nothing_stored(
    admin_client: Client, anna: User, ben: User, fields: dict[str, str], words: str
) -> None:
    usual = {"starts_at": "2026-03-10T14:00", "ends_at": "2026-03-10T16:00", "person": str(ben.pk)}
    assert words in send(admin_client, page(make_roster(anna), "override"), **{**usual, **fields})
    assert not OnCallOverride.objects.exists()


@pytest.mark.usefixtures("_now")
def test_offer__by_one_taken_by_another__swapped(client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna, ben, name="Front")
    me, other = find_on_call(schedule.pk, NOW)[0], {anna, ben}.difference(find_on_call(schedule.pk, NOW)).pop()
    client.force_login(me)
    text = read(client, MINE)
    assert "Tue 10 Mar 08:00 to Wed 11 Mar 08:00" in text
    fields = {"schedule": str(schedule.pk), "starts_at": "2026-03-10T14:00", "ends_at": "2026-03-10T18:00"}
    assert "Your shift is offered" in send(client, reverse("admin:alerts_on_call_offer"), **fields, reason="Dentist")
    assert "Offered by me" in read(client, MINE)

    client.force_login(other)
    assert "Dentist" in read(client, MINE)
    take = reverse("admin:alerts_on_call_take_over", args=[OnCallOffer.objects.get().pk])
    assert "You take over from" in send(client, take)
    assert [on_call(schedule, hours) for hours in (1, 3, 7)] == [[me.username], [other.username], [me.username]]
    assert "taken over meanwhile" in send(client, take)


def shown_fields(text: str) -> dict[str, str]:
    """Return what the form of the first offer has filled in."""
    form = text.partition(reverse("admin:alerts_on_call_offer"))[2].partition("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2026-10-25T00:00:00Z", "2026-10-25T09:00:00Z"),
        ("2026-10-25T01:00:00Z", "2026-10-25T09:00:00Z"),
        ("2026-10-24T09:00:00Z", "2026-10-25T01:00:00Z"),
        ("2026-10-25T00:00:30Z", "2026-10-25T01:00:30Z"),
    ],
)
@time_machine.travel("2026-10-20T12:00Z", tick=False)
def test_offer__in_the_hour_that_comes_twice__is_what_the_form_shows(
    client: Client, anna: User, start: str, end: str
) -> None:
    begins, ends = (datetime.fromisoformat(moment).replace(tzinfo=None) for moment in (start, end))
    layer = make_rota(anna, zone="UTC", starts_at=begins, ends_at=ends, rotation=Rotation.WEEKLY)
    make_roster(layers=(layer,))
    client.force_login(anna)
    with timezone.override("Europe/Berlin"):
        fields = shown_fields(read(client, MINE))
        assert "Your shift is offered" in send(client, reverse("admin:alerts_on_call_offer"), **fields)
    found = OnCallOffer.objects.get()
    assert (found.starts_at, found.ends_at) == (datetime.fromisoformat(start), datetime.fromisoformat(end))


@time_machine.travel("2026-10-20T12:00Z", tick=False)
def test_offer__part_of_a_shift_typed_in_the_hour_that_comes_twice__its_first(client: Client, anna: User) -> None:
    make_roster(anna)
    client.force_login(anna)
    with timezone.override("Europe/Berlin"):
        fields = shown_fields(read(client, MINE))
        typed = {"starts_at": "2026-10-25T02:30", "ends_at": "2026-10-25T03:30"}
        assert "Your shift is offered" in send(client, reverse("admin:alerts_on_call_offer"), **{**fields, **typed})
    assert OnCallOffer.objects.get().starts_at == datetime.fromisoformat("2026-10-25T00:30:00Z")


@pytest.mark.usefixtures("_now")
def test_offer__stranger_or_another_person__not_found_or_refused(client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    offer = offer_shift(
        schedule=schedule, person_id=anna.pk, starts_at=NOW, ends_at=NOW + timedelta(hours=2), reason="", now=NOW
    )
    client.force_login(ben)
    assert "Who takes over?" not in read(client, MINE)
    assert client.post(reverse("admin:alerts_on_call_take_over", args=[offer.pk])).status_code == 404
    sign_in(client, OVERRIDE)
    assert client.post(reverse("admin:alerts_on_call_withdraw", args=[offer.pk])).status_code == 403
    offer.refresh_from_db()
    assert offer.state == OfferState.OPEN


def test_offer__time_that_is_not_ones_own__refused(client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    client.force_login(ben)
    fields = {"schedule": str(schedule.pk), "starts_at": "2099-03-10T14:00", "ends_at": "2099-03-10T18:00"}
    assert "You are not on call" in send(client, reverse("admin:alerts_on_call_offer"), **fields)
    assert "Say from when to when" in send(client, reverse("admin:alerts_on_call_offer"), schedule=str(schedule.pk))
    assert not OnCallOffer.objects.exists()


EVENTS = """BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\nDTSTAMP:20260301T000000Z
DTSTART:20260310T160000Z\r\nDTEND:20260310T200000Z\r\nSUMMARY:{who}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"""


@pytest.mark.usefixtures("_now")
def test_import__shown_then_taken__overrides_until_it_is_taken_out(admin_client: Client, anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    address = page(schedule, "import")
    file = SimpleUploadedFile("rota.ics", EVENTS.format(who="BEN").encode(), content_type="text/calendar")
    assert "Read 1 shift in" in send(admin_client, address, file=file, name="Outlook")
    assert not OnCallOverride.objects.exists()
    assert "1 shifts are read in" in send(
        admin_client, address, text=EVENTS.format(who="ben"), name="Outlook", confirm="yes"
    )
    assert [on_call(schedule, hours) for hours in (3, 5, 9)] == [["anna"], ["ben"], ["anna"]]
    pk = OnCallCalendar.objects.get().pk
    assert "are taken out" in send(admin_client, reverse("admin:alerts_oncallcalendar_remove", args=[pk]))
    assert on_call(schedule, 5) == ["anna"]


@pytest.mark.usefixtures("_now")
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nonsense", "Nothing is read in"),
        ("", "Nothing is read in"),
        (EVENTS.format(who="Zorro"), "“Zorro” is nobody here"),
        (EVENTS.format(who="ben").replace("DTSTART", "DTSTARR"), "Nothing is read in"),
    ],
)
def test_import__broken_or_of_strangers__reason_and_nothing_stored(
    admin_client: Client, anna: User, ben: User, text: str, words: str
) -> None:
    for confirm in ({}, {"confirm": "yes"}):
        assert words in send(admin_client, page(make_roster(anna), "import"), text=text, name="x", **confirm)
    assert not OnCallOverride.objects.exists()
    assert not OnCallCalendar.objects.exists()


def test_delete__used_by_a_policy__refused_in_words(admin_client: Client, anna: User) -> None:
    schedule = make_roster(anna, name="Front")
    step = PolicyStep.objects.create(policy=Policy.objects.create(name="Night"), kind="schedule")
    step.schedules.add(schedule)
    assert "“Night” reaches it" in send(admin_client, page(schedule, "delete"), post="yes")
    step.delete()
    send(admin_client, page(schedule, "delete"), post="yes")
    assert not OnCallSchedule.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "allowed"),
    [((), set()), ((VIEW,), {"change"}), ((VIEW, OVERRIDE), {"change", "override"})],
)
def test_permissions__pages__only_what_one_may(
    client: Client, anna: User, permissions: tuple[str, ...], allowed: set[str]
) -> None:
    schedule = make_roster(anna)
    sign_in(client, *permissions)
    found = {
        name for name in ("change", "override", "edit", "import") if client.get(page(schedule, name)).status_code == 200
    }
    assert found == allowed
    assert client.get(MINE).status_code == 200
    pk = override(schedule, NOW + timedelta(days=9999), 2, anna).pk
    for address in (
        page(schedule, "feed"),
        reverse("admin:alerts_oncalloverride_cancel", args=[pk]),
        reverse("admin:alerts_oncallschedule_preview"),
        f"{LIST}add/",
    ):
        assert client.post(address).status_code == 403


def test_permissions__signed_out__led_to_the_login(client: Client, anna: User) -> None:
    for address in (MINE, LIST, page(make_roster(anna), "change")):
        assert client.get(address).status_code == 302


def read_home(client: Client) -> str:
    """Return the panel and the sentence on top of the home page."""
    panel = read(client, reverse("admin:home_panel", args=["on_call"]))
    return panel + read(client, reverse("admin:home_headline"))


@pytest.mark.usefixtures("_now")
def test_home__who_is_on_call_and_gaps_of_used_schedules(admin_client: Client, anna: User, ben: User) -> None:
    schedule = gappy(anna, name="Leaky")
    gappy(ben, name="Unused")
    text = read_home(admin_client)
    assert "Anna Arndt" in text
    assert "Nobody is on call in" not in text

    step = PolicyStep.objects.create(policy=Policy.objects.create(name="Night"), kind="schedule")
    step.schedules.add(schedule)
    text = read_home(admin_client)
    assert "Nobody is on call in “Leaky” from Tue 10 Mar 14:00" in text
    assert "Nobody is on call in “Unused”" not in text


@pytest.mark.usefixtures("_now")
def test_home__nobody_now__said_so(admin_client: Client, anna: User) -> None:
    schedule = make_roster(layers=(make_rota(anna, ends_at=wall(2026, 2, 1)),), name="Over")
    step = PolicyStep.objects.create(policy=Policy.objects.create(name="Night"), kind="schedule")
    step.schedules.add(schedule)
    text = read_home(admin_client)
    assert "Nobody is on call in “Over” now" in text
    assert "1 without anybody" in text


def test_home__no_schedule__says_the_next_step(admin_client: Client) -> None:
    assert "Say who is on call when" in read_home(admin_client)
