"""Who is on call in a schedule of layers and overrides: now, over a time, and who comes next. Pure.

A higher layer wins where it has somebody. Then the overrides apply, one after the other in their order, so that a later one
sees what the earlier ones left. Times are UTC instants; a time goes up to, not including, its end.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from alerts.oncall.rotations import Layer, People, Span, cut_duties, find_people, list_duties

#: How far `find_next_handoff` looks unless it is told how far: a year with its first day again.
HANDOFF_HORIZON = timedelta(days=366)
_FIRST_LOOK = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class Override:
    """People who take over for a time, whatever the layers say.

    `replaces` None: they take all of the time. Else it is a swap: they take only what this person has of it, and whoever is on
    call beside the person stays.
    """

    override_id: int
    starts_at: datetime
    ends_at: datetime
    people: People
    replaces: int | None = None


@dataclass(frozen=True, slots=True)
class Schedule:
    """Layers, the lowest priority first, and overrides, the earliest made first."""

    layers: tuple[Layer, ...] = ()
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Shift:
    """People on call for a time, in UTC, and why.

    `layer_id` is None where an override took all. `override_id` is the last override that changed it, None if none did.
    """

    start: datetime
    end: datetime
    people: People
    layer_id: int | None = None
    override_id: int | None = None


@dataclass(frozen=True, slots=True)
class Handoff:
    """When the people on call change, and from whom to whom; nobody is an empty tuple."""

    at: datetime
    before: People
    after: People


def find_on_call(schedule: Schedule, at: datetime) -> People:
    """Return who is on call at an instant, in the order of the turn; nobody is an empty tuple.

    Raises ValueError if `at` has no time zone.
    """
    at = _in_utc(at)
    found = (find_people(layer, at) for layer in reversed(schedule.layers))
    people: People = next((each for each in found if each), ())
    for override in schedule.overrides:
        if override.starts_at <= at < override.ends_at:
            people = _hand_over(override, people)
    return people


def list_shifts(schedule: Schedule, start: datetime, end: datetime) -> list[Shift]:
    """Return who is on call from `start` to `end`: sorted, disjoint, cut to the time, adjacent equal ones merged.

    Raises ValueError if a time has no time zone.
    """
    start, end = _in_utc(start), _in_utc(end)
    shifts = _list_layer_shifts(schedule.layers, start, end)
    for override in schedule.overrides:
        _apply(override, shifts, max(start, _in_utc(override.starts_at)), min(end, _in_utc(override.ends_at)))
    return _merge(shifts)


def list_gaps(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """Return when nobody is on call from `start` to `end`, sorted. Raises ValueError if a time has no time zone."""
    return _list_holes(Span(_in_utc(start), _in_utc(end)), list_shifts(schedule, start, end))


def find_next_handoff(schedule: Schedule, after: datetime, *, ahead: timedelta = HANDOFF_HORIZON) -> Handoff | None:
    """Return the first change of the people on call after an instant, None if there is none in the time `ahead` of it.

    A change to nobody, and one from nobody, are handoffs; one from layer to layer or turn to turn of the same people is not.
    Raises ValueError if `after` has no time zone.
    """
    after = _in_utc(after)
    people = find_on_call(schedule, after)
    look, start = _FIRST_LOOK, after
    while start < after + ahead:
        end = min(start + look, after + ahead)
        change = _find_change(people, list_shifts(schedule, start, end), start, end)
        if change is not None:
            return Handoff(change, people, find_on_call(schedule, change))
        start, look = end, 2 * look
    return None


def _in_utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone.")
    return moment.astimezone(UTC)


def _list_layer_shifts(layers: Iterable[Layer], start: datetime, end: datetime) -> list[Shift]:
    """Return what the layers say, from the highest on; a lower one is asked only where those above have nobody."""
    shifts: list[Shift] = []
    holes = [Span(start, end)] if start < end else []
    for layer in reversed(tuple(layers)):
        if not holes:
            break
        duties = cut_duties(list_duties(layer, holes[0].start, holes[-1].end), holes)
        if duties:
            shifts += [Shift(duty.start, duty.end, duty.people, layer.layer_id) for duty in duties]
            shifts.sort(key=_get_start)
            holes = _list_holes(Span(start, end), shifts)
    return shifts


def _list_holes(span: Span, shifts: Iterable[Shift]) -> list[Span]:
    holes = []
    at = span.start
    for shift in shifts:
        if at < shift.start:
            holes.append(Span(at, shift.start))
        at = shift.end
    if at < span.end:
        holes.append(Span(at, span.end))
    return holes


def _apply(override: Override, shifts: list[Shift], start: datetime, end: datetime) -> None:
    """Change the shifts from `start` to `end`, in place; they stay sorted and disjoint."""
    if start >= end:
        return
    first = bisect_right(shifts, start, key=_get_end)
    last = bisect_left(shifts, end, key=_get_start)
    touched = shifts[first:last]
    before = [replace(each, end=start) for each in touched[:1] if each.start < start]
    after = [replace(each, start=end) for each in touched[-1:] if each.end > end]
    inside = [replace(each, start=max(each.start, start), end=min(each.end, end)) for each in touched]
    shifts[first:last] = before + _take_over(override, inside, start, end) + after


def _take_over(override: Override, inside: list[Shift], start: datetime, end: datetime) -> list[Shift]:
    if override.replaces is None:
        taken = [Shift(start, end, override.people, None, override.override_id)]
    else:
        taken = [_swap(override, shift) for shift in inside]
    return [shift for shift in taken if shift.people]


def _swap(override: Override, shift: Shift) -> Shift:
    if override.replaces not in shift.people:
        return shift
    return replace(shift, people=_hand_over(override, shift.people), override_id=override.override_id)


def _hand_over(override: Override, people: People) -> People:
    """Return who is on call once an override has taken over from `people`; each person once."""
    if override.replaces is None:
        return override.people
    if override.replaces not in people:
        return people
    place = people.index(override.replaces)
    return tuple(dict.fromkeys(people[:place] + override.people + people[place + 1 :]))


def _merge(shifts: Iterable[Shift]) -> list[Shift]:
    merged: list[Shift] = []
    for shift in shifts:
        if merged and merged[-1].end == shift.start and _get_reason(merged[-1]) == _get_reason(shift):
            merged[-1] = replace(merged[-1], end=shift.end)
        else:
            merged.append(shift)
    return merged


def _find_change(people: People, shifts: list[Shift], start: datetime, end: datetime) -> datetime | None:
    """Return when others than `people` are on call for the first time between `start` and `end`."""
    at = start
    for shift in shifts:
        if at < shift.start and people:
            return at
        if shift.people != people:
            return shift.start
        at = shift.end
    return at if at < end and people else None


def _get_reason(shift: Shift) -> tuple[People, int | None, int | None]:
    return shift.people, shift.layer_id, shift.override_id


def _get_start(shift: Shift) -> datetime:
    return shift.start


def _get_end(shift: Shift) -> datetime:
    return shift.end
