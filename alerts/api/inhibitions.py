"""REST: which alerts inhibit which."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.api.bodies import grant_of, read_body, read_change, refuse
from alerts.api.quiet import MatchersField
from alerts.held import list_inhibitions
from alerts.inhibit_drafts import MAX_EQUAL, MAX_LABEL, MAX_NAME, DraftInvalid, InhibitDraft
from alerts.models import InhibitRule
from alerts.services.inhibitions import BuiltinKept, delete_inhibition, list_ring_warnings, save_inhibition
from config.api.authentication import KeyGrant
from config.api.errors import Conflict
from config.api.idempotency import answer_once

_FIELDS = ("name", "source_matchers", "target_matchers", "equal", "enabled")


class InhibitionOutput(serializers.ModelSerializer[InhibitRule]):
    """While an alert that the source matches fires, alerts that the target matches tell nobody, if `equal` are equal.

    `application` null: it is about alerts of all applications, and is changed in the admin.
    """

    is_builtin = serializers.BooleanField(read_only=True)

    class Meta:
        model = InhibitRule
        fields = ["id", "name", "application", "source_matchers", "target_matchers", "equal", "enabled", "is_builtin"]
        read_only_fields = fields


class SavedInhibitionOutput(InhibitionOutput):
    """An inhibition that was just saved. `warnings`: a ring that it is part of, with the names of all in it."""

    warnings = serializers.SerializerMethodField()

    class Meta(InhibitionOutput.Meta):
        fields = [*InhibitionOutput.Meta.fields, "warnings"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_warnings(self, rule: InhibitRule) -> list[str]:
        """Return what a person would be warned of; of other applications' nothing is said."""
        return list_ring_warnings(rule=rule, application_id=rule.application_id)


class InhibitionInput(serializers.Serializer[InhibitRule]):
    """An inhibition among alerts of the key's own application."""

    name = serializers.CharField(max_length=MAX_NAME)
    source_matchers = MatchersField()
    target_matchers = MatchersField()
    equal = serializers.ListField(
        child=serializers.CharField(max_length=MAX_LABEL),
        max_length=MAX_EQUAL,
        default=list,
        help_text="Labels that both alerts must have with the same value. Empty: any two alerts.",
    )
    enabled = serializers.BooleanField(default=True)


class InhibitionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[InhibitRule]):
    """Inhibitions: those of the key's application can be changed; those of all applications can be read."""

    queryset = InhibitRule.objects.none()
    serializer_class = InhibitionOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[InhibitRule]:
        """Return the inhibitions that may hold the application's alerts."""
        if not isinstance(self.request.auth, KeyGrant):
            return InhibitRule.objects.none()  # the schema is being written
        return list_inhibitions(application_id=self.request.auth.application_id)

    @extend_schema(summary="Which alerts inhibit which")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List inhibitions, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One inhibition")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an inhibition."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make an inhibition", request=InhibitionInput, responses={201: SavedInhibitionOutput})
    def create(self, request: Request) -> Response:
        """Have alerts of the key's application hold others of it; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change an inhibition", request=InhibitionInput, responses=SavedInhibitionOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays. It holds and releases alerts at once."""
        rule, change = self._own(), read_change(request)
        known = {name: getattr(rule, name) for name in _FIELDS}
        body = read_body(InhibitionInput(data={**known, **change}))
        return Response(SavedInhibitionOutput(_save(body, request, rule)).data)

    @extend_schema(summary="Delete an inhibition", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete an inhibition; what it held and still fires is told. One that came with the product is switched off instead: 409."""
        try:
            delete_inhibition(rule=self._own())
        except BuiltinKept as error:
            raise Conflict(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        rule = _save(read_body(InhibitionInput(data=request.data)), request, None)
        return Response(SavedInhibitionOutput(rule).data, status=status.HTTP_201_CREATED)

    def _own(self) -> InhibitRule:
        """Return an inhibition of the key's own application; raise NotFound or Conflict."""
        rule: InhibitRule = self.get_object()
        if rule.application_id is None:
            raise Conflict("This inhibition is for all applications, so it is changed in the admin.")
        return rule


def _save(body: dict[str, Any], request: Request, rule: InhibitRule | None) -> InhibitRule:
    """Store a checked body; raise BodyInvalid."""
    draft = InhibitDraft(**{**body, "equal": tuple(body["equal"])}, application_id=grant_of(request).application_id)
    try:
        return save_inhibition(draft=draft, rule=rule)
    except DraftInvalid as error:
        raise refuse(error.errors.items()) from error
