"""REST: applications. A key sees the one application it belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import mixins, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from config.api.authentication import KeyGrant
from monitoring.applications.api.serializers import ApplicationInput, ApplicationOutput
from monitoring.applications.models import Application
from monitoring.applications.selectors import list_applications
from monitoring.applications.services import update_application


@extend_schema_view(
    list=extend_schema(summary="The applications this key may see"),
    retrieve=extend_schema(summary="One application"),
)
class ApplicationViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Application]):
    """The application that the key belongs to, under its id or as `current`."""

    queryset = Application.objects.none()
    serializer_class = ApplicationOutput
    lookup_value_regex = r"[0-9]{1,9}"

    def get_queryset(self) -> QuerySet[Application]:
        """Return the key's own application; nothing else exists for it."""
        grant = self.request.auth
        if not isinstance(grant, KeyGrant):
            return Application.objects.none()  # the schema is being written
        return list_applications().filter(pk=grant.application_id)

    @extend_schema(summary="Change an application", request=ApplicationInput, responses=ApplicationOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; needs the scope `write`."""
        return self._change(self.get_object(), request)

    @extend_schema(summary="The application of this key", responses=ApplicationOutput)
    @action(detail=False, methods=["get"], pagination_class=None, filter_backends=[])
    def current(self, request: Request) -> Response:
        """Return the application of the key, without knowing its id."""
        return Response(ApplicationOutput(self.get_queryset().get()).data)

    def _change(self, application: Application, request: Request) -> Response:
        body = ApplicationInput(data=request.data)
        body.is_valid(raise_exception=True)
        changes: dict[str, Any] = body.validated_data
        return Response(ApplicationOutput(update_application(application=application, changes=changes)).data)
