"""Walking through a policy again gives the moments at which its steps were taken."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.escalation import Cursor, Step, StepKind
from alerts.retracing import Taken, foresee, retrace

T0 = datetime(2026, 3, 10, 12, tzinfo=UTC)
ADA, GRACE = Step(StepKind.PERSON, (1,)), Step(StepKind.PERSON, (2,))
WAIT = Step(StepKind.WAIT, seconds=600)


def at(minutes: int) -> datetime:
    return T0 + timedelta(minutes=minutes)


def test_retrace__waits_and_begins_anew__every_step_at_its_moment() -> None:
    steps = (ADA, WAIT, GRACE, Step(StepKind.WAIT, seconds=300), Step(StepKind.REPEAT, count=1))

    found = retrace(steps, began=T0, until=at(60))

    assert found == [Taken(0, at(0)), Taken(2, at(10)), Taken(0, at(15)), Taken(2, at(25))]


def test_retrace__over_before__nothing_after() -> None:
    assert retrace((ADA, WAIT, GRACE), began=T0, until=at(9)) == [Taken(0, at(0))]


def test_retrace__goes_on_if_more_alerts_began__at_the_first_look_after() -> None:
    many = Step(StepKind.IF_COUNT, seconds=600, count=1)

    found = retrace((many, ADA), began=T0, until=at(60), joined=[at(0), at(5)])

    assert found == [Taken(1, at(5))]


def test_foresee__waiting__the_next_time_of_every_step() -> None:
    steps = (ADA, WAIT, GRACE)

    assert foresee(steps, Cursor(1, 0, waited=True), due_at=at(10)) == {2: at(10)}


def test_foresee__behind_a_step_that_waits_for_alerts__nobody_knows() -> None:
    steps = (ADA, WAIT, Step(StepKind.IF_COUNT, seconds=600, count=5), GRACE)

    assert foresee(steps, Cursor(1, 0, waited=True), due_at=at(10)) == {}
