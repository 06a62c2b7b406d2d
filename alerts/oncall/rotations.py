"""Whose turn it is in one layer of an on-call schedule. Pure.

Turns of days and weeks are counted on the clock of the layer's time zone: a handoff at 09:00 stays at 09:00 when summer time
begins or ends, and a day of 23 or 25 hours belongs to one turn as any other. Turns of hours are counted in hours that pass.

What a local time means where clocks change (`find_instant`): a time that the clock jumps over is the first moment after the
jump; a time that comes twice is the earlier one. A turn that lies within the jump has no length and is nobody's.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

#: The end of a layer that has none.
NEVER = datetime.max.replace(tzinfo=UTC)
_DAY = timedelta(days=1)

People = tuple[int, ...]


class Rotation(StrEnum):
    """What the length of a turn is counted in."""

    HOURLY = "hourly"
    DAILY = "daily"
    WEEKLY = "weekly"


_PERIODS = {Rotation.HOURLY: timedelta(hours=1), Rotation.DAILY: _DAY, Rotation.WEEKLY: 7 * _DAY}


@dataclass(frozen=True, slots=True)
class Restriction:
    """Local hours in which a layer counts, on the days of `weekdays` (0: Monday).

    A window that ends at or before the time at which it begins passes midnight and belongs to the day on which it begins;
    from 00:00 to 00:00 is the whole day.
    """

    weekdays: frozenset[int]
    begins: time
    ends: time


@dataclass(frozen=True, slots=True)
class Layer:
    """People who take turns.

    `starts_at` and `ends_at` are naive, on the clock of `zone` (an IANA name); `starts_at` is also the first handoff, so that
    its time of day, and its weekday if turns are weeks, are those of all of them. A turn lasts `interval` hours, days or weeks.
    `participants` are ids, in the order of their turns; those of one turn are on call together. Without `restrictions` a layer
    always counts, with some only within them; whose turn it is goes on outside.
    """

    layer_id: int
    name: str
    zone: str
    starts_at: datetime
    rotation: Rotation
    participants: tuple[People, ...]
    interval: int = 1
    ends_at: datetime | None = None
    restrictions: tuple[Restriction, ...] = ()


class Turn(NamedTuple):
    """One turn, from handoff to handoff, in UTC. `number` counts from 0, the layer's first."""

    number: int
    start: datetime
    end: datetime
    people: People


class Duty(NamedTuple):
    """A time, in UTC, in which a layer has somebody."""

    start: datetime
    end: datetime
    people: People


class Span(NamedTuple):
    """A time from `start` up to, not including, `end`, in UTC."""

    start: datetime
    end: datetime


def find_instant(wall: datetime, zone: str) -> datetime:
    """Return when a clock of `zone` shows `wall` (naive), in UTC.

    A time that the clock jumps over is the first moment after the jump, one that comes twice the earlier.
    """
    clock = ZoneInfo(zone)
    local = wall.replace(tzinfo=clock, fold=0)
    instant = local.astimezone(UTC)
    if instant.astimezone(clock).replace(tzinfo=None) == wall:
        return instant
    before_jump, after_jump = local.replace(fold=1).astimezone(UTC), instant
    return _find_jump(clock, before_jump, after_jump)


def find_people(layer: Layer, at: datetime) -> People:
    """Return who has the turn in a layer at an instant; nobody outside its life and its restrictions."""
    start, end = _find_life(layer)
    if not start <= at < end or not layer.participants:
        return ()
    if layer.restrictions and not any(window.start <= at < window.end for window in _iterate_windows(layer, at, at)):
        return ()
    return _find_participants(layer, find_turn_number(layer, at))


def find_turn_number(layer: Layer, at: datetime) -> int:
    """Return the number of the turn that an instant is in, counted from 0; negative before the layer starts."""
    if layer.rotation == Rotation.HOURLY:
        return (at - find_handoff(layer, 0)) // _find_period(layer)
    wall = at.astimezone(ZoneInfo(layer.zone)).replace(tzinfo=None, fold=0)
    number = (wall - layer.starts_at) // _find_period(layer)
    while find_handoff(layer, number + 1) <= at:
        number += 1
    while find_handoff(layer, number) > at:
        number -= 1
    return number


