"""The product's own database queries, noticed by a wrapper around each connection's cursor."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from monitoring.own_telemetry.recorder import add_record, recorder
from monitoring.own_telemetry.sampling import JOB_SHARE, SLOW_QUERY_SECONDS, draw, find_weight
from monitoring.own_telemetry.surroundings import find_surroundings, is_paused
from monitoring.performance.records import MAX_STATEMENT, QueryRecord

SIGNAL = "queries"


def watch_connection(connection: Any = None, **_: Any) -> None:
    """Have a new connection's queries timed."""
    if time_query not in connection.execute_wrappers:
        connection.execute_wrappers.append(time_query)


def time_query(
    execute: Callable[..., Any], statement: Any, parameters: Any, many: bool, context: dict[str, Any]
) -> Any:
    """Run a query; keep how long it took. Its parameters are counted, never read."""
    if is_paused():
        return execute(statement, parameters, many, context)
    started = time.perf_counter()
    failed = True
    try:
        answer = execute(statement, parameters, many, context)
        failed = False
        return answer
    finally:
        _keep(statement, parameters, many=many, seconds=time.perf_counter() - started, failed=failed)


def _keep(statement: Any, parameters: Any, *, many: bool, seconds: float, failed: bool) -> None:
    around = find_surroundings()
    share, is_drawn = (around.share, around.is_kept) if around is not None else (JOB_SHARE, draw(JOB_SHARE))
    weight = find_weight(is_drawn=is_drawn, share=share, is_remarkable=failed or seconds >= SLOW_QUERY_SECONDS)
    if not weight:
        recorder.leave_out(SIGNAL)
        return
    record: dict[str, Any] = {
        "started_at": datetime.now(UTC) - timedelta(seconds=seconds),
        "duration": seconds,
        "statement": str(statement)[:MAX_STATEMENT],
        "system": "postgresql",
        "parameter_count": len(parameters) if parameters is not None and not many else None,
        "failed": failed,
        "endpoint": around.describe() if around is not None else "",
        "trace_id": around.trace_id if around is not None else "",
        "weight": weight,
    }
    add_record(lambda application_id: QueryRecord(application_id, **record), signal=SIGNAL)
