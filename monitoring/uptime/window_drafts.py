"""A maintenance window before it is saved: everything a person decides about it, checked as a whole. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from config.matchers import MatcherInvalid, parse_matchers
from monitoring.uptime.enums import EndAction
from monitoring.uptime.recurrence import (
    ONCE,
    Occurrence,
    Plan,
    Recurrence,
    RecurrenceInvalid,
    Repeat,
    check_plan,
    find_occurrence,
    list_next,
)

MAX_REASON_CHARACTERS = 200
FIRST_YEAR, LAST_YEAR = 2000, 2100


class WindowInvalid(Exception):
    """The window can't be planned; `errors` says why, in words, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class WindowDraft:
    """What a window is to be. `check_id` None: everything of the application. Times are those of its first occurrence.

    `matchers`: text; alerts without such labels are told of. `end_action`: a value of EndAction.
    """

    application_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    check_id: int | None = None
    time_zone: str = "UTC"
    recurrence: Recurrence = ONCE
    matchers: str = ""
    end_action: str = EndAction.RELEASE.value


def check_window(draft: WindowDraft, *, now: datetime) -> None:
    """Raise WindowInvalid, with all that is wrong, unless the window can be planned."""
    errors = _find_errors(draft)
    if not errors and find_time(draft, now=now) is None:
        errors["ends_at"] = "It would be over already."
    if errors:
        raise WindowInvalid(errors)


def find_time(draft: WindowDraft, *, now: datetime, after: datetime | None = None) -> Occurrence | None:
    """Return when it is open, or opens next, None if never again; with `after`, of those that open later than that.

    Raises RecurrenceInvalid.
    """
    if draft.recurrence.repeat is Repeat.NONE:
        # As it was given, whatever its zone: local times are not asked for.
        is_left = draft.ends_at > now and after is None
        return Occurrence(draft.starts_at, draft.ends_at) if is_left else None
    plan = make_plan(draft)
    found = find_occurrence(plan, now=now)
    while found is not None and after is not None and found.opens_at <= after:
        found = find_occurrence(plan, now=found.closes_at)
    return found


def list_times(draft: WindowDraft, *, now: datetime, limit: int) -> list[Occurrence]:
    """Return when it is open and opens next."""
    if draft.recurrence.repeat is Repeat.NONE:
        found = find_time(draft, now=now)
        return [found] if found else []
    return list_next(make_plan(draft), now=now, limit=limit)


def make_plan(draft: WindowDraft) -> Plan:
    """Return its times on the clock of its zone; raise RecurrenceInvalid if there is no such zone."""
    zone = Plan(draft.starts_at, draft.ends_at, draft.time_zone).find_zone()
    start, end = (at.astimezone(zone).replace(tzinfo=None, fold=0) for at in (draft.starts_at, draft.ends_at))
    return Plan(start, end, draft.time_zone, draft.recurrence)


def _find_errors(draft: WindowDraft) -> dict[str, str]:
    errors = _find_time_errors(draft)
    try:
        matchers = parse_matchers(draft.matchers)
    except MatcherInvalid as error:
        errors["matchers"] = str(error)
    else:
        if matchers and draft.check_id is not None:
            errors["matchers"] = "Choose a check or matchers: a check's window is for the alerts about it."
    if draft.end_action not in set(EndAction):
        errors["end_action"] = f"Choose one of {', '.join(EndAction)}."
    if len(draft.reason) > MAX_REASON_CHARACTERS:
        errors["reason"] = f"A reason can have {MAX_REASON_CHARACTERS} characters at most."
    return errors


def _find_time_errors(draft: WindowDraft) -> dict[str, str]:
    moments = {"starts_at": draft.starts_at, "ends_at": draft.ends_at}
    # Before anything is worked out: a moment at the edge of the calendar is beyond it in other zones.
    errors = {
        name: f"Choose a day of the years {FIRST_YEAR} to {LAST_YEAR}."
        for name, moment in moments.items()
        if not FIRST_YEAR <= moment.year <= LAST_YEAR
    }
    if not errors and draft.ends_at <= draft.starts_at:
        errors["ends_at"] = "It has to end after it begins."
    if errors:
        return errors
    try:
        check_plan(make_plan(draft))
    except RecurrenceInvalid as error:
        # A window that is there once may begin and end in the hour that comes twice.
        if error.field != "ends_at" or draft.recurrence.repeat is not Repeat.NONE:
            errors[error.field] = str(error)
    return errors
