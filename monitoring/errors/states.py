"""What another event means for an issue: is it back, is the silence over? Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

ONGOING_AFTER_DAYS = 7


@dataclass(frozen=True, slots=True)
class Standing:
    """What matters about an issue. `event_count` includes the event in question.

    `resolved_in_next`: it counts as resolved from the first release on that was seen after `resolved_at`;
    `resolved_release_since`: from the release on that was first seen then. `user_count` includes the event's person.
    """

    state: str
    event_count: int
    resolved_at: datetime | None = None
    resolved_in_next: bool = False
    resolved_release_since: datetime | None = None
    muted_until: datetime | None = None
    muted_until_count: int | None = None
    user_count: int = 0
    muted_until_users: int | None = None


@dataclass(frozen=True, slots=True)
class Happened:
    """An event. `release_since`: when its release was first seen; None if it names none."""

    received_at: datetime
    release_since: datetime | None


def judge_event(standing: Standing, event: Happened) -> tuple[str, str] | None:
    """Return the state that an event moves an issue to and why, None if it stays where it is."""
    if standing.state == "resolved":
        return _judge_resolved(standing, event)
    if standing.state == "muted":
        return judge_mute(standing, now=event.received_at)
    return None


def judge_mute(standing: Standing, *, now: datetime) -> tuple[str, str] | None:
    """Return where a muted issue goes because its silence is over, None while it is not."""
    if standing.muted_until is not None and now >= standing.muted_until:
        return "ongoing", "It was muted until now."
    if standing.muted_until_count is not None and standing.event_count >= standing.muted_until_count:
        return "ongoing", f"It was muted until its event number {standing.muted_until_count}."
    if standing.muted_until_users is not None and standing.user_count >= standing.muted_until_users:
        return "ongoing", f"It was muted until it had happened to {standing.muted_until_users} people."
    return None


def _judge_resolved(standing: Standing, event: Happened) -> tuple[str, str] | None:
    if standing.resolved_at is None or event.received_at <= standing.resolved_at:
        return None
    if standing.resolved_release_since is not None:
        return _judge_release(standing.resolved_release_since, event)
    if not standing.resolved_in_next:
        return "regressed", "It happened again after it was resolved."
    if event.release_since is None:
        return "regressed", "It happened again; the event names no release, so it may be the next one."
    if event.release_since > standing.resolved_at:
        return "regressed", "It happened in a release that came after the one it was resolved for."
    return None


def _judge_release(mended_since: datetime, event: Happened) -> tuple[str, str] | None:
    if event.release_since is None:
        return "regressed", "It happened again; the event names no release, so it may be one that should mend it."
    if event.release_since >= mended_since:
        return "regressed", "It happened in the release that should mend it, or in a later one."
    return None
