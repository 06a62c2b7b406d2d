"""On-call schedules in the database: made, changed, read, overridden, swapped; and alerts that reach who is on call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext

from alerts.enums import OfferState
from alerts.models import OnCallLayer, OnCallOffer, OnCallOverride, OnCallSchedule, Policy, PolicyStep, Rule
from alerts.oncall.drafts import ScheduleInvalid
from alerts.oncall.rotations import Restriction, Rotation
from alerts.oncall.schedule import list_shifts as list_all
from alerts.rosters import (
    find_on_call,
    find_on_call_now,
    list_gaps,
    list_on_call_now,
    list_shifts,
    list_shifts_of,
    list_used_schedules,
)
from alerts.services.oncall import (
    OverrideDraft,
    OverrideOver,
    ScheduleDraft,
    ScheduleInUse,
    add_override,
    cancel_override,
    change_schedule,
    create_schedule,
    delete_schedule,
    draft_of,
)
from alerts.services.oncall_offers import OfferGone, offer_shift, take_over, withdraw_offer
from config.actors import Actor
from config.deliveries.enums import State
from config.deliveries.models import Delivery
from monitoring.applications.models import Application
from tests.support.alerts import evaluate, make_channel, make_rule, moment, outgoing, report, tell
from tests.support.metrics import NOW, make_application
from tests.support.on_call import WEEKDAYS, utc, wall
from tests.support.rosters import BY, make_person, make_roster, make_rota, override

pytestmark = pytest.mark.django_db
HOUR = 3600


@pytest.fixture
def anna() -> User:
    return make_person("anna")


@pytest.fixture
def ben() -> User:
    return make_person("ben")


@pytest.fixture
def carla() -> User:
    return make_person("carla")


def names(people: list[User] | tuple[User, ...]) -> list[str]:
    return [person.username for person in people]


def on_call(schedule: OnCallSchedule, at: datetime) -> list[str]:
    return names(find_on_call(schedule.pk, at))


def test_schedule__stored_and_read__the_same_draft(anna: User, ben: User, carla: User) -> None:
    night = Restriction(WEEKDAYS, time(18), time(8))
    layers = (
        make_rota(anna, ben, rotation=Rotation.WEEKLY, interval=2, ends_at=wall(2027, 1, 1, 9)),
        make_rota(carla, participants=((carla.pk, anna.pk), (ben.pk,)), restrictions=(night,), zone="Asia/Kathmandu"),
    )
    schedule = make_roster(layers=layers, name="First line", description="Who answers")

    draft = draft_of(schedule)

    assert [replace(layer, layer_id=0) for layer in draft.layers] == list(layers)
    assert (draft.name, draft.zone, draft.description) == ("First line", "Europe/Berlin", "Who answers")


def test_wall_clock__stored__never_converted(anna: User) -> None:
    make_roster(layers=(make_rota(anna, starts_at=wall(2026, 7, 1, 9)),))
    with connection.cursor() as cursor:
        cursor.execute("SELECT starts_at::text FROM alerts_oncalllayer")
        assert cursor.fetchone() == ("2026-07-01 09:00:00",)
    with pytest.raises(ValueError, match="offset"):
        OnCallLayer.objects.filter(starts_at=NOW).exists()


@pytest.mark.parametrize(("day", "hour"), [((2026, 3, 28), 8), ((2026, 3, 30), 7), ((2026, 10, 26), 8)])
def test_on_call__around_summer_time__handed_over_at_nine_on_the_wall(
    anna: User, ben: User, day: tuple[int, int, int], hour: int
) -> None:
    schedule = make_roster(anna, ben)
    handoff = utc(*day, hour)
    before, after = on_call(schedule, handoff - timedelta(minutes=1)), on_call(schedule, handoff)

    assert {*before, *after} == {"anna", "ben"}
    assert list_on_call_now(handoff - timedelta(minutes=1))[schedule].until == handoff


def test_on_call__account_switched_off__falls_to_the_layer_below(anna: User, ben: User) -> None:
    schedule = make_roster(layers=(make_rota(anna), make_rota(ben)))
    assert on_call(schedule, NOW) == ["ben"]
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert on_call(schedule, NOW) == ["anna"]


@time_machine.travel(NOW, tick=False)
def test_override__by_an_account_that_is_switched_off__as_if_it_was_not_there(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, NOW, 5, ben)
    assert on_call(schedule, NOW) == ["ben"]
    User.objects.filter(pk=ben.pk).update(is_active=False)
    assert on_call(schedule, NOW) == ["anna"]


def test_person__in_a_layer__cannot_be_deleted(anna: User) -> None:
    make_roster(anna)
    with pytest.raises(ProtectedError):
        anna.delete()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"zone": "Berlin"}, "zone"),
        ({"layers": ()}, "layers"),
        ({"application_id": 999_999}, "application"),
        ({"description": "x" * 5001}, "description"),
    ],
)
def test_schedule__anything_wrong__field_named_and_nothing_stored(
    anna: User, changes: dict[str, Any], field: str
) -> None:
    values = {"name": "First line", "zone": "UTC", "layers": (make_rota(anna),), **changes}
    with pytest.raises(ScheduleInvalid) as caught:
        create_schedule(draft=ScheduleDraft(**values))
    assert list(caught.value.errors) == [field]
    assert not OnCallSchedule.objects.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"participants": ()}, "participants"),
        ({"participants": ((999_999,),)}, "participants"),
        ({"interval": 0}, "interval"),
        ({"zone": "x"}, "zone"),
        ({"ends_at": wall(2020, 1, 1)}, "ends_at"),
        (
            {"ends_at": wall(2026, 1, 5, 10), "restrictions": (Restriction(WEEKDAYS, time(20), time(22)),)},
            "restrictions",
        ),
    ],
)
def test_change__impossible_layer__refused_and_everything_stays(
    anna: User, changes: dict[str, Any], field: str
) -> None:
    schedule = make_roster(anna)
    before = draft_of(schedule)
    layers = (*before.layers, make_rota(anna, **changes))
    with pytest.raises(ScheduleInvalid) as caught:
        change_schedule(schedule=schedule, draft=replace(before, name="Other", layers=layers))
    assert list(caught.value.errors) == [f"layers.1.{field}"]
    schedule.refresh_from_db()
    assert draft_of(schedule) == before


def test_schedule__hands_over_a_thousand_times_a_day__refused(anna: User) -> None:
    hours = tuple(Restriction(WEEKDAYS, time(8, minute), time(9, minute)) for minute in range(49))
    with pytest.raises(ScheduleInvalid, match="1,200 a day; 1,000 are possible"):
        make_roster(layers=(make_rota(anna, rotation=Rotation.HOURLY, restrictions=hours),))
    assert make_roster(layers=(make_rota(anna, rotation=Rotation.HOURLY, interval=2, restrictions=hours),))


def test_schedule__name_taken_or_account_off__refused_in_words(anna: User) -> None:
    schedule = make_roster(anna)
    anna.is_active = False
    anna.save()
    with pytest.raises(ScheduleInvalid) as caught:
        make_roster(anna, name=schedule.name)
    assert caught.value.errors["name"] == "There is a schedule of this name already."
    assert "anna is switched off" in caught.value.errors["layers.0.participants"]


def test_change__somebody_in_it_is_switched_off__stays_in_and_another_is_refused(
    anna: User, ben: User, carla: User
) -> None:
    schedule = make_roster(anna, ben)
    User.objects.filter(pk__in=[ben.pk, carla.pk]).update(is_active=False)
    changed = change_schedule(schedule=schedule, draft=replace(draft_of(schedule), name="Days"))
    assert (changed.name, draft_of(changed).layers[0].participants) == ("Days", ((anna.pk,), (ben.pk,)))
    with pytest.raises(ScheduleInvalid, match="The account of carla is switched off"):
        change_schedule(schedule=schedule, draft=replace(draft_of(schedule), layers=(make_rota(ben, carla),)))


def test_change__layers_kept_added_removed__ids_stay(anna: User, ben: User) -> None:
    schedule = make_roster(layers=(make_rota(anna, name="A"), make_rota(ben, name="B")))
    first, second = draft_of(schedule).layers
    third = make_rota(ben, name="C")
    change_schedule(schedule=schedule, draft=replace(draft_of(schedule), layers=(second, third)))
    layers = draft_of(schedule).layers
    assert [layer.name for layer in layers] == ["B", "C"]
    assert layers[0].layer_id == second.layer_id
    assert not OnCallLayer.objects.filter(pk=first.layer_id).exists()


def test_change__layer_of_another_schedule__is_not_taken_from_it(anna: User) -> None:
    other, schedule = make_roster(anna), make_roster(anna)
    layer = draft_of(other).layers[0]
    change_schedule(schedule=schedule, draft=replace(draft_of(schedule), layers=(layer,)))
    assert draft_of(other).layers == (layer,)


def test_change__to_one_application_while_policies_of_others_reach_it__refused(anna: User) -> None:
    schedule, application = make_roster(anna), make_application()
    for name, owner in (("Night", None), ("Own", application)):
        step = PolicyStep.objects.create(policy=Policy.objects.create(name=name, application=owner), kind="schedule")
        step.schedules.add(schedule)
    draft = replace(draft_of(schedule), application_id=application.pk)

    with pytest.raises(ScheduleInvalid) as refused:
        change_schedule(schedule=schedule, draft=draft)

    words = "“Night” names this schedule and is not of this application alone."
    assert refused.value.errors == {"application": words}
    Policy.objects.get(name="Night").delete()
    change_schedule(schedule=schedule, draft=draft)
    assert OnCallSchedule.objects.get().application == application


def test_delete__used_by_a_policy__refused(anna: User) -> None:
    schedule = make_roster(anna)
    reach_schedule(schedule, name="Night")
    with pytest.raises(ScheduleInUse, match="Night"):
        delete_schedule(schedule=schedule)
    PolicyStep.objects.all().delete()
    delete_schedule(schedule=schedule)
    assert not OnCallSchedule.objects.exists()


@time_machine.travel(NOW, tick=False)
def test_swap__of_one_of_two__the_other_stays(anna: User, ben: User, carla: User) -> None:
    schedule = make_roster(layers=(make_rota(participants=((anna.pk, ben.pk),)),))
    override(schedule, NOW, 2, carla, replaces=anna)
    assert on_call(schedule, NOW) == ["carla", "ben"]
    assert on_call(schedule, NOW + timedelta(hours=2)) == ["anna", "ben"]


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ends_at": NOW}, "ends_at"),
        ({"starts_at": NOW - timedelta(days=2), "ends_at": NOW - timedelta(days=1)}, "ends_at"),
        ({"people": ()}, "people"),
        ({"people": (999_999,)}, "people"),
        ({"reason": "x" * 301}, "reason"),
    ],
)
def test_override__anything_wrong__field_named_and_nothing_stored(
    anna: User, changes: dict[str, Any], field: str
) -> None:
    schedule = make_roster(anna)
    values = {"starts_at": NOW, "ends_at": NOW + timedelta(hours=1), "people": (anna.pk,), **changes}
    with pytest.raises(ScheduleInvalid) as caught:
        add_override(schedule=schedule, draft=OverrideDraft(**values), by=BY)
    assert field in caught.value.errors
    assert not OnCallOverride.objects.exists()


@time_machine.travel(NOW, tick=False)
def test_override__that_would_have_begun__begins_now(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    assert override(schedule, NOW - timedelta(hours=5), 6, ben).starts_at == NOW
    assert on_call(schedule, NOW - timedelta(hours=1)) == ["anna"]


@time_machine.travel(NOW, tick=False)
def test_cancel__to_come_under_way_over__gone_ended_refused(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    coming = override(schedule, NOW + timedelta(days=1), 5, ben)
    current = override(schedule, NOW, 5, ben)
    cancel_override(override_id=coming.pk, now=NOW)
    cancel_override(override_id=current.pk, now=NOW + timedelta(hours=1))
    current.refresh_from_db()
    assert current.ends_at == NOW + timedelta(hours=1)
    with pytest.raises(OverrideOver):
        cancel_override(override_id=current.pk, now=NOW + timedelta(hours=1))
    assert OnCallOverride.objects.count() == 1
    assert on_call(schedule, NOW + timedelta(minutes=30)) == ["ben"]


@time_machine.travel(NOW, tick=False)
def test_offer__taken_over__swap_for_that_time_only(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    start = NOW + timedelta(hours=1)
    offer = offer_shift(
        schedule=schedule,
        person_id=anna.pk,
        starts_at=start,
        ends_at=start + timedelta(hours=3),
        reason="Dentist",
        now=NOW,
    )
    assert on_call(schedule, start) == ["anna"]

    take_over(offer_id=offer.pk, person_id=ben.pk, by=Actor("ben", ben.pk), now=NOW)

    offer.refresh_from_db()
    assert (offer.state, offer.taken_by) == (OfferState.TAKEN, ben)
    assert on_call(schedule, start) == ["ben"]
    assert on_call(schedule, start + timedelta(hours=3)) == ["anna"]
    with pytest.raises(OfferGone):
        take_over(offer_id=offer.pk, person_id=ben.pk, by=BY, now=NOW)
    with pytest.raises(OfferGone):
        withdraw_offer(offer_id=offer.pk, now=NOW)


@time_machine.travel(NOW, tick=False)
def test_offer__taken_over_by_oneself_or_withdrawn__refused(anna: User) -> None:
    schedule = make_roster(anna)
    offer = offer_shift(
        schedule=schedule, person_id=anna.pk, starts_at=NOW, ends_at=NOW + timedelta(hours=3), reason="", now=NOW
    )
    with pytest.raises(ScheduleInvalid):
        take_over(offer_id=offer.pk, person_id=anna.pk, by=BY, now=NOW)
    withdraw_offer(offer_id=offer.pk, now=NOW)
    with pytest.raises(OfferGone, match="withdrawn"):
        take_over(offer_id=offer.pk, person_id=anna.pk, by=BY, now=NOW)
    assert not OnCallOverride.objects.exists()


@time_machine.travel(NOW, tick=False)
@pytest.mark.parametrize(
    ("start", "hours"), [(1, -1), (-5, 2), (1, 100), (1, 24 * 400), (24 * 400, 1), (1, 24 * 365 * 7000)]
)
def test_offer__not_ones_own_or_not_ahead__refused(anna: User, ben: User, start: int, hours: int) -> None:
    schedule = make_roster(anna, ben)
    first = NOW + timedelta(hours=start)
    with pytest.raises(ScheduleInvalid):
        offer_shift(
            schedule=schedule,
            person_id=find_on_call(schedule.pk, NOW)[0].pk,
            starts_at=first,
            ends_at=first + timedelta(hours=hours),
            reason="",
            now=NOW,
        )
    assert not OnCallOffer.objects.exists()


def test_shifts__of_a_person__from_all_schedules_sorted(anna: User, ben: User) -> None:
    make_roster(anna, ben, name="A")
    make_roster(anna, name="B")
    found = list_shifts_of(anna.pk, utc(2026, 1, 5, 8), utc(2026, 1, 9, 8))
    assert [(each.schedule.name, each.shift.start.day) for each in found] == [("A", 5), ("B", 5), ("A", 7)]


def test_gaps__hours_of_a_layer__listed_for_thirty_days(anna: User) -> None:
    day = Restriction(frozenset(range(7)), time(9), time(17))
    gappy = make_roster(layers=(make_rota(anna, restrictions=(day,)),))
    make_roster(anna)
    gaps = list_gaps(utc(2026, 6, 1, 7)).spans
    assert list(gaps) == [gappy]
    assert (gaps[gappy][0].start, gaps[gappy][0].end) == (utc(2026, 6, 1, 15), utc(2026, 6, 2, 7))
    assert len(gaps[gappy]) == 30


def test_gaps__schedules_with_much_to_look_through__fewer_days(anna: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alerts.rosters.MAX_LOOKED_THROUGH", 8)
    office = (Restriction(WEEKDAYS, time(9), time(17)),)
    for _ in range(2):
        make_roster(layers=(make_rota(anna, restrictions=office),))
    found = list_gaps(utc(2026, 6, 1, 7))
    assert (found.ahead, [len(gaps) for gaps in found.spans.values()]) == (timedelta(days=2), [2, 2])


def test_on_call_now__change_in_three_weeks__found_for_one_schedule_alone(anna: User, ben: User) -> None:
    schedule = make_roster(layers=(make_rota(anna, ben, rotation=Rotation.WEEKLY, interval=4),))
    now = utc(2026, 1, 12, 8)
    assert list_on_call_now(now)[schedule].until is None
    assert find_on_call_now(now, schedule).until == utc(2026, 2, 2, 8)


def test_on_call_now__schedules_with_much_to_look_through__looks_less_far(
    anna: User, ben: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    schedule = make_roster(layers=(make_rota(anna, ben, interval=4),))
    now = utc(2026, 1, 5, 8)
    assert list_on_call_now(now)[schedule].until == utc(2026, 1, 9, 8)
    monkeypatch.setattr("alerts.rosters.MAX_LOOKED_THROUGH", 3)
    assert list_on_call_now(now)[schedule].until is None


def test_on_call_now__overrides_far_ahead__not_read(anna: User, ben: User) -> None:
    override(make_roster(anna), utc(2099, 1, 1), 2, ben)
    with CaptureQueriesContext(connection) as found:
        list_on_call_now(NOW)
    assert not any("oncalloverride_people" in query["sql"] for query in found)


def test_shifts_of__schedules_of_others__not_looked_at(
    anna: User, ben: User, carla: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, overridden = make_roster(anna), make_roster(ben)
    make_roster(ben, carla)
    override(overridden, utc(2099, 1, 5, 12), 2, anna)
    looked = []
    monkeypatch.setattr(
        "alerts.oncall.schedule.list_shifts",
        lambda schedule, *edges: looked.append(schedule) or list_all(schedule, *edges),
    )
    found = list_shifts_of(anna.pk, utc(2099, 1, 5, 8), utc(2099, 1, 6, 8))
    assert ({each.schedule for each in found}, len(looked)) == ({mine, overridden}, 2)


def test_on_call_now__one_schedule_and_three__the_same_queries(anna: User, ben: User) -> None:
    counts = []
    for number in (1, 2):
        for _ in range(number):
            override(make_roster(anna, ben), utc(2099, 1, 1), 2, ben)
        with CaptureQueriesContext(connection) as found:
            list_on_call_now(NOW)
        counts.append(len(found))
    assert counts[0] == counts[1]


def test_override__two_rows_for_one_time_backwards__refused_by_the_database(anna: User) -> None:
    schedule = make_roster(anna)
    with pytest.raises(IntegrityError), transaction.atomic():
        OnCallOverride.objects.create(schedule=schedule, starts_at=NOW, ends_at=NOW, author_name="x")


def reach_schedule(*schedules: OnCallSchedule, name: str = "On call", waits: int = 0) -> Policy:
    """Return a policy that reaches schedules, and does so again after a wait."""
    policy = Policy.objects.create(name=name)
    steps = ["schedule", "wait", "schedule"] if waits else ["schedule"]
    for position, kind in enumerate(steps):
        seconds = waits if kind == "wait" else 0
        step = PolicyStep.objects.create(policy=policy, position=position, kind=kind, seconds=seconds)
        if kind == "schedule":
            step.schedules.set(schedules)
    return policy


def fire(policy: Policy) -> None:
    application = make_application(name="Acme")
    rule = make_rule(name="Load")
    Rule.objects.filter(pk=rule.pk).update(policy=policy)
    report(application, 3)
    evaluate(0)


def test_escalation__schedule__whoever_is_on_call_is_told(anna: User, ben: User) -> None:
    schedule = make_roster(anna, ben)
    fire(reach_schedule(schedule))
    tell(30)
    assert outgoing() == [(f"{on_call(schedule, moment(30))[0]}@example.com", State.QUEUED)]
    assert list(list_used_schedules()) == [schedule]


@time_machine.travel(NOW, tick=False)
def test_escalation__handoff_between_two_steps__each_at_its_moment(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, moment(600), 5, ben)
    fire(reach_schedule(schedule, waits=900))
    tell(30)
    assert outgoing() == [("anna@example.com", State.QUEUED)]
    tell(929)
    assert len(outgoing()) == 1
    tell(931)
    assert outgoing()[1:] == [("ben@example.com", State.QUEUED)]


@time_machine.travel(NOW, tick=False)
def test_repeat__handed_over_meanwhile__goes_to_who_is_on_call_then(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, moment(HOUR), 24, ben)
    fire(reach_schedule(schedule))
    tell(30)
    tell(30 + 4 * HOUR)
    sent = list(Delivery.objects.order_by("pk").values_list("recipient", "state", "suppressed_because"))
    assert sent == [
        ("anna@example.com", State.QUEUED, ""),
        ("anna@example.com", State.SUPPRESSED, "anna is no longer on call"),
        ("ben@example.com", State.QUEUED, ""),
    ]


@time_machine.travel(NOW, tick=False)
def test_repeat__on_call_in_two_schedules_and_one_handed_over__each_goes_its_way(anna: User, ben: User) -> None:
    kept, handed_over = make_roster(anna, name="First"), make_roster(anna, name="Second")
    override(handed_over, moment(HOUR), 24, ben)
    fire(reach_schedule(kept, handed_over))
    tell(30)
    tell(30 + 4 * HOUR)
    assert outgoing() == [
        ("anna@example.com", State.QUEUED),
        ("anna@example.com", State.QUEUED),
        ("ben@example.com", State.QUEUED),
    ]


@time_machine.travel(NOW, tick=False)
def test_repeat__nobody_is_on_call_by_then__goes_to_who_was(anna: User) -> None:
    schedule = make_roster(layers=(make_rota(anna, ends_at=wall(2026, 3, 10, 14)),))
    fire(reach_schedule(schedule))
    tell(30)
    tell(30 + 4 * HOUR)
    assert outgoing() == [("anna@example.com", State.QUEUED)] * 2


@time_machine.travel(NOW, tick=False)
def test_repeat__whoever_has_it_now_cannot_be_reached__goes_to_who_was_told(anna: User, ben: User) -> None:
    User.objects.filter(pk=ben.pk).update(email="")
    schedule = make_roster(anna)
    override(schedule, moment(HOUR), 24, ben)
    fire(reach_schedule(schedule))
    tell(30)
    tell(30 + 4 * HOUR)
    assert outgoing() == [("anna@example.com", State.QUEUED)] * 2


@time_machine.travel(NOW, tick=False)
def test_end__of_one_after_the_handover__the_former_hears_of_nothing_new(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, moment(HOUR), 24, ben)
    fire(reach_schedule(schedule))
    application = Application.objects.get()
    tell(30)
    for host in ("erp1", "erp2"):
        report(application, 3, at=2 * HOUR, host=host)
    evaluate(2 * HOUR)
    tell(2 * HOUR + 300)
    report(application, 0, at=2 * HOUR + 310, host="erp1")
    report(application, 3, at=2 * HOUR + 310, host="erp2")
    evaluate(2 * HOUR + 315)
    tell(2 * HOUR + 700)
    to_anna = Delivery.objects.filter(recipient="anna@example.com", state=State.QUEUED).order_by("pk")
    assert [each.subject.split(" ")[0] for each in to_anna] == ["Warning:", "Resolved"]
    assert "erp2" not in to_anna[1].text


@time_machine.travel(NOW, tick=False)
def test_end__handed_over_meanwhile__both_who_were_told_hear_of_it(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, moment(HOUR), 24, ben)
    fire(reach_schedule(schedule))
    tell(30)
    tell(30 + 4 * HOUR)
    report(Application.objects.get(), 0, at=5 * HOUR)
    evaluate(5 * HOUR)
    tell(6 * HOUR)
    assert sorted(outgoing()[3:]) == [("anna@example.com", State.QUEUED), ("ben@example.com", State.QUEUED)]


def test_escalation__nobody_on_call__nobody_told_and_the_reason_stands_in_the_ledger(anna: User) -> None:
    schedule = make_roster(layers=(make_rota(anna, ends_at=wall(2026, 1, 6, 9)),), name="First line")
    fire(reach_schedule(schedule))
    tell(30)
    sent = Delivery.objects.get()
    assert (sent.state, sent.suppressed_because) == (State.SUPPRESSED, "Nobody is on call in “First line” now.")


def test_escalation__nobody_on_call_and_hours_later__no_mail_to_nobody(anna: User) -> None:
    make_channel()
    schedule = make_roster(layers=(make_rota(anna, ends_at=wall(2026, 1, 6, 9)),))
    fire(reach_schedule(schedule))
    for second in range(30, 6 * HOUR, 300):
        tell(second)
    assert {state for _, state in outgoing()} == {State.SUPPRESSED}


def test_escalation__person_on_call_without_an_address__reason_stands_in_the_ledger() -> None:
    fire(reach_schedule(make_roster(make_person("dora", email=""))))
    tell(30)
    assert Delivery.objects.get().suppressed_because == "dora has no e-mail address."


def test_escalation__two_schedules_with_one_person__told_once(anna: User) -> None:
    fire(reach_schedule(make_roster(anna), make_roster(anna)))
    tell(30)
    assert outgoing() == [("anna@example.com", State.QUEUED)]


def test_shifts__override_of_a_schedule__apart_from_its_layers(anna: User, ben: User) -> None:
    schedule = make_roster(anna)
    override(schedule, utc(2099, 1, 1, 10), 2, ben)
    shifts = list_shifts(schedule.pk, utc(2099, 1, 1, 9), utc(2099, 1, 1, 13))
    assert [shift.people for shift in shifts] == [(anna.pk,), (ben.pk,), (anna.pk,)]
