"""What REST shows of reports."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.user_reports.models import UserReport


class UserReportOutput(serializers.ModelSerializer[UserReport]):
    """What one person said. `event_id`: the error they named; `issue_id`: its issue, null where it is not known."""

    issue_id = serializers.IntegerField(source="issue.pk", read_only=True, allow_null=True, default=None)

    class Meta:
        model = UserReport
        fields = [
            "id",
            "report_id",
            "event_id",
            "issue_id",
            "received_at",
            "name",
            "email",
            "message",
            "url",
            "release",
            "environment",
            "trace_id",
        ]
        read_only_fields = fields


class UserReportFilter(serializers.Serializer[Any]):
    """How the list of reports can be narrowed."""

    issue = serializers.IntegerField(required=False, min_value=1, max_value=2**62, help_text="Id of an issue.")
    environment = serializers.CharField(max_length=64, required=False)
    search = serializers.CharField(max_length=200, required=False, help_text="Part of what was said, name or e-mail.")
