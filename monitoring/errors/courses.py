"""How often an issue happened over time, drawn with the releases that came meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.template.defaultfilters import date as format_date
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe

from config.bars import Bar, Flag, draw_bars


@dataclass(frozen=True, slots=True)
class Stretch:
    """A choice of time: what it is called, how many hours it has, and how many of them make one bar."""

    words: str
    hours: int
    per_bar: int


STRETCHES = {
    "48h": Stretch("2 days", 48, 1),
    "14d": Stretch("14 days", 14 * 24, 6),
    "90d": Stretch("90 days", 90 * 24, 24),
}
DEFAULT = "48h"


@dataclass(frozen=True, slots=True)
class Course:
    """A drawing and the table of what it shows, the newest step first."""

    drawing: SafeString
    rows: list[tuple[datetime, int]]
    total: int


def draw_course(
    hours: Sequence[int], stretch: Stretch, *, now: datetime, releases: Sequence[tuple[datetime, str]] = ()
) -> Course:
    """Return the course of counts by hour, the present hour last; `releases` are moments and versions."""
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=stretch.hours - 1)
    steps = [
        (start + timedelta(hours=place), sum(hours[place : place + stretch.per_bar]))
        for place in range(0, len(hours), stretch.per_bar)
    ]
    length = timedelta(hours=stretch.hours)
    flags = [Flag((at - start) / length, version) for at, version in releases if start <= at <= now]
    bars = [Bar(count, f"{_write(at)}: {count:,} event{'' if count == 1 else 's'}") for at, count in steps]
    svg = draw_bars(bars, label="Events over time", first=_write(start), last="now", flags=flags)
    # Numbers, dates, and versions that are escaped.
    return Course(mark_safe(svg), [step for step in reversed(steps) if step[1]], sum(hours))  # noqa: S308


def _write(moment: datetime) -> str:
    return format_date(timezone.localtime(moment), "D j M H:i")
