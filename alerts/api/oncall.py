"""REST: on-call schedules; who is on call now, or at another time; overrides and swaps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from alerts.api.oncall_calendars import CalendarActions
from alerts.api.oncall_serializers import (
    MomentFilter,
    OnCallOutput,
    OverrideInput,
    OverrideOutput,
    ScheduleInput,
    ScheduleOutput,
    ShiftFilter,
    ShiftOutput,
    draft_of_input,
    override_of_input,
)
from alerts.models import OnCallOverride, OnCallParticipant, OnCallSchedule
from alerts.oncall.drafts import ScheduleInvalid
from alerts.oncall.schedule import Schedule
from alerts.oncall.weeks import list_with_gaps
from alerts.rosters import find_on_call_now, read_people, read_schedules
from alerts.services.oncall import (
    OverrideOver,
    ScheduleInUse,
    add_override,
    cancel_override,
    change_schedule,
    create_schedule,
    delete_schedule,
)
from config.actors import actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict, NotFound, ParameterInvalid
from config.api.idempotency import answer_once

MAX_SPAN = timedelta(days=366)
USUAL_SPAN = timedelta(days=28)
_ID = OpenApiParameter("override_id", OpenApiTypes.INT, OpenApiParameter.PATH)


class OnCallScheduleViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[OnCallSchedule], CalendarActions
):
    """On-call schedules: those of the key's application can be changed; those of all applications can be read."""

    queryset = OnCallSchedule.objects.none()
    serializer_class = ScheduleOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[OnCallSchedule]:
        """Return the schedules of the key's application and those of all."""
        if not isinstance(self.request.auth, KeyGrant):
            return OnCallSchedule.objects.none()  # the schema is being written
        own = Q(application=None) | Q(application_id=self.request.auth.application_id)
        participants = OnCallParticipant.objects.select_related("person")
        return OnCallSchedule.objects.filter(own).prefetch_related(
            "layers", Prefetch("layers__participants", queryset=participants)
        )

    @extend_schema(summary="The on-call schedules of this application")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List schedules, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One on-call schedule with its layers")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a schedule."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Make an on-call schedule", request=ScheduleInput, responses={201: ScheduleOutput})
    def create(self, request: Request) -> Response:
        """Make a schedule of the key's application; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change an on-call schedule", request=ScheduleInput, responses=ScheduleOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; `layers` are replaced as a whole, those named by `id` keep it."""
        schedule = self._own()
        if not isinstance(request.data, dict):
            raise BodyInvalid("Send a JSON object.")
        before = ScheduleOutput(schedule).data
        known = {name: before[name] for name in ("name", "zone", "description", "layers")}
        data = _read(ScheduleInput(data={**known, **request.data}))
        try:
            draft = draft_of_input(data, application_id=_grant(request).application_id)
            change_schedule(schedule=schedule, draft=draft)
        except ScheduleInvalid as error:
            raise _refuse(error) from error
        return Response(ScheduleOutput(self.get_object()).data)

    @extend_schema(summary="Delete an on-call schedule", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a schedule; refused while an escalation policy reaches it."""
        try:
            delete_schedule(schedule=self._own())
        except ScheduleInUse as error:
            raise Conflict(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Who is on call", parameters=[MomentFilter], responses=OnCallOutput)
    @action(detail=True, methods=["get"], url_path="on-call", pagination_class=None)
    def on_call(self, request: Request, pk: str) -> Response:
        """Return who is on call now, or at another time."""
        schedule = self.get_object()
        at = _read_query(MomentFilter(data=request.query_params)).get("at") or timezone.now()
        found = find_on_call_now(at, schedule)
        answer = {"at": at, "people": found.people, "until": found.until, "next": found.next}
        return Response(OnCallOutput(answer).data)

    @extend_schema(summary="Who is on call over a time", parameters=[ShiftFilter], responses=ShiftOutput(many=True))
    @action(detail=True, methods=["get"], pagination_class=None)
    def shifts(self, request: Request, pk: str) -> Response:
        """Return the shifts of a time, in order and without holes: where nobody is on call, a shift has no people."""
        schedule = self.get_object()
        chosen = _read_query(ShiftFilter(data=request.query_params))
        start = chosen.get("from") or timezone.now()
        end = chosen.get("to") or start + USUAL_SPAN
        if not timedelta(0) < end - start <= MAX_SPAN:
            detail = f"It must be after `from`, and at most {MAX_SPAN.days} days."
            raise ParameterInvalid("See errors for each field.", errors=[{"field": "to", "detail": detail}])
        return Response(_describe_shifts(read_schedules([schedule.pk], since=start)[schedule.pk], start, end))

    @extend_schema(summary="Overrides to come", responses=OverrideOutput(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def overrides(self, request: Request, pk: str) -> Response:
        """Return the overrides that are not over, the earliest first."""
        rows = OnCallOverride.objects.filter(schedule=self.get_object(), ends_at__gt=timezone.now())
        rows = rows.select_related("replaces", "calendar").prefetch_related("people").order_by("starts_at", "pk")
        return Response(OverrideOutput(rows, many=True).data)

    @extend_schema(summary="Override who is on call, or swap", request=OverrideInput, responses={201: OverrideOutput})
    @overrides.mapping.post
    def add_override(self, request: Request, pk: str) -> Response:
        """Have others on call for a time; with `replaces` they take what this user has of it."""
        return answer_once(request, lambda: self._add_override(request))

    @extend_schema(summary="Take an override back", parameters=[_ID], request=None, responses={204: None})
    @action(detail=True, methods=["delete"], url_path=r"overrides/(?P<override_id>[0-9]{1,18})")
    def cancel_override(self, request: Request, pk: str, override_id: str) -> Response:
        """Take an override back: one to come is gone, one that has begun ends now."""
        schedule = self._own()
        override = OnCallOverride.objects.filter(schedule=schedule, pk=int(override_id)).first()
        if override is None:
            raise NotFound
        try:
            cancel_override(override_id=override.pk, now=timezone.now())
        except OverrideOver as error:
            raise Conflict(str(error)) from error
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _create(self, request: Request) -> Response:
        data = _read(ScheduleInput(data=request.data))
        try:
            draft = draft_of_input(data, application_id=_grant(request).application_id)
            schedule = create_schedule(draft=draft)
        except ScheduleInvalid as error:
            raise _refuse(error) from error
        made = self.get_queryset().get(pk=schedule.pk)
        return Response(ScheduleOutput(made).data, status=status.HTTP_201_CREATED)

    def _add_override(self, request: Request) -> Response:
        schedule = self._own()
        data = _read(OverrideInput(data=request.data))
        try:
            draft = override_of_input(data)
            override = add_override(schedule=schedule, draft=draft, by=actor_of_key(_grant(request)))
        except ScheduleInvalid as error:
            raise _refuse(error) from error
        return Response(OverrideOutput(override).data, status=status.HTTP_201_CREATED)

    def _own(self) -> OnCallSchedule:
        """Return a schedule of the key's own application; raise NotFound or Conflict."""
        schedule: OnCallSchedule = self.get_object()
        if schedule.application_id is None:
            raise Conflict("This schedule is for all applications, so it is changed in the admin.")
        return schedule


def _describe_shifts(schedule: Schedule, start: datetime, end: datetime) -> Any:
    shifts = list_with_gaps(schedule, start, end)
    people = read_people(person for shift in shifts for person in shift.people)
    rows = [
        {
            "starts_at": shift.start,
            "ends_at": shift.end,
            "people": [people[person] for person in shift.people],
            "layer": shift.layer_id,
            "override": shift.override_id,
        }
        for shift in shifts
    ]
    return ShiftOutput(rows, many=True).data


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _read_query(serializer: Serializer[Any]) -> dict[str, Any]:
    if not serializer.is_valid():
        errors = [{"field": name, "detail": str(found[0])} for name, found in serializer.errors.items()]
        raise ParameterInvalid("See errors for each field.", errors=errors)
    return dict(serializer.validated_data)


def _grant(request: Request) -> KeyGrant:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return request.auth


def _refuse(error: ScheduleInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
