"""“Why did, or didn't, this page me?”: on every alert's page, for every person."""

from __future__ import annotations

from django.contrib.auth import get_user_model
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import render
from django.utils import timezone

from alerts import why
from alerts.models import Alert
from alerts.why_facts import describe_case
from config.admin.pages import admin_page
from config.ids import read_id

VIEW = "alerts.view_alert"


@admin_page("alerts/alert/<int:pk>/why/", name="alerts_alert_why", permission=VIEW)
def show_why(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Explain why an alert did or did not reach a person (?person=, else the reader)."""
    alert = Alert.objects.filter(pk=pk).first()
    wish = request.GET.get("person", "")
    person = get_user_model().objects.filter(pk=read_id(wish)).first() if wish else request.user
    if alert is None or person is None:
        raise Http404("There is no such alert or person.")
    now = timezone.now()
    sentences = why.explain(describe_case(alert, person, now=now), now=now)
    return render(request, "alerts/why.html", {"sentences": sentences})
