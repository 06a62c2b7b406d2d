"""What rules and charts read of pages."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest
import time_machine

from alerts.models import Alert, Rule
from alerts.services.builtin import install_rules
from monitoring.applications.models import Application
from monitoring.browser.services.measuring import record_vitals
from monitoring.charts.now import read_now
from tests.support.alerts import evaluate, make_channel, moment
from tests.support.metrics import NOW, make_application
from tests.support.vitals import measure

pytestmark = pytest.mark.django_db


def ask(application: Application, query: str) -> list[tuple[dict[str, str], float]]:
    found = read_now(application.pk, {"q": query})["q"]
    return [({name: value for name, value in labels.items() if name != "__name__"}, value) for labels, value in found]


def test_record_vitals__last_hour__is_exact_and_rated() -> None:
    with time_machine.travel(NOW, tick=False):
        application = make_application()
        values = [0.5, 1.5, 2.4, 2.6, 3.9, 4.1, 8.0]
        measure(application, NOW, "lcp", *values)
        measure(application, NOW - timedelta(hours=2), "lcp", 50.0)
        measure(application, NOW, "cls", 0.3)
        measure(application, NOW, "asset_failed", 0.0, 0.0)
        record_vitals(now=NOW)
        assert ask(application, "browser_web_vital_p75_seconds") == [({"vital": "lcp"}, np.quantile(values, 0.75))]
        assert ask(application, "browser_cumulative_layout_shift_p75") == [({}, 0.3)]
        rated = ask(application, 'browser_web_vital_measurements{vital="lcp"}')
        assert {labels["rating"]: value for labels, value in rated} == {"good": 3, "needs_work": 2, "poor": 2}
        assert ask(application, "browser_page_views") == [({}, 7)]
        assert ask(application, "browser_failed_assets") == [({}, 2)]


def test_record_vitals__nothing_measured__records_nothing() -> None:
    make_application()
    assert record_vitals(now=NOW) == 0


def watch(application: Application, *, minutes: int, **values: float) -> list[Alert]:
    """Record and ask the rules for some minutes; return the alerts."""
    for minute in range(minutes):
        at: datetime = moment(60 * minute)
        with time_machine.travel(at, tick=False):
            record_vitals(now=at)
            evaluate(60 * minute)
    return list(Alert.objects.order_by("pk"))


@pytest.mark.parametrize(("views", "value", "fires"), [(50, 3.0, True), (49, 3.0, False), (60, 2.4, False)])
def test_rule__largest_content_slow_for_enough_views__warns(views: int, value: float, fires: bool) -> None:
    make_channel(is_default=True)
    install_rules()
    Rule.objects.exclude(builtin_key="web-vitals-lcp").update(enabled=False)
    with time_machine.travel(NOW, tick=False):
        application = make_application()
        measure(application, NOW, "lcp", *[value] * views)
    alerts = [(alert.severity, alert.state) for alert in watch(application, minutes=12)]
    assert alerts == ([("warning", "firing")] if fires else [])
