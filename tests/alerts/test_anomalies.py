"""Conditions for unusual values: what they find, what they leave alone, what they refuse."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from alerts.anomalies import Anomaly, Measure, write_condition
from alerts.conditions import BadCondition
from monitoring.metrics.promql import InstantVector, MemoryStorage, evaluate_instant, parse
from tests.monitoring.metrics.promql.builders import make_series


def ask(values: list[float], condition: str, *, step: timedelta) -> list[float]:
    """Return what a condition returns at the time of the last of `values`, one for each step."""
    seconds = int(step.total_seconds())
    series = make_series("orders", values, interval_s=seconds)
    answer = evaluate_instant(parse(condition), MemoryStorage([series]), seconds * (len(values) - 1) * 1000)
    assert isinstance(answer, InstantVector)
    return [value for _, value in answer.elements]


def usual(count: int) -> list[float]:
    return [float(value) for value in np.random.default_rng(7).normal(100, 5, count)]


@pytest.mark.parametrize(("last", "found"), [(100.0, False), (112.0, False), (150.0, True), (50.0, True)])
def test_day__value_far_from_the_median__is_found(last: float, found: bool) -> None:
    condition = write_condition(Anomaly("orders"))
    assert bool(ask([*usual(280), last], condition, step=timedelta(minutes=5))) is found


def test_day__outliers_in_the_past__do_not_widen_what_is_usual() -> None:
    past = [value if number % 10 else 1000.0 for number, value in enumerate(usual(280))]
    assert ask([*past, 150.0], write_condition(Anomaly("orders")), step=timedelta(minutes=5))


def test_day__values_that_never_change__are_left_alone() -> None:
    assert ask([5.0] * 280 + [6.0], write_condition(Anomaly("orders")), step=timedelta(minutes=5)) == []


@pytest.mark.parametrize(("last", "found"), [(200.0, False), (20.0, True)])
def test_weeks__busy_hour_of_every_week__is_usual_and_its_absence_is_not(last: float, found: bool) -> None:
    """Every week at this hour there are 200 orders, else about 100."""
    values = usual(3 * 7 * 24 + 1)
    for weeks in (1, 2, 3):
        values[-1 - weeks * 7 * 24] = 200.0
    values[-1] = last
    condition = write_condition(Anomaly("orders", Measure.WEEKS))
    assert bool(ask(values, condition, step=timedelta(hours=1))) is found


@pytest.mark.parametrize(
    "anomaly",
    [Anomaly(""), Anomaly("orders >"), Anomaly("sum(orders)"), Anomaly("orders", deviations=0.5), Anomaly("a) or (b")],
)
def test_write_condition__no_selector_or_no_measure__refused_with_words(anomaly: Anomaly) -> None:
    with pytest.raises(BadCondition):
        write_condition(anomaly)


def test_page__filled_in__opens_the_editor_with_the_condition(admin_client: Client) -> None:
    page = admin_client.get(reverse("admin:alerts_rule_unusual")).content.decode()
    assert "robust standard deviations" in page
    form = {"selector": "orders", "measure": "weeks", "deviations": "5"}
    editor = admin_client.post(reverse("admin:alerts_rule_unusual"), form, follow=True).content.decode()
    assert "orders is unusual" in editor
    assert "offset 3w" in editor


@pytest.mark.parametrize(("selector", "deviations"), [("orders >", "4"), ("orders", "99"), ("", "4")])
def test_page__wrong__says_why_and_keeps_what_was_typed(admin_client: Client, selector: str, deviations: str) -> None:
    form = {"selector": selector, "measure": "day", "deviations": deviations}
    page = admin_client.post(reverse("admin:alerts_rule_unusual"), form).content.decode()
    assert 'role="alert"' in page
