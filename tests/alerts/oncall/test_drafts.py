"""What people enter as a schedule: each mistake is told by its field, and what passes is never empty."""

from __future__ import annotations

from datetime import datetime, time
from typing import Any

import pytest
from hypothesis import given

from alerts.oncall.drafts import ScheduleInvalid, check_override, check_schedule
from alerts.oncall.rotations import Layer, Restriction
from alerts.oncall.schedule import Override, Schedule
from tests.support.on_call import ANNA, BEN, WEEKDAYS, layers, make_layer, make_schedule, utc, wall

NIGHT = Restriction(WEEKDAYS, time(22), time(6))
SATURDAY = frozenset({5})


@pytest.mark.parametrize(
    ("changes", "errors"),
    [
        ({"name": " "}, {"name": "Give the layer a name."}),
        ({"name": "x" * 101}, {"name": "It has more than 100 characters."}),
        (
            {"zone": "Europe/Atlantis"},
            {"zone": "“Europe/Atlantis” is not a time zone. Write it like Europe/Berlin."},
        ),
        ({"rotation": "yearly"}, {"rotation": "Choose one of hourly, daily, weekly."}),
        ({"interval": 0}, {"interval": "Choose 1 to 365."}),
        ({"interval": 366}, {"interval": "Choose 1 to 365."}),
        ({"participants": ()}, {"participants": "Add somebody: a layer without participants never has anybody."}),
        ({"participants": ((ANNA,), ())}, {"participants": "Turn 2 has nobody."}),
        ({"participants": ((ANNA, ANNA),)}, {"participants": "Turn 1 names somebody twice."}),
        ({"participants": ((ANNA,),) * 101}, {"participants": "A layer can have 100 turns at most."}),
        ({"starts_at": datetime(1990, 1, 1)}, {"starts_at": "Choose a day of the years 2000 to 2100."}),  # noqa: DTZ001
        (
            {"starts_at": utc(2026, 1, 1)},
            {"starts_at": "Leave the offset out: it is a time on the clock of the layer's time zone."},
        ),
        ({"ends_at": wall(2026, 1, 5, 9)}, {"ends_at": "It must end after it starts."}),
        (
            {"restrictions": (NIGHT, Restriction(WEEKDAYS, time(9), time(9)))},
            {"restrictions": "Window 2 ends when it begins. From 00:00 to 00:00 is a whole day."},
        ),
        (
            {"restrictions": (Restriction(frozenset(), time(9), time(17)),)},
            {"restrictions": "Window 1 has no weekday."},
        ),
        (
            {"restrictions": (Restriction(frozenset({7}), time(9), time(17)),)},
            {"restrictions": "Window 1 has a weekday that is none: Monday is 0, Sunday 6."},
        ),
        (
            {"ends_at": wall(2026, 1, 9, 9), "restrictions": (Restriction(SATURDAY, time(9), time(17)),)},
            {"restrictions": "It never has anybody: it ends before the first of its hours comes."},
        ),
        (
            {"starts_at": wall(2026, 3, 29, 2), "ends_at": wall(2026, 3, 29, 3)},
            {"ends_at": "It ends in the very moment in which it starts, because clocks change."},
        ),
        (
            {"interval": 0, "zone": ""},
            {"interval": "Choose 1 to 365.", "zone": "“” is not a time zone. Write it like Europe/Berlin."},
        ),
    ],
)
def test_check_schedule__a_layers_mistake__told_by_its_field(changes: dict[str, Any], errors: dict[str, str]) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        check_schedule("Payments", make_schedule(make_layer(**changes)))

    assert refused.value.errors == {f"layers.0.{field}": message for field, message in errors.items()}


@pytest.mark.parametrize(
    "changes",
    [{}, {"restrictions": (NIGHT, Restriction(SATURDAY, time(0), time(0)))}, {"ends_at": wall(2026, 1, 5, 10)}],
    ids=["always", "nights and Saturdays", "an hour"],
)
def test_check_schedule__nothing_wrong_with_a_layer__passes(changes: dict[str, Any]) -> None:
    check_schedule("Payments", make_schedule(make_layer(**changes)))


@pytest.mark.parametrize(
    ("override", "errors"),
    [
        (Override(1, utc(2026, 1, 2), utc(2026, 1, 1), (ANNA,)), {"ends_at": "It must end after it starts."}),
        (Override(1, utc(2026, 1, 1), utc(2026, 1, 2), ()), {"people": "It has nobody."}),
        (
            Override(1, utc(2026, 1, 1), utc(2026, 1, 2), (ANNA, BEN), replaces=ANNA),
            {"replaces": "Choose somebody else to take over."},
        ),
        (
            Override(1, utc(2026, 1, 1), utc(2028, 1, 2), (ANNA,)),
            {"ends_at": "It is longer than 366 days; change the layers instead."},
        ),
        (
            Override(1, wall(2026, 1, 1), utc(2026, 1, 2), (ANNA,)),
            {"starts_at": "Say in which time zone it is, or write it in UTC."},
        ),
    ],
)
def test_check_override__a_mistake__told_by_its_field(override: Override, errors: dict[str, str]) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        check_override(override)

    assert refused.value.errors == errors


def test_check_schedule__mistakes_everywhere__all_are_told() -> None:
    override = Override(1, utc(2026, 1, 1), utc(2026, 1, 2), ())

    with pytest.raises(ScheduleInvalid) as refused:
        check_schedule("", make_schedule(make_layer(), make_layer(interval=0), overrides=(override,)))

    assert refused.value.errors == {
        "name": "Give the schedule a name.",
        "layers.1.interval": "Choose 1 to 365.",
        "overrides.0.people": "It has nobody.",
    }


@pytest.mark.parametrize(
    ("count", "message"),
    [
        (0, "Add a layer: without one, nobody is ever on call."),
        (51, "A schedule can have 50 layers at most."),
    ],
)
def test_check_schedule__no_or_too_many_layers__refused(count: int, message: str) -> None:
    with pytest.raises(ScheduleInvalid) as refused:
        check_schedule("Payments", Schedule((make_layer(),) * count))

    assert refused.value.errors == {"layers": message}


@given(layer=layers().filter(lambda each: each.ends_at is None))
def test_check_schedule__any_layer_without_end__has_somebody_some_day(layer: Layer) -> None:
    check_schedule("Payments", make_schedule(layer))
