"""What is drawn of rules and alerts: the expression under the condition, with its threshold across."""

from __future__ import annotations

from datetime import datetime, timedelta

from alerts.conditions import BadCondition, split_comparison
from alerts.enums import Severity
from alerts.models import Alert
from monitoring.charts.explorer import guess_unit
from monitoring.charts.spec import Chart, Line, Mark, Threshold

BEFORE = timedelta(minutes=30)
AFTER = timedelta(minutes=15)
#: A chart's own limit on what it can show of an alert that has been open for weeks.
LONGEST = timedelta(days=7)


def draw_condition(
    condition: str, *, severity: str, application_id: int | None, title: str = "", range_seconds: int = 3 * 3600
) -> Chart | None:
    """Return the chart of a condition over the last hours; None if it can't be read."""
    drawn = _read(condition, severity)
    if drawn is None:
        return None
    line, thresholds = drawn
    return Chart(
        title=title or "Value and threshold",
        lines=(line,),
        unit=guess_unit(line.query),
        height="medium",
        thresholds=thresholds,
        application_id=application_id,
        range_seconds=range_seconds,
        fit_threshold=True,
        key="condition",
        empty="Nothing was reported in this time.",
    )


def draw_alert(alert: Alert, *, now: datetime) -> Chart | None:
    """Return the chart of an alert's condition around its firing; None without a rule to draw."""
    drawn = _read(alert.rule.condition, alert.severity) if alert.rule else None
    if drawn is None:
        return None
    line, thresholds = drawn
    start, end = _window(alert, now)
    return Chart(
        title="Around the firing" if alert.fired_at else "Since it is pending",
        lines=(line,),
        unit=guess_unit(line.query),
        height="medium",
        thresholds=thresholds,
        marks=tuple(_marks(alert)),
        application_id=alert.application_id,
        range_seconds=int((end - start).total_seconds()),
        start=None if alert.is_open else start.timestamp(),
        end=None if alert.is_open else end.timestamp(),
        fit_threshold=True,
        empty="These values are not kept any more.",
    )


def _read(condition: str, severity: str) -> tuple[Line, tuple[Threshold, ...]] | None:
    try:
        comparison = split_comparison(condition)
    except BadCondition:
        return None
    if comparison is None:
        return Line(condition), ()
    label = f"{comparison.operator} {comparison.threshold:g}"
    return Line(comparison.expression), (Threshold(comparison.threshold, Severity(severity).tone, label),)


def _window(alert: Alert, now: datetime) -> tuple[datetime, datetime]:
    end = now if alert.is_open else min(now, (alert.resolved_at or alert.last_seen_at) + AFTER)
    return max(alert.active_since - BEFORE, end - LONGEST), end


def _marks(alert: Alert) -> list[Mark]:
    marks = []
    if alert.fired_at != alert.active_since:
        marks.append(Mark(alert.active_since.timestamp(), "no data" if alert.is_no_data else "condition met", "watch"))
    if alert.fired_at:
        marks.append(Mark(alert.fired_at.timestamp(), "fired", "bad"))
    if alert.no_data_since and not alert.is_no_data:
        marks.append(Mark(alert.no_data_since.timestamp(), "no data", "watch"))
    if alert.resolved_at:
        marks.append(Mark(alert.resolved_at.timestamp(), "resolved", "well"))
    return marks
