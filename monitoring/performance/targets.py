"""How fast an application has to answer: the product's targets. Pure.

Source: product section 1, “Targets” (answers, queries, error rate); limits of poor are those of the alert rules
(average response time 2 s, error rate 5 %, slow query 1 s).
"""

from __future__ import annotations

from dataclasses import dataclass

from config.admin.states import State
from monitoring.browser.targets import Target

AVERAGE = Target("average", "Average", "seconds from request to answer", 0.2, 2.0)
P95 = Target("p95", "95th percentile", "19 of 20 answers are faster", 0.5, 5.0)
ERROR_SHARE = Target("failed", "Failed", "answers with a status from 500 on", 0.01, 0.05, "ratio")
QUERY_AVERAGE = Target("average", "Average", "seconds of one query", 0.05, 1.0)
QUERY_P95 = Target("p95", "95th percentile", "19 of 20 queries are faster", 0.2, 1.0)
FEW = 20
"""Below so many, shares and percentiles say little."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """How everything stands, in a sentence."""

    state: State
    text: str


def judge_value(target: Target, value: float | None) -> State:
    """Return the state of a figure against its target; quiet where there is none."""
    if value is None:
        return State.QUIET
    if value < target.good:
        return State.WELL
    return State.BAD if value > target.poor else State.WATCH


def judge(*, count: int, average: float | None, p95: float | None, error_share: float | None) -> Verdict:
    """Return the answer to “is the application fast, and does it answer?”."""
    if not count or average is None or p95 is None or error_share is None:
        return Verdict(State.QUIET, "Nothing was asked of the application in this time")
    misses = []
    states = []
    for target, value, words in (
        (ERROR_SHARE, error_share, f"{error_share:.1%} of the answers fail".replace("%", " %")),
        (AVERAGE, average, f"an answer takes {_write(average)} on average"),
        (P95, p95, f"one answer in twenty takes longer than {_write(p95)}"),
    ):
        state = judge_value(target, value)
        if state is not State.WELL:
            misses.append(words)
            states.append(state)
    if not misses:
        return Verdict(State.WELL, f"The application answers quickly: {_write(average)} on average")
    text = " and ".join(misses)
    return Verdict(State.BAD if State.BAD in states else State.WATCH, text[:1].upper() + text[1:])


def _write(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
