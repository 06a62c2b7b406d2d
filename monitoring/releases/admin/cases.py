"""The page of one release: how it does, compared with the one before, what broke in it, where it was deployed."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST

from config.actors import actor_of_user
from config.admin.pages import admin_page
from config.ids import read_id
from config.related import find_related
from config.sections import find_sections
from config.settings import OPTION
from monitoring.applications.current import find_current_application
from monitoring.applications.links import page_url
from monitoring.applications.views import find_base_url
from monitoring.charts.spec import Chart, Line, Mark
from monitoring.errors.selectors import list_people_of_release
from monitoring.releases.admin.forms import DeploymentForm
from monitoring.releases.enums import Reason, Verdict
from monitoring.releases.models import Comparison, Release
from monitoring.releases.selectors import (
    Health,
    describe_releases,
    find_release_after,
    find_release_before,
    find_release_link,
    list_comparisons,
    list_days,
    list_deployments,
    list_environments,
    list_mended_issues,
    list_new_issues,
    list_regressed_issues,
    measure_health,
)
from monitoring.releases.services.deployments import announce_deployment
from monitoring.releases.services.recording import ADOPTION, CRASH_FREE
from monitoring.releases.wording import say_chance, say_share, write_share
from monitoring.sourcemaps.selectors import count_uploads_of

VIEW, ANNOUNCE = "monitoring.view_release", "monitoring.add_deployment"
ADDRESS = "monitoring/release/<int:pk>"
SHOWN_DEPLOYMENTS = 20
MIN_CHART_SECONDS, MAX_CHART_SECONDS = 6 * 3600, 14 * 86_400
LIFE_DAYS = 90


def show_release(request: HttpRequest, object_id: str) -> HttpResponseBase:
    """Show the page of a release; raise Http404 or PermissionDenied."""
    if not request.user.has_perm(VIEW):
        raise PermissionDenied
    release = _find(object_id)
    context = {**admin.site.each_context(request), **describe_case(request, release)}
    return render(request, "monitoring/releases/case.html", context)


@admin_page("monitoring/release/named/", name="monitoring_release_named", permission=VIEW)
def find_named(request: HttpRequest) -> HttpResponseBase:
    """Lead to the release of a version: rows of other rooms know no more than that."""
    application = find_current_application(request)
    version = request.GET.get("version", "").replace("\x00", "")[:200]
    link = find_release_link(application_id=application.pk, version=version) if application is not None else None
    if link is not None:
        return redirect(link[1])
    messages.info(request, f"Release {version} of {application} is not known any more.")
    return redirect("admin:monitoring_release_changelist")


@admin_page(f"{ADDRESS}/announce/", name="monitoring_release_announce", permission=ANNOUNCE)
@require_POST
def announce(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Note that the release was put into use."""
    release = _find(str(pk))
    form = DeploymentForm(request.POST)
    if not form.is_valid():
        for name, problems in form.errors.items():
            messages.error(request, f"{name.replace('_', ' ').capitalize()}: {' '.join(map(str, problems))}")
        return redirect(release.get_absolute_url())
    _, is_new = announce_deployment(
        application_id=release.application_id,
        version=release.version,
        by_name=actor_of_user(request.user).name,
        now=timezone.now(),
        **form.cleaned_data,
    )
    if is_new:
        messages.success(request, "The deployment is noted; charts show it.")
    else:
        messages.info(request, "That deployment was known already.")
    return redirect(release.get_absolute_url())


def describe_case(request: HttpRequest, release: Release) -> dict[str, Any]:
    """Return the context of a release's page."""
    now = timezone.now()
    before, after = find_release_before(release), find_release_after(release)
    life = max(release.first_seen, now - timedelta(days=LIFE_DAYS)) - timedelta(hours=1)
    row = describe_releases([release], now=now)[release.pk]
    return {
        "title": release.version,
        "opts": Release._meta,
        "original": release,
        "release": release,
        "row": row,
        "verdict": row.verdict,
        "verdict_note": _explain(row.verdict),
        "before": before,
        "after": after,
        "comparisons": [_describe_comparison(one) for one in list_comparisons(release)],
        "day": _list_figures(row.health),
        "life": _list_figures(measure_health(release, since=life)),
        "requests_url": (
            page_url("monitoring_requests", application_id=release.application_id, release=release.version, age="30d")
            if request.user.has_perm("monitoring.view_application")
            else ""
        ),
        "met": (
            list_people_of_release(application_id=release.application_id, version=release.version, since=life)
            if request.user.has_perm("monitoring.view_errorissue")
            else []
        ),
        "people_days": OPTION["SESSION_RETENTION_DAYS"],
        "adoption": "–" if row.adoption is None else write_share(row.adoption),
        "environments": [
            (name or "not named", health, _share(health)) for name, health in list_environments(release, since=life)
        ],
        "days": [
            (one.day, one.health, _share(one.health), _people(one.health)) for one in list_days(release, since=life)
        ],
        "charts": draw_charts(release, before, now=now),
        "issues": [
            ("New in this release", "Nothing happened first in this release.", list_new_issues(release)),
            ("Came back in it", "Nothing that was resolved came back in it.", list_regressed_issues(release)),
            (
                "Mended with it",
                "No error of the release before is resolved." if before else "There is no release before it.",
                list_mended_issues(release, before) if before else [],
            ),
        ],
        "deployments": list(release.deployments.order_by("-deployed_at", "-pk")[:SHOWN_DEPLOYMENTS]),
        "uploads": count_uploads_of(application_id=release.application_id, release=release.version),
        "can_announce": request.user.has_perm(ANNOUNCE),
        "can_see_issues": request.user.has_perm("monitoring.view_errorissue"),
        "base_url": find_base_url(request),
        "related": find_related(request, "release", application_id=release.application_id, pk=release.pk),
        "sections": find_sections(request, "release", application_id=release.application_id, pk=release.pk),
        "is_fullwidth": "1",
    }


