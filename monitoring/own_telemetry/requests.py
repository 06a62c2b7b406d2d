"""The product's own requests and jobs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from monitoring.browser.pages import clean_url
from monitoring.own_telemetry.recorder import add_record, recorder
from monitoring.own_telemetry.sampling import JOB_SHARE, SLOW_REQUEST_SECONDS, draw, find_share, find_weight, is_silent
from monitoring.own_telemetry.surroundings import Surroundings, enter, find_surroundings
from monitoring.performance.records import MAX_ENDPOINT, RequestRecord
from monitoring.releases.records import make_user_key

GetResponse = Callable[[HttpRequest], HttpResponse]
SIGNAL = "transactions"


class RecordOwnRequests:
    """Middleware that times each request. It does not read bodies, queries or cookies."""

    def __init__(self, get_response: GetResponse) -> None:
        if not settings.RECORD_ITSELF:
            raise MiddlewareNotUsed("RECORD_ITSELF is off")
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request, then keep what there is to say about it."""
        if is_silent(request.path):
            return self.get_response(request)
        share = find_share(request.method or "", request.path)
        around = Surroundings(
            lambda: find_endpoint(request),
            is_kept=draw(share),
            method=request.method or "",
            url=clean_url(request.path),
            share=share,
        )
        enter(around)
        started = time.perf_counter()
        status = 500
        try:
            response = self.get_response(request)
            status = response.status_code
            return response
        finally:
            enter(None)
            _keep(around, seconds=time.perf_counter() - started, status=status, user_key=_find_user_key(request))


def find_endpoint(request: HttpRequest) -> str:
    """Return the route that Django matched, as other programs' routes are written: /api/v1/issues/{pk}/."""
    match = request.resolver_match
    if match is None:
        return "(no such address)"
    route = match.route.replace("(?P<", "<").replace("^", "").replace("/?$", "/").replace("$", "").replace("\\", "")
    parts = [_name_part(part) for part in f"/{route}".split("/")]
    return "/".join(parts)[:MAX_ENDPOINT]


def _name_part(part: str) -> str:
    if not part.startswith("<"):
        return part
    return "{" + part[1:].partition(">")[0].rpartition(":")[2] + "}"


def _find_user_key(request: HttpRequest) -> bytes | None:
    # Only who was looked up anyway: asking would be a query more.
    user = request.__dict__.get("_cached_user")
    return make_user_key(str(user.pk)) if user is not None and user.is_authenticated else None


_seen_jobs: set[str] = set()
"""Jobs of this process; there are as many as the code has."""


def begin_job(sender: Any = None, task: Any = None, **_: Any) -> None:
    """Celery is about to run a task."""
    name = str(getattr(task, "name", "job"))
    # The first run stands for itself, so that every job is seen soon.
    share = JOB_SHARE if name in _seen_jobs else 1
    _seen_jobs.add(name)
    around = Surroundings(lambda: name, is_kept=draw(share), share=share)
    enter(around)
    task.request.own_started = time.perf_counter()


def end_job(sender: Any = None, task: Any = None, state: str | None = None, **_: Any) -> None:
    """Celery ran a task."""
    around = find_surroundings()
    started = getattr(task.request, "own_started", None)
    enter(None)
    if around is not None and started is not None:
        _keep(around, seconds=time.perf_counter() - started, failed=state == "FAILURE")


def _keep(
    around: Surroundings, *, seconds: float, status: int = 0, failed: bool = False, user_key: bytes | None = None
) -> None:
    failed = failed or status >= 500
    is_remarkable = failed or seconds >= SLOW_REQUEST_SECONDS
    weight = find_weight(is_drawn=around.is_kept, share=around.share, is_remarkable=is_remarkable)
    if not weight:
        recorder.leave_out(SIGNAL)
        return
    record: dict[str, Any] = {
        "started_at": datetime.now(UTC) - timedelta(seconds=seconds),
        "duration": seconds,
        "endpoint": around.describe(),
        "method": around.method,
        "status": status,
        "failed": failed,
        "url": around.url,
        "user_key": user_key,
        "trace_id": around.trace_id,
        "weight": weight,
    }
    add_record(lambda application_id: RequestRecord(application_id, **record), signal=SIGNAL)
