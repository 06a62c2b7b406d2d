"""Local hours of policies and channels around changes of the clock, against somebody who watches the clock on the wall."""

from __future__ import annotations

from datetime import datetime, time

from hypothesis import given
from hypothesis import strategies as st

from alerts.channel_limits import QuietHours, find_quiet_end
from alerts.escalation import Step, StepKind, find_next_opening, is_within
from tests.alerts.weeks.clocks import EVERY_DAY, Hours
from tests.support.on_call import BERLIN, NEW_YORK, clock_times, instants

spans = st.tuples(clock_times, clock_times).filter(lambda pair: pair[0] != pair[1])
weekdays = st.sampled_from([EVERY_DAY, (5, 6), (6,)])


@given(span=spans, zone=st.sampled_from([BERLIN, NEW_YORK]), days=weekdays, at=instants())
def test_hours__any_around_a_change__as_the_clock_on_the_wall_shows_them(
    span: tuple[time, time], zone: str, days: tuple[int, ...], at: datetime
) -> None:
    start, end = span
    step = Step(StepKind.IF_TIME, start=f"{start:%H:%M}", end=f"{end:%H:%M}", zone=zone, weekdays=days)
    watched = Hours(start, end, zone, days)

    until = watched.find_end(at)

    assert is_within(step, at) == (until is not None)
    assert find_next_opening(step, at) == watched.find_opening(at)
    assert find_quiet_end(QuietHours(start, end, zone, days), at) == until
