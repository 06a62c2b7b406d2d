"""REST: log lines of the application that the key belongs to."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from config.api.pagination import CursorPagination
from monitoring.logs.api.serializers import LogFilter, LogOutput
from monitoring.logs.enums import Severity
from monitoring.logs.models import LogRecord
from monitoring.logs.selectors import Wanted, list_lines


class NewestLines(CursorPagination):
    """By the time of the line."""

    ordering = ("-at", "-id")


class LogsView(generics.ListAPIView[LogRecord]):
    """Log lines."""

    queryset = LogRecord.objects.none()
    serializer_class = LogOutput
    pagination_class = NewestLines

    def get_queryset(self) -> QuerySet[LogRecord]:
        """Return the application's lines as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return LogRecord.objects.none()  # the schema is being written
        asked = LogFilter(data=self.request.query_params)
        asked.is_valid(raise_exception=True)
        chosen = asked.validated_data
        level = chosen.get("level")
        wanted = Wanted(
            text=chosen.get("search", ""),
            least=Severity(level).first_number if level else 0,
            trace_id=chosen.get("trace_id", "").lower(),
            **{name: chosen.get(name, "") for name in ("logger", "release", "environment")},
        )
        return list_lines(
            application_id=self.request.auth.application_id,
            since=chosen.get("since") or timezone.now() - timedelta(hours=24),
            until=chosen.get("until"),
            wanted=wanted,
        )

    @extend_schema(summary="Log lines of this application", operation_id="logs_list", parameters=[LogFilter])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List lines, the newest first."""
        return super().get(request, *args, **kwargs)
