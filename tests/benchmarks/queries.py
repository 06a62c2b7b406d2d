"""PromQL over HTTP on 1,000 series: five minutes, a day, thirty days."""

from __future__ import annotations

import statistics
import time

import httpx
import psycopg

from config.engines.locations import postgres_url
from tests.benchmarks.report import Figure
from tests.support.product import Product

RUNS = 5
#: Half of the series, so that both kinds together make the thousand.
ALL_SERIES = "{__name__=~'bench_.+'}"
#: What, the expression, seconds and step of a range query (0: an instant one), the aim, and what a peer needed elsewhere.
CASES = (
    ("instant, 1,000 series, 5 min", f"avg_over_time({ALL_SERIES}[5m])", 0, 0, "", "Prometheus 2.42: 8 ms"),
    (
        "instant, 1,000 series, 24 h (5.76 M points)",
        f"avg_over_time({ALL_SERIES}[24h])",
        0,
        0,
        "< 1 s",
        "Prometheus 2.42: 311 ms",
    ),
    ("instant, 1,000 series, 24 h, p95", f"quantile_over_time(0.95, {ALL_SERIES}[24h])", 0, 0, "", ""),
    ("instant, 1,000 series, 30 d (hour rollups)", f"avg_over_time({ALL_SERIES}[30d])", 0, 0, "", ""),
    (
        "panel, 1 series, 24 h, 288 steps",
        "bench_temperature_celsius{shard='0'}",
        86_400,
        300,
        "",
        "Prometheus 2.42: 1.1 ms",
    ),
    ("panel, sum of rates of 500 series, 24 h, 288 steps", "sum(rate(bench_requests_total[5m]))", 86_400, 300, "", ""),
    (
        "panel, 1 series, 30 d, 360 steps",
        "avg_over_time(bench_temperature_celsius{shard='0'}[2h])",
        2_592_000,
        7_200,
        "",
        "",
    ),
)
DAYS = 30

#: Thirty days of hour rollups for the series that the ingest section made: what packing would have left behind.
FILL = """
from datetime import UTC, datetime, timedelta
from django.db import connection
from monitoring.metrics.partitions import HOURS, ensure_partitions_for
from monitoring.metrics.sketch import Sketch
import numpy as np
hour = 3_600_000
stop = int(datetime.now(UTC).timestamp() * 1000) // hour * hour - 24 * hour
start = stop - 29 * 24 * hour
ensure_partitions_for(HOURS, range(start, stop, 24 * hour))
sketch = Sketch.of(np.random.default_rng(3).normal(20, 5, 240)).to_bytes()
with connection.cursor() as cursor:
    cursor.execute('''
        INSERT INTO monitoring_rollup_hour (bucket, first_time, last_time, first, last, sum, min, max, increase,
                                            application, series, slot, count, sketch)
        SELECT bucket, bucket, bucket + 3585000, 20, 21, 4800 + random(), 10, 30, 100, application_id, id, 0, 240, %s
        FROM generate_series(%s::bigint, %s::bigint - 1, %s::bigint) AS bucket,
             (SELECT id, application_id FROM monitoring_metricseries WHERE name LIKE 'bench%%') AS series
        ORDER BY application_id, id, bucket''', [sketch, start, stop, hour])
    cursor.execute("ANALYZE")
"""


def measure(product: Product) -> list[Figure]:
    """Return the median time of each kind of question, asked over HTTP as Grafana would."""
    key = str(product.connect("Bench ERP")["secret_key"])
    with psycopg.connect(postgres_url(product.data_dir), autocommit=True) as session:
        row = session.execute("SELECT count(*) FROM monitoring_metricseries WHERE name LIKE 'bench%'").fetchone()
        assert row is not None
        assert row[0] == 1_000, "run the ingest section first: it makes the series"
    product.manage("shell", "-v", "0", "-c", FILL)
    figures = []
    with httpx.Client(
        base_url=f"{product.url}/prometheus/api/v1", headers={"Authorization": f"Bearer {key}"}, timeout=120
    ) as client:
        for what, query, seconds, step, aim, peer in CASES:
            elapsed = [_ask(client, query, seconds, step) for _ in range(RUNS + 1)][1:]
            figures.append(Figure("queries", what, statistics.median(elapsed) * 1000, "ms", aim=aim, floor=peer))
    return figures


def _ask(client: httpx.Client, query: str, seconds: int, step: int) -> float:
    """Return how long the answer took; an error or an empty answer ends the benchmark."""
    now = time.time()
    endpoint, parameters = "query", {"query": query, "time": str(now)}
    if step:
        endpoint, parameters = (
            "query_range",
            {"query": query, "start": str(now - seconds), "end": str(now), "step": str(step)},
        )
    started = time.perf_counter()
    answer = client.get(f"/{endpoint}", params=parameters)
    elapsed = time.perf_counter() - started
    assert answer.status_code == httpx.codes.OK, answer.text
    assert answer.json()["data"]["result"], f"nothing came back for {query}"
    return elapsed
