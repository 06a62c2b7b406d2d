"""REST: the routing tree: which alerts go to which escalation policy."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.api.bodies import MAX_ID, grant_of, read_body, read_change, refuse
from alerts.api.quiet import MatchersField
from alerts.models import Route
from alerts.selectors import list_routes
from alerts.services.policies import MAX_POSITION, PolicyInvalid, RouteDraft, delete_route, save_route
from config.api.authentication import KeyGrant
from config.api.errors import Conflict
from config.api.idempotency import answer_once


class RouteOutput(serializers.ModelSerializer[Route]):
    """A branch of the tree. Branches of one parent are asked by `position`; the first that matches takes an alert.

    `policy` null: the parent's. `continues`: the next ones are asked, too. `application` null: it takes alerts of all
    applications, and is changed in the admin.
    """

    class Meta:
        model = Route
        fields = ["id", "name", "application", "matchers", "parent", "position", "policy", "continues"]
        read_only_fields = fields


class RouteInput(serializers.Serializer[Route]):
    """A route for alerts of the key's own application."""

    name = serializers.CharField(max_length=100)
    matchers = MatchersField()
    parent = serializers.IntegerField(  # type: ignore[assignment]  # a field; DRF's own attribute is the instance's
        min_value=1, max_value=MAX_ID, allow_null=True, default=None
    )
    position = serializers.IntegerField(min_value=0, max_value=MAX_POSITION, default=0)
    policy = serializers.IntegerField(
        min_value=1, max_value=MAX_ID, allow_null=True, default=None, help_text="Id of one; null: the parent's."
    )
    continues = serializers.BooleanField(default=False)


class RouteViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Route]):
    """Routes: those for the key's application can be changed; those for all applications can be read and hung below."""

    queryset = Route.objects.none()
    serializer_class = RouteOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Route]:
        """Return the routes that may take the application's alerts."""
        if not isinstance(self.request.auth, KeyGrant):
            return Route.objects.none()  # the schema is being written
        return list_routes(application_id=self.request.auth.application_id)

    @extend_schema(summary="The routes that may take this application's alerts")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List routes, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One route")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a route."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make a route", request=RouteInput, responses={201: RouteOutput})
    def create(self, request: Request) -> Response:
        """Make a route for alerts of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a route", request=RouteInput, responses=RouteOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays. Alerts that begin from now on go by it."""
        route, change = self._own(), read_change(request)
        known = {name: value for name, value in RouteOutput(route).data.items() if name in RouteInput().fields}
        return Response(RouteOutput(_save(read_body(RouteInput(data={**known, **change})), request, route)).data)

    @extend_schema(summary="Delete a route", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a route with all below it."""
        delete_route(route=self._own())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        route = _save(read_body(RouteInput(data=request.data)), request, None)
        return Response(RouteOutput(route).data, status=status.HTTP_201_CREATED)

    def _own(self) -> Route:
        """Return a route of the key's own application; raise NotFound or Conflict."""
        route: Route = self.get_object()
        if route.application_id is None:
            raise Conflict("This route is for all applications, so it is changed in the admin.")
        return route


def _save(body: dict[str, Any], request: Request, route: Route | None) -> Route:
    """Store a checked body; raise BodyInvalid."""
    draft = RouteDraft(
        name=body["name"],
        matchers=body["matchers"],
        parent_id=body["parent"],
        position=body["position"],
        policy_id=body["policy"],
        continues=body["continues"],
        application_id=grant_of(request).application_id,
    )
    try:
        return save_route(draft=draft, route=route)
    except PolicyInvalid as error:
        raise refuse(error.placed) from error
