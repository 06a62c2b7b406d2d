"""REST: silences, and matchers as they are written in bodies."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from alerts.held import list_silences
from alerts.models import Silence
from alerts.routing.matchers import (
    MAX_MATCHERS,
    MAX_TEXT_LENGTH,
    Matcher,
    MatcherInvalid,
    parse_matchers,
    write_matchers,
)
from alerts.services.silences import SilenceOver, create_silence, end_silence, extend_silence
from alerts.silencing import MAX_REASON_CHARACTERS, SilenceDraft, SilenceInvalid
from config.actors import Actor, actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict
from config.api.errors import NotFound as NothingHere
from config.api.idempotency import answer_once

STATES = ("active", "pending", "expired")
_MATCHER = {
    "type": "object",
    "required": ["name", "value"],
    "properties": {
        "name": {"type": "string"},
        "value": {"type": "string"},
        "isRegex": {"type": "boolean", "default": False},
        "isEqual": {"type": "boolean", "default": True},
    },
}
_OPERATORS = {(False, True): "=", (False, False): "!=", (True, True): "=~", (True, False): "!~"}


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "maxLength": MAX_TEXT_LENGTH},
            {"type": "array", "items": _MATCHER, "maxItems": MAX_MATCHERS},
        ],
        "description": 'Text like {alertname="Load", host=~"erp.*"}, or a list as Alertmanager writes it.',
    }
)
class MatchersField(serializers.Field[Any, Any, Any, Any]):
    """Matchers as text or as Alertmanager's list; the value is text."""

    def to_internal_value(self, data: Any) -> str:
        """Return the text; raise ValidationError for what is neither."""
        if isinstance(data, str):
            return data
        if not isinstance(data, list):
            raise serializers.ValidationError("Send text, or a list of matchers.")
        try:
            return write_matchers(_read_matcher(one) for one in data)
        except MatcherInvalid as error:
            raise serializers.ValidationError(str(error)) from error


class MatcherOutput(serializers.Serializer[Any]):
    """One matcher as Alertmanager writes it."""

    name = serializers.CharField()
    value = serializers.CharField(allow_blank=True)
    isRegex = serializers.BooleanField()  # noqa: N815  (Alertmanager's name)
    isEqual = serializers.BooleanField()  # noqa: N815


class StatusOutput(serializers.Serializer[Any]):
    """Where a silence stands, as Alertmanager says it."""

    state = serializers.ChoiceField(choices=STATES)


class SilenceOutput(serializers.ModelSerializer[Silence]):
    """A silence. `application` null: it is for all of them. Alertmanager's names stand beside ours."""

    matchers = serializers.SerializerMethodField()
    matchers_text = serializers.CharField(source="matchers", read_only=True)
    author = serializers.CharField(source="author_name", read_only=True)
    ended_by = serializers.CharField(source="ended_by_name", read_only=True)
    held_alerts = serializers.IntegerField(source="held", read_only=True, help_text="How many alerts it holds now.")
    status = serializers.SerializerMethodField()
    startsAt = serializers.DateTimeField(source="starts_at", read_only=True)  # noqa: N815  (Alertmanager's names)
    endsAt = serializers.DateTimeField(source="ends_at", read_only=True)  # noqa: N815
    createdBy = serializers.CharField(source="author_name", read_only=True)  # noqa: N815
    comment = serializers.CharField(source="reason", read_only=True)

    class Meta:
        model = Silence
        fields = [
            "id",
            "application",
            "matchers",
            "matchers_text",
            "starts_at",
            "ends_at",
            "reason",
            "author",
            "ended_by",
            "held_alerts",
            "created_at",
            "status",
            "startsAt",
            "endsAt",
            "createdBy",
            "comment",
        ]
        read_only_fields = fields

    @extend_schema_field(MatcherOutput(many=True))
    def get_matchers(self, silence: Silence) -> list[dict[str, Any]]:
        """Its matchers one by one; none if they can't be read."""
        try:
            found = parse_matchers(silence.matchers)
        except MatcherInvalid:
            return []
        return [
            {"name": one.name, "value": one.value, "isRegex": one.is_expression, "isEqual": not one.is_negative}
            for one in found
        ]

    @extend_schema_field(StatusOutput)
    def get_status(self, silence: Silence) -> dict[str, str]:
        """Where it stands."""
        now = timezone.now()
        if silence.ends_at <= now:
            return {"state": "expired"}
        return {"state": "pending" if silence.starts_at > now else "active"}


