"""REST: incidents of the application that the key belongs to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from config.actors import actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict, NotFound
from config.api.idempotency import answer_once
from config.api.pagination import CursorPagination
from incidents.api.serializers import (
    EntryOutput,
    IncidentDetailOutput,
    IncidentFilter,
    IncidentInput,
    IncidentOutput,
    IncidentResolveInput,
    NoteInput,
)
from incidents.drafts import IncidentInvalid
from incidents.enums import IncidentSource
from incidents.models import Incident
from incidents.selectors import list_incidents
from incidents.services.declaring import AlreadyOpen, declare_incident
from incidents.services.progress import NotPossible, acknowledge_incident, resolve_incident
from incidents.services.timeline import add_note


class NumberPagination(CursorPagination):
    """Newest first, by number."""

    ordering = "-number"


class IncidentViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Incident]):
    """Incidents of the key's application."""

    queryset = Incident.objects.none()
    serializer_class = IncidentOutput
    pagination_class = NumberPagination
    lookup_field = "number"
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Incident]:
        """Return the application's incidents, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Incident.objects.none()  # the schema is being written
        incidents = list_incidents(application_id=self.request.auth.application_id)
        if self.action != "list":
            return incidents.prefetch_related("alerts", "timeline")
        chosen = _read(IncidentFilter(data=self.request.query_params))
        if chosen.get("status") == "open":
            incidents = incidents.open()
        elif chosen.get("status"):
            incidents = incidents.filter(status=chosen["status"])
        return incidents.filter(level=chosen["level"]) if chosen.get("level") else incidents

    def get_serializer_class(self) -> type[Serializer[Any]]:
        """Return the long form for one incident, the short one for many."""
        return IncidentOutput if self.action == "list" else IncidentDetailOutput

    @extend_schema(summary="The incidents of this application", parameters=[IncidentFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List incidents, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One incident with its timeline")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return an incident with its timeline and alerts."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Declare an incident", request=IncidentInput, responses={201: IncidentDetailOutput})
    def create(self, request: Request) -> Response:
        """Declare an incident of the key's application; refused if one is open for one of the alerts."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Respond to an incident", request=None, responses=IncidentDetailOutput)
    @action(detail=True, methods=["post"])
    def respond(self, request: Request, number: str) -> Response:
        """Note that somebody responds, which stops that clock; repeating it changes nothing."""
        return self._act(acknowledge_incident)

    @extend_schema(summary="Resolve an incident", request=IncidentResolveInput, responses=IncidentDetailOutput)
    @action(detail=True, methods=["post"])
    def resolve(self, request: Request, number: str) -> Response:
        """Note that the trouble is over, and what was done."""
        return self._act(resolve_incident, **_read(IncidentResolveInput(data=request.data)))

    @extend_schema(
        summary="Add to an incident's timeline", request=NoteInput, responses={201: OpenApiResponse(EntryOutput)}
    )
    @action(detail=True, methods=["post"])
    def note(self, request: Request, number: str) -> Response:
        """Add a note, or correct a line; also to an incident that is over."""
        return answer_once(request, lambda: self._note(request))

    def _create(self, request: Request) -> Response:
        grant = _grant(request)
        body = IncidentInput(data=request.data)
        _read(body)
        draft = body.draft(application_id=grant.application_id)
        try:
            incident = declare_incident(
                draft=draft, source=IncidentSource.PROGRAM, by=actor_of_key(grant), now=timezone.now()
            )
        except IncidentInvalid as error:
            raise _refuse(error) from error
        except AlreadyOpen as error:
            raise Conflict(str(error), incident=error.number) from error
        made = self.get_queryset().get(pk=incident.pk)
        return Response(IncidentDetailOutput(made).data, status=status.HTTP_201_CREATED)

    def _note(self, request: Request) -> Response:
        entry = self._do(add_note, **_read(NoteInput(data=request.data)))
        return Response(EntryOutput(entry).data, status=status.HTTP_201_CREATED)

    def _act(self, act: Callable[..., Any], **given: Any) -> Response:
        self._do(act, **given)
        return Response(IncidentDetailOutput(self.get_object()).data)

    def _do(self, act: Callable[..., Any], **given: Any) -> Any:
        incident = self.get_object()
        try:
            return act(number=incident.pk, by=actor_of_key(_grant(self.request)), now=timezone.now(), **given)
        except IncidentInvalid as error:
            raise _refuse(error) from error
        except NotPossible as error:
            raise Conflict(str(error)) from error


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return request.auth


def _refuse(error: IncidentInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
