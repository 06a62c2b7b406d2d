"""What REST shows of requests, queries and traces, and how they are asked for. Durations are in seconds."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from monitoring.performance.models import Endpoint, Query, Request, Span, Statement
from monitoring.performance.selectors import DEFAULT_RANGE, ORDERS, RANGES

MAX_LIMIT = 200


class StretchFilter(serializers.Serializer[Any]):
    """The last hours or days, in whole hours; which ones, in what order."""

    range = serializers.ChoiceField(list(RANGES), default=DEFAULT_RANGE)
    environment = serializers.CharField(required=False, max_length=64, default="")
    search = serializers.CharField(required=False, max_length=250, default="")
    order = serializers.ChoiceField(list(ORDERS), default="seconds", help_text="Largest first.")
    limit = serializers.IntegerField(default=50, min_value=1, max_value=MAX_LIMIT)
    offset = serializers.IntegerField(default=0, min_value=0, max_value=100_000)


class EndpointFilter(StretchFilter):
    """Endpoints that answer requests, or jobs."""

    kind = serializers.ChoiceField(["requests", "jobs"], default="requests")


class RequestFilter(serializers.Serializer[Any]):
    """Which single requests; without `since` those of the last 24 hours."""

    endpoint_id = serializers.IntegerField(required=False, min_value=1)
    status = serializers.RegexField(r"^[1-5](xx|[0-9]{2})$", required=False, help_text="A code, or a class: 5xx.")
    at_least = serializers.FloatField(required=False, min_value=0, help_text="Seconds.")
    failed = serializers.BooleanField(required=False, default=False)
    user_id = serializers.CharField(required=False, max_length=200)
    release = serializers.CharField(required=False, max_length=200)
    trace_id = serializers.CharField(required=False, max_length=32)
    since = serializers.DateTimeField(required=False)


class QueryFilter(serializers.Serializer[Any]):
    """Which single queries; without `since` those of the last 24 hours."""

    statement_id = serializers.IntegerField(required=False, min_value=1)
    at_least = serializers.FloatField(required=False, min_value=0, help_text="Seconds.")
    trace_id = serializers.CharField(required=False, max_length=32)
    since = serializers.DateTimeField(required=False)


class FiguresOutput(serializers.Serializer[Any]):
    """How many, how many of them failed or were slow, and how long they took; null where nothing is known."""

    count = serializers.IntegerField()
    failed = serializers.IntegerField()
    slow = serializers.IntegerField()
    seconds = serializers.FloatField(help_text="All of them together.")
    average = serializers.FloatField(allow_null=True)
    p50 = serializers.FloatField(allow_null=True)
    p75 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    longest = serializers.FloatField()


class EndpointOutput(serializers.ModelSerializer[Endpoint]):
    """One route; a job has no method."""

    class Meta:
        model = Endpoint
        fields = ["id", "method", "endpoint"]
        read_only_fields = fields


class StatementOutput(serializers.ModelSerializer[Statement]):
    """One statement without its values."""

    class Meta:
        model = Statement
        fields = ["id", "statement", "operation", "table", "system"]
        read_only_fields = fields


class EndpointRow(serializers.Serializer[Any]):
    """An endpoint with its figures."""

    endpoint = EndpointOutput()
    figures = FiguresOutput()


class StatementRow(serializers.Serializer[Any]):
    """A statement with its figures."""

    statement = StatementOutput()
    figures = FiguresOutput()


class EndpointsOutput(serializers.Serializer[Any]):
    """Some of the endpoints; `count` of all that match."""

    since = serializers.DateTimeField()
    count = serializers.IntegerField()
    results = EndpointRow(many=True)


class StatementsOutput(serializers.Serializer[Any]):
    """Some of the statements; `count` of all that match."""

    since = serializers.DateTimeField()
    count = serializers.IntegerField()
    results = StatementRow(many=True)


class RequestOutput(serializers.ModelSerializer[Request]):
    """One request, or one run of a job (`status` 0)."""

    id = serializers.UUIDField(source="record_id", read_only=True)
    endpoint = EndpointOutput(read_only=True)
    user_key = serializers.SerializerMethodField(help_text="Key of the person, 32 digits; null where nobody is known.")

    class Meta:
        model = Request
        fields = [
            "id",
            "started_at",
            "duration",
            "endpoint",
            "status",
            "failed",
            "url",
            "release",
            "environment",
            "user_key",
            "trace_id",
            "span_id",
        ]
        read_only_fields = fields

    def get_user_key(self, request: Request) -> str | None:
        """Return the key as digits."""
        return None if request.user_key is None else bytes(request.user_key).hex()


class QueryOutput(serializers.ModelSerializer[Query]):
    """One run of a statement."""

    id = serializers.UUIDField(source="record_id", read_only=True)
    statement = StatementOutput(read_only=True)

    class Meta:
        model = Query
        fields = [
            "id",
            "started_at",
            "duration",
            "statement",
            "parameter_count",
            "failed",
            "endpoint",
            "release",
            "environment",
            "trace_id",
            "span_id",
        ]
        read_only_fields = fields


class SpanOutput(serializers.ModelSerializer[Span]):
    """One piece of work."""

    class Meta:
        model = Span
        fields = [
            "span_id",
            "parent_id",
            "started_at",
            "duration",
            "name",
            "kind",
            "operation",
            "failed",
            "service",
            "release",
            "environment",
            "attributes",
        ]
        read_only_fields = fields


class TraceOutput(serializers.Serializer[Any]):
    """Everything that names one trace, each kind in the order it began."""

    trace_id = serializers.CharField()
    spans = SpanOutput(many=True)
    requests = RequestOutput(many=True)
    queries = QueryOutput(many=True)
