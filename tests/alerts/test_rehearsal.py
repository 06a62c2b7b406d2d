"""What a rule would have done over recorded answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from alerts.evaluation import Timing
from alerts.rehearsal import Firing, Step, rehearse

T0 = datetime(2026, 1, 1, tzinfo=UTC)


def minute(number: int) -> datetime:
    return T0 + timedelta(minutes=number)


def steps(*rows: str, cleared: tuple[str, ...] | None = None) -> list[Step]:
    """One step a minute; each row names the series that the condition returned."""
    gone = [None] * len(rows) if cleared is None else [set(row) for row in cleared]
    return [Step(minute(number), dict.fromkeys(row, 1.0), gone[number]) for number, row in enumerate(rows)]


def test_rehearse__without_for__fires_at_once_and_ends_with_the_condition() -> None:
    firings = rehearse(timing=Timing(), steps=steps("", "a", "ab", "b", "", "a"))

    assert firings == [
        Firing("a", minute(1), minute(3)),
        Firing("b", minute(2), minute(4)),
        Firing("a", minute(5), None),
    ]


def test_rehearse__for_and_keep_firing__as_the_state_machine_has_them() -> None:
    timing = Timing(hold=timedelta(minutes=2), keep_firing=timedelta(minutes=1))

    assert rehearse(timing=timing, steps=steps("a", "a", "", "a", "a", "a", "", "a", "", "")) == [
        Firing("a", minute(5), minute(9))
    ]


def test_rehearse__clear_condition__stays_until_cleared() -> None:
    found = rehearse(timing=Timing(), steps=steps("a", "", "", "", cleared=("", "", "a", "")))

    assert found == [Firing("a", minute(0), minute(2))]
