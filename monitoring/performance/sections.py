"""What performance shows on a release's page: its endpoints beside those of the release before."""

from __future__ import annotations

from datetime import timedelta

from django.http import HttpRequest
from django.utils import timezone

from config.sections import Section, section
from monitoring.applications.links import page_url
from monitoring.performance.admin.cases import write_change
from monitoring.performance.admin.parts import VIEW, Row, endpoint_url, make_cells
from monitoring.performance.selectors import compare_releases
from monitoring.releases.models import Release
from monitoring.releases.selectors import find_release_before

SINCE = timedelta(days=30)
SHOWN = 12


@section("release", name="performance", order=10, permission=VIEW)
def show_endpoints(request: HttpRequest, application_id: int, pk: int) -> Section | None:
    """Return the endpoints of a release, each with how it differs from the release before."""
    release = Release.objects.filter(application_id=application_id, pk=pk).first()
    if release is None:
        return None
    before = find_release_before(release)
    pairs = compare_releases(
        application_id=application_id,
        release=release.version,
        before=before.version if before is not None else None,
        since=timezone.now() - SINCE,
        limit=SHOWN,
    )
    rows = []
    for endpoint, figures, earlier in pairs:
        if figures.count:
            note, tone = write_change(figures, earlier if earlier.count else None)
            rows.append(
                Row(str(endpoint), endpoint_url(endpoint, chosen="30d"), figures, make_cells(figures), note, tone)
            )
    if not rows:
        return None
    url = page_url("monitoring_performance", application_id=application_id, range="30d")
    return Section("Performance", "monitoring/performance/section.html", {"rows": rows}, url, "performance")