def draw_charts(release: Release, before: Release | None, *, now: datetime) -> list[Chart]:
    """Return the charts of a release since it began, at most two weeks: health and adoption, deployments drawn in."""
    span = int(min(max((now - release.first_seen).total_seconds() + 3600, MIN_CHART_SECONDS), MAX_CHART_SECONDS))
    deployments = list_deployments(application_id=release.application_id, since=now - timedelta(seconds=span))
    marks = tuple(Mark(each.deployed_at.timestamp(), f"{each.release} deployed", "info") for each in deployments)
    lines = [Line(f"{CRASH_FREE}{{release={_quote(release.version)}}}", f"{release.version} {{environment}}")]
    if before is not None:
        lines.append(Line(f"{CRASH_FREE}{{release={_quote(before.version)}}}", f"{before.version} {{environment}}"))

    def draw(title: str, lines: tuple[Line, ...], key: str) -> Chart:
        return Chart(
            title=title,
            lines=lines,
            unit="ratio",
            height="medium",
            marks=marks,
            application_id=release.application_id,
            range_seconds=span,
            key=f"release-{release.pk}-{key}",
            empty="No session was counted in this time. Sessions come from SDKs that count them.",
        )

    adoption = Line(f"topk(6, {ADOPTION})", "{release} {environment}")
    return [
        draw("Crash-free sessions, of the 24 hours before each moment", tuple(lines), "health"),
        draw("Share of all sessions, by release", (adoption,), "adoption"),
    ]


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _explain(verdict: Verdict) -> str:
    return {
        Verdict.WORSE: "The numbers below are too far apart for chance.",
        Verdict.GOOD: "Nothing measured is clearly worse than in the release before.",
        Verdict.UNKNOWN: "Two releases are compared every 5 minutes, once each has 200 sessions, or 200 requests, in the same environment.",
        Verdict.FIRST: "It is the first release that was seen of this application.",
    }[verdict]


def _describe_comparison(found: Comparison) -> dict[str, Any]:
    return {
        "reason": Reason(found.reason).label if found.is_regressed else _name(found.reason),
        "is_regressed": found.is_regressed,
        "environment": found.environment or "everywhere",
        "before": found.before,
        "now_words": say_share(found.reason, found.count, found.total),
        "before_words": say_share(found.reason, found.before_count, found.before_total),
        "chance": say_chance(found.p_value),
        "since": found.since,
        "compared_at": found.compared_at,
        "is_current": found.is_current,
    }


def _name(reason: str) -> str:
    return {
        "crashes": "Crashing sessions",
        "errors": "Sessions with errors",
        "new_issues": "New errors",
        "failed_requests": "Failed requests",
    }.get(reason, reason)


def _list_figures(health: Health) -> list[tuple[str, str, str]]:
    """Return name, number and small print of a health's figures."""
    return [
        ("Crash-free sessions", _share(health), _bounds(health.crash_free_sessions, "sessions")),
        ("Crash-free users", _people(health), _bounds(health.crash_free_users, "users")),
        ("Crashed", f"{health.crashed:,}", "sessions"),
        ("With errors", f"{health.errored:,}", "sessions, not crashed"),
    ]


def _bounds(found: Any, noun: str) -> str:
    return f"{write_share(found.low)} to {write_share(found.high)}, of {found.total:,} {noun}" if found else ""


def _share(health: Health) -> str:
    found = health.crash_free_sessions
    return write_share(found.ratio) if found else "–"


def _people(health: Health) -> str:
    found = health.crash_free_users
    return write_share(found.ratio) if found else "–"


def _find(object_id: str) -> Release:
    release = Release.objects.select_related("application").filter(pk=read_id(object_id)).first()
    if release is None:
        raise Http404("There is no such release.")
    return release
