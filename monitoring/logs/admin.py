"""The page of log lines: search, narrow, and go on to the trace, the release or the errors of a line."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from config.admin.pages import admin_page
from config.exports import make_csv
from monitoring.applications.current import find_current_application
from monitoring.logs.enums import Severity
from monitoring.logs.models import LogRecord
from monitoring.logs.selectors import Place, Wanted, is_logging, list_lines
from monitoring.releases.models import Release

SHOWN = 100
EXPORTED = 10_000
AGES = {"1h": ("Last hour", 1), "24h": ("Last 24 hours", 24), "7d": ("Last 7 days", 168), "30d": ("Last 30 days", 720)}
COLUMNS = ("at", "severity", "logger", "body", "release", "environment", "trace_id", "span_id")


@admin_page("monitoring/logs/", name="monitoring_logs", permission="monitoring.view_application")
def show_logs(request: HttpRequest) -> HttpResponseBase:
    """List log lines of the chosen application, the newest first; `?as=csv` downloads them."""
    application = find_current_application(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Logs",
        "application": application,
        "is_fullwidth": "1",
    }
    if application is not None and is_logging(application_id=application.pk):
        if request.GET.get("as") == "csv":
            return _export(request, application.pk)
        context |= _describe(request, application.pk)
    return render(request, "monitoring/logs/list.html", context)


def _describe(request: HttpRequest, application_id: int) -> dict[str, Any]:
    age, since = _read_age(request)
    wanted, level = _read_wanted(request)
    before = _read_place(request.GET.get("before", ""))
    # One more than is shown tells whether there is a next page.
    rows = list(list_lines(application_id=application_id, since=since, wanted=wanted, before=before)[: SHOWN + 1])
    lines = rows[:SHOWN]
    kept = {name: value for name, value in request.GET.items() if name not in {"before", "as"} and value}
    releases = {line.release for line in lines if line.release}
    known = Release.objects.filter(application_id=application_id, version__in=releases).values_list("version", "pk")
    return {
        "is_logging": True,
        "rows": [(line, dict(known).get(line.release)) for line in lines],
        "next_query": urlencode({**kept, "before": _write_place(lines[-1])}) if len(rows) > SHOWN else "",
        "first_query": urlencode(kept) if before is not None else "",
        "export_query": urlencode({**kept, "as": "csv"}),
        "age": age,
        "ages": [(key, words) for key, (words, _) in AGES.items()],
        "level": level,
        "levels": Severity.choices,
        "wanted": wanted,
        "is_filtered": wanted != Wanted(),
    }


def _export(request: HttpRequest, application_id: int) -> HttpResponseBase:
    _, since = _read_age(request)
    wanted, _ = _read_wanted(request)
    lines = list_lines(application_id=application_id, since=since, wanted=wanted)[:EXPORTED]
    rows = [
        (line.at.isoformat(), line.level.value, *(getattr(line, name) for name in COLUMNS[2:]))
        for line in lines.iterator(chunk_size=1_000)
    ]
    return make_csv("logs", COLUMNS, rows)


def _read_age(request: HttpRequest) -> tuple[str, datetime]:
    age = request.GET.get("age", "24h")
    age = age if age in AGES else "24h"
    return age, timezone.now() - timedelta(hours=AGES[age][1])


def _read_wanted(request: HttpRequest) -> tuple[Wanted, str]:
    level = request.GET.get("level", "")
    level = level if level in Severity.values else ""
    texts = {
        name: request.GET.get(name, "").replace("\x00", "").strip()[:200]
        for name in ("logger", "release", "environment", "trace")
    }
    wanted = Wanted(
        text=request.GET.get("q", "").replace("\x00", "").strip()[:500],
        least=Severity(level).first_number if level else 0,
        logger=texts["logger"],
        release=texts["release"],
        environment=texts["environment"],
        trace_id=texts["trace"].lower(),
    )
    return wanted, level


def _write_place(line: LogRecord) -> str:
    return f"{line.at.isoformat()}~{line.pk}"


def _read_place(text: str) -> Place | None:
    """Return what `_write_place` wrote; None, which is the beginning, for anything else."""
    moment, _, number = text.partition("~")
    try:
        at = datetime.fromisoformat(moment)
        return Place(at, int(number)) if at.tzinfo is not None and 0 < len(number) < 19 else None
    except ValueError:
        return None
