"""The right half of the rule editor: what the rule finds now and would have done, renewed while one types."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from time import monotonic
from typing import Any

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from alerts.admin.forms import RuleForm
from alerts.backtests import BACK_TESTS, BackTest, Played, back_test
from alerts.charts import draw_condition
from alerts.drafts import RuleDraft
from alerts.models import Rule
from alerts.previews import Search, find_met, preview_rule
from alerts.rehearsal import Firing
from alerts.services.evaluating import CONDITION_SECONDS
from config.admin.pages import admin_page
from config.ids import read_id
from config.lengths import describe_seconds
from monitoring.applications.current import find_current_application, list_choices
from monitoring.charts.spec import Chart, Mark

MAX_MARKS = 12
SHOWN_FIRINGS = 15
#: Applications that are asked beside the reader's own whether a rule for all of them is met.
MAX_OTHERS = 20
#: Hours of the night, in the site's zone.
NIGHT = frozenset({22, 23, 0, 1, 2, 3, 4, 5})
DRAWN_SECONDS = 3 * 3600
#: An answer that took longer is not asked for again by itself: an editor that was left open would keep a thread busy.
QUICK_SECONDS = 1.0


@admin_page("alerts/rule/preview/", name="alerts_rule_preview", permission="alerts.view_rule")
@require_POST
def preview(request: HttpRequest) -> HttpResponseBase:
    """Return the preview of a filled-in form; nothing is saved. It renews itself while that is quick."""
    began = monotonic()
    context = _preview(request)
    return render(request, "alerts/rule_preview.html", {**context, "is_quick": monotonic() - began < QUICK_SECONDS})


@admin_page("alerts/rule/back-test/", name="alerts_rule_back_test", permission="alerts.view_rule")
@require_POST
def show_back_test(request: HttpRequest) -> HttpResponseBase:
    """Play a filled-in rule over the last days (`span`); nothing is saved."""
    chosen, choice = request.POST.get("application", ""), request.POST.get("span", "")
    application = find_current_application(request, chosen=chosen if chosen.isdecimal() else None)
    form = RuleForm(request.POST, instance=_find_rule(request))
    if application is None or choice not in BACK_TESTS or not form.is_valid():
        return render(request, "alerts/rule_back_test.html", {"problem": "First fill in a rule that can be saved."})
    found = back_test(draft=form.draft(), application_id=application.pk, choice=choice, now=timezone.now())
    return render(request, "alerts/rule_back_test.html", _describe_back_test(found))


def _preview(request: HttpRequest) -> dict[str, Any]:
    chosen = request.POST.get("application", "")
    application = find_current_application(request, chosen=chosen if chosen.isdecimal() else None)
    filled_in = request.POST.copy()
    if not filled_in.get("condition", "").strip():
        return {"is_empty": True}
    if not filled_in.get("name", "").strip():
        filled_in["name"] = "This rule"
    form = RuleForm(filled_in, instance=_find_rule(request))
    if not form.is_valid():
        return {"errors": _list_errors(form), "application": application}
    if application is None:
        return {"application": None}
    draft = form.draft()
    if draft.application_id is not None:
        return _describe(draft, application)
    everyone = [application, *(each for each in list_choices(request) if each.pk != application.pk)]
    asked = everyone[: 1 + MAX_OTHERS]
    # A rule for all shows where it would fire.
    search = find_met(draft=draft, application_ids=[each.pk for each in asked], now=timezone.now())
    application = next((each for each in asked if each.pk == search.application_id), application)
    return {**_describe(draft, application), "searched": _describe_search(search, len(asked), len(everyone))}


def _find_rule(request: HttpRequest) -> Rule:
    """Return the rule that is being edited, which may keep what it names; a new one if there is none yet."""
    return Rule.objects.filter(pk=read_id(request.POST.get("rule", ""))).first() or Rule()


def _describe_search(search: Search, wanted: int, count: int) -> str:
    """Return in words how far the search went; empty if it found something, or asked all `count` applications."""
    if search.application_id is not None or search.asked == count:
        return ""
    within = f" within {describe_seconds(CONDITION_SECONDS)}" if search.asked < wanted else ""
    return f"Looked at {search.asked} of {count} applications{within}; it may be met in the others."


def _describe_back_test(found: BackTest) -> dict[str, Any]:
    if found.played is None:
        return {"problem": found.problem}
    return {"asked_days": found.asked.days, **_describe_played(found.played)}


def _describe_played(played: Played) -> dict[str, Any]:
    firings = played.firings
    days = Counter(timezone.localtime(firing.fired_at).date() for firing in firings)
    return {
        "span": _describe_span(played.span),
        "step": describe_seconds(played.step.total_seconds()),
        "limit": played.limit,
        "count": len(firings),
        "no_data_count": sum(firing.is_no_data for firing in firings),
        "longest": _describe_longest(firings),
        "worst": max(days.items(), key=lambda each: each[1], default=None),
        "day_count": len(days),
        "at_night": sum(timezone.localtime(firing.fired_at).hour in NIGHT for firing in firings),
        "rows": [_describe_firing(firing, played) for firing in reversed(firings[-SHOWN_FIRINGS:])],
        "more": max(0, len(firings) - SHOWN_FIRINGS),
    }


def _describe_span(span: timedelta) -> str:
    if span % timedelta(days=1):
        return describe_seconds(span.total_seconds())
    return "24 hours" if span.days == 1 else f"{span.days} days"


def _describe_firing(firing: Firing, played: Played) -> dict[str, Any]:
    return {
        "at": firing.fired_at,
        "lasted": describe_seconds(((firing.resolved_at or timezone.now()) - firing.fired_at).total_seconds()),
        "labels": played.labels.get(firing.fingerprint, ""),
        "is_no_data": firing.is_no_data,
        "is_over": firing.resolved_at is not None,
    }


def _describe(draft: RuleDraft, application: Any) -> dict[str, Any]:
    found = preview_rule(draft=draft, application_id=application.pk, now=timezone.now())
    chart = draw_condition(
        draft.condition,
        severity=draft.severity,
        application_id=application.pk,
        title="Last 3 hours",
        range_seconds=DRAWN_SECONDS,
    )
    firings = found.played.firings if found.played else []
    return {
        "application": application,
        "draft": draft,
        "preview": found,
        "held": describe_seconds(draft.for_seconds) if draft.for_seconds else "",
        "left_out": found.count - len(found.found),
        "span": _describe_span(found.played.span) if found.played else "",
        "firing_count": len(firings),
        "no_data_count": sum(firing.is_no_data for firing in firings),
        "longest": _describe_longest(firings),
        "chart": _mark(chart, draft, firings) if chart else None,
    }


def _list_errors(form: RuleForm) -> list[tuple[str, str]]:
    labels = {name: str(field.label or name.replace("_", " ")) for name, field in form.fields.items()}
    return [(labels.get(name, ""), str(error)) for name, errors in form.errors.items() for error in errors]


def _mark(chart: Chart, draft: RuleDraft, firings: list[Firing]) -> Chart:
    """Return the chart with the firings marked; its key follows what it shows, so that it is drawn anew when that changes."""
    marks = tuple(
        Mark(firing.fired_at.timestamp(), "no data" if firing.is_no_data else "would fire", "bad")
        for firing in firings[-MAX_MARKS:]
    )
    shown = f"{draft.condition}|{draft.severity}|{chart.application_id}|{[mark.at for mark in marks]}"
    key = f"condition-{hashlib.sha256(shown.encode()).hexdigest()[:12]}"
    return replace(chart, marks=marks, key=key)


def _describe_longest(firings: list[Firing]) -> str:
    now = timezone.now()
    lengths = [((firing.resolved_at or now) - firing.fired_at).total_seconds() for firing in firings]
    return describe_seconds(max(lengths)) if lengths else ""
