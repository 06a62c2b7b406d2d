"""A thousand different rules over a thousand series that are reporting now."""

from __future__ import annotations

import json
import time

import numpy as np

from tests.benchmarks.load import make_requests, make_series, make_values, send_all
from tests.benchmarks.report import Figure
from tests.support.product import Product

SERIES = 1_000
RECENT_STEPS = 20
STEP_MS = 15_000

#: Makes the rules, then evaluates them as the worker does and tells how long each run took. Every tenth one fires.
EVALUATE = """
import json
from django.utils import timezone
from alerts.models import Rule
from alerts.services.evaluating import evaluate_rules
from monitoring.applications.models import Application
application = Application.objects.get(slug="bench-erp")
shapes = (
    "bench_temperature_celsius{{shard='{shard}'}} > 1e9",
    "avg_over_time(bench_temperature_celsius{{shard='{shard}'}}[5m]) > 1e9",
    "rate(bench_requests_total{{shard='{odd}'}}[5m]) > 1e9",
    "sum by (job) (rate(bench_requests_total{{handler='/api/v1/resource/{handler}'}}[2m])) > 1e9",
    "max_over_time(bench_temperature_celsius{{shard='{shard}'}}[2m]) > {bound}",
)
Rule.objects.bulk_create(
    Rule(
        name=f"Bench {number}", slug=f"bench-{number}", application=application, for_seconds=300,
        condition=shapes[number % 5].format(
            shard=number // 2 * 2, odd=number // 2 * 2 + 1, handler=number % 50 | 1, bound=(1e9, -1e9)[number % 2]
        ),
    )
    for number in range(1000)
)
runs = []
while len(runs) < 6:
    run = evaluate_rules(now=timezone.now())
    if run is not None:
        assert run.failed == 0, Rule.objects.exclude(last_error="").values_list("condition", "last_error")[:3]
        runs.append((run.rules, run.seconds))
print(json.dumps(runs[1:]))
"""


def measure(product: Product) -> list[Figure]:
    """Return the median time of one evaluation of all rules."""
    connection = product.connect("Bench ERP")
    now_ms = int(time.time() * 1000)
    times = now_ms - STEP_MS * np.arange(RECENT_STEPS, dtype=np.int64)[::-1]
    requests = make_requests(make_series(SERIES), times, make_values(SERIES, RECENT_STEPS), per_request=2_000)
    outcome = send_all(str(connection["remote_write_url"]), requests, key=str(connection["secret_key"]), connections=2)
    assert set(outcome.statuses) == {204}, outcome.statuses
    runs = json.loads(product.manage("shell", "-v", "0", "-c", EVALUATE))
    seconds = float(np.median([seconds for _, seconds in runs]))
    return [Figure("rules", f"{runs[0][0]:,} rules evaluated", seconds, "s", aim="< 5 s")]
