"""REST: releases of the application that the key belongs to, and announcing deployments."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from config.actors import actor_of_key
from config.api.authentication import KeyGrant
from config.api.idempotency import answer_once
from monitoring.releases.api.serializers import (
    DeploymentInput,
    DeploymentOutput,
    ReleaseDetailOutput,
    ReleaseFilter,
    ReleaseOutput,
)
from monitoring.releases.models import Deployment, Release
from monitoring.releases.selectors import describe_releases, list_releases
from monitoring.releases.services.deployments import announce_deployment


class ReleaseViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[Release]):
    """Releases of the key's application."""

    queryset = Release.objects.none()
    serializer_class = ReleaseOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Release]:
        """Return the application's releases, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Release.objects.none()  # the schema is being written
        releases = list_releases(application_id=self.request.auth.application_id)
        if self.action != "list":
            return releases
        body = ReleaseFilter(data=self.request.query_params)
        body.is_valid(raise_exception=True)
        return releases.filter(**body.validated_data)

    @extend_schema(summary="The releases of this application", parameters=[ReleaseFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List releases, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One release with its health", responses=ReleaseDetailOutput)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a release, how its sessions of the last 24 hours went and whether it is worse than the one before it."""
        release = self.get_object()
        row = describe_releases([release], now=timezone.now())[release.pk]
        told = {
            "id": release.pk,
            "version": release.version,
            "first_seen": release.first_seen,
            "environments": row.environments,
            "deployed_at": row.deployed_at,
            "adoption": row.adoption,
            "new_issues": row.new_issues,
            "verdict": row.verdict,
            "reasons": row.reasons,
            "health": row.health,
        }
        return Response(ReleaseDetailOutput(told).data)


class DeploymentViewSet(viewsets.GenericViewSet[Deployment]):
    """Deployments of the key's application."""

    queryset = Deployment.objects.none()
    serializer_class = DeploymentOutput

    @extend_schema(
        summary="Announce a deployment",
        request=DeploymentInput,
        responses={201: DeploymentOutput, 200: DeploymentOutput},
    )
    def create(self, request: Request) -> Response:
        """Note that a release was put into use. The same one again is answered with 200 and changes nothing."""
        return answer_once(request, lambda: self._create(request))

    def _create(self, request: Request) -> Response:
        grant = request.auth
        assert isinstance(grant, KeyGrant)
        body = DeploymentInput(data=request.data)
        body.is_valid(raise_exception=True)
        deployment, is_new = announce_deployment(
            application_id=grant.application_id,
            by_name=actor_of_key(grant).name,
            now=timezone.now(),
            **body.validated_data,
        )
        code = status.HTTP_201_CREATED if is_new else status.HTTP_200_OK
        return Response(DeploymentOutput(deployment).data, status=code)
