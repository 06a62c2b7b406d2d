"""REST: what people said about the application that the key belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from monitoring.errors.selectors import list_group_ids
from monitoring.user_reports.api.serializers import UserReportFilter, UserReportOutput
from monitoring.user_reports.models import UserReport
from monitoring.user_reports.selectors import attach_issues, list_reports


class UserReportViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[UserReport]):
    """What people said."""

    queryset = UserReport.objects.none()
    serializer_class = UserReportOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[UserReport]:
        """Return the application's reports, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return UserReport.objects.none()  # the schema is being written
        reports = list_reports(application_id=self.request.auth.application_id)
        if self.action != "list":
            return reports
        wanted = UserReportFilter(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return _narrow(reports, wanted.validated_data)

    @extend_schema(summary="What people said", parameters=[UserReportFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List reports, the newest first."""
        page: Any = self.paginate_queryset(self.get_queryset())
        attach_issues(page)
        return self.get_paginated_response(UserReportOutput(page, many=True).data)

    @extend_schema(summary="What one person said")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a report."""
        report = self.get_object()
        attach_issues([report])
        return Response(UserReportOutput(report).data)


def _narrow(reports: QuerySet[UserReport], chosen: dict[str, Any]) -> QuerySet[UserReport]:
    if chosen.get("issue"):
        reports = reports.filter(group_id__in=list_group_ids(chosen["issue"]))
    if chosen.get("environment"):
        reports = reports.filter(environment=chosen["environment"])
    if chosen.get("search"):
        text = chosen["search"]
        reports = reports.filter(Q(message__icontains=text) | Q(name__icontains=text) | Q(email__icontains=text))
    return reports
