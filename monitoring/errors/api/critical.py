"""REST: critical patterns, those of all applications to read, the key's own application's to change."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from config.api.errors import Conflict, NotFound
from config.api.idempotency import answer_once
from monitoring.errors.api.serializers import CriticalPatternInput, CriticalPatternOutput
from monitoring.errors.models import CriticalPattern
from monitoring.errors.selectors import list_critical_patterns
from monitoring.errors.services.critical import delete_pattern, save_pattern


class CriticalPatternViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[CriticalPattern]
):
    """What makes an error critical."""

    queryset = CriticalPattern.objects.none()
    serializer_class = CriticalPatternOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[CriticalPattern]:
        """Return the patterns that the application's errors are compared with."""
        if not isinstance(self.request.auth, KeyGrant):
            return CriticalPattern.objects.none()  # the schema is being written
        return list_critical_patterns(application_id=self.request.auth.application_id)

    @extend_schema(summary="Critical patterns")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List patterns, the oldest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One critical pattern")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a pattern."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(
        summary="Add a critical pattern",
        request=CriticalPatternInput,
        responses={201: OpenApiResponse(CriticalPatternOutput)},
    )
    def create(self, request: Request) -> Response:
        """Add a pattern for this application."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a critical pattern", request=CriticalPatternInput, responses=CriticalPatternOutput)
    def update(self, request: Request, pk: str) -> Response:
        """Replace one of this application's own patterns."""
        return Response(CriticalPatternOutput(self._save(self._find_own(), request)).data)

    @extend_schema(summary="Delete a critical pattern", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete one of this application's own patterns."""
        delete_pattern(pattern=self._find_own())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        if not isinstance(request.auth, KeyGrant):
            raise NotFound
        pattern = self._save(CriticalPattern(application_id=request.auth.application_id), request)
        return Response(CriticalPatternOutput(pattern).data, status=status.HTTP_201_CREATED)

    def _save(self, pattern: CriticalPattern, request: Request) -> CriticalPattern:
        wanted = CriticalPatternInput(data=request.data)
        wanted.is_valid(raise_exception=True)
        return save_pattern(pattern=pattern, values=dict(wanted.validated_data))

    def _find_own(self) -> CriticalPattern:
        pattern = self.get_object()
        if pattern.application_id is None:
            raise Conflict("This pattern is one of all applications; it is changed in the admin.")
        return pattern
