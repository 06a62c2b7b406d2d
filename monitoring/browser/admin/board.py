"""How pages feel to the people who use them: the answer, the vitals, their course, and where it is worst."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from config.admin.pages import admin_page
from config.admin.states import State
from monitoring.applications.current import find_current_application
from monitoring.applications.models import Application
from monitoring.browser.admin.parts import (
    BREAKDOWNS,
    RANGE_WORDS,
    STATES,
    VIEW,
    Row,
    address_of,
    list_ranges,
    make_card,
    make_row,
    page_url,
    read_range,
)
from monitoring.browser.enums import Dimension
from monitoring.browser.selectors.hours import (
    RANGES,
    Stretch,
    find_stretch,
    is_measured,
    list_members,
    summarise_member,
    summarise_members,
)
from monitoring.browser.services.measuring import P75_SECONDS, P75_SHIFT
from monitoring.browser.summaries import FEW, Summary, order_members, write_headline
from monitoring.browser.targets import COLUMNS, TARGETS
from monitoring.charts.spec import Chart, Line, Mark, Threshold
from monitoring.releases.models import Release
from monitoring.releases.selectors import list_deployments, list_releases

PAGES_SHOWN, MEMBERS_SHOWN = 25, 8
SORTS = {"worst": "Worst first", "views": "Most viewed first", "name": "By name"}
MARKS = 12


@admin_page("monitoring/web-vitals/", name="monitoring_web_vitals", permission=VIEW)
def show_board(request: HttpRequest) -> HttpResponseBase:
    """Show the web vitals of the chosen application."""
    application = find_current_application(request)
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Web vitals",
        "application": application,
        "is_fullwidth": "1",
    }
    if application is not None and is_measured(application_id=application.pk):
        context |= _describe(request, application)
    return render(request, "monitoring/vitals/board.html", context)


def _describe(request: HttpRequest, application: Application) -> dict[str, Any]:
    chosen = read_range(request)
    stretch = find_stretch(application_id=application.pk, chosen=chosen, now=timezone.now())
    summaries, trends, everything = summarise_member(stretch)
    rating, headline = write_headline(summaries.values())
    return {
        "is_measured": True,
        "chosen_range": chosen,
        "range_words": RANGE_WORDS[chosen],
        "ranges": list_ranges(request, chosen),
        "headline": headline,
        "headline_state": STATES[rating] if rating else State.QUIET,
        "views": everything.views,
        "failed_assets": everything.tallies["asset_failed"].count if "asset_failed" in everything.tallies else 0,
        "few": FEW,
        "cards": [make_card(summary, trends.get(name)) for name, summary in summaries.items()],
        "charts": _draw_charts(stretch, summaries, chosen),
        "columns": [TARGETS[name] for name in COLUMNS],
        **_describe_pages(request, stretch, chosen),
        "breakdowns": [(dimension.label, _describe_members(stretch, dimension)) for dimension in BREAKDOWNS],
        "releases": _describe_releases(stretch),
    }


def _draw_charts(stretch: Stretch, summaries: dict[str, Summary], chosen: str) -> list[Chart]:
    """Return the charts of what people feel, with targets and releases drawn in."""
    deployments = list_deployments(application_id=stretch.application_id, since=stretch.start)[-MARKS:]
    marks = tuple(Mark(one.deployed_at.timestamp(), one.release.version, "info") for one in deployments)
    charts = []
    for name in COLUMNS:
        if name not in summaries:
            continue
        target = TARGETS[name]
        series = P75_SHIFT if name == "cls" else f'{P75_SECONDS}{{vital="{name}"}}'
        charts.append(
            Chart(
                title=f"{target.title}, p75 of the hour before",
                lines=(Line(f"avg_over_time({series}[$window])", "p75"),),
                unit=target.unit,
                height="medium",
                thresholds=(Threshold(target.good, "well", "target"), Threshold(target.poor, "bad", "poor")),
                marks=marks,
                application_id=stretch.application_id,
                range_seconds=int(RANGES[chosen].total_seconds()),
                key=f"vital-{name}-{chosen}",
                empty="Recorded every minute from now on, while somebody uses the pages.",
                refresh_seconds=60,
            )
        )
    return charts


def _describe_pages(request: HttpRequest, stretch: Stretch, chosen: str) -> dict[str, Any]:
    search, sort = request.GET.get("q", "").strip(), request.GET.get("sort", "worst")
    sort = sort if sort in SORTS else "worst"
    members = order_members(list_members(stretch, dimension=Dimension.PAGE, search=search), by=sort)
    shown = Paginator(members, PAGES_SHOWN).get_page(request.GET.get("p"))
    pages = list(shown.object_list)
    found = summarise_members(stretch, pages, dimension=Dimension.PAGE, names=COLUMNS)
    kept = {"range": chosen, "q": search, "sort": sort}
    return {
        "search": search,
        "sort": sort,
        "sorts": list(SORTS.items()),
        "pages": [
            make_row(
                one,
                found[one.name],
                url=page_url(one.name, application_id=stretch.application_id, chosen=chosen),
            )
            for one in pages
        ],
        "pages_total": len(members),
        "paging": shown,
        "paging_query": urlencode(kept),
        "export_url": f"{reverse('admin:monitoring_web_vitals_export')}?{urlencode(kept)}",
    }


def _describe_members(stretch: Stretch, dimension: str) -> list[Row]:
    members = order_members(list_members(stretch, dimension=dimension), by="views")[:MEMBERS_SHOWN]
    found = summarise_members(stretch, members, dimension=dimension, names=COLUMNS)
    return [make_row(one, found[one.name]) for one in members if found[one.name]]


def _describe_releases(stretch: Stretch) -> list[Row]:
    """Return releases, the newest first, each compared with the one that came before it among these."""
    members = {one.name: one for one in list_members(stretch, dimension=Dimension.RELEASE) if one.views}
    known = {
        one.version: one for one in list_releases(application_id=stretch.application_id).filter(version__in=members)
    }
    newest = sorted(members.values(), key=lambda one: _age(known.get(one.name)), reverse=True)[: MEMBERS_SHOWN + 1]
    found = summarise_members(stretch, newest, dimension=Dimension.RELEASE, names=COLUMNS)
    rows = []
    for place, one in enumerate(newest[:MEMBERS_SHOWN]):
        # Those that no release is known of come last: what names none is not the release before.
        earlier = newest[place + 1].name if place + 1 < len(newest) else ""
        before = found[earlier] if one.name in known and earlier in known else {}
        note, state = compare_releases(found[one.name], before)
        release = known.get(one.name)
        rows.append(make_row(one, found[one.name], url=address_of(release) if release else "", note=note, state=state))
    return rows


def _age(release: Release | None) -> float:
    return release.first_seen.timestamp() if release is not None else 0.0


def compare_releases(now: dict[str, Summary], before: dict[str, Summary]) -> tuple[str, State]:
    """Return the largest change of a vital between two releases in words; nothing where there are too few measurements."""
    changes = [
        (summary.p75 / before[name].p75 - 1, summary)
        for name, summary in now.items()
        if name in before and before[name].p75 > 0 and summary.is_sure and before[name].is_sure
    ]
    if not changes:
        return "", State.QUIET
    change, summary = max(changes, key=lambda pair: abs(pair[0]))
    # Below a tenth it is weather.
    if abs(change) < 0.1:
        return "as before", State.QUIET
    word = "slower" if change > 0 else "faster"
    if summary.name == "cls":
        word = "more" if change > 0 else "less"
    return f"{summary.target.title}: {abs(change):.0%} {word}".replace("%", " %"), (
        State.WATCH if change > 0 else State.WELL
    )