def find_handoff(layer: Layer, number: int) -> datetime:
    """Return when a turn begins, in UTC."""
    if layer.rotation == Rotation.HOURLY:
        return find_instant(layer.starts_at, layer.zone) + number * _find_period(layer)
    return find_instant(layer.starts_at + number * _find_period(layer), layer.zone)


def list_turns(layer: Layer, start: datetime, end: datetime) -> list[Turn]:
    """Return the turns that touch a time, whole, restrictions aside. Sorted and without holes; the last ends with its layer."""
    life_start, life_end = _find_life(layer)
    start, end = max(start, life_start), min(end, life_end)
    if start >= end or not layer.participants:
        return []
    number = find_turn_number(layer, start)
    turns = []
    begins = find_handoff(layer, number)
    while begins < end:
        ends = find_handoff(layer, number + 1)
        if begins < ends:
            turns.append(Turn(number, begins, min(ends, life_end), _find_participants(layer, number)))
        number, begins = number + 1, ends
    return turns


def list_duties(layer: Layer, start: datetime, end: datetime) -> list[Duty]:
    """Return when a layer has somebody, cut to a time and to its restrictions; sorted and disjoint."""
    turns = [turn for turn in list_turns(layer, start, end) if turn.people]
    return cut_duties(turns, _list_windows(layer, start, end) if layer.restrictions else [Span(start, end)])


def cut_duties(duties: Sequence[Turn | Duty], windows: Sequence[Span]) -> list[Duty]:
    """Return what of some duties lies within some windows. Each is sorted and disjoint, and so is the result."""
    cut = []
    at_duty = at_window = 0
    while at_duty < len(duties) and at_window < len(windows):
        duty, window = duties[at_duty], windows[at_window]
        start, end = max(duty.start, window.start), min(duty.end, window.end)
        if start < end:
            cut.append(Duty(start, end, duty.people))
        if duty.end <= window.end:
            at_duty += 1
        else:
            at_window += 1
    return cut


def _find_jump(clock: ZoneInfo, low: datetime, high: datetime) -> datetime:
    """Return the first second at which the clock differs from UTC as it does at `high`."""
    first, last = int(low.timestamp()), int(high.timestamp())
    offset = low.astimezone(clock).utcoffset()
    seconds = range(first, last + 1)
    at = bisect_left(
        seconds, True, key=lambda second: datetime.fromtimestamp(second, UTC).astimezone(clock).utcoffset() != offset
    )
    return datetime.fromtimestamp(seconds[at], UTC)


def _find_period(layer: Layer) -> timedelta:
    return layer.interval * _PERIODS[layer.rotation]


def _find_life(layer: Layer) -> Span:
    end = NEVER if layer.ends_at is None else find_instant(layer.ends_at, layer.zone)
    return Span(find_instant(layer.starts_at, layer.zone), end)


def _find_participants(layer: Layer, number: int) -> People:
    return layer.participants[number % len(layer.participants)]


def _iterate_windows(layer: Layer, start: datetime, end: datetime) -> Iterator[Span]:
    """Yield the windows of all days that may touch a time, neither sorted nor disjoint."""
    clock = ZoneInfo(layer.zone)
    day = start.astimezone(clock).date() - 2 * _DAY
    last = end.astimezone(clock).date()
    while day <= last:
        for restriction in layer.restrictions:
            if day.weekday() in restriction.weekdays:
                last_day = day if restriction.begins < restriction.ends else day + _DAY
                begins = find_instant(datetime.combine(day, restriction.begins), layer.zone)
                ends = find_instant(datetime.combine(last_day, restriction.ends), layer.zone)
                yield Span(begins, ends)
        day += _DAY


def _list_windows(layer: Layer, start: datetime, end: datetime) -> list[Span]:
    """Return when a layer's restrictions let it count, cut to a time; sorted and disjoint."""
    windows: list[Span] = []
    for window in sorted(_iterate_windows(layer, start, end)):
        begins, ends = max(window.start, start), min(window.end, end)
        if windows and begins <= windows[-1].end:
            windows[-1] = Span(windows[-1].start, max(windows[-1].end, ends))
        elif begins < ends:
            windows.append(Span(begins, ends))
    return windows
