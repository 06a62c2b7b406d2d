"""Escalation: which steps of a policy are to be taken now, and when the next one is due. Pure.

A policy is snapshotted onto a group when it begins to look for somebody, as the JSON that `write_steps` makes; editing the
policy later never changes a page that is under way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from alerts.oncall.rotations import find_instant

MAX_ROUNDS = 5
MAX_STEPS = 50
#: What one step reaches, as REST and imports take it.
MAX_TARGETS = 100


class StepKind(StrEnum):
    """What a step does."""

    WAIT = "wait"
    CHANNEL = "channel"
    PERSON = "person"
    SCHEDULE = "schedule"
    TEAM = "team"
    ROUND_ROBIN = "round_robin"
    IF_TIME = "if_time"
    IF_COUNT = "if_count"
    DECLARE_INCIDENT = "declare_incident"
    REPEAT = "repeat"


#: Steps that reach somebody.
REACHING = frozenset({StepKind.CHANNEL, StepKind.PERSON, StepKind.SCHEDULE, StepKind.TEAM, StepKind.ROUND_ROBIN})


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    `targets`: ids of channels, persons, a schedule or teams, by `kind`. `seconds`: how long to wait, or the time in which
    alerts are counted. `count`: go on only if more alerts than this began in that time; or how often to repeat. `start`
    and `end`: local time of `zone` between which the policy goes on (over midnight, if `end` is earlier), on `weekdays`
    (Monday is 0; empty: every day).
    """

    kind: StepKind
    targets: tuple[int, ...] = ()
    seconds: int = 0
    count: int = 0
    start: str = ""
    end: str = ""
    weekdays: tuple[int, ...] = ()
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where an escalation stands: the next step, how often it began anew, whether its wait is over."""

    position: int = 0
    rounds: int = 0
    waited: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look at an escalation leads to: steps to be taken now, where it stands then, when to look again.

    `due_at` None: it is at its end. `ended_because` says why, if a step ended it early.
    """

    take: tuple[Step, ...]
    cursor: Cursor
    due_at: datetime | None
    ended_because: str = ""


def advance(steps: Sequence[Step], cursor: Cursor, *, now: datetime, count_since: Callable[[timedelta], int]) -> Turn:
    """Return what is due. Call at the start and whenever `due_at` has come; `count_since` counts the alerts begun lately."""
    taken: list[Step] = []
    position, rounds, waited = cursor.position, cursor.rounds, cursor.waited
    # Each step once a look: a policy that repeats without a wait must not go round for ever.
    for _ in range(len(steps) + 1):
        if position >= len(steps):
            break
        step = steps[position]
        match step.kind:
            case StepKind.WAIT if not waited and step.seconds > 0:
                due = now + timedelta(seconds=step.seconds)
                return Turn(tuple(taken), Cursor(position, rounds, waited=True), due)
            case StepKind.IF_TIME if not is_within(step, now):
                return Turn(tuple(taken), Cursor(position, rounds), find_next_opening(step, now))
            case StepKind.IF_COUNT if count_since(timedelta(seconds=step.seconds)) <= step.count:
                return Turn(tuple(taken), Cursor(position, rounds), now + COUNT_AGAIN)
            case StepKind.REPEAT if rounds < min(step.count, MAX_ROUNDS):
                position, rounds, waited = 0, rounds + 1, False
                continue
            case kind if kind in REACHING or kind is StepKind.DECLARE_INCIDENT:
                taken.append(step)
        position, waited = position + 1, False
    return Turn(tuple(taken), Cursor(position, rounds), None)


#: A step that waits for more alerts looks again after this long.
COUNT_AGAIN = timedelta(seconds=30)


def is_within(step: Step, at: datetime) -> bool:
    """Say whether a moment is within the local hours of a step."""
    return any(start <= at < end for start, end in _list_stretches(step, at))


def find_next_opening(step: Step, at: datetime) -> datetime:
    """Return when the local hours of a step begin next, after `at`."""
    return next(start for start, end in _list_stretches(step, at) if at < start < end)


def find_errors(steps: Sequence[Step]) -> list[str]:
    """Return what is wrong with a policy's steps, in words, each naming its step by number; empty if nothing is."""
    return [words for _, words in find_placed_errors(steps)]


