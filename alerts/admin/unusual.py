"""Rules for unusual values: a metric and how rare it may be, and the rule editor opens with the condition written."""

from __future__ import annotations

from urllib.parse import urlencode

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from alerts.anomalies import LEAST, MOST, Anomaly, Measure, write_condition
from alerts.conditions import BadCondition
from config.admin.pages import admin_page

MEASURES = [(Measure.DAY, "the last 24 hours"), (Measure.WEEKS, "this hour of the last three weeks")]


class UnusualForm(forms.Form):
    """What is watched, what it is compared with, how far off is too far."""

    selector = forms.CharField(max_length=2000)
    measure = forms.ChoiceField(choices=MEASURES)
    deviations = forms.FloatField(min_value=LEAST, max_value=MOST)


@admin_page("alerts/rule/unusual/", name="alerts_rule_unusual", permission="alerts.add_rule")
@require_http_methods(["GET", "POST"])
def make_unusual(request: HttpRequest) -> HttpResponseBase:
    """Ask what is to be watched; then open the editor with the condition filled in, to be tried and saved there."""
    form = UnusualForm(request.POST or {"selector": request.GET.get("selector", ""), "measure": "day", "deviations": 4})
    error = ""
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        anomaly = Anomaly(data["selector"].strip(), Measure(data["measure"]), data["deviations"])
        try:
            condition = write_condition(anomaly)
        except BadCondition as refused:
            error = str(refused)
        else:
            filled = {
                "name": f"{anomaly.selector.partition('{')[0]} is unusual"[:150],
                "condition": condition,
                "for_seconds": 600,
                "summary": f"{anomaly.selector.partition('{')[0]} is unusual",
            }
            return redirect(f"{reverse('admin:alerts_rule_add')}?{urlencode(filled)}")
    context = {
        **admin.site.each_context(request),
        "title": "A rule for unusual values",
        "form": form,
        "error": error,
        "asked": request.method == "POST",
        "measures": MEASURES,
    }
    return render(request, "alerts/rule_unusual.html", context)
