"""REST: calendars that an on-call schedule reads from addresses."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.models import OnCallCalendar, OnCallSchedule
from alerts.services.oncall_calendars import MAX_NAME_CHARACTERS, remove_calendar
from alerts.services.oncall_subscriptions import (
    Answered,
    SubscriptionInvalid,
    change_subscription,
    fetch_now,
    keep_subscription,
    read_address,
)
from config.actors import Actor, actor_of_key
from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, NotFound
from config.api.idempotency import answer_prepared_once

_ID = OpenApiParameter("calendar_id", OpenApiTypes.INT, OpenApiParameter.PATH)
_ONE = r"calendars/(?P<calendar_id>[0-9]{1,18})"
MAX_URL_INPUT = 3000


class CalendarOutput(serializers.ModelSerializer[OnCallCalendar]):
    """A calendar. `host` is all that is shown of its address; empty: a file that was read in once.

    `failing_since` and `error` say since when and why it can't be read; what it brought before stays.
    """

    read_at = serializers.DateTimeField(source="answered_at", read_only=True, allow_null=True)
    error = serializers.CharField(source="last_error", read_only=True)

    class Meta:
        model = OnCallCalendar
        fields = ["id", "name", "host", "imported_at", "read_at", "failing_since", "error", "warnings"]
        read_only_fields = fields


class CalendarInput(serializers.Serializer[Any]):
    """A calendar that is read from its address now, and then every hour."""

    name = serializers.CharField(max_length=MAX_NAME_CHARACTERS)
    url = serializers.CharField(
        max_length=MAX_URL_INPUT, write_only=True, help_text="https:// or webcal://; kept encrypted."
    )


class CalendarChange(serializers.Serializer[Any]):
    """Another name, another address, or both; what is left out stays."""

    name = serializers.CharField(max_length=MAX_NAME_CHARACTERS, required=False)
    url = serializers.CharField(max_length=MAX_URL_INPUT, required=False, write_only=True)


class CalendarActions:
    """What the resource of schedules has for their calendars; mixed into its view set, which finds the schedule of the path."""

    #: The schedule that may be read, and the one that the key may change.
    get_object: Callable[[], OnCallSchedule]
    _own: Callable[[], OnCallSchedule]

    @extend_schema(summary="Calendars of a schedule", responses=CalendarOutput(many=True), filters=False)
    @action(detail=True, methods=["get"], pagination_class=None)
    def calendars(self, request: Request, pk: str) -> Response:
        """Return the calendars that were read in, and those that are read every hour."""
        return Response(CalendarOutput(self.get_object().calendars.order_by("name"), many=True).data)

    @extend_schema(summary="Subscribe to a calendar", request=CalendarInput, responses={201: CalendarOutput})
    @calendars.mapping.post
    def add_calendar(self, request: Request, pk: str) -> Response:
        """Read a calendar from its address, and from now on every hour; refused if it can't be read now."""
        return answer_prepared_once(request, lambda: self._prepare_calendar(request))

    @extend_schema(
        summary="Change a calendar's name or address",
        parameters=[_ID],
        request=CalendarChange,
        responses=CalendarOutput,
    )
    @action(detail=True, methods=["patch"], url_path=_ONE)
    def change_calendar(self, request: Request, pk: str, calendar_id: str) -> Response:
        """Give a subscribed calendar another name or address; refused, and left as it is, if that can't be read now."""
        calendar = self._find_calendar(calendar_id, is_subscribed=True)
        data = _read(CalendarChange(data=request.data))
        try:
            changed, _ = change_subscription(
                calendar=calendar,
                name=data.get("name", calendar.name),
                url=data.get("url", ""),
                by=_actor(request),
                now=timezone.now(),
            )
        except SubscriptionInvalid as error:
            raise _refuse(error) from error
        return Response(CalendarOutput(changed).data)

    @extend_schema(summary="Take a calendar out", parameters=[_ID], request=None, responses={204: None})
    @change_calendar.mapping.delete
    def remove_calendar(self, request: Request, pk: str, calendar_id: str) -> Response:
        """Take a calendar's shifts to come out of its schedule; what has been stays."""
        remove_calendar(calendar=self._find_calendar(calendar_id), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Read a calendar now", parameters=[_ID], request=None, responses=CalendarOutput)
    @action(detail=True, methods=["post"], url_path=f"{_ONE}/fetch")
    def fetch_calendar(self, request: Request, pk: str, calendar_id: str) -> Response:
        """Read a subscribed calendar at once; whether that went well stands in `error`."""
        calendar = self._find_calendar(calendar_id, is_subscribed=True)
        try:
            fetch_now(calendar=calendar, now=timezone.now())
        except SubscriptionInvalid as error:
            raise _refuse(error) from error
        return Response(CalendarOutput(self._find_calendar(calendar_id)).data)

    def _prepare_calendar(self, request: Request) -> Callable[[], Response]:
        """Read the address; return what keeps the calendar then."""
        schedule, by, now = self._own(), _actor(request), timezone.now()
        data = _read(CalendarInput(data=request.data))
        try:
            answered = read_address(schedule=schedule, name=data["name"], url=data["url"], now=now)
        except SubscriptionInvalid as error:
            raise _refuse(error) from error
        return lambda: _add_calendar(schedule, data["name"], answered, by, now)

    def _find_calendar(self, calendar_id: str, *, is_subscribed: bool = False) -> OnCallCalendar:
        rows = OnCallCalendar.objects.filter(schedule=self._own(), pk=int(calendar_id)).select_related("schedule")
        found = (rows.exclude(host="") if is_subscribed else rows).first()
        if found is None:
            raise NotFound
        return found


def _add_calendar(schedule: OnCallSchedule, name: str, answered: Answered, by: Actor, now: datetime) -> Response:
    try:
        calendar, _ = keep_subscription(schedule=schedule, name=name, answered=answered, by=by, now=now)
    except SubscriptionInvalid as error:
        raise _refuse(error) from error
    return Response(CalendarOutput(calendar).data, status=status.HTTP_201_CREATED)


def _read(serializer: serializers.Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _actor(request: Request) -> Actor:
    if not isinstance(request.auth, KeyGrant):
        raise NotFound
    return actor_of_key(request.auth)


def _refuse(error: SubscriptionInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