class SilenceInput(serializers.Serializer[Silence]):
    """A silence of the key's own application. Alertmanager's names are taken as well as ours; ends and reason are needed."""

    matchers = MatchersField(default="")
    starts_at = serializers.DateTimeField(required=False, help_text="Left out: now.")
    ends_at = serializers.DateTimeField(required=False)
    reason = serializers.CharField(max_length=MAX_REASON_CHARACTERS, required=False)
    startsAt = serializers.DateTimeField(required=False)  # noqa: N815  (Alertmanager's names)
    endsAt = serializers.DateTimeField(required=False)  # noqa: N815
    comment = serializers.CharField(max_length=MAX_REASON_CHARACTERS, required=False)

    def draft(self, *, application_id: int, now: datetime) -> SilenceDraft:
        """Return the draft of a checked body; raise BodyInvalid if no end or reason is among it."""
        data: dict[str, Any] = dict(self.validated_data)
        ends_at, reason = data.get("ends_at", data.get("endsAt")), data.get("reason", data.get("comment"))
        missing = [name for name, value in (("ends_at", ends_at), ("reason", reason)) if value is None]
        if missing or ends_at is None or reason is None:
            errors = [{"field": name, "detail": "This field is required."} for name in missing]
            raise BodyInvalid("See errors for each field.", errors=errors)
        starts_at = data.get("starts_at", data.get("startsAt")) or now
        return SilenceDraft(data["matchers"], starts_at, ends_at, reason, application_id)


class ExtendInput(serializers.Serializer[Any]):
    """Another end of a silence."""

    ends_at = serializers.DateTimeField()


class SilenceFilter(serializers.Serializer[Any]):
    """How the list of silences can be narrowed."""

    state = serializers.ChoiceField(choices=STATES, required=False)


class SilenceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Silence]):
    """Silences that may hold this application's alerts; those for all applications can be read."""

    queryset = Silence.objects.none()
    serializer_class = SilenceOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Silence]:
        """Return the application's silences, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Silence.objects.none()  # the schema is being written
        silences = list_silences(application_id=self.request.auth.application_id)
        if self.action != "list":
            return silences
        now = timezone.now()
        match _read(SilenceFilter(data=self.request.query_params)).get("state"):
            case "active":
                return silences.filter(starts_at__lte=now, ends_at__gt=now)
            case "pending":
                return silences.filter(starts_at__gt=now)
            case "expired":
                return silences.filter(ends_at__lte=now)
            case _:
                return silences

    @extend_schema(summary="Silences of this application", parameters=[SilenceFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List silences, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One silence")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a silence."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Begin a silence", request=SilenceInput, responses={201: SilenceOutput})
    def create(self, request: Request) -> Response:
        """Silence alerts of the key's application for a time, at most 90 days; without matchers all of them."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="End a silence", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """End a silence now; what it held and still fires is told. Repeating it changes nothing."""
        end_silence(silence_id=self._own().pk, by=_actor(request), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Move a silence's end", request=ExtendInput, responses=SilenceOutput)
    @action(detail=True, methods=["post"])
    def extend(self, request: Request, pk: str) -> Response:
        """Let a silence end later, or sooner."""
        silence = self._own()
        ends_at = _read(ExtendInput(data=request.data))["ends_at"]
        try:
            extend_silence(silence_id=silence.pk, ends_at=ends_at, now=timezone.now())
        except SilenceOver as error:
            raise Conflict(str(error)) from error
        except SilenceInvalid as error:
            raise _refuse(error) from error
        return Response(SilenceOutput(self.get_object()).data)

    def _own(self) -> Silence:
        silence = self.get_object()
        if silence.application_id is None:
            raise Conflict("This silence is for all applications, so it is changed in the admin.")
        return silence

    def _create(self, request: Request) -> Response:
        grant, now = _grant(request), timezone.now()
        body = SilenceInput(data=request.data)
        body.is_valid(raise_exception=True)
        draft = body.draft(application_id=grant.application_id, now=now)
        try:
            silence = create_silence(draft=draft, by=_actor(request), now=now)
        except SilenceInvalid as error:
            raise _refuse(error) from error
        return Response(SilenceOutput(self.get_queryset().get(pk=silence.pk)).data, status=status.HTTP_201_CREATED)


def _read_matcher(data: Any) -> Matcher:
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not isinstance(data.get("value"), str):
        raise serializers.ValidationError("Each matcher has a name and a value, both text.")
    flags = data.get("isRegex", False), data.get("isEqual", True)
    if not all(isinstance(flag, bool) for flag in flags):
        raise serializers.ValidationError("isRegex and isEqual are true or false.")
    return Matcher(data["name"], _OPERATORS[flags], data["value"])  # type: ignore[arg-type]  # one of the four


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NothingHere
    return request.auth


def _actor(request: Request) -> Actor:
    return actor_of_key(_grant(request))


def _refuse(error: SilenceInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
