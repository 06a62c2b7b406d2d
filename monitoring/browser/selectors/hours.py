"""Reading hours: how everything did in a stretch of time, by page, device, browser, connection and release."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import QuerySet, Sum

from monitoring.browser.enums import Dimension
from monitoring.browser.models import VitalHour
from monitoring.browser.summaries import Member, Summary, Tally, summarise
from monitoring.browser.targets import JUDGED
from monitoring.metrics.sketch import Sketch

RANGES = {
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
    "90d": timedelta(days=90),
}
DEFAULT_RANGE = "24h"
MAX_BUCKETS = 48


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole hours from `start` up to `end`, which is now."""

    application_id: int
    start: datetime
    end: datetime

    def hours(self, dimension: str) -> QuerySet[VitalHour]:
        """Return the rows of a dimension."""
        return VitalHour.objects.filter(
            application_id=self.application_id, dimension=dimension, hour__gte=self.start, hour__lte=self.end
        )


@dataclass(frozen=True, slots=True)
class Trend:
    """A vital's sketches in steps, the oldest first; None where nothing was measured."""

    start: datetime
    step: timedelta
    sketches: tuple[Sketch | None, ...]

    def quantiles(self, q: float) -> list[float | None]:
        """Return a percentile of each step."""
        return [None if sketch is None else sketch.quantile(q) for sketch in self.sketches]

    def moments(self) -> list[datetime]:
        """Return when each step begins."""
        return [self.start + self.step * place for place in range(len(self.sketches))]


def find_stretch(*, application_id: int, chosen: str, now: datetime) -> Stretch:
    """Return the last hours or days (a key of RANGES), the hour that is not over included."""
    hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    return Stretch(application_id, hour + timedelta(hours=1) - RANGES[chosen], now)


def is_measured(*, application_id: int) -> bool:
    """Whether anything was ever measured on an application's pages."""
    return VitalHour.objects.filter(application_id=application_id, dimension=Dimension.ALL).exists()


def summarise_member(
    stretch: Stretch, *, dimension: str = Dimension.ALL, member: str = ""
) -> tuple[dict[str, Summary], dict[str, Trend], Member]:
    """Return every vital of one member, how each went, and its tallies with failed assets among them; one query."""
    tallies: dict[str, Tally] = defaultdict(Tally)
    found: dict[str, list[tuple[datetime, Sketch]]] = defaultdict(list)
    rows = stretch.hours(dimension).filter(member=member)
    for name, hour, count, good, poor, data in rows.values_list("name", "hour", "count", "good", "poor", "sketch"):
        tallies[name] += Tally(count, good, poor)
        found[name].append((hour, Sketch.from_bytes(bytes(data))))
    sketches = {name: Sketch.merge(sketch for _, sketch in some) for name, some in found.items()}
    trends = {name: _make_trend(stretch, some) for name, some in found.items()}
    return summarise(tallies, sketches), trends, Member(member, tallies)


def list_members(stretch: Stretch, *, dimension: str, search: str = "") -> list[Member]:
    """Return the tallies of all members of a dimension; one query that reads no sketches."""
    hours = stretch.hours(dimension)
    if search:
        hours = hours.filter(member__icontains=search.replace("\x00", ""))
    rows = hours.values_list("member", "name").annotate(Sum("count"), Sum("good"), Sum("poor")).order_by()
    members: dict[str, dict[str, Tally]] = defaultdict(dict)
    for member, name, *sums in rows:
        members[member][name] = Tally(*sums)
    return [Member(name, tallies) for name, tallies in members.items()]


def summarise_members(
    stretch: Stretch, members: Sequence[Member], *, dimension: str, names: Iterable[str] = JUDGED
) -> dict[str, dict[str, Summary]]:
    """Return the named vitals of some members, by member; one query."""
    found: dict[str, dict[str, list[Sketch]]] = defaultdict(lambda: defaultdict(list))
    hours = stretch.hours(dimension).filter(member__in=[member.name for member in members], name__in=list(names))
    for member, name, data in hours.values_list("member", "name", "sketch").iterator(chunk_size=5000):
        found[member][name].append(Sketch.from_bytes(bytes(data)))
    return {
        member.name: summarise(member.tallies, {name: Sketch.merge(some) for name, some in found[member.name].items()})
        for member in members
    }


def merge_sketches(stretch: Stretch, *, page: str, names: Sequence[str]) -> dict[str, Sketch]:
    """Return the distributions of a page's vitals."""
    found: dict[str, list[Sketch]] = defaultdict(list)
    hours = stretch.hours(Dimension.PAGE).filter(member=page, name__in=names)
    for name, data in hours.values_list("name", "sketch"):
        found[name].append(Sketch.from_bytes(bytes(data)))
    return {name: Sketch.merge(some) for name, some in found.items()}


def _make_trend(stretch: Stretch, found: Sequence[tuple[datetime, Sketch]]) -> Trend:
    hours = max(1, int((stretch.end - stretch.start) / timedelta(hours=1)) + 1)
    per_step = -(-hours // MAX_BUCKETS)
    size = -(-hours // per_step)
    buckets: list[list[Sketch]] = [[] for _ in range(size)]
    for hour, sketch in found:
        place = int((hour - stretch.start) / timedelta(hours=per_step))
        if 0 <= place < size:
            buckets[place].append(sketch)
    step = timedelta(hours=per_step)
    return Trend(stretch.start, step, tuple(Sketch.merge(some) if some else None for some in buckets))
