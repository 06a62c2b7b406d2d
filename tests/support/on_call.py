"""Layers, schedules and instants for the tests of on call: short builders, and hypothesis strategies for random ones.

The random ones lie around changes of summer time, on a grid of 15 minutes, so that a stepper of 15 minutes sees all of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from alerts.oncall.rotations import Layer, People, Restriction, Rotation
from alerts.oncall.schedule import Override, Schedule

BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU = (
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
)
ZONES = (BERLIN, NEW_YORK, LORD_HOWE, KATHMANDU)
ANNA, BEN, CARLA, DAVID = 1, 2, 3, 4
STEP = timedelta(minutes=15)
DAY = timedelta(days=1)
WEEKDAYS = frozenset(range(5))
EVERY_DAY = frozenset(range(7))
#: Days before changes of summer time in the zones above: New York, Berlin, Lord Howe; then the same in autumn.
CHANGES = ((2026, 3, 6), (2026, 3, 27), (2026, 4, 3), (2026, 10, 2), (2026, 10, 23), (2026, 10, 30))


def wall(*parts: int) -> datetime:
    """Return a time on a wall clock."""
    return datetime(*parts)  # noqa: DTZ001


def utc(*parts: int) -> datetime:
    """Return an instant."""
    return datetime(*parts, tzinfo=UTC)


def make_layer(**changes: Any) -> Layer:
    """Return Anna and Ben by turns of days, handed over at 09:00 in Berlin from Monday, 5 January 2026 on."""
    values: dict[str, Any] = {
        "layer_id": 1,
        "name": "First line",
        "zone": BERLIN,
        "starts_at": wall(2026, 1, 5, 9),
        "rotation": Rotation.DAILY,
        "participants": ((ANNA,), (BEN,)),
    }
    return Layer(**values | changes)


def make_schedule(*layers: Layer, overrides: tuple[Override, ...] = ()) -> Schedule:
    """Return a schedule of layers, the lowest first."""
    return Schedule(layers or (make_layer(),), overrides)


clock_times = st.builds(time, hour=st.integers(0, 23), minute=st.sampled_from([0, 15, 30, 45]))


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Instants in the week around a change, on the grid."""
    return utc(*draw(st.sampled_from(CHANGES))) + STEP * draw(st.integers(0, 7 * 96))


@st.composite
def walls(draw: st.DrawFn) -> datetime:
    """Wall-clock times of the days around a change."""
    day = wall(*draw(st.sampled_from(CHANGES))) + timedelta(days=draw(st.integers(-10, 5)))
    return datetime.combine(day, draw(clock_times))


@st.composite
def restrictions(draw: st.DrawFn) -> Restriction:
    """Windows that are whole days or have a length; those that end earlier than they begin pass midnight."""
    begins, ends = draw(
        st.tuples(clock_times, clock_times).filter(lambda pair: pair[0] != pair[1] or pair[0] == time.min)
    )
    return Restriction(draw(st.frozensets(st.integers(0, 6), min_size=1)), begins, ends)


people = st.lists(st.sampled_from([ANNA, BEN, CARLA, DAVID]), min_size=1, max_size=2, unique=True).map(tuple)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    """Layers of any rotation that begin, and sometimes end, around a change."""
    starts_at = draw(walls())
    return Layer(
        layer_id=draw(st.integers(1, 9)),
        name="Layer",
        zone=draw(st.sampled_from(ZONES)),
        starts_at=starts_at,
        rotation=draw(st.sampled_from(list(Rotation))),
        participants=tuple(draw(st.lists(people, min_size=1, max_size=4))),
        interval=draw(st.integers(1, 3)),
        ends_at=draw(st.none() | st.integers(1, 1500).map(lambda steps: starts_at + steps * STEP)),
        restrictions=tuple(draw(st.lists(restrictions(), max_size=2))),
    )


@st.composite
def overrides(draw: st.DrawFn) -> Override:
    """Overrides and swaps of up to three days."""
    starts_at = draw(instants())
    return Override(
        override_id=draw(st.integers(1, 9)),
        starts_at=starts_at,
        ends_at=starts_at + STEP * draw(st.integers(1, 300)),
        people=draw(people),
        replaces=draw(st.none() | st.sampled_from([ANNA, BEN, CARLA, DAVID])),
    )


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    """Schedules of a few layers and overrides."""
    return Schedule(tuple(draw(st.lists(layers(), max_size=3))), tuple(draw(st.lists(overrides(), max_size=4))))


def take_over(people: People, others: People, replaces: int | None) -> People:
    """Return who is on call once others have taken over, from everybody or from one."""
    if replaces is None:
        return others
    named = [each for one in people for each in (others if one == replaces else [one])]
    return tuple(dict.fromkeys(named))


class Watcher:
    """Somebody who looks at a layer's clock and counts; a time has come once the clock has shown it or a later one."""

    def __init__(self, layer: Layer) -> None:
        self.layer = layer
        self.zone = ZoneInfo(layer.zone)
        self.shown = datetime.min  # noqa: DTZ901
        self.began: datetime | None = None

    def look(self, at: datetime) -> People:
        layer = self.layer
        self.shown = max(self.shown, at.astimezone(self.zone).replace(tzinfo=None))
        if self.shown < layer.starts_at:
            return ()
        self.began = self.began or at
        if layer.ends_at is not None and self.shown >= layer.ends_at:
            return ()
        if layer.restrictions and not any(self.is_open(each) for each in layer.restrictions):
            return ()
        passed = at - self.began if layer.rotation == Rotation.HOURLY else self.shown - layer.starts_at
        length = {Rotation.HOURLY: DAY / 24, Rotation.DAILY: DAY, Rotation.WEEKLY: 7 * DAY}[layer.rotation]
        return layer.participants[passed // (length * layer.interval) % len(layer.participants)]

    def is_open(self, restriction: Restriction) -> bool:
        today, now = self.shown.weekday(), self.shown.time()
        yesterday = (today - 1) % 7
        if restriction.begins < restriction.ends:
            return today in restriction.weekdays and restriction.begins <= now < restriction.ends
        return (today in restriction.weekdays and restriction.begins <= now) or (
            yesterday in restriction.weekdays and now < restriction.ends
        )
