"""The table of pages as CSV."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone

from config.admin.pages import admin_page
from config.exports import make_csv
from monitoring.applications.current import find_current_application
from monitoring.browser.admin.parts import VIEW, name_member, read_range
from monitoring.browser.enums import Dimension
from monitoring.browser.selectors.hours import find_stretch, list_members, summarise_members
from monitoring.browser.summaries import order_members
from monitoring.browser.targets import COLUMNS

MAX_ROWS = 1000


@admin_page("monitoring/web-vitals/pages.csv", name="monitoring_web_vitals_export", permission=VIEW)
def export_pages(request: HttpRequest) -> HttpResponse:
    """Return the pages of the chosen application as the table lists them, a thousand at most; seconds, cls without unit."""
    application = find_current_application(request)
    if application is None:
        raise Http404("There is no application.")
    stretch = find_stretch(application_id=application.pk, chosen=read_range(request), now=timezone.now())
    members = list_members(stretch, dimension=Dimension.PAGE, search=request.GET.get("q", "").strip())
    members = order_members(members, by=request.GET.get("sort", "worst"))[:MAX_ROWS]
    found = summarise_members(stretch, members, dimension=Dimension.PAGE, names=COLUMNS)
    kinds = ("p75", "count", "good", "needs_work", "poor")
    header = ["page", "views", *(f"{name}_{kind}" for name in COLUMNS for kind in kinds)]
    rows = []
    for member in members:
        row: list[object] = [name_member(member.name), member.views]
        for name in COLUMNS:
            one = found[member.name].get(name)
            row += (
                [f"{one.p75:.4g}", one.tally.count, one.tally.good, one.tally.needs_work, one.tally.poor]
                if one
                else [""] * len(kinds)
            )
        rows.append(row)
    return make_csv(f"web-vitals-{application.slug}", header, rows)
