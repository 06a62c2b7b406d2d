"""An on-call schedule as someone entered it, before it is saved: checked as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, time, timedelta

from alerts.oncall.rotations import Layer, People, Restriction, Rotation, find_instant, list_duties
from alerts.oncall.schedule import Override, Schedule
from monitoring.uptime.cron_lines import find_zone

MAX_NAME_CHARACTERS = 100
MAX_LAYERS = 50
MAX_OVERRIDES = 5000
MAX_TURNS = 100
MAX_PEOPLE_IN_A_TURN = 20
MAX_RESTRICTIONS = 50
MAX_INTERVAL = 365
MAX_OVERRIDE = timedelta(days=366)
MAX_CHANGES = 1000
"""Handoffs and windows of hours of all layers in a day; drawing the year of such a schedule takes a third of a second, five at worst."""
FIRST_YEAR, LAST_YEAR = 2000, 2100
#: Restrictions repeat every week; twice that, and the day on which clocks change hides none.
_LOOK = timedelta(days=15)


class ScheduleInvalid(Exception):
    """A schedule that can't be saved. `errors` says why, in words, by field.

    Fields of a layer are named like `layers.0.zone`, those of an override like `overrides.0.ends_at`.
    """

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {message}" for name, message in errors.items()))
        self.errors = dict(errors)


def check_schedule(name: str, schedule: Schedule) -> None:
    """Raise ScheduleInvalid, with all that is wrong, unless the schedule can be saved."""
    errors = {"name": _judge_name(name, "schedule"), "layers": _judge_layers(schedule.layers)}
    if len(schedule.overrides) > MAX_OVERRIDES:
        errors["overrides"] = f"A schedule can have {MAX_OVERRIDES} overrides at most."
    for index, layer in enumerate(schedule.layers[:MAX_LAYERS]):
        errors |= {f"layers.{index}.{field}": message for field, message in _find_layer_errors(layer)}
    for index, override in enumerate(schedule.overrides[:MAX_OVERRIDES]):
        errors |= {f"overrides.{index}.{field}": message for field, message in _find_override_errors(override)}
    _raise(errors)


def check_override(override: Override) -> None:
    """Raise ScheduleInvalid, with all that is wrong by the override's fields, unless it can be saved."""
    _raise(dict(_find_override_errors(override)))


def _raise(errors: Mapping[str, str]) -> None:
    wrong = {field: message for field, message in errors.items() if message}
    if wrong:
        raise ScheduleInvalid(wrong)


def _find_layer_errors(layer: Layer) -> list[tuple[str, str]]:
    errors = [
        ("name", _judge_name(layer.name, "layer")),
        ("zone", _judge_zone(layer.zone)),
        ("rotation", "" if layer.rotation in list(Rotation) else f"Choose one of {', '.join(Rotation)}."),
        ("interval", "" if 1 <= layer.interval <= MAX_INTERVAL else f"Choose 1 to {MAX_INTERVAL}."),
        ("participants", _judge_participants(layer.participants)),
        ("starts_at", _judge_wall(layer.starts_at)),
        ("ends_at", _judge_end(layer)),
        ("restrictions", _judge_restrictions(layer.restrictions)),
    ]
    if any(message for _, message in errors):
        return errors
    return _find_impossible(layer)


def _find_impossible(layer: Layer) -> list[tuple[str, str]]:
    """What only shows once each field is right by itself: a layer that never has anybody."""
    start = find_instant(layer.starts_at, layer.zone)
    end = start + _LOOK if layer.ends_at is None else min(start + _LOOK, find_instant(layer.ends_at, layer.zone))
    if start >= end:
        return [("ends_at", "It ends in the very moment in which it starts, because clocks change.")]
    if not list_duties(layer, start, end):
        return [("restrictions", "It never has anybody: it ends before the first of its hours comes.")]
    return []


def _find_override_errors(override: Override) -> list[tuple[str, str]]:
    return [
        ("starts_at", _judge_instant(override.starts_at)),
        ("ends_at", _judge_instant(override.ends_at) or _judge_length(override)),
        ("people", _judge_people(override.people, "It")),
        ("replaces", "Choose somebody else to take over." if override.replaces in override.people else ""),
    ]


