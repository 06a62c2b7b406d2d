"""What another event means for an issue."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitoring.errors.states import Happened, Standing, judge_event

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
MOMENTS = st.integers(-1000, 1000).map(lambda minutes: NOW + timedelta(minutes=minutes))


@given(since=MOMENTS, release=st.none() | MOMENTS, at=MOMENTS)
def test_resolved_in_a_release__older_releases__never_bring_it_back(
    since: datetime, release: datetime | None, at: datetime
) -> None:
    standing = Standing("resolved", 2, resolved_at=NOW, resolved_release_since=since)
    verdict = judge_event(standing, Happened(at, release))
    is_back = at > NOW and (release is None or release >= since)
    assert (verdict is not None) == is_back
    assert verdict is None or verdict[0] == "regressed"


@given(
    until=st.none() | MOMENTS,
    count=st.none() | st.integers(1, 20),
    users=st.none() | st.integers(1, 20),
    events=st.integers(1, 20),
    people=st.integers(0, 20),
)
def test_muted__several_ends__the_first_counts(
    until: datetime | None, count: int | None, users: int | None, events: int, people: int
) -> None:
    standing = Standing(
        "muted", events, muted_until=until, muted_until_count=count, user_count=people, muted_until_users=users
    )
    over = [
        until is not None and until <= NOW,
        count is not None and events >= count,
        users is not None and people >= users,
    ]
    assert (judge_event(standing, Happened(NOW, None)) is not None) == any(over)
