"""Errors, from the door to the issue: genuine SDK envelopes, 16 connections, as fast as they go, then 200 a second."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Sequence

import psutil
import psycopg

from config.engines.locations import postgres_url
from tests.benchmarks.envelopes import collect_templates, make_envelopes
from tests.benchmarks.floors import measure_copy_of, running_empty_endpoint
from tests.benchmarks.memory import MEBIBYTE
from tests.benchmarks.report import Figure
from tests.benchmarks.sender import Sent, build_request, send_apart
from tests.support.product import Product

CONNECTIONS = 16
WARM_UP, SATURATED, CALM = 600, 10_000, 4_000
CALM_PER_SECOND = 200
DRAIN_SECONDS = 300
FLOOR_REQUESTS = 10_000
ROWS_PER_COMMIT = 100


def measure(product: Product) -> list[Figure]:
    """Send, wait until everything is grouped and queryable, count, and set it beside what the machine allows."""
    connection = product.connect("Bench errors")
    templates = collect_templates()
    url = f"{product.url}/api/{connection['application_id']}/envelope/"
    key = str(connection["dsn"]).partition("://")[2].partition("@")[0]
    requests = _build(url, key, templates, WARM_UP + SATURATED + CALM)
    warm, saturated, calm = requests[:WARM_UP], requests[WARM_UP : WARM_UP + SATURATED], requests[-CALM:]
    with psycopg.connect(postgres_url(product.data_dir), autocommit=True) as session:
        floors = _measure_floors(product, [request.partition(b"\r\n\r\n")[2] for request in saturated])
        send_apart(url, warm, connections=CONNECTIONS)
        _wait_until_digested(session)
        before, disk = _measure_cpu(product), _size_of_events(session)
        started = time.perf_counter()
        burst = send_apart(url, saturated, connections=CONNECTIONS)
        memory = _measure_memory(product)
        _wait_until_digested(session)
        seconds = time.perf_counter() - started
        used = {kind: value - before.get(kind, 0) for kind, value in _measure_cpu(product).items()}
        disk = _size_of_events(session) - disk
        quiet = send_apart(url, calm, connections=CONNECTIONS, per_second=CALM_PER_SECOND)
        _wait_until_digested(session)
        _assert_nothing_lost(session, int(connection["application_id"]), len(requests), [burst, quiet])
    cpu = ", ".join(f"{kind} {1000 * value / SATURATED:.2f}" for kind, value in sorted(used.items()) if value > 0.05)
    return [
        Figure("errors", "envelopes accepted, 16 connections", burst.rate, "/s", aim="≥ 800", floor=floors),
        Figure("errors", "… answer time, median", burst.percentile(50), "ms"),
        Figure("errors", "… answer time, p99", burst.percentile(99), "ms"),
        Figure("errors", "events end to end: accepted, grouped, queryable", SATURATED / seconds, "/s", aim="≥ 500"),
        Figure("errors", "… what still waited was digested after", max(0.0, seconds - burst.seconds), "s"),
        Figure("errors", f"… CPU per event ({cpu})", 1000 * sum(used.values()) / SATURATED, "ms"),
        Figure("errors", "… CPU of the load tool per event", 1000 * burst.cpu_seconds / SATURATED, "ms"),
        Figure("errors", "… memory under load, everything", memory, "MiB"),
        Figure("errors", "disk, events with their indexes", disk / SATURATED, "bytes/event"),
        Figure("errors", f"at {CALM_PER_SECOND}/s: answer time, median", quiet.percentile(50), "ms"),
        Figure("errors", "… p95", quiet.percentile(95), "ms"),
        Figure("errors", "… p99", quiet.percentile(99), "ms", aim="< 100"),
    ]


def _build(url: str, key: str, templates: Sequence[bytes], count: int) -> list[bytes]:
    headers = {
        "X-Sentry-Auth": f"Sentry sentry_key={key}, sentry_version=7, sentry_client=sentry.python/2.75.0",
        "Content-Type": "application/x-sentry-envelope",
        "Content-Encoding": "gzip",
        "User-Agent": "sentry.python/2.75.0",
    }
    return [build_request(url, body, headers) for body in make_envelopes(templates, count)]


def _measure_floors(product: Product, bodies: list[bytes]) -> str:
    """Return what an empty endpoint and bare rows of the same bytes allow."""
    with running_empty_endpoint(workers=2, threads=4) as empty:
        requests = [build_request(empty, body, {}) for body in bodies[:FLOOR_REQUESTS]]
        floor = send_apart(empty, requests, connections=CONNECTIONS)
    rows = measure_copy_of(postgres_url(product.data_dir), bodies, rows_per_commit=ROWS_PER_COMMIT)
    return f"empty endpoint {floor.rate:,.0f}, COPY {rows:,.0f}"


def _wait_until_digested(session: psycopg.Connection[tuple[object, ...]]) -> None:
    deadline = time.monotonic() + DRAIN_SECONDS
    while _ask(session, "SELECT count(*) FROM monitoring_error_inbox"):
        assert time.monotonic() < deadline, "the digest does not keep up"
        time.sleep(0.05)


def _assert_nothing_lost(
    session: psycopg.Connection[tuple[object, ...]], application_id: int, sent: int, answers: list[Sent]
) -> None:
    """Everything was acknowledged, and what was acknowledged is there once, in the counters too."""
    assert all(set(each.statuses) == {200} for each in answers), [each.statuses for each in answers]
    where = f"WHERE application_id = {application_id}"
    counts = {
        "events": _ask(session, f"SELECT count(DISTINCT event_id) FROM monitoring_errorevent {where}"),
        "rows": _ask(session, f"SELECT count(*) FROM monitoring_errorevent {where}"),
        "issues": _ask(session, f"SELECT sum(event_count) FROM monitoring_errorissue {where}"),
        "hours": _ask(session, f"SELECT sum(count) FROM monitoring_errorhour {where}"),
        "stored": _ask(session, f"SELECT sum(stored) FROM monitoring_lossaccount {where} AND signal = 'errors'"),
    }
    assert counts == dict.fromkeys(counts, sent), counts


def _ask(session: psycopg.Connection[tuple[object, ...]], query: str) -> int:
    row = session.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return int(str(row[0] or 0))


def _size_of_events(session: psycopg.Connection[tuple[object, ...]]) -> int:
    return _ask(
        session,
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits"
        " WHERE inhparent = 'monitoring_errorevent'::regclass",
    )


def _measure_cpu(product: Product) -> dict[str, float]:
    """Return the CPU seconds used so far, by kind of process; of PostgreSQL's sessions those that ended count with their parent."""
    used: dict[str, float] = defaultdict(float)
    for process in product.processes():
        try:
            times = process.cpu_times()
            used[_kind_of(process)] += times.user + times.system + times.children_user + times.children_system
        except psutil.Error:
            continue
    return dict(used)


def _measure_memory(product: Product) -> float:
    total = 0.0
    for process in product.processes():
        try:
            total += process.memory_full_info().pss / MEBIBYTE
        except psutil.Error:
            continue
    return total


def _kind_of(process: psutil.Process) -> str:
    command = " ".join(process.cmdline()) or process.name()
    kinds = {
        "granian": "web",
        "digest": "digest",
        "celery": "other workers",
        "postgres": "PostgreSQL",
        "valkey": "Valkey",
    }
    return next((name for word, name in kinds.items() if word in command), "rest")
