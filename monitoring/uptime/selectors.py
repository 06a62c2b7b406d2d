"""Reading checks: where they stand, how available they were, what they found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q, QuerySet

from config.ids import read_id
from config.settings import OPTION
from monitoring.uptime.availability import Availability, Change, measure_availability
from monitoring.uptime.enums import CheckState, EndAction
from monitoring.uptime.models import Check, CheckChange, CheckResult, MaintenanceWindow
from monitoring.uptime.querysets import CheckQuerySet

#: Stretches of time for which availability is shown.
PERIODS = {"24 h": timedelta(hours=24), "7 d": timedelta(days=7), "30 d": timedelta(days=30)}


@dataclass(frozen=True, slots=True)
class Standing:
    """How many checks there are, and how many of them are down, failing, up, paused."""

    total: int
    down: int
    pending: int
    up: int
    paused: int


def is_private_allowed() -> bool:
    """Whether checks may reach addresses that are not on the public internet."""
    return bool(OPTION["CHECK_ALLOW_PRIVATE"])


def list_checks(*, application_id: int) -> CheckQuerySet:
    """Return an application's checks."""
    return Check.objects.filter(application_id=application_id).select_related("application")


def measure_standing(*, application_id: int | None = None) -> Standing:
    """Return how things stand, for one application or all."""
    checks = Check.objects.all() if application_id is None else Check.objects.filter(application_id=application_id)
    counts = {f"{state}": Count("pk", filter=Q(state=state)) for state in ("down", "pending", "up", "paused")}
    return Standing(**checks.aggregate(total=Count("pk"), **counts))


def list_changes(check_ids: Iterable[int], *, since: datetime) -> dict[int, list[Change]]:
    """Return for each check the changes noted since a time, in order, after the one that held before; two queries."""
    ids = list(check_ids)
    before = (
        CheckChange.objects.filter(check_row__in=ids, noted_at__lt=since)
        .order_by("check_row_id", "-noted_at", "-id")
        .distinct("check_row_id")
    )
    after = CheckChange.objects.filter(check_row__in=ids, noted_at__gte=since).order_by("noted_at", "id")
    found: dict[int, list[Change]] = defaultdict(list)
    for change in [*before, *after]:
        found[change.check_row_id].append(Change(change.at, CheckState(change.to_state), change.reason))
    return found


def measure_availabilities(check_ids: Sequence[int], *, period: timedelta, now: datetime) -> dict[int, Availability]:
    """Return how available checks were in the last `period`; two queries for all of them."""
    changes = list_changes(check_ids, since=now - period)
    return {pk: measure_availability(changes.get(pk, []), start=now - period, end=now) for pk in check_ids}


def list_results(check: Check, *, limit: int | None = None) -> QuerySet[CheckResult]:
    """Return the newest results of a check, the newest first."""
    results = check.results.order_by("-at", "-id")
    return results if limit is None else results[:limit]


def list_durations(check_ids: Sequence[int], *, limit: int) -> dict[int, list[float | None]]:
    """Return the newest response times of checks, oldest first, None where nothing answered; one query for all."""
    found: dict[int, list[float | None]] = defaultdict(list)
    rows = CheckResult.objects.filter(check_row__in=check_ids).order_by("-at", "-id")
    for check_id, duration, is_up in rows.values_list("check_row_id", "duration_seconds", "is_up"):
        if len(found[check_id]) < limit:
            found[check_id].append(duration if is_up else None)
    return {check_id: durations[::-1] for check_id, durations in found.items()}


def list_open_windows(*, now: datetime) -> QuerySet[MaintenanceWindow]:
    """Return the maintenance windows that are open now."""
    return MaintenanceWindow.objects.filter(opens_at__lte=now, closes_at__gt=now)


def find_open_window(check: Check, *, now: datetime) -> MaintenanceWindow | None:
    """Return a window that is open for a check now; those with matchers are for alerts alone."""
    open_ones = list_open_windows(now=now).filter(application_id=check.application_id, matchers="")
    return open_ones.filter(Q(check_row=None) | Q(check_row=check)).order_by("-closes_at").first()


def list_coming_windows(check: Check, *, now: datetime) -> list[MaintenanceWindow]:
    """Return the windows of a check that are open or to come, the next one first."""
    windows = MaintenanceWindow.objects.filter(application_id=check.application_id, closes_at__gt=now, matchers="")
    return list(windows.filter(Q(check_row=None) | Q(check_row=check)).order_by("opens_at", "pk"))


def list_windows(*, application_id: int) -> QuerySet[MaintenanceWindow]:
    """Return an application's windows, whatever their state."""
    return MaintenanceWindow.objects.filter(application_id=application_id)


@dataclass(frozen=True, slots=True)
class OpenWindow:
    """A window that is open, as other rooms need it. `check_id` None: it is for all of the application.

    `matchers`: text that was checked when it was saved. `drops`: alerts that begin during it are never told of.
    """

    window_id: int
    application_id: int
    check_id: int | None
    matchers: str
    reason: str
    opens_at: datetime
    closes_at: datetime
    drops: bool


def describe_open_windows(*, now: datetime) -> list[OpenWindow]:
    """Return the windows that are open now, for other rooms; one query."""
    return [
        OpenWindow(
            window_id=window.pk,
            application_id=window.application_id,
            check_id=window.check_row_id,
            matchers=window.matchers,
            reason=window.reason,
            opens_at=window.opens_at,
            closes_at=window.closes_at,
            drops=window.end_action == EndAction.DROP,
        )
        for window in list_open_windows(now=now).order_by("pk")
        if window.opens_at is not None and window.closes_at is not None
    ]


def find_dropping_windows(window_ids: Iterable[int]) -> dict[int, datetime | None]:
    """Return which of these windows drop alerts for good, and the moment until which they do so no more (None: there is none).

    A window that was cancelled, deleted or moved releases what it dropped before.
    """
    dropping = MaintenanceWindow.objects.filter(pk__in=list(window_ids), end_action=EndAction.DROP, cancelled_at=None)
    return dict(dropping.values_list("pk", "released_at"))


def find_check_link(*, application_id: int, pk: str) -> tuple[str, str] | None:
    """Return name and address of a check whose id stands in a label; None where it names none of the application's."""
    found = Check.objects.filter(pk=read_id(pk), application_id=application_id).first()
    return None if found is None else (found.name, found.get_absolute_url())
