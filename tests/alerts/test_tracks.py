"""Leaving out the moments that tell nothing changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.evaluation import NO_TIME, Timing
from alerts.rehearsal import Step, rehearse
from alerts.tracks import CLEARED, MET, PRESENT, Habits, Moments, Tracks, count_telling, find_telling, play_tracks

T0 = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE_MS = 60_000
NAMES = "abc"
#: Stretches without a change: short ones, and some in which everything that can happen happens.
STRETCHES = st.lists(st.tuples(st.integers(0, 7), st.sampled_from([1, 1, 2, 3, 9, 40, 700])), min_size=1, max_size=12)


def lengths(*most: int) -> st.SearchStrategy[timedelta]:
    return st.sampled_from([timedelta(minutes=minutes) for minutes in most])


def follow_every_moment(tracks: Tracks, habits: Habits) -> list[Step]:
    return [
        Step(
            tracks.moments.at(number),
            {name: 1.0 for name, row in tracks.rows.items() if row[number] & MET},
            {name for name, row in tracks.rows.items() if row[number] & CLEARED} if habits.has_clear else None,
            {name for name, row in tracks.rows.items() if row[number] & PRESENT} if habits.no_data_after else None,
        )
        for number in range(tracks.moments.count)
    ]


def make_tracks(stretches: list[list[tuple[int, int]]], step_minutes: int) -> Tracks:
    rows = [np.repeat([mark for mark, _ in row], [count for _, count in row]).astype(np.uint8) for row in stretches]
    count = max(row.size for row in rows)
    end = int(T0.timestamp() * 1000) + (count - 1) * step_minutes * MINUTE_MS
    padded = [np.pad(row, (0, count - row.size)) for row in rows]
    return Tracks(Moments(end, step_minutes * MINUTE_MS, count), dict(zip(NAMES, padded, strict=False)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(STRETCHES, min_size=1, max_size=3),
    st.builds(
        Habits,
        st.builds(Timing, lengths(0, 2, 5, 300), lengths(0, 3, 20)),
        st.sampled_from([NO_TIME, timedelta(minutes=10), timedelta(hours=1)]),
        st.booleans(),
    ),
    st.sampled_from([1, 3, 10]),
)
def test_play_tracks__any_history__fires_as_if_every_moment_was_judged(
    stretches: list[list[tuple[int, int]]], habits: Habits, step_minutes: int
) -> None:
    tracks = make_tracks(stretches, step_minutes)
    whole = rehearse(
        timing=habits.timing, steps=follow_every_moment(tracks, habits), no_data_after=habits.no_data_after
    )

    assert sorted(play_tracks(tracks, habits), key=repr) == sorted(whole, key=repr)


def test_find_telling__quiet_for_a_month__a_handful() -> None:
    row = np.zeros(43_200, np.uint8)
    row[20_000:20_010] = MET

    found = find_telling(row, Habits(Timing(timedelta(minutes=2))), MINUTE_MS)

    assert found.tolist() == [
        *range(7), 19_999, *range(20_000, 20_007), 20_009, *range(20_010, 20_017), 43_199
    ]  # fmt: skip


def test_count_telling__part_of_the_time__counts_that_part() -> None:
    tracks = make_tracks([[(0, 100), (MET, 100)]], 1)

    assert count_telling(tracks, Habits(Timing()), 100, 200) == 6
    assert play_tracks(tracks, Habits(Timing()), since=100)[0].fired_at == T0 + timedelta(minutes=100)
