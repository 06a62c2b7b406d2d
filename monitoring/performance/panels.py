"""Performance on the admin home: whether the application answers quickly, and what keeps it longest."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.panels import Panel, panel
from monitoring.applications.current import find_current_application
from monitoring.performance import related
from monitoring.performance.admin.parts import VIEW, endpoint_url, make_card, make_cells
from monitoring.performance.selectors import find_stretch, list_endpoints, sum_requests
from monitoring.performance.targets import AVERAGE, ERROR_SHARE, P95, judge

__all__ = ["performance", "related"]

SHOWN = 4
SUMMARIES = {State.WELL: "quick", State.WATCH: "could be quicker", State.BAD: "slow or failing"}


@panel(key="performance", title="Performance", order=26, width=1, permission=VIEW)
def performance(request: HttpRequest) -> Panel:
    """How the chosen application answered in the last 24 hours."""
    application = find_current_application(request)
    url = reverse("admin:monitoring_performance")
    stretch = find_stretch(application_id=application.pk, chosen="24h", now=timezone.now()) if application else None
    figures = sum_requests(stretch) if stretch else None
    if application is None or stretch is None or figures is None or not figures.count:
        text = "No request was reported in the last 24 hours. An SDK, OpenTelemetry or one HTTP call each tells how long they take."
        add = reverse("admin:monitoring_application_add")
        connect = reverse("admin:monitoring_application_connect", args=[application.pk]) if application else add
        return Panel("monitoring/panels/nothing.html", {"text": text, "url": connect, "action": "Connect it"})
    verdict = judge(count=figures.count, average=figures.average, p95=figures.p95, error_share=figures.error_share)
    context = {
        "count": figures.count,
        "cards": [
            make_card("Average", AVERAGE, figures.average),
            make_card("95th percentile", P95, figures.p95),
            make_card("Failed", ERROR_SHARE, figures.error_share),
        ],
        "rows": [
            (str(endpoint), endpoint_url(endpoint), make_cells(found)[0])
            for endpoint, found in list_endpoints(stretch)[:SHOWN]
        ],
    }
    summary = SUMMARIES.get(verdict.state, "")
    return Panel("monitoring/panels/performance.html", context, verdict.state, summary, url)
