"""From the inbox to issues: grouped, counted, kept once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from config.actors import Actor
from config.outbox.models import Event
from monitoring.applications.models import Application
from monitoring.errors.enums import IssueState, ResolvedIn
from monitoring.errors.models import ErrorCounter, ErrorEvent, ErrorGroup, ErrorHour, ErrorIssue, IssueTransition
from monitoring.errors.selectors import (
    count_by_hour,
    count_tags,
    list_group_ids,
    list_set_aside,
    measure_inbox,
    read_document,
)
from monitoring.errors.services import digesting
from monitoring.errors.services.digesting import digest_batch
from monitoring.errors.services.inbox import Incoming, write_events
from monitoring.errors.services.issues import ReleaseUnknown, mute_issue, resolve_issue
from monitoring.errors.services.merging import MergeInvalid, merge_issues, unmerge_issue
from monitoring.errors.services.upkeep import (
    age_issues,
    end_silences,
    prune_set_aside,
    record_counters,
    retry_set_aside,
)
from monitoring.partitions import ERROR_EVENTS
from monitoring.releases.models import Release
from tests.support.errors import make_event, make_frame, report, take
from tests.support.metrics import make_application

pytestmark = pytest.mark.django_db
BY = Actor("Ada")


@pytest.fixture
def application() -> Application:
    return make_application()


def test_digest__same_error_twice__is_one_issue(application: Application) -> None:
    now = timezone.now()
    take(application, make_event(value="no account 2"), at=now)
    take(application, make_event(value="no account 1"), at=now - timedelta(seconds=1))
    done = digest_batch()
    assert (done.kept, done.repeated, done.set_aside) == (2, 0, 0)
    issue = ErrorIssue.objects.get()
    assert (issue.title, issue.event_count, issue.state) == ("ValueError: no account 1", 2, "new")
    assert issue.culprit == "erp.invoices in post_invoice"
    assert ErrorEvent.objects.count() == 2
    assert measure_inbox().waiting == 0
    assert [event.type for event in Event.objects.all()] == ["issue.new"]


def test_digest__other_error__is_another_issue(application: Application) -> None:
    report(application, make_event("ValueError"), make_event("KeyError"))
    report(application, make_event("KeyError"))
    assert sorted(ErrorIssue.objects.values_list("type", "event_count")) == [("KeyError", 2), ("ValueError", 1)]


def test_digest__same_event_id_again__is_kept_once(application: Application) -> None:
    event = make_event()
    report(application, event)
    done = report(application, event)
    assert (done.kept, done.repeated) == (0, 1)
    take(application, make_event(), event)
    take(application, event)
    done = digest_batch()
    assert (done.kept, done.repeated) == (1, 1)
    assert ErrorIssue.objects.get().event_count == 2


def test_digest__two_applications__are_apart(application: Application) -> None:
    other = make_application()
    report(application, make_event())
    report(other, make_event())
    assert list(ErrorIssue.objects.order_by("pk").values_list("application_id", "event_count")) == [
        (application.pk, 1),
        (other.pk, 1),
    ]


def test_digest__users_releases_tags__are_counted(application: Application) -> None:
    people = [{"id": "1"}, {"id": "2"}, {"id": "1"}, {"email": "a@example.com"}, None]
    events = [
        make_event(user=user, release=f"erp@{index % 2}", environment="production", tags={"company": f"c{index}"})
        for index, user in enumerate(people)
    ]
    report(application, *events)
    report(application, make_event(user={"id": "2"}, release="erp@1", tags=[["company", "c1"]]))
    issue = ErrorIssue.objects.get()
    assert (issue.event_count, issue.user_count, issue.environments) == (6, 3, ["production"])
    assert issue.first_release is not None
    assert issue.first_release.version == "erp@0"
    assert issue.last_release is not None
    assert issue.last_release.version == "erp@1"
    assert Release.objects.count() == 2
    tags = count_tags(group_ids=list_group_ids(issue.pk))
    assert [(value.value, value.count) for value in tags["company"]][:1] == [("c1", 2)]
    assert sum(value.count for value in tags["release"]) == 6
    counters = ErrorCounter.objects.values_list("release", "total").order_by("release")
    assert list(counters) == [("erp@0", 3), ("erp@1", 3)]


def test_digest__hours__are_summed_per_issue(application: Application) -> None:
    now = timezone.now().replace(minute=30)
    report(application, make_event(), make_event(), at=now - timedelta(hours=2))
    report(application, make_event(), at=now)
    report(application, make_event(), at=now)
    issue = ErrorIssue.objects.get()
    assert count_by_hour(issue_ids=[issue.pk], now=now, hours=4) == {issue.pk: [0, 2, 0, 2]}
    assert ErrorHour.objects.count() == 2


def test_digest__what_is_kept__is_scrubbed(application: Application) -> None:
    event = make_event(
        request={"headers": {"Authorization": "Bearer abcdefghijkl"}, "data": {"password": "hunter2", "name": "x"}},
        frames=[make_frame(vars={"api_key": "'s3cr3t'", "amount": "12"})],
    )
    report(application, event)
    kept = ErrorEvent.objects.get()
    text = str(read_document(kept))
    assert "hunter2" not in text
    assert "abcdefghijkl" not in text
    assert "s3cr3t" not in text
    assert "'amount': '12'" in text


def test_digest__poisonous_row__is_set_aside_and_stops_nobody(application: Application) -> None:
    take(application, make_event())
    raw = Incoming.pack(application.pk, uuid4(), timezone.now(), b"[1, 2]")
    write_events([raw])
    take(application, make_event())
    done = digest_batch()
    assert (done.kept, done.set_aside) == (2, 1)
    assert [row["reason"] for row in list_set_aside()] == ["the event is not a JSON object"]
    assert digest_batch().total == 0
    assert retry_set_aside() == 1
    assert digest_batch().set_aside == 1
    assert prune_set_aside(now=timezone.now() + timedelta(days=8)) == 1
    assert measure_inbox().set_aside == 0


def test_digest__row_that_the_database_refuses__spoils_only_itself(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = digesting.prepare_event

    def prepare_badly(payload: bytes, **details: Any) -> Any:
        data, groupings, kept = prepare(payload, **details)
        if data.type == "Poison":
            object.__setattr__(data, "trace_id", "a\x00b")
        return data, groupings, kept

    monkeypatch.setattr(digesting, "prepare_event", prepare_badly)
    take(application, make_event(), make_event("Poison"), make_event())
    done = digest_batch()
    assert (done.kept, done.set_aside) == (2, 1)
    assert ErrorIssue.objects.get().event_count == 2


def test_digest__odd_characters__are_kept(application: Application) -> None:
    raw = b'{"message": "half a pair \\ud83d and zero \\u0000", "tags": {"a\\u0000": "b\\u0000"}, "extra": {"n": NaN}}'
    write_events([Incoming.pack(application.pk, uuid4(), timezone.now(), raw)])
    assert digest_batch().kept == 1
    assert ErrorIssue.objects.get().title.startswith("half a pair ")


def test_digest__resolved_issue__regresses(application: Application) -> None:
    report(application, make_event())
    issue = ErrorIssue.objects.get()
    assert resolve_issue(issue_id=issue.pk, by=BY)
    assert not resolve_issue(issue_id=issue.pk, by=BY)
    report(application, make_event())
    issue.refresh_from_db()
    assert (issue.state, issue.resolved_at, issue.event_count) == ("regressed", None, 2)
    steps = IssueTransition.objects.values_list("to_state", "by_name")
    assert list(steps) == [("new", ""), ("resolved", "Ada"), ("regressed", "")]
    assert [event.type for event in Event.objects.order_by("pk")] == ["issue.new", "issue.regressed"]


def test_digest__resolved_in_the_next_release__known_releases_leave_it(application: Application) -> None:
    report(application, make_event(release="1.0"))
    issue = ErrorIssue.objects.get()
    resolve_issue(issue_id=issue.pk, by=BY, resolved_in=ResolvedIn.NEXT_RELEASE)
    report(application, make_event(release="1.0"))
    issue.refresh_from_db()
    assert (issue.state, issue.event_count) == ("resolved", 2)
    report(application, make_event(release="1.1"))
    issue.refresh_from_db()
    assert issue.state == "regressed"


def test_digest__muted_for_some_events__comes_back(application: Application) -> None:
    report(application, make_event())
    issue = ErrorIssue.objects.get()
    mute_issue(issue_id=issue.pk, by=BY, for_events=2)
    report(application, make_event())
    issue.refresh_from_db()
    assert issue.state == "muted"
    report(application, make_event())
    issue.refresh_from_db()
    assert (issue.state, issue.muted_until_count) == ("ongoing", None)


def test_digest__muted_for_some_people__comes_back(application: Application) -> None:
    report(application, make_event(user={"id": 1}))
    issue = ErrorIssue.objects.get()
    mute_issue(issue_id=issue.pk, by=BY, for_users=2)
    issue.refresh_from_db()
    assert issue.muted_until_users == 3
    report(application, *(make_event(user={"id": person}) for person in (1, 2, 1, 2)))
    issue.refresh_from_db()
    assert (issue.state, issue.user_count) == ("muted", 2)
    report(application, make_event(user={"id": 3}), make_event())
    issue.refresh_from_db()
    assert (issue.state, issue.muted_until_users) == ("ongoing", None)
    assert "happened to 3 people" in IssueTransition.objects.filter(to_state="ongoing").get().reason


def test_digest__resolved_in_a_release__regresses_in_that_one_only(application: Application) -> None:
    for version in ("1.0", "1.1"):
        report(application, make_event(release=version))
    issue = ErrorIssue.objects.get()
    with pytest.raises(ReleaseUnknown):
        resolve_issue(issue_id=issue.pk, by=BY, resolved_in=ResolvedIn.RELEASE, release="9.9")
    resolve_issue(issue_id=issue.pk, by=BY, resolved_in=ResolvedIn.RELEASE, release="1.1")
    report(application, make_event(release="1.0"))
    issue.refresh_from_db()
    assert (issue.state, str(issue.resolved_release)) == ("resolved", "1.1")
    report(application, make_event(release="1.1"))
    issue.refresh_from_db()
    assert (issue.state, issue.resolved_release) == ("regressed", None)


def test_end_silences__time_over__waits_for_somebody_again(application: Application) -> None:
    report(application, make_event())
    issue = ErrorIssue.objects.get()
    now = timezone.now()
    mute_issue(issue_id=issue.pk, by=BY, until=now + timedelta(hours=1))
    assert end_silences(now=now) == 0
    assert end_silences(now=now + timedelta(hours=2)) == 1
    issue.refresh_from_db()
    assert (issue.state, issue.muted_until) == ("ongoing", None)


def test_age_issues__open_for_a_week__is_ongoing(application: Application) -> None:
    report(application, make_event())
    now = timezone.now()
    assert age_issues(now=now + timedelta(days=6)) == 0
    assert age_issues(now=now + timedelta(days=8)) == 1
    assert ErrorIssue.objects.get().state == IssueState.ONGOING


def test_merge__two_issues__events_go_to_one_and_back(application: Application) -> None:
    report(
        application, make_event("A", user={"id": 1}), make_event("A", user={"id": 2}), make_event("B", user={"id": 2})
    )
    one, two = ErrorIssue.objects.get(type="A"), ErrorIssue.objects.get(type="B")
    assert merge_issues(into_id=one.pk, issue_ids=[one.pk, two.pk], by=BY) == 1
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.event_count, one.user_count, two.event_count, two.state) == (3, 2, 0, "merged")
    report(application, make_event("B", user={"id": 1}), make_event("B", user={"id": 3}))
    one.refresh_from_db()
    assert (one.event_count, one.user_count) == (5, 3)
    assert unmerge_issue(issue_id=two.pk, by=BY)
    assert not unmerge_issue(issue_id=two.pk, by=BY)
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.event_count, one.user_count, two.event_count, two.user_count, two.state) == (2, 2, 3, 3, "ongoing")


def test_merge__other_application__is_refused(application: Application) -> None:
    report(application, make_event())
    other = make_application()
    report(other, make_event())
    one, two = ErrorIssue.objects.order_by("pk")
    with pytest.raises(MergeInvalid):
        merge_issues(into_id=one.pk, issue_ids=[two.pk], by=BY)


def test_digest__new_version_of_the_grouping__splits_no_issue(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    from monitoring.errors import grouping

    report(application, make_event())

    def group_v2(event: Any) -> grouping.Grouping:
        return grouping._make(2, "stack", ["second", event.type])

    monkeypatch.setitem(grouping.ALGORITHMS, 2, group_v2)
    report(application, make_event(), make_event("KeyError"))
    assert sorted(ErrorIssue.objects.values_list("type", "event_count")) == [("KeyError", 1), ("ValueError", 2)]
    assert sorted(ErrorGroup.objects.values_list("algorithm", flat=True)) == [1, 2, 2]


def test_record_counters__first_time__starts_from_zero(application: Application) -> None:
    report(application, make_event(release="1.0", handled=False), make_event(level="warning"))
    now = timezone.now()
    assert record_counters(now=now) == 4
    assert record_counters(now=now + timedelta(minutes=1)) == 2
    assert record_counters(now=now + timedelta(days=2)) == 0


def test_partitions__old_days__are_dropped(application: Application) -> None:
    now = timezone.now()
    report(application, *(make_event() for _ in range(5)), at=now - timedelta(days=100))
    assert len(ERROR_EVENTS.drop_expired(now=now)) == 1
    # The first and the newest stay, see test_relevance.py.
    assert ErrorEvent.objects.count() == 2
    assert ErrorIssue.objects.get().event_count == 5


def test_digest__many_events__takes_a_handful_of_statements(application: Application) -> None:
    take(application, *(make_event(f"Error{number % 5}", user={"id": number}) for number in range(50)))
    with CaptureStatements() as statements:
        assert digest_batch().kept == 50
    first = statements.count
    take(application, *(make_event(f"Error{number % 5}", user={"id": number}) for number in range(150)))
    with CaptureStatements() as statements:
        assert digest_batch().kept == 150
    assert statements.count <= first <= 45


class CaptureStatements:
    """Counts what is sent to the database."""

    def __enter__(self) -> CaptureStatements:
        self.count = 0
        self._context = connection.execute_wrapper(self._note)
        self._context.__enter__()
        return self

    def __exit__(self, *args: Any) -> None:
        self._context.__exit__(*args)

    def _note(self, execute: Any, *args: Any) -> Any:
        self.count += 1
        return execute(*args)
