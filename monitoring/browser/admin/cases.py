"""One page of the application: how it feels, how that spreads and went, and what is behind it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.safestring import mark_safe

from config.admin.pages import admin_page
from config.admin.states import State
from config.settings import OPTION
from monitoring.applications.current import find_current_application
from monitoring.applications.models import Application
from monitoring.browser.admin.parts import (
    BREAKDOWNS,
    RANGE_WORDS,
    STATES,
    VIEW,
    WORDS,
    Row,
    address_of,
    list_ranges,
    make_card,
    make_row,
    read_range,
)
from monitoring.browser.drawings import count_bins, draw_distribution, draw_trend
from monitoring.browser.enums import Dimension
from monitoring.browser.models import BrowserVital
from monitoring.browser.selectors.hours import RANGES, Stretch, Trend, find_stretch, merge_sketches, summarise_member
from monitoring.browser.selectors.stories import (
    break_down,
    list_details,
    list_newest,
    list_page_issues,
    list_rage_clicks,
)
from monitoring.browser.summaries import Summary, write_figure, write_headline
from monitoring.browser.targets import COLUMNS, CORE, QUANTILE, TARGETS
from monitoring.releases.selectors import list_releases

#: Which element it was, in the words of the list's title.
ELEMENTS = {
    "lcp": "What appeared last",
    "inp": "What answered slowly",
    "fid": "What was clicked first",
    "cls": "What jumped",
}
CAUSES = {"asset": "Slowest files", "asset_failed": "Files that did not load", "longtask": "Long tasks"}


@admin_page("monitoring/web-vitals/page/", name="monitoring_web_vitals_page", permission=VIEW)
def show_page(request: HttpRequest) -> HttpResponseBase:
    """Show one page of the chosen application, named by `page`."""
    application = find_current_application(request)
    page = request.GET.get("page", "").replace("\x00", "")
    if application is None or not page:
        raise Http404("There is no such page.")
    context = {**admin.site.each_context(request), **_describe(request, application, page)}
    return render(request, "monitoring/vitals/case.html", context)


def _describe(request: HttpRequest, application: Application, page: str) -> dict[str, Any]:
    chosen, now = read_range(request), timezone.now()
    stretch = find_stretch(application_id=application.pk, chosen=chosen, now=now)
    summaries, trends, member = summarise_member(stretch, dimension=Dimension.PAGE, member=page)
    rating, headline = write_headline(summaries.values())
    place: dict[str, Any] = {"application_id": application.pk, "page": page, "since": now - RANGES[chosen]}
    details = list_details(**place)
    newest = list_newest(**place)
    can_see_errors = request.user.has_perm("monitoring.view_errorissue")
    kept = timedelta(days=int(OPTION["VITAL_RETENTION_DAYS"]))
    return {
        "title": page,
        "page": page,
        "application": application,
        "range_words": RANGE_WORDS[chosen],
        "chosen_range": chosen,
        "ranges": list_ranges(request, chosen),
        "headline": headline,
        "headline_state": STATES[rating] if rating else State.QUIET,
        "views": member.views,
        "cards": [make_card(summary, trends.get(name)) for name, summary in summaries.items()],
        "columns": [TARGETS[name] for name in COLUMNS],
        "breakdowns": _describe_breakdowns(place),
        "pictures": _draw_pictures(stretch, page, summaries, trends),
        "causes": [(words, _write_details(details, name), name) for name, words in CAUSES.items() if name in details],
        "elements": [
            (words, _write_details(details, name), name) for name, words in ELEMENTS.items() if name in details
        ],
        "newest": [_write_newest(vital) for vital in newest],
        "releases": _list_release_links(application, newest),
        "rage_clicks": list_rage_clicks(**place),
        "can_see_errors": can_see_errors,
        "issues": list_page_issues(**place) if can_see_errors else [],
        "kept_days": kept.days if RANGES[chosen] > kept else 0,
        "is_fullwidth": "1",
    }


def _describe_breakdowns(place: dict[str, Any]) -> list[tuple[str, list[Row]]]:
    found = break_down(**place)
    return [
        (dimension.label, [make_row(member, summaries) for member, summaries in found[dimension]])
        for dimension in BREAKDOWNS
        if dimension in found
    ]


def _draw_pictures(
    stretch: Stretch, page: str, summaries: dict[str, Summary], trends: dict[str, Trend]
) -> list[dict[str, Any]]:
    names = [name for name in (*CORE, "load", "route") if name in summaries]
    sketches = merge_sketches(stretch, page=page, names=names)
    pictures = []
    for name in names:
        target, trend = TARGETS[name], trends[name]
        moments = trend.moments()
        shape = "%-d %b %H:%M" if trend.step < timedelta(days=1) else "%-d %b"
        times = [f"{timezone.localtime(moment):{shape}}" for moment in moments]
        values = trend.quantiles(QUANTILE)
        distribution = draw_distribution(target, sketches[name], label=target.title)
        course = draw_trend(target, values, first=times[0], last=times[-1], label=target.title)
        bins = [(write_figure(target, start), count) for start, count in count_bins(target, sketches[name])[0] if count]
        pictures.append(
            {
                "target": target,
                "distribution": mark_safe(distribution),  # noqa: S308  (numbers formatted by us, escaped words)
                "course": mark_safe(course),  # noqa: S308  (the same)
                "bins": bins,
                "steps": [
                    (time, write_figure(target, value), sketch.count)
                    for time, value, sketch in zip(times, values, trend.sketches, strict=True)
                    if value is not None and sketch is not None
                ],
            }
        )
    return pictures


def _write_details(details: dict[str, list[Any]], name: str) -> list[dict[str, Any]]:
    target = TARGETS.get(name)
    return [
        {
            "detail": one.detail,
            "count": one.count,
            "p75": write_figure(target, one.p75) if target else "",
            "worst": write_figure(target, one.worst) if target else "",
            "state": STATES[target.rate(one.p75)] if target else State.WATCH,
            "word": WORDS[target.rate(one.p75)] if target else "Failed",
        }
        for one in details[name]
    ]


def _write_newest(vital: BrowserVital) -> dict[str, Any]:
    target = TARGETS[vital.name]
    rating = target.rate(vital.value)
    who = (vital.device, vital.browser, vital.os, vital.connection, vital.release and f"release {vital.release}")
    return {
        "vital": vital,
        "target": target,
        "text": write_figure(target, vital.value),
        "state": STATES[rating],
        "word": WORDS[rating],
        "who": ", ".join(part for part in who if part),
    }


def _list_release_links(application: Application, newest: list[BrowserVital]) -> list[tuple[str, str]]:
    versions = sorted({vital.release for vital in newest if vital.release})
    found = list_releases(application_id=application.pk).filter(version__in=versions)
    urls = {release.version: address_of(release) for release in found}
    return [(version, urls.get(version, "")) for version in versions]
