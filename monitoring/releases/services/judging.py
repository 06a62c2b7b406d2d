"""Comparing a new release with the one before it, for each environment, while its numbers grow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

from django.db import transaction
from django.db.models import Sum

from config.outbox.services import publish
from monitoring.errors.models import ErrorIssue
from monitoring.releases.enums import Reason
from monitoring.releases.models import Comparison, Release, ReleaseHour
from monitoring.releases.selectors import sum_hours
from monitoring.releases.statistics import MIN_TOTAL, Finding, compare_new_issues, compare_shares

NEW_FOR = timedelta(days=7)
"""A release is compared for so long after it was first seen; then its last finding stays."""

ACTIVE_WITHIN = timedelta(hours=24)
BASELINE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A new release, the one before it, and where: an empty environment is one that clients name so."""

    release: Release
    before: Release
    environment: str


@dataclass(frozen=True, slots=True)
class _Numbers:
    """What is compared: so many of so many, in both."""

    reason: Reason
    environment: str
    count: int
    total: int
    before_count: int
    before_total: int
    finding: Finding | None


class Source(Protocol):
    """Something else that is counted by release, with a share of bad ones: requests. Other rooms know of it."""

    @property
    def reason(self) -> Reason:
        """What it is called when the share rose."""

    def list_busy(
        self, *, application_ids: Sequence[int], since: datetime
    ) -> list[tuple[int, str, str, int, datetime]]:
        """Return (application id, version, environment, how many, the newest hour) of what was counted since then."""

    def count(self, *, application_id: int, version: str, environment: str, since: datetime) -> tuple[int, int]:
        """Return how many were bad, and of how many."""


def judge_releases(*, now: datetime, sources: Sequence[Source] = ()) -> int:
    """Compare every application's newest releases with those before; return how many comparisons say that one is worse."""
    current: set[int] = set()
    pairs = _find_pairs(now=now)
    for pair in pairs:
        current.update(_judge_sessions(pair, now=now))
    for pair in _pair_everywhere(pairs):
        current.update(_judge_issues(pair, now=now))
    for source in sources:
        for pair in _find_pairs_of(source, now=now):
            current.update(_judge_source(source, pair, now=now))
    Comparison.objects.filter(is_current=True).exclude(pk__in=current).update(is_current=False)
    return Comparison.objects.filter(pk__in=current, is_regressed=True).count()


def _find_pairs(*, now: datetime) -> list[_Pair]:
    """Return for each application and environment the newest release with enough sessions, and the one before with as many."""
    recent = ReleaseHour.objects.filter(hour__gte=now - NEW_FOR - BASELINE).values("release_id", "environment")
    busy = recent.annotate(found=Sum("sessions")).filter(found__gte=MIN_TOTAL).order_by()
    active = set(
        ReleaseHour.objects.filter(hour__gte=now - ACTIVE_WITHIN).values_list("release_id", "environment").distinct()
    )
    releases = Release.objects.select_related("application").in_bulk({row["release_id"] for row in busy})
    return _pair_up([(releases[row["release_id"]], row["environment"]) for row in busy], active, now=now)


def _find_pairs_of(source: Source, *, now: datetime) -> list[_Pair]:
    """Return the same of what a source counts."""
    fresh = Release.objects.filter(first_seen__gte=now - NEW_FOR).order_by("application_id")
    application_ids = list(fresh.values_list("application_id", flat=True).distinct())
    found_busy = source.list_busy(application_ids=application_ids, since=now - NEW_FOR - BASELINE)
    busy = [row for row in found_busy if row[3] >= MIN_TOTAL]
    found = Release.objects.select_related("application").filter(
        application_id__in={row[0] for row in busy}, version__in={row[1] for row in busy}
    )
    releases = {(release.application_id, release.version): release for release in found}
    places, active = [], set()
    for application_id, version, environment, _, newest in busy:
        release = releases.get((application_id, version))
        if release is not None:
            places.append((release, environment))
            if newest >= now - ACTIVE_WITHIN:
                active.add((release.pk, environment))
    return _pair_up(places, active, now=now)


def _pair_up(busy: Iterable[tuple[Release, str]], active: Set[tuple[int, str]], *, now: datetime) -> list[_Pair]:
    places: dict[tuple[int, str], list[Release]] = {}
    for release, environment in busy:
        places.setdefault((release.application_id, environment), []).append(release)
    pairs: list[_Pair] = []
    for (_, environment), found in sorted(places.items()):
        found.sort(key=lambda release: (release.first_seen, release.pk))
        if len(found) < 2:
            continue
        newest, before = found[-1], found[-2]
        if newest.first_seen >= now - NEW_FOR and (newest.pk, environment) in active:
            pairs.append(_Pair(newest, before, environment))
    return pairs


