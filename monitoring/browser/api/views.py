"""REST: how the pages of the key's application do."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from config.api.authentication import KeyGrant
from config.api.errors import NotFound
from monitoring.browser.api.serializers import (
    ONE_OF,
    PageFilter,
    PagesOutput,
    SummaryFilter,
    SummaryOutput,
)
from monitoring.browser.enums import Dimension
from monitoring.browser.selectors.hours import Stretch, find_stretch, list_members, summarise_member, summarise_members
from monitoring.browser.summaries import order_members


class VitalSummaryView(APIView):
    """Web vitals of an application, or of one of its pages, devices, browsers, connections or releases."""

    @extend_schema(
        operation_id="vitals_summary",
        summary="How fast pages feel",
        parameters=[SummaryFilter],
        responses=SummaryOutput,
    )
    def get(self, request: Request) -> Response:
        """Return p75, ratings and counts of every vital; vitals without measurements are left out."""
        chosen = _read(SummaryFilter(data=request.query_params))
        stretch = _find_stretch(request, chosen)
        dimension = next((name for name in ONE_OF if name in chosen), Dimension.ALL.value)
        summaries, _, member = summarise_member(stretch, dimension=dimension, member=chosen.get(dimension, ""))
        found = {
            "since": stretch.start,
            "until": stretch.end,
            "views": member.views,
            "vitals": list(summaries.values()),
        }
        return Response(SummaryOutput(found).data)


class VitalPagesView(APIView):
    """The pages of an application with their vitals."""

    @extend_schema(
        operation_id="vitals_pages",
        summary="Pages with their web vitals",
        parameters=[PageFilter],
        responses=PagesOutput,
    )
    def get(self, request: Request) -> Response:
        """Return pages, the worst first unless asked otherwise."""
        chosen = _read(PageFilter(data=request.query_params))
        stretch = _find_stretch(request, chosen)
        members = list_members(stretch, dimension=Dimension.PAGE, search=chosen.get("search", ""))
        start = chosen["offset"]
        shown = order_members(members, by=chosen["order"])[start : start + chosen["limit"]]
        found = summarise_members(stretch, shown, dimension=Dimension.PAGE)
        results = [{"page": one.name, "views": one.views, "vitals": list(found[one.name].values())} for one in shown]
        answer = {"since": stretch.start, "until": stretch.end, "count": len(members), "results": results}
        return Response(PagesOutput(answer).data)


def _find_stretch(request: Request, chosen: dict[str, Any]) -> Stretch:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return find_stretch(application_id=request.auth.application_id, chosen=chosen["range"], now=timezone.now())


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data
