"""Conditions for values that are unusual, without a threshold that somebody has to know. Pure.

Two measures, both robust: a few outliers in the past do not widen what counts as usual.

- against the last day: the distance from the median, in robust standard deviations (1.4826 · MAD, which is the standard
  deviation of normally distributed values). Source: Iglewicz and Hoaglin, "How to Detect and Handle Outliers", 1993.
- against the same time of earlier weeks: the distance of an hour's mean from the mean of the same hour one, two and three
  weeks ago, in robust standard deviations of the last week.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from alerts.conditions import BadCondition, check_condition

#: A robust standard deviation of normally distributed values is this many median absolute deviations.
NORMAL = 1.4826
LEAST, MOST = 2.0, 20.0


class Measure(StrEnum):
    """What a value is compared with."""

    DAY = "day"
    WEEKS = "weeks"


@dataclass(frozen=True, slots=True)
class Anomaly:
    """What is to be watched: a selector like `orders_total{shop="a"}`, compared how, from how many deviations on."""

    selector: str
    measure: Measure = Measure.DAY
    deviations: float = 4.0


def write_condition(anomaly: Anomaly) -> str:
    """Return the condition in PromQL; raise BadCondition if the selector is not one or the deviations are out of bounds.

    A series whose values never change has no deviation to measure by, and never meets it.
    """
    if not LEAST <= anomaly.deviations <= MOST:
        raise BadCondition(f"Choose {LEAST:g} to {MOST:g} deviations; 3 is often, 6 is rare.")
    selector = anomaly.selector.strip()
    # Asked as a range, so that nothing but a plain selector passes.
    check_condition(f"last_over_time({selector}[5m]) > 0" if selector else "")
    limit = f"{anomaly.deviations:g} * {NORMAL:g}"
    if anomaly.measure is Measure.DAY:
        distance = f"abs({selector} - quantile_over_time(0.5, {selector}[1d]))"
        spread = f"mad_over_time({selector}[1d])"
    else:
        hour = f"avg_over_time({selector}[1h]"
        usual = " + ".join(f"{hour} offset {weeks}w)" for weeks in (1, 2, 3))
        distance = f"abs({hour}) - ({usual}) / 3)"
        spread = f"mad_over_time({selector}[7d])"
    condition = f"{distance} > {limit} * ({spread} > 0)"
    check_condition(condition)
    return condition
