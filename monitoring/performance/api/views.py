"""REST: how the key's application performs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import generics
from rest_framework.request import Request as ApiRequest
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.views import APIView

from config.api.authentication import KeyGrant
from config.api.errors import NotFound
from config.api.pagination import CursorPagination
from monitoring.performance.api.serializers import (
    EndpointFilter,
    EndpointsOutput,
    QueryFilter,
    QueryOutput,
    RequestFilter,
    RequestOutput,
    StatementsOutput,
    StretchFilter,
    TraceOutput,
)
from monitoring.performance.models import Query, Request
from monitoring.performance.selectors import (
    Stretch,
    Wanted,
    find_stretch,
    list_endpoints,
    list_queries,
    list_requests,
    list_statements,
    read_sketches,
    read_trace,
)
from monitoring.releases.records import make_user_key


class Newest(CursorPagination):
    """By when it began."""

    ordering = ("-started_at", "record_id")


class EndpointsView(APIView):
    """The endpoints or jobs of an application."""

    @extend_schema(
        summary="Endpoints with their throughput, errors and percentiles",
        operation_id="endpoints_list",
        parameters=[EndpointFilter],
        responses=EndpointsOutput,
    )
    def get(self, request: ApiRequest) -> Response:
        """Return endpoints, those that cost most time first unless asked otherwise."""
        chosen = _read(EndpointFilter(data=request.query_params))
        stretch = _find_stretch(request, chosen)
        found = list_endpoints(stretch, kind=chosen["kind"], search=chosen["search"], order=chosen["order"])
        return Response(EndpointsOutput(_page(stretch, found, chosen, "endpoint")).data)


class StatementsView(APIView):
    """The database statements of an application."""

    @extend_schema(
        summary="Statements with how often and how long they ran",
        operation_id="statements_list",
        parameters=[StretchFilter],
        responses=StatementsOutput,
    )
    def get(self, request: ApiRequest) -> Response:
        """Return statements, those that cost most time first unless asked otherwise."""
        chosen = _read(StretchFilter(data=request.query_params))
        stretch = _find_stretch(request, chosen)
        found = list_statements(stretch, search=chosen["search"], order=chosen["order"])
        return Response(StatementsOutput(_page(stretch, found, chosen, "statement")).data)


class RequestsView(generics.ListAPIView[Request]):
    """Single requests."""

    queryset = Request.objects.none()
    serializer_class = RequestOutput
    pagination_class = Newest

    def get_queryset(self) -> QuerySet[Request]:
        """Return the application's requests as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Request.objects.none()  # the schema is being written
        chosen = _read(RequestFilter(data=self.request.query_params))
        wanted = Wanted(
            endpoint_id=chosen.get("endpoint_id"),
            status=chosen.get("status", ""),
            at_least=chosen.get("at_least"),
            failed=chosen["failed"],
            user_key=make_user_key(chosen["user_id"]) if chosen.get("user_id") else None,
            release=chosen.get("release", ""),
            trace_id=chosen.get("trace_id", "").lower(),
        )
        return list_requests(application_id=self.request.auth.application_id, since=_since(chosen), wanted=wanted)

    @extend_schema(summary="Single requests", operation_id="requests_list", parameters=[RequestFilter])
    def get(self, request: ApiRequest, *args: Any, **kwargs: Any) -> Response:
        """List requests, the newest first."""
        return super().get(request, *args, **kwargs)


class QueriesView(generics.ListAPIView[Query]):
    """Single database queries."""

    queryset = Query.objects.none()
    serializer_class = QueryOutput
    pagination_class = Newest

    def get_queryset(self) -> QuerySet[Query]:
        """Return the application's queries as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Query.objects.none()  # the schema is being written
        chosen = _read(QueryFilter(data=self.request.query_params))
        return list_queries(
            application_id=self.request.auth.application_id,
            since=_since(chosen),
            statement_id=chosen.get("statement_id"),
            at_least=chosen.get("at_least"),
            trace_id=chosen.get("trace_id", "").lower(),
        )

    @extend_schema(summary="Single database queries", operation_id="queries_list", parameters=[QueryFilter])
    def get(self, request: ApiRequest, *args: Any, **kwargs: Any) -> Response:
        """List queries, the newest first."""
        return super().get(request, *args, **kwargs)


class TraceView(APIView):
    """One trace."""

    @extend_schema(summary="Everything that names one trace", operation_id="traces_retrieve", responses=TraceOutput)
    def get(self, request: ApiRequest, trace_id: str) -> Response:
        """Return spans, requests and queries; errors and log lines have lists of their own."""
        if not isinstance(request.auth, KeyGrant):
            raise NotFound
        trace_id = trace_id.lower()
        trace = read_trace(application_id=request.auth.application_id, trace_id=trace_id, now=timezone.now())
        if trace.is_empty:
            raise NotFound("Nothing of this trace is kept.")
        told = {"trace_id": trace_id, "spans": trace.spans, "requests": trace.requests, "queries": trace.queries}
        return Response(TraceOutput(told).data)


def _page(stretch: Stretch, found: list[tuple[Any, Any]], chosen: dict[str, Any], name: str) -> dict[str, Any]:
    shown = read_sketches(stretch, found[chosen["offset"] : chosen["offset"] + chosen["limit"]])
    results = [{name: one, "figures": figures} for one, figures in shown]
    return {"since": stretch.start, "count": len(found), "results": results}


def _find_stretch(request: ApiRequest, chosen: dict[str, Any]) -> Stretch:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return find_stretch(
        application_id=request.auth.application_id,
        chosen=chosen["range"],
        now=timezone.now(),
        environment=chosen["environment"],
    )


def _since(chosen: dict[str, Any]) -> Any:
    return chosen.get("since") or timezone.now() - timedelta(hours=24)


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data
