"""REST: components and what they need, one by one and as the tree with what is broken."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.api.bodies import MAX_ID, grant_of, read_body, read_change, refuse
from alerts.api.quiet import MatchersField
from alerts.component_pages import Line, list_tree
from alerts.component_tree import Health
from alerts.held import list_components
from alerts.inhibit_drafts import MAX_NAME, ComponentDraft, DraftInvalid
from alerts.models import Component
from alerts.routing.components import MAX_COMPONENTS
from alerts.services.components import delete_component, save_component
from config.api.authentication import KeyGrant
from config.api.errors import Conflict
from config.api.idempotency import answer_once

#: What the check of a component calls otherwise than a body does.
_NAMES = {"depends_on": "needs"}


class ComponentOutput(serializers.ModelSerializer[Component]):
    """A component. `needs`: what it directly needs. `application` null: it is of all applications, changed in the admin."""

    needs = serializers.PrimaryKeyRelatedField[Any](source="depends_on", many=True, read_only=True)

    class Meta:
        model = Component
        fields = ["id", "name", "application", "matchers", "needs"]
        read_only_fields = fields


class ComponentInput(serializers.Serializer[Component]):
    """A component of the key's own application."""

    name = serializers.CharField(max_length=MAX_NAME)
    matchers = MatchersField(default="")
    needs = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=MAX_ID),
        max_length=MAX_COMPONENTS,
        default=list,
        help_text="Ids of components of this application or of all. While one of them is broken, this one is silent.",
    )


class ComponentLineOutput(serializers.Serializer[Line]):
    """One component of the tree. Lines come in its order; `depth` 0 needs nothing. `alerts`: ids of its own that fire."""

    id = serializers.IntegerField(source="row.pk")
    name = serializers.CharField(source="row.name")
    application = serializers.IntegerField(source="row.application_id", allow_null=True)
    matchers = serializers.CharField(source="row.matchers")
    depth = serializers.IntegerField(source="branch.depth")
    needs = serializers.ListField(child=serializers.IntegerField(), source="branch.component.parents")
    health = serializers.ChoiceField(choices=[(health.value, health.label) for health in Health])
    alerts = serializers.ListField(child=serializers.IntegerField(), source="branch.alert_ids")
    because = serializers.CharField(source="words", help_text="What holds its alerts, in words.")


class ComponentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Component]):
    """Components: those of the key's application can be changed; those of all applications can be read and needed."""

    queryset = Component.objects.none()
    serializer_class = ComponentOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Component]:
        """Return the application's components and those of all."""
        if not isinstance(self.request.auth, KeyGrant):
            return Component.objects.none()  # the schema is being written
        return list_components(application_id=self.request.auth.application_id)

    @extend_schema(summary="The components of this application")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List components, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One component")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a component with what it needs."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make a component", request=ComponentInput, responses={201: ComponentOutput})
    def create(self, request: Request) -> Response:
        """Make a component of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a component", request=ComponentInput, responses=ComponentOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays. `needs` are replaced as a whole; loops are refused."""
        component, change = self._own(), read_change(request)
        before = {"name": component.name, "matchers": component.matchers, "needs": _list_needs(component)}
        body = read_body(ComponentInput(data={**before, **change}))
        self._save(body, component)
        return Response(ComponentOutput(self.get_object()).data)

    @extend_schema(summary="Delete a component", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a component; what needed it is held by it no more."""
        delete_component(component=self._own())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        component = self._save(read_body(ComponentInput(data=request.data)), None)
        made = self.get_queryset().get(pk=component.pk)
        return Response(ComponentOutput(made).data, status=status.HTTP_201_CREATED)

    def _save(self, body: dict[str, Any], component: Component | None) -> Component:
        """Store a checked body; raise BodyInvalid, also for components of others, unless it needs them already."""
        known = set(self.get_queryset().filter(pk__in=body["needs"]).values_list("pk", flat=True))
        known.update(_list_needs(component) if component is not None else ())
        unknown = [
            (f"needs.{place}", f"There is no component {needed} of this application or of all.")
            for place, needed in enumerate(body["needs"])
            if needed not in known
        ]
        if unknown:
            raise refuse(unknown)
        application_id = grant_of(self.request).application_id
        draft = ComponentDraft(body["name"], body["matchers"], application_id, tuple(dict.fromkeys(body["needs"])))
        try:
            return save_component(draft=draft, component=component)
        except DraftInvalid as error:
            raise refuse((_NAMES.get(name, name), words) for name, words in error.errors.items()) from error

    def _own(self) -> Component:
        """Return a component of the key's own application; raise NotFound or Conflict."""
        component: Component = self.get_object()
        if component.application_id is None:
            raise Conflict("This component is of all applications, so it is changed in the admin.")
        return component


class ComponentTreeViewSet(viewsets.GenericViewSet[Any]):
    """The tree of components, as far as they are the application's or nobody's in particular."""

    serializer_class = ComponentLineOutput
    pagination_class = None
    filter_backends: list[Any] = []

    @extend_schema(summary="What needs what, and what is broken", responses=ComponentLineOutput(many=True))
    def list(self, request: Request) -> Response:
        """List components, each below what it needs, with their health and the alerts that say so."""
        lines = list_tree(now=timezone.now(), application_id=grant_of(request).application_id)
        return Response([ComponentLineOutput(line).data for line in lines])


def _list_needs(component: Component) -> list[int]:
    return [needed.pk for needed in component.depends_on.all()]
