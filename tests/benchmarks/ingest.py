"""Remote write into the whole product: 1,000 series, 24 hours at 15 seconds, batches of 2,000 points."""

from __future__ import annotations

import time

import numpy as np
import psycopg

from config.engines.locations import postgres_url
from tests.benchmarks.floors import measure_copy, running_empty_endpoint
from tests.benchmarks.load import Outcome, make_requests, make_series, make_values, send_all
from tests.benchmarks.report import Figure
from tests.support.product import Product

SERIES = 1_000
STEP_MS = 15_000
HOURS = 24
POINTS_PER_REQUEST = 2_000
CONNECTIONS = 4
WARM_UP_REQUESTS = 20
FLOOR_ROWS = 4_000_000


def measure(product: Product) -> list[Figure]:
    """Send a day of history and return the rate, its floors, latencies, and bytes per point once packed."""
    connection = product.connect("Bench ERP")
    key, url = str(connection["secret_key"]), str(connection["remote_write_url"])
    steps = HOURS * 3_600_000 // STEP_MS
    now_ms = int(time.time() * 1000) // STEP_MS * STEP_MS
    times = now_ms - STEP_MS * np.arange(steps, dtype=np.int64)[::-1]
    requests = make_requests(make_series(SERIES), times, make_values(SERIES, steps), per_request=POINTS_PER_REQUEST)
    conninfo = _conninfo(product)
    copy_rate = measure_copy(conninfo, rows=FLOOR_ROWS, rows_per_commit=POINTS_PER_REQUEST, connections=2)
    with running_empty_endpoint(workers=2, threads=4) as empty:
        floor = send_all(empty, requests[:1000], key=key, connections=CONNECTIONS)
    send_all(url, requests[:WARM_UP_REQUESTS], key=key, connections=CONNECTIONS)
    outcome = send_all(url, requests[WARM_UP_REQUESTS:], key=key, connections=CONNECTIONS)
    assert set(outcome.statuses) == {204}, outcome.statuses
    floors = f"COPY {copy_rate:,.0f}, empty endpoint {_rate(floor):,.0f}"
    return [
        Figure("ingest", "remote write, batches of 2,000", _rate(outcome), "points/s", aim="≥ 150,000", floor=floors),
        Figure("ingest", "… answer time, median", float(np.median(outcome.latencies)) * 1000, "ms"),
        Figure("ingest", "… answer time, p99", float(np.percentile(outcome.latencies, 99)) * 1000, "ms"),
        *_measure_disk(product, conninfo, points=SERIES * steps),
    ]


def _rate(outcome: Outcome) -> float:
    return outcome.requests * POINTS_PER_REQUEST / outcome.seconds


def _measure_disk(product: Product, conninfo: str, *, points: int) -> list[Figure]:
    """Pack what was sent and return what a point takes on disk, and how fast packing went."""
    before = _packed_rows(conninfo)
    started = time.perf_counter()
    product.manage("shell", "-v", "0", "-c", PACK)
    seconds = time.perf_counter() - started
    with psycopg.connect(conninfo, autocommit=True) as session:
        chunks, hours = (_size_of(session, table) for table in ("monitoring_point_chunk", "monitoring_rollup_hour"))
    packed = _packed_rows(conninfo)
    return [
        Figure(
            "ingest",
            "disk, packed points with their index",
            chunks / points,
            "bytes/point",
            aim="≤ 12",
            floor="bare row 52",
        ),
        Figure("ingest", "disk, 1-hour rollups", hours / points, "bytes/point"),
        Figure("ingest", "packing", (packed - before) / seconds, "points/s"),
    ]


PACK = """
import time
from datetime import UTC, datetime, timedelta
from monitoring.metrics.models import PointSlot
from monitoring.metrics.packing import pack_sealed_slots
from monitoring.metrics.slots import seal_open_slot
now = datetime.now(UTC)
seal_open_slot(now=now)
while PointSlot.objects.filter(packed_at=None, sealed_at__isnull=False).exists():
    # The worker may be packing one of them; what it has done is gone from this list.
    pack_sealed_slots(now=now + timedelta(minutes=1))
    time.sleep(0.1)
"""


def _packed_rows(conninfo: str) -> int:
    with psycopg.connect(conninfo, autocommit=True) as session:
        row = session.execute("SELECT coalesce(sum(rows), 0)::bigint FROM monitoring_pointslot").fetchone()
    assert row is not None
    return int(row[0])


def _size_of(session: psycopg.Connection[tuple[object, ...]], table: str) -> int:
    """Return the bytes of a partitioned table with its indexes."""
    row = session.execute(
        "SELECT sum(pg_total_relation_size(inhrelid))::bigint FROM pg_inherits WHERE inhparent = %s::regclass", [table]
    ).fetchone()
    assert row is not None
    return int(str(row[0]))


def _conninfo(product: Product) -> str:
    return postgres_url(product.data_dir)
