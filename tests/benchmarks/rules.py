"""Ten thousand different rules over a thousand series that are reporting now, here and in Debian's Prometheus."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.benchmarks import unusual
from tests.benchmarks.load import make_requests, make_series, make_values, send_all
from tests.benchmarks.prometheus import read_evaluation, running_prometheus
from tests.benchmarks.report import Figure
from tests.support.product import Product

RULES = 10_000
SERIES = 1_000
RECENT_STEPS = 20
STEP_MS = 15_000

#: Every tenth rule is met: its fifth shape, with the lower bound.
SHAPES = (
    "bench_temperature_celsius{{shard='{even}'}} > 1e9",
    "avg_over_time(bench_temperature_celsius{{shard='{even}'}}[5m]) > 1e9",
    "rate(bench_requests_total{{shard='{odd}'}}[5m]) > 1e9",
    "sum by (job) (rate(bench_requests_total{{handler='/api/v1/resource/{handler}'}}[2m])) > 1e9",
    "max_over_time(bench_temperature_celsius{{shard='{even}'}}[2m]) > {bound}",
)

#: Makes the rules, then evaluates them as the worker does and tells how long each run took.
EVALUATE = """
import json, sys
from django.utils import timezone
from alerts.models import Rule
from alerts.services.evaluating import evaluate_rules
from monitoring.applications.models import Application
application = Application.objects.get(slug="bench-erp")
Rule.objects.bulk_create(
    Rule(name=f"Bench {number}", slug=f"bench-{number}", application=application, for_seconds=300, condition=condition)
    for number, condition in enumerate(json.load(open(CONDITIONS)))
)
runs = []
while len(runs) < 6:
    run = evaluate_rules(now=timezone.now())
    if run is not None:
        assert run.failed == 0, Rule.objects.exclude(last_error="").values_list("condition", "last_error")[:3]
        runs.append((run.rules, run.seconds))
Rule.objects.filter(slug__startswith="bench-").update(enabled=False)
print(json.dumps(runs[1:]))
"""


def make_conditions() -> list[str]:
    """Return the conditions, all different in their shard or shape as far as there are series."""
    return [
        SHAPES[number % 5].format(
            even=number // 2 * 2 % SERIES,
            odd=(number // 2 * 2 + 1) % SERIES,
            handler=number % 50 | 1,
            bound=(1e9, -1e9)[number // 5 % 2],
        )
        for number in range(RULES)
    ]


def measure(product: Product) -> list[Figure]:
    """Return the median time of one evaluation of all rules, beside Prometheus' with the same data."""
    connection, conditions = product.connect("Bench ERP"), make_conditions()
    with tempfile.TemporaryDirectory(prefix="postlaunch-bench-rules-") as name:
        directory = Path(name)
        with running_prometheus(directory, conditions, hold="5m") as peer:
            now_ms = int(time.time() * 1000)
            times = now_ms - STEP_MS * np.arange(RECENT_STEPS, dtype=np.int64)[::-1]
            values = make_values(SERIES, RECENT_STEPS)
            requests = make_requests(make_series(SERIES), times, values, per_request=1_000)
            for url, key in (
                (str(connection["remote_write_url"]), str(connection["secret_key"])),
                (f"{peer}/api/v1/write", ""),
            ):
                # One connection: Prometheus takes the samples of a series in their order only.
                outcome = send_all(url, requests, key=key, connections=1)
                assert set(outcome.statuses) == {204}, outcome.statuses
            their_rules, their_seconds = read_evaluation(peer)
            assert their_rules == RULES
        path = directory / "conditions.json"
        path.write_text(json.dumps(conditions))
        runs = json.loads(product.manage("shell", "-v", "0", "-c", f"CONDITIONS = {str(path)!r}\n{EVALUATE}"))
    seconds = float(np.median([seconds for _, seconds in runs]))
    beside = f"Prometheus 2.42: {their_seconds:.2f} s"
    plain = Figure("rules", f"{runs[0][0]:,} rules evaluated", seconds, "s", aim="< 15 s", floor=beside)
    return [plain, *unusual.measure(product)]
