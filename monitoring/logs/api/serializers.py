"""What REST shows of log lines, and how they are asked for."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.logs.enums import Severity
from monitoring.logs.models import LogRecord


class LogFilter(serializers.Serializer[Any]):
    """Which lines. Times are RFC 3339; without `since` the last 24 hours."""

    search = serializers.CharField(required=False, max_length=500, help_text="Words that all stand in the line.")
    level = serializers.ChoiceField(Severity.choices, required=False, help_text="This severity and worse.")
    logger = serializers.CharField(required=False, max_length=200)
    release = serializers.CharField(required=False, max_length=200)
    environment = serializers.CharField(required=False, max_length=64)
    trace_id = serializers.CharField(required=False, max_length=32)
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)


class LogOutput(serializers.ModelSerializer[LogRecord]):
    """One line. `severity` is OpenTelemetry's number from 1 to 24, `level` its word."""

    level = serializers.ChoiceField(Severity.choices, read_only=True)

    class Meta:
        model = LogRecord
        fields = [
            "id",
            "at",
            "level",
            "severity",
            "logger",
            "body",
            "template",
            "release",
            "environment",
            "trace_id",
            "span_id",
            "attributes",
        ]
        read_only_fields = fields
