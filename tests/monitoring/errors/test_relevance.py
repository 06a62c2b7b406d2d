"""Which events of frequent errors are kept: the decision, and that counts and repetitions don't suffer from it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from config.actors import Actor
from config.settings import OPTION
from monitoring.applications.models import Application
from monitoring.errors.models import ErrorCounter, ErrorEvent, ErrorGroup, ErrorHour, ErrorIssue, ErrorUser
from monitoring.errors.relevance import keeps_whole, share_kept
from monitoring.errors.selectors import find_group_ids
from monitoring.errors.services.issues import resolve_issue
from monitoring.errors.services.upkeep import prune_relevant
from monitoring.partitions import COUNTED_ERRORS, ERROR_EVENTS
from tests.support.errors import make_event, report
from tests.support.metrics import make_application

IDS = st.uuids()


@given(
    event_id=IDS,
    number=st.integers(1, 10**9),
    limit=st.integers(-5, 10_000),
    is_turn=st.booleans(),
    opens=st.booleans(),
)
def test_decision__first_turning_and_opening_events__are_always_kept(
    event_id: UUID, number: int, limit: int, is_turn: bool, opens: bool
) -> None:
    is_kept = keeps_whole(event_id, number=number, limit=limit, is_turn=is_turn, opens_hour=opens)
    assert is_kept or not (number <= limit or limit <= 0 or is_turn or opens)
    assert is_kept == keeps_whole(event_id, number=number, limit=limit, is_turn=is_turn, opens_hour=opens)


@given(event_id=IDS, number=st.integers(1, 10**6), more=st.integers(1, 10**6), limit=st.integers(1, 10_000))
def test_decision__of_later_events__is_never_kinder(event_id: UUID, number: int, more: int, limit: int) -> None:
    assert share_kept(number=number + more, limit=limit) <= share_kept(number=number, limit=limit)
    assert keeps_whole(event_id, number=number, limit=limit) or not keeps_whole(
        event_id, number=number + more, limit=limit
    )


@given(limit=st.integers(1, 200), count=st.integers(1, 20_000))
def test_decision__however_many_there_are__keeps_less_than_three_times_the_limit(limit: int, count: int) -> None:
    assert sum(share_kept(number=number, limit=limit) for number in range(1, count + 1)) < 3 * limit + 1


def test_decision__many_ids__keeps_about_the_share_it_says() -> None:
    kept = sum(keeps_whole(UUID(int=place), number=4_000, limit=1_000) for place in range(20_000))
    assert 2_300 < kept < 2_700  # an eighth of them, five standard deviations to each side


@pytest.fixture
def application() -> Application:
    return make_application()


@pytest.fixture
def small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(OPTION, "ERROR_EVENTS_PER_ISSUE", 5)


def list_counted() -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_id FROM monitoring_error_counted")
        return {event_id for (event_id,) in cursor.fetchall()}


@pytest.mark.django_db
@pytest.mark.usefixtures("small_limit")
def test_digest__frequent_error__counts_all_and_keeps_some(application: Application) -> None:
    # A moment in the middle of an hour: the next hour's first event would be kept as well.
    at = timezone.now().replace(minute=30)
    events = [make_event(user={"id": place % 7}, release="1.0") for place in range(120)]
    for start in range(0, 120, 30):
        assert report(application, *events[start : start + 30], at=at + timedelta(seconds=start)).kept == 30
    kept = {event.event_id for event in ErrorEvent.objects.all()}
    counted = list_counted()
    assert kept.isdisjoint(counted)
    assert kept | counted == {UUID(event["event_id"]) for event in events}
    assert {UUID(event["event_id"]) for event in events[:5]} <= kept
    assert len(kept) < 40
    issue, group = ErrorIssue.objects.get(), ErrorGroup.objects.get()
    assert (issue.event_count, issue.user_count, group.event_count) == (120, 7, 120)
    assert (ErrorHour.objects.get().count, ErrorCounter.objects.get().total) == (120, 120)
    assert ErrorUser.objects.count() == 7


@pytest.mark.django_db
@pytest.mark.usefixtures("small_limit")
def test_digest__repetition_of_what_was_counted_only__is_left_out(application: Application) -> None:
    events = [make_event() for _ in range(40)]
    report(application, *events)
    assert list_counted()
    done = report(application, *events)
    assert (done.kept, done.repeated) == (0, 40)
    assert ErrorIssue.objects.get().event_count == 40
    group = ErrorGroup.objects.get()
    keys = {(application.pk, UUID(event["event_id"])) for event in events}
    assert find_group_ids(keys) == dict.fromkeys(keys, group.pk)


@pytest.mark.django_db
@pytest.mark.usefixtures("small_limit")
def test_digest__regression_and_first_of_an_hour__are_kept(application: Application) -> None:
    at = timezone.now().replace(minute=10, second=0)
    report(application, *(make_event() for _ in range(200)), at=at)
    resolve_issue(issue_id=ErrorIssue.objects.get().pk, by=Actor("Ada"))
    back, hour = make_event(), make_event()
    report(application, back, at=timezone.now() + timedelta(minutes=1))
    report(application, hour, at=timezone.now() + timedelta(hours=2))
    kept = {event.event_id.hex for event in ErrorEvent.objects.all()}
    assert {back["event_id"], hour["event_id"]} <= kept
    assert ErrorIssue.objects.get().state == "regressed"


@pytest.mark.django_db
def test_retention__relevant_events__outlive_their_day(application: Application) -> None:
    now = datetime(2026, 3, 10, 12, tzinfo=UTC)
    issue_of = {}
    for day, types in ((0, ["Often", "Once"]), (1, ["Often"]), (2, ["Often"]), (200, ["Often"])):
        for kind in types:
            events = [make_event(kind) for _ in range(3)]
            report(application, *events, at=now + timedelta(days=day))
            issue_of[day, kind] = [event["event_id"] for event in events]
        if day == 1:
            # Resolved before it happens again on the next day.
            ErrorIssue.objects.filter(type="Often").update(
                state="resolved", resolved_at=now + timedelta(days=1, hours=1), resolved_in="now"
            )
    later = now + timedelta(days=200)
    assert len(ERROR_EVENTS.drop_expired(now=now + timedelta(days=91, hours=12))) == 2
    assert len(ERROR_EVENTS.drop_expired(now=later)) == 1
    kept = {event.event_id.hex for event in ErrorEvent.objects.all()}
    once, first, back = issue_of[0, "Once"], issue_of[0, "Often"], issue_of[2, "Often"]
    assert kept == {once[0], once[2], first[0], back[0], *issue_of[200, "Often"]}
    # Late arrivals of those days still find a place, and nothing is dropped twice.
    assert ERROR_EVENTS.find_old_end() is not None
    report(application, make_event("Late"), at=now + timedelta(days=1))
    assert ERROR_EVENTS.drop_expired(now=later) == []
    assert prune_relevant(now=later) == 0
    assert prune_relevant(now=now + timedelta(days=731)) == 2 + 1
    ErrorGroup.objects.all().delete()
    assert prune_relevant(now=later) == 2


@pytest.mark.django_db
def test_retention__what_was_counted__is_forgotten_after_days() -> None:
    now = timezone.now()
    COUNTED_ERRORS.ensure_ahead(now=now)
    assert COUNTED_ERRORS.drop_expired(now=now + timedelta(days=2)) == []
    assert len(COUNTED_ERRORS.drop_expired(now=now + timedelta(days=4))) >= 1
