"""Web vitals on the admin home: the core three of the last day."""

from __future__ import annotations

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from config.admin.states import State
from config.panels import Panel, panel
from monitoring.applications.current import find_current_application
from monitoring.browser.admin.parts import STATES, make_card
from monitoring.browser.enums import Dimension
from monitoring.browser.selectors.hours import find_stretch, list_members, summarise_members
from monitoring.browser.summaries import Member, Summary, write_headline
from monitoring.browser.targets import CORE, Rating

SUMMARIES = {Rating.GOOD: "fast", Rating.NEEDS_WORK: "could be faster", Rating.POOR: "slow"}


@panel(key="browsers", title="Browsers", order=27, width=1, permission="monitoring.view_application")
def browsers(request: HttpRequest) -> Panel:
    """How the pages of the chosen application felt in the last 24 hours."""
    application = find_current_application(request)
    url = reverse("admin:monitoring_web_vitals")
    member, summaries = _read(application.pk) if application else (None, {})
    if application is None or member is None or not summaries:
        text = "No page was measured in the last 24 hours. One script tag in the ERP's pages says how fast they feel."
        add = reverse("admin:monitoring_application_add")
        connect = reverse("admin:monitoring_application_connect", args=[application.pk]) if application else add
        return Panel("monitoring/panels/nothing.html", {"text": text, "url": connect, "action": "Get the script tag"})
    rating, headline = write_headline(summaries.values())
    context = {
        "cards": [make_card(summary, None) for summary in summaries.values()],
        "views": member.views,
        "headline": headline,
    }
    state = STATES[rating] if rating else State.QUIET
    return Panel("monitoring/panels/browsers.html", context, state, SUMMARIES[rating] if rating else "", url)


def _read(application_id: int) -> tuple[Member | None, dict[str, Summary]]:
    stretch = find_stretch(application_id=application_id, chosen="24h", now=timezone.now())
    members = list_members(stretch, dimension=Dimension.ALL)
    if not members:
        return None, {}
    return members[0], summarise_members(stretch, members, dimension=Dimension.ALL, names=CORE)[""]
