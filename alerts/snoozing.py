"""How long an alert is snoozed: the usual choices, or a time of one's own. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from alerts.silencing import CHOICES as SILENCES
from alerts.silencing import find_end

#: A snooze is for a moment; what is to be quiet for longer is silenced, with a reason.
MAX_LENGTH = timedelta(days=14)
OTHER = "other"
#: By name, in words.
CHOICES = {name: SILENCES[name] for name in ("1h", "4h", "tomorrow")}


class SnoozeInvalid(Exception):
    """A snooze that can't be; the message says why."""


def check_snooze_end(until: datetime, *, now: datetime) -> None:
    """Raise SnoozeInvalid unless alerts can be snoozed until then."""
    if until <= now:
        raise SnoozeInvalid("It would be over already.")
    if until - now > MAX_LENGTH:
        raise SnoozeInvalid(f"A snooze lasts {MAX_LENGTH.days} days at most. Silence what is to be quiet for longer.")


def find_snooze_end(choice: str, *, text: str, now: datetime, zone: ZoneInfo) -> datetime:
    """Return when a snooze of one of CHOICES ends, or at OTHER the time `text` on the clock of `zone`; raise SnoozeInvalid."""
    if choice in CHOICES:
        return find_end(choice, now=now, zone=zone)
    if choice != OTHER:
        raise SnoozeInvalid("Choose until when.")
    try:
        until = datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise SnoozeInvalid("Say until when.") from error
    check_snooze_end(until, now=now)
    return until
