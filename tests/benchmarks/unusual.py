"""One rule for unusual values: fifty series, measured by their own last day or week at every evaluation."""

from __future__ import annotations

import json
import time

import numpy as np

from alerts.anomalies import Anomaly, Measure, write_condition
from tests.benchmarks.load import make_requests, make_series, make_values, send_all
from tests.benchmarks.report import Figure
from tests.support.product import Product

SERIES = 50
STEP_MS = 15_000
#: A week, less a little: what is older than points are kept is refused.
STEPS = 7 * 24 * 240 - 40
SELECTOR = '{__name__=~"bench_.+"}'
AIM_SECONDS = 1

#: Packs what was sent, evaluates as the worker does, and tells how long the one rule took each time.
EVALUATE = """
import json
from datetime import timedelta
from django.utils import timezone
from alerts.models import Rule
from alerts.services.evaluating import evaluate_rules
from monitoring.applications.models import Application
from monitoring.metrics.models import PointSlot
from monitoring.metrics.packing import pack_sealed_slots
from monitoring.metrics.slots import seal_open_slot
seal_open_slot(now=timezone.now())
while PointSlot.objects.filter(packed_at=None, sealed_at__isnull=False).exists():
    pack_sealed_slots(now=timezone.now() + timedelta(minutes=1))
application = Application.objects.get(slug="bench-unusual")
rule = Rule.objects.create(name="Unusual", slug=SLUG, application=application, condition=CONDITION)
runs = []
while len(runs) < 6:
    if evaluate_rules(now=timezone.now()) is None:
        continue
    rule.refresh_from_db()
    assert rule.last_error == "", rule.last_error
    runs.append(rule.last_duration_seconds)
Rule.objects.filter(pk=rule.pk).update(enabled=False)
print(json.dumps(runs[1:]))
"""


def measure(product: Product) -> list[Figure]:
    """Return the median time that such a rule takes of an evaluation, for each measure."""
    connection = product.connect("Bench unusual")
    now_ms = int(time.time() * 1000)
    times = now_ms - STEP_MS * np.arange(STEPS, dtype=np.int64)[::-1]
    requests = make_requests(make_series(SERIES), times, make_values(SERIES, STEPS), per_request=2_000)
    sent = send_all(str(connection["remote_write_url"]), requests, key=str(connection["secret_key"]), connections=2)
    assert set(sent.statuses) == {204}, sent.statuses
    figures = []
    for kind, words in ((Measure.DAY, "the last day"), (Measure.WEEKS, "earlier weeks")):
        condition = write_condition(Anomaly(SELECTOR, kind))
        printed = product.manage(
            "shell", "-v", "0", "-c", f"CONDITION, SLUG = {condition!r}, {f'bench-{kind}'!r}\n{EVALUATE}"
        )
        what = f"1 rule for unusual values, {SERIES} series × 7 d, by {words}"
        figures.append(Figure("rules", what, float(np.median(json.loads(printed))), "s", aim=f"< {AIM_SECONDS} s"))
    return figures