def _judge_name(name: str, what: str) -> str:
    if not name.strip():
        return f"Give the {what} a name."
    if len(name.strip()) > MAX_NAME_CHARACTERS:
        return f"It has more than {MAX_NAME_CHARACTERS} characters."
    return "It contains a zero byte." if "\x00" in name else ""


def _judge_layers(layers: tuple[Layer, ...]) -> str:
    if not layers:
        return "Add a layer: without one, nobody is ever on call."
    if len(layers) > MAX_LAYERS:
        return f"A schedule can have {MAX_LAYERS} layers at most."
    changes = count_changes(layers)
    if changes > MAX_CHANGES:
        return (
            f"Its handoffs and windows of hours would be {changes:,.0f} a day; {MAX_CHANGES:,} are possible. "
            "Use longer turns, fewer windows or fewer layers."
        )
    return ""


def count_changes(layers: Iterable[Layer]) -> float:
    """Return how many handoffs layers have in a day, each cut by its windows of hours: what looking at it costs."""
    return sum(_count_handoffs(layer) * (1 + len(layer.restrictions)) for layer in layers)


def _count_handoffs(layer: Layer) -> float:
    return 24 / max(layer.interval, 1) if layer.rotation is Rotation.HOURLY else 1


def _judge_zone(zone: str) -> str:
    try:
        find_zone(zone)
    except ValueError as error:
        return str(error)
    return ""


def _judge_wall(moment: datetime) -> str:
    if moment.tzinfo is not None:
        return "Leave the offset out: it is a time on the clock of the layer's time zone."
    return _judge_moment(moment)


def _judge_instant(moment: datetime) -> str:
    return "Say in which time zone it is, or write it in UTC." if moment.tzinfo is None else _judge_moment(moment)


def _judge_moment(moment: datetime) -> str:
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        return f"Choose a day of the years {FIRST_YEAR} to {LAST_YEAR}."
    return "Choose a whole second." if moment.microsecond else ""


def _judge_end(layer: Layer) -> str:
    if layer.ends_at is None:
        return ""
    if message := _judge_wall(layer.ends_at):
        return message
    if layer.starts_at.tzinfo is None and layer.ends_at <= layer.starts_at:
        return "It must end after it starts."
    return ""


def _judge_length(override: Override) -> str:
    if override.starts_at.tzinfo is None:
        return ""
    if override.ends_at <= override.starts_at:
        return "It must end after it starts."
    if override.ends_at - override.starts_at > MAX_OVERRIDE:
        return f"It is longer than {MAX_OVERRIDE.days} days; change the layers instead."
    return ""


def _judge_participants(participants: tuple[People, ...]) -> str:
    if not participants:
        return "Add somebody: a layer without participants never has anybody."
    if len(participants) > MAX_TURNS:
        return f"A layer can have {MAX_TURNS} turns at most."
    return next(filter(None, (_judge_people(each, f"Turn {at}") for at, each in enumerate(participants, 1))), "")


def _judge_people(people: People, who: str) -> str:
    if not people:
        return f"{who} has nobody."
    if len(people) > MAX_PEOPLE_IN_A_TURN:
        return f"{who} has more than {MAX_PEOPLE_IN_A_TURN} people."
    return f"{who} names somebody twice." if len(set(people)) < len(people) else ""


def _judge_restrictions(restrictions: Iterable[Restriction]) -> str:
    restrictions = tuple(restrictions)
    if len(restrictions) > MAX_RESTRICTIONS:
        return f"A layer can have {MAX_RESTRICTIONS} windows of hours at most."
    return next(filter(None, (_judge_restriction(each, at) for at, each in enumerate(restrictions, 1))), "")


def _judge_restriction(restriction: Restriction, number: int) -> str:
    if not restriction.weekdays:
        return f"Window {number} has no weekday."
    if not restriction.weekdays <= set(range(7)):
        return f"Window {number} has a weekday that is none: Monday is 0, Sunday 6."
    if restriction.begins.tzinfo is not None or restriction.ends.tzinfo is not None:
        return f"Window {number}: leave the offset out; it is on the clock of the layer's time zone."
    if restriction.begins == restriction.ends and restriction.begins != time.min:
        return f"Window {number} ends when it begins. From 00:00 to 00:00 is a whole day."
    return (
        f"Window {number}: choose whole seconds."
        if restriction.begins.microsecond or restriction.ends.microsecond
        else ""
    )
