"""Releases compared with those before: what is found, told, recorded and taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from config.outbox.models import Event
from monitoring.applications.models import Application
from monitoring.browser.services.rolling_up import roll_up_vitals
from monitoring.charts.now import read_now
from monitoring.performance.comparing import Requests
from monitoring.performance.models import Endpoint, EndpointHour
from monitoring.performance.services.recording import write_requests
from monitoring.performance.services.rolling_up import REQUEST_SUMS, roll_up
from monitoring.releases.models import Comparison, Deployment, Release
from monitoring.releases.selectors import describe_releases, find_release_before, list_deployments, measure_health
from monitoring.releases.services.deployments import announce_deployment
from monitoring.releases.services.judging import judge_releases
from monitoring.releases.services.recording import record_releases
from tests.support.errors import make_event, report
from tests.support.metrics import make_application
from tests.support.performance import make_request
from tests.support.releases import count_sessions, hours_ago, make_session, store_sessions
from tests.support.vitals import view_pages

pytestmark = pytest.mark.django_db


@pytest.fixture
def application() -> Application:
    return make_application()


def found(application: Application) -> dict[tuple[str, str], bool]:
    rows = Comparison.objects.filter(release__application=application)
    return {(row.environment, row.reason): row.is_regressed for row in rows}


def regressions() -> list[str]:
    return [event.payload["reason"] for event in Event.objects.filter(type="release.regressed").order_by("pk")]


def test_judge__more_crashes__is_told_once_recorded_and_taken_back(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=9_990, crashed=10)
    release = count_sessions(application, "erp@2", at=hours_ago(3), healthy=900, crashed=100)
    now = timezone.now()
    # Crashed sessions are sessions with trouble too.
    assert judge_releases(now=now) == judge_releases(now=now) == 2
    assert found(application) == {
        ("production", "crashes"): True, ("production", "errors"): True, ("", "new_issues"): False,
    }  # fmt: skip
    assert regressions() == ["crashes", "errors"]
    record_releases(now=now)
    said = read_now(application.pk, {"worse": "release_regressed == 1", "free": "release_crash_free_sessions_ratio"})
    assert {labels["reason"] for labels, _ in said["worse"]} == {"crashes", "errors"}
    assert [(labels["release"], value) for labels, value in said["free"]] == [("erp@2", 0.9)]
    count_sessions(application, "erp@2", at=hours_ago(1), healthy=200_000)
    judge_releases(now=now)
    assert found(application)["production", "crashes"] is False
    assert len(regressions()) == 2
    comparison = Comparison.objects.get(reason="crashes")
    assert (comparison.count, comparison.total, comparison.before_total) == (100, 201_000, 10_000)
    assert release.pk == comparison.release_id


def test_judge__next_release__ends_what_was_found(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=10_000)
    count_sessions(application, "erp@2", at=hours_ago(5), healthy=900, crashed=100)
    judge_releases(now=timezone.now())
    count_sessions(application, "erp@3", at=hours_ago(1), healthy=1_000)
    assert judge_releases(now=timezone.now()) == 0
    rows = Comparison.objects.filter(is_current=True).values_list("release__version", "before__version").distinct()
    assert list(rows) == [("erp@3", "erp@2")]
    assert Comparison.objects.filter(release__version="erp@2", is_regressed=True, is_current=False).count() == 2


def test_judge__few_sessions_or_one_release__says_nothing(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=10_000)
    assert judge_releases(now=timezone.now()) == 0
    count_sessions(application, "erp@2", at=hours_ago(2), crashed=199)
    count_sessions(application, "erp@3", at=hours_ago(2), crashed=5_000, environment="staging")
    judge_releases(now=timezone.now())
    assert found(application) == {}


def answer_requests(application: Application, release: str, *, hours: float, count: int, failed: int = 0) -> None:
    """Have requests of a release counted, as many an hour; the release is first seen then."""
    at = hours_ago(hours)
    Release.objects.get_or_create(application=application, version=release, defaults={"first_seen": at})
    endpoint, _ = Endpoint.objects.get_or_create(
        application=application, endpoint="/orders", method="GET", defaults={"last_seen": at}
    )
    EndpointHour.objects.create(
        application=application,
        endpoint=endpoint,
        hour=at.replace(minute=0, second=0, microsecond=0),
        release=release,
        environment="production",
        count=count,
        failed=failed,
        slow=0,
        seconds=1.0,
        longest=1.0,
        sketch=b"",
    )


def test_judge__more_requests_fail__is_found_without_sessions(application: Application) -> None:
    answer_requests(application, "erp@1", hours=30, count=10_000, failed=20)
    answer_requests(application, "erp@2", hours=2, count=2_000, failed=60)
    assert judge_releases(now=timezone.now(), sources=[Requests()]) == 1
    assert found(application) == {("production", "failed_requests"): True}
    assert regressions() == ["failed_requests"]
    comparison = Comparison.objects.get()
    assert (comparison.count, comparison.total) == (60, 2_000)
    assert (comparison.before_count, comparison.before_total) == (20, 10_000)
    assert judge_releases(now=timezone.now(), sources=[Requests()]) == 1
    assert len(regressions()) == 1


def test_judge__requests_as_before_or_too_few__are_not_worse(application: Application) -> None:
    answer_requests(application, "erp@1", hours=30, count=10_000, failed=200)
    answer_requests(application, "erp@2", hours=2, count=2_000, failed=42)
    other = make_application()
    answer_requests(other, "erp@1", hours=30, count=10_000)
    answer_requests(other, "erp@2", hours=2, count=199, failed=199)
    assert judge_releases(now=timezone.now(), sources=[Requests()]) == 0
    assert found(application) == {("production", "failed_requests"): False}
    assert found(other) == {}


def test_judge__more_new_errors__is_found(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=1_000)
    report(application, make_event("Known", release="erp@1"), at=hours_ago(47))
    count_sessions(application, "erp@2", at=hours_ago(5), healthy=1_000)
    report(application, *(make_event(f"New{n}", release="erp@2") for n in range(20)), at=hours_ago(2))
    judge_releases(now=timezone.now())
    assert found(application)["", "new_issues"] is True
    assert regressions() == ["new_issues"]


def test_measure_health__sessions_and_people__are_counted(application: Application) -> None:
    store_sessions(
        application,
        make_session(did="a"),
        make_session(did="a", status="crashed"),
        make_session(did="b", status="errored"),
        make_session(did="c", attrs={"release": "erp@1", "environment": "staging"}),
    )
    release = Release.objects.get()
    health = measure_health(release, since=hours_ago(2))
    assert (health.sessions, health.healthy, health.errored, health.crashed) == (4, 2, 1, 1)
    assert (health.users, health.crashed_users) == (3, 1)
    assert measure_health(release, since=hours_ago(2), environment="staging").users == 1
    interval = health.crash_free_sessions
    assert interval is not None
    assert (interval.ratio, interval.total) == (0.75, 4)
    assert interval.low < 0.75 < interval.high


def test_describe_releases__two__share_the_sessions(application: Application) -> None:
    one = count_sessions(application, "erp@1", at=hours_ago(2), healthy=30)
    two = count_sessions(application, "erp@2", at=hours_ago(1), healthy=9, crashed=1)
    report(application, make_event(release="erp@2"))
    rows = describe_releases([one, two], now=timezone.now())
    assert (rows[one.pk].adoption, rows[two.pk].adoption) == (0.75, 0.25)
    assert (rows[two.pk].new_issues, rows[one.pk].new_issues, sum(rows[two.pk].hours)) == (1, 0, 10)
    assert find_release_before(two) == one


def test_announce_deployment__again__is_the_same_one(application: Application) -> None:
    now = timezone.now()
    told = {"application_id": application.pk, "version": "erp@1", "environment": "production", "now": now}
    first, is_new = announce_deployment(**told, url="https://ci.example/1", commit="abc")
    again, is_new_again = announce_deployment(**told)
    assert (is_new, is_new_again, first.pk) == (True, False, again.pk)
    announce_deployment(**{**told, "version": "erp@2"})
    back, is_back = announce_deployment(**told | {"now": hours_ago(-1)})
    assert (is_back, back.release) == (True, first.release)
    for _ in range(2):
        announce_deployment(**told, deployed_at=hours_ago(30).replace(microsecond=0))
    assert [each.release.version for each in list_deployments(application_id=application.pk, since=hours_ago(29))] == [
        "erp@1", "erp@2", "erp@1",
    ]  # fmt: skip


def test_releases__named_by_requests_and_page_views_alone__are_known(application: Application) -> None:
    now = timezone.now()
    at = now - timedelta(minutes=10)
    with transaction.atomic():
        write_requests([make_request(application.pk, started_at=at, release="api@1")])
    view_pages(application, now, "/orders", release="web@1")
    roll_up(REQUEST_SUMS, now=now)
    roll_up_vitals(now=now)
    found = dict(Release.objects.filter(application=application).values_list("version", "first_seen"))
    assert found == {"api@1": at.replace(second=0, microsecond=0), "web@1": now}


def test_judge__environments_with_other_releases_before__compares_new_errors_once(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=1_000)
    count_sessions(application, "erp@2", at=hours_ago(24), healthy=1_000, environment="staging")
    report(application, *(make_event(f"Early{n}", release="erp@2") for n in range(20)), at=hours_ago(23.5))
    count_sessions(application, "erp@3", at=hours_ago(5), healthy=1_000)
    count_sessions(application, "erp@3", at=hours_ago(4), healthy=1_000, environment="staging")
    report(application, *(make_event(f"New{n}", release="erp@3") for n in range(20)), at=hours_ago(2))
    seen = set()
    for _ in range(3):
        judge_releases(now=timezone.now())
        comparison = Comparison.objects.get(reason="new_issues")
        seen.add((comparison.before.version, comparison.is_regressed, comparison.since))
    assert [(before, is_regressed) for before, is_regressed, _ in seen] == [("erp@2", False)]
    assert regressions() == []


def test_judge__more_new_errors_in_two_environments__is_told_once(application: Application) -> None:
    count_sessions(application, "erp@1", at=hours_ago(48), healthy=1_000)
    count_sessions(application, "erp@2", at=hours_ago(24), healthy=1_000, environment="staging")
    count_sessions(application, "erp@3", at=hours_ago(5), healthy=1_000)
    count_sessions(application, "erp@3", at=hours_ago(4), healthy=1_000, environment="staging")
    report(application, *(make_event(f"New{n}", release="erp@3") for n in range(20)), at=hours_ago(2))
    for _ in range(2):
        judge_releases(now=timezone.now())
    assert regressions() == ["new_issues"]
    assert Comparison.objects.filter(reason="new_issues", is_regressed=True, is_current=True).count() == 1


def test_list_deployments__more_than_a_hundred__are_the_newest(application: Application) -> None:
    release = Release.objects.create(application=application, version="erp@1", first_seen=hours_ago(200))
    Deployment.objects.bulk_create(
        Deployment(release=release, environment=f"e{number}", deployed_at=hours_ago(150 - number))
        for number in range(103)
    )
    found = list_deployments(application_id=application.pk, since=hours_ago(160))
    assert [each.environment for each in found] == [f"e{number}" for number in range(3, 103)]
