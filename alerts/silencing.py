"""A silence before it is kept: checked as a whole, and how long the usual choices are. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alerts.routing.matchers import Matcher, MatcherInvalid, matches, parse_matchers, write_matchers

MAX_LENGTH = timedelta(days=90)
MAX_REASON_CHARACTERS = 500
MORNING = time(8)
#: The choices a person has, besides naming an end: by name, in words.
CHOICES = {
    "1h": "1 hour",
    "4h": "4 hours",
    "tomorrow": "Until tomorrow 08:00",
    "monday": "Until Monday 08:00",
}
_HOURS = {"1h": 1, "4h": 4}


class SilenceInvalid(Exception):
    """A silence that can't be. `errors` says why, in words, by field."""

    def __init__(self, errors: Mapping[str, str]) -> None:
        super().__init__(" ".join(errors.values()))
        self.errors = dict(errors)


@dataclass(frozen=True, slots=True)
class SilenceDraft:
    """What a silence is to be. `matchers`: text. `application_id` None: alerts of all applications."""

    matchers: str
    starts_at: datetime
    ends_at: datetime
    reason: str
    application_id: int | None = None


def check_silence(draft: SilenceDraft, *, now: datetime) -> None:
    """Raise SilenceInvalid, with all that is wrong, unless the silence can be kept. A beginning in the past means now."""
    errors = {name: message for name, message in _find_errors(draft, now) if message}
    if errors:
        raise SilenceInvalid(errors)


def judge_end(*, starts_at: datetime, ends_at: datetime, now: datetime) -> str:
    """Return what is wrong with a silence's end, empty if nothing is."""
    if ends_at <= now:
        return "It would be over already."
    if ends_at <= starts_at:
        return "It has to end after it begins."
    if ends_at - max(starts_at, now) > MAX_LENGTH:
        return f"A silence lasts {MAX_LENGTH.days} days at most. What nobody wants to hear of for longer needs no rule."
    return ""


def find_end(choice: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when a silence of one of CHOICES ends; mornings are those of `zone`. Raises KeyError."""
    if choice in _HOURS:
        return now + timedelta(hours=_HOURS[choice])
    today = now.astimezone(zone).date()
    days = {"tomorrow": 1, "monday": 7 - today.weekday()}[choice]
    return datetime.combine(today + timedelta(days=days), MORNING, tzinfo=zone).astimezone(UTC)


def describe_labels_as_matchers(labels: Mapping[str, str]) -> str:
    """Return the matchers that an alert with these labels meets, and hardly another."""
    own = {name: value for name, value in labels.items() if name not in {"application", "environment"}}
    ordered = sorted(own.items(), key=lambda pair: (pair[0] != "alertname", pair[0]))
    return write_matchers(Matcher(name, "=", value) for name, value in ordered)


def _find_errors(draft: SilenceDraft, now: datetime) -> list[tuple[str, str]]:
    reason = draft.reason.strip()
    return [
        ("matchers", _judge_matchers(draft)),
        ("ends_at", judge_end(starts_at=draft.starts_at, ends_at=draft.ends_at, now=now)),
        ("reason", "" if reason else "Say why: others will wonder why nobody was told."),
        (
            "reason",
            f"A reason can have {MAX_REASON_CHARACTERS} characters at most."
            if len(reason) > MAX_REASON_CHARACTERS
            else "",
        ),
    ]


def _judge_matchers(draft: SilenceDraft) -> str:
    try:
        matchers = parse_matchers(draft.matchers)
    except MatcherInvalid as error:
        return str(error)
    if draft.application_id is None and matches(matchers, {}):
        return (
            "This silences nearly every alert of every application: name a label that the alerts must have, "
            "or choose an application."
        )
    return ""
