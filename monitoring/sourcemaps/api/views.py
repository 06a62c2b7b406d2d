"""REST: uploads of source maps of the application that the key belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from monitoring.sourcemaps.api.serializers import MissingMapOutput, SourceBundleOutput
from monitoring.sourcemaps.models import MissingMap, SourceBundle
from monitoring.sourcemaps.services.upkeep import delete_bundle

RELEASE = OpenApiParameter("release", str, description="Only uploads of this release.")


class SourceBundleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[SourceBundle]):
    """Uploads of source maps. They come by the doors that sentry-cli knows, not by REST."""

    queryset = SourceBundle.objects.none()
    serializer_class = SourceBundleOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[SourceBundle]:
        """Return the application's uploads, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return SourceBundle.objects.none()  # the schema is being written
        found = SourceBundle.objects.filter(application_id=self.request.auth.application_id)
        release = self.request.query_params.get("release", "") if self.action == "list" else ""
        return found.filter(release=release.replace("\x00", "")) if release else found

    @extend_schema(summary="The uploads of this application", parameters=[RELEASE])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List uploads, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One upload")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an upload."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Remove an upload", responses={204: None})
    def destroy(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Remove an upload and the contents that no other has. Errors explained by it stay as they are."""
        delete_bundle(bundle=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Releases whose errors had no source map", responses=MissingMapOutput(many=True))
    @action(detail=False, methods=["get"], pagination_class=None)
    def missing(self, request: Request) -> Response:
        """List what is missing, the newest seen first, 100 at most."""
        if not isinstance(request.auth, KeyGrant):
            return Response([])
        found = MissingMap.objects.filter(application_id=request.auth.application_id)[:100]
        return Response(MissingMapOutput(found, many=True).data)