def find_placed_errors(steps: Sequence[Step]) -> list[tuple[int | None, str]]:
    """Return what is wrong with a policy's steps, in words, with the place of the step (from 0), None: all of them."""
    errors: list[tuple[int | None, str]] = [
        (place, f"Step {place + 1}: {wrong}") for place, step in enumerate(steps) if (wrong := _judge(step))
    ]
    if len(steps) > MAX_STEPS:
        errors.append((None, f"A policy can have {MAX_STEPS} steps at most."))
    if not any(step.kind in REACHING for step in steps):
        errors.append((None, "No step reaches anybody: add a channel, a person, a schedule or a team."))
    kinds = [step.kind for step in steps]
    if StepKind.REPEAT in kinds:
        if (place := kinds.index(StepKind.REPEAT)) != len(kinds) - 1:
            errors.append((place, "“Repeat” has to be the last step: nothing after it would be reached."))
        if not any(step.kind is StepKind.WAIT and step.seconds > 0 for step in steps):
            errors.append((None, "A policy that repeats needs a wait, or everybody would be told again at once."))
    return errors


def write_steps(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """Return steps as JSON, without what is empty."""
    return [
        {name: _plain(value) for name in Step.__slots__ if (value := getattr(step, name)) or name == "kind"}
        for step in steps
    ]


def read_steps(stored: Sequence[Mapping[str, Any]]) -> tuple[Step, ...]:
    """Return the steps of a snapshot."""
    return tuple(
        Step(
            **{
                **each,
                "kind": StepKind(each["kind"]),
                "targets": tuple(each.get("targets", ())),
                "weekdays": tuple(each.get("weekdays", ())),
            }
        )
        for each in stored
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, StepKind) else value


#: Far enough for hours of one weekday that the clock jumps over this week.
_LOOK_DAYS = 16


def _list_stretches(step: Step, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield when the local hours of a step begin and end, from those that began on the day before `at` on.

    Each belongs to the day on which it begins. Where clocks change, a local time is what it is for turns on call.
    """
    begins, ends = time.fromisoformat(step.start), time.fromisoformat(step.end)
    today = at.astimezone(ZoneInfo(step.zone)).date()
    for day in (today + timedelta(days=number) for number in range(-1, _LOOK_DAYS)):
        if _is_day(step, day.weekday()):
            last = day if begins <= ends else day + timedelta(days=1)
            yield (
                find_instant(datetime.combine(day, begins), step.zone),
                find_instant(datetime.combine(last, ends), step.zone),
            )


def _is_day(step: Step, weekday: int) -> bool:
    return not step.weekdays or weekday in step.weekdays


def _judge(step: Step) -> str:
    if step.kind is StepKind.WAIT and not 0 < step.seconds <= 7 * 86_400:
        return "choose a wait of 1 second to 7 days."
    if step.kind in REACHING and not step.targets:
        return "choose whom it reaches."
    if step.kind is StepKind.IF_COUNT and (step.count < 1 or not 60 <= step.seconds <= 86_400):
        return "count at least one alert, within 1 minute to 1 day."
    if step.kind is StepKind.REPEAT and not 1 <= step.count <= MAX_ROUNDS:
        return f"repeat 1 to {MAX_ROUNDS} times."
    if step.kind is StepKind.IF_TIME:
        return _judge_hours(step)
    return ""


def _judge_hours(step: Step) -> str:
    try:
        start, end = time.fromisoformat(step.start), time.fromisoformat(step.end)
    except ValueError:
        return "write the hours like 08:00 and 18:00."
    if start == end:
        return "the hours begin and end at the same time."
    try:
        ZoneInfo(step.zone)
    except (KeyError, ValueError, OSError):
        return f"“{step.zone}” is not a time zone; write one like Europe/Berlin."
    return "" if all(0 <= day <= 6 for day in step.weekdays) else "weekdays are 0 (Monday) to 6 (Sunday)."


def name_round(people: Sequence[int]) -> str:
    """Return by what a policy counts the turns of some people: those of one round-robin step that are still there."""
    return ",".join(str(each) for each in people)


def find_turn(people: Sequence[int], turns: Mapping[str, int]) -> int:
    """Return whose turn it is next; `turns`: how many were taken, by the name of the round."""
    return people[turns.get(name_round(people), 0) % len(people)]