def _pair_everywhere(pairs: Iterable[_Pair]) -> list[_Pair]:
    """Return one pair for each release, of no environment: of the releases before it in its environments the one seen last."""
    befores: dict[Release, list[Release]] = {}
    for pair in pairs:
        befores.setdefault(pair.release, []).append(pair.before)
    return [
        _Pair(release, max(found, key=lambda before: (before.first_seen, before.pk)), "")
        for release, found in befores.items()
    ]


def _judge_source(source: Source, pair: _Pair, *, now: datetime) -> list[int]:
    count_in = partial(source.count, application_id=pair.release.application_id, environment=pair.environment)
    count, total = count_in(version=pair.release.version, since=now - NEW_FOR)
    before, before_total = count_in(version=pair.before.version, since=pair.release.first_seen - BASELINE)
    known = Comparison.objects.filter(release=pair.release, environment=pair.environment, reason=source.reason).first()
    was_regressed = known is not None and known.is_regressed
    finding = compare_shares(count, total, before, before_total, was_regressed=was_regressed)
    if finding is None:
        return []
    numbers = _Numbers(source.reason, pair.environment, count, total, before, before_total, finding)
    return [_keep(pair, numbers, now=now)]


def _judge_sessions(pair: _Pair, *, now: datetime) -> list[int]:
    known = Comparison.objects.filter(release=pair.release, environment=pair.environment, is_regressed=True)
    was = set(known.values_list("reason", flat=True))
    numbers = _compare_sessions(pair, now, Reason.CRASHES in was, Reason.ERRORS in was)
    return [_keep(pair, each, now=now) for each in numbers if each.finding is not None]


def _judge_issues(pair: _Pair, *, now: datetime) -> list[int]:
    known = Comparison.objects.filter(release=pair.release, environment=pair.environment, reason=Reason.NEW_ISSUES)
    numbers = _compare_issues(pair, now, known.filter(is_regressed=True).exists())
    return [_keep(pair, numbers, now=now)] if numbers.finding is not None else []


def _compare_sessions(pair: _Pair, now: datetime, was_crashing: bool, was_erring: bool) -> list[_Numbers]:
    here = {"environment": pair.environment}
    new = sum_hours({**here, "release": pair.release, "hour__gte": now - NEW_FOR})
    old = sum_hours({**here, "release": pair.before, "hour__gte": pair.release.first_seen - BASELINE})
    shares = [
        (Reason.CRASHES, new.crashed, old.crashed, was_crashing),
        (Reason.ERRORS, new.unhealthy, old.unhealthy, was_erring),
    ]
    return [
        _Numbers(
            reason,
            pair.environment,
            count,
            new.sessions,
            before,
            old.sessions,
            compare_shares(count, new.sessions, before, old.sessions, was_regressed=was_regressed),
        )
        for reason, count, before, was_regressed in shares
    ]


def _compare_issues(pair: _Pair, now: datetime, was_regressed: bool) -> _Numbers:
    """Compare how many new errors turned up, in as much time of each: issues don't know in which environment they began."""
    lived = now - pair.release.first_seen
    before_lived = min(lived, pair.release.first_seen - pair.before.first_seen)
    count = _count_issues(pair.release, lived)
    before = _count_issues(pair.before, before_lived)
    seconds, before_seconds = lived.total_seconds(), before_lived.total_seconds()
    finding = compare_new_issues(count, seconds, before, before_seconds, was_regressed=was_regressed)
    return _Numbers(Reason.NEW_ISSUES, pair.environment, count, int(seconds), before, int(before_seconds), finding)


def _count_issues(release: Release, within: timedelta) -> int:
    issues = ErrorIssue.objects.unmerged().filter(first_release=release)
    return issues.filter(first_seen__lt=release.first_seen + within).count()


@transaction.atomic
def _keep(pair: _Pair, numbers: _Numbers, *, now: datetime) -> int:
    """Write a comparison, and tell the others when its finding is new; return its id."""
    assert numbers.finding is not None
    known = (
        Comparison.objects.select_for_update()
        .filter(release=pair.release, environment=numbers.environment, reason=numbers.reason)
        .first()
    )
    is_regressed = numbers.finding.is_regressed
    has_turned = known is None or known.is_regressed != is_regressed
    comparison = known or Comparison(release=pair.release, environment=numbers.environment, reason=numbers.reason)
    comparison.before, comparison.is_regressed, comparison.is_current = pair.before, is_regressed, True
    comparison.count, comparison.total = numbers.count, numbers.total
    comparison.before_count, comparison.before_total = numbers.before_count, numbers.before_total
    comparison.p_value, comparison.compared_at = numbers.finding.p_value, now
    if has_turned:
        comparison.since = now
    comparison.save()
    if has_turned and is_regressed:
        publish(
            type="release.regressed",
            payload={
                "release_id": pair.release.pk,
                "release": pair.release.version,
                "before": pair.before.version,
                "environment": numbers.environment,
                "reason": numbers.reason.value,
                "at": now.isoformat(),
            },
            application_id=pair.release.application_id,
        )
    return comparison.pk
