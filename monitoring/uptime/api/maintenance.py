"""REST: maintenance windows of the application that the key belongs to."""

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

from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict
from config.api.errors import NotFound as NothingHere
from config.api.idempotency import answer_once
from monitoring.uptime.enums import EndAction
from monitoring.uptime.models import END_ACTION_CHOICES, REPEAT_CHOICES, MaintenanceWindow
from monitoring.uptime.recurrence import LAST, MAX_COUNT, Recurrence, Repeat
from monitoring.uptime.selectors import list_windows
from monitoring.uptime.services.maintenance import (
    WindowInvalid,
    cancel_window,
    create_window,
    delete_window,
    end_occurrence,
    update_window,
)
from monitoring.uptime.window_drafts import MAX_REASON_CHARACTERS, WindowDraft

STATES = ("open", "planned", "over", "cancelled")


class MaintenanceOutput(serializers.ModelSerializer[MaintenanceWindow]):
    """A maintenance window. `check_id` null: it is for all of the application. `opens_at` null: it never opens again."""

    check_id = serializers.IntegerField(source="check_row_id", read_only=True, allow_null=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = MaintenanceWindow
        fields = [
            "id",
            "state",
            "check_id",
            "matchers",
            "reason",
            "starts_at",
            "ends_at",
            "time_zone",
            "repeat",
            "weekdays",
            "month_day",
            "nth",
            "weekday",
            "until_date",
            "count",
            "end_action",
            "opens_at",
            "closes_at",
            "cancelled_at",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, window: MaintenanceWindow) -> str:
        """Where it stands."""
        now = timezone.now()
        if window.cancelled_at is not None:
            return "cancelled"
        if window.closes_at is None or window.closes_at <= now:
            return "over"
        return "open" if window.opens_at is not None and window.opens_at <= now else "planned"


class MaintenanceInput(serializers.Serializer[MaintenanceWindow]):
    """A window. With a recurrence `starts_at` and `ends_at` are its first time, and give the local times of all others."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=MAX_REASON_CHARACTERS, allow_blank=True, default="")
    check_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1, allow_null=True, default=None)
    matchers = serializers.CharField(
        max_length=20_000, allow_blank=True, default="", help_text='Like {host="erp1"}: only alerts with such labels.'
    )
    time_zone = serializers.CharField(max_length=64, default="UTC")
    repeat = serializers.ChoiceField(choices=REPEAT_CHOICES, default=Repeat.NONE.value)
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        default=list,
        max_length=7,
        help_text="0 is Monday; with `weekly`.",
    )
    month_day = serializers.IntegerField(min_value=1, max_value=31, default=1, help_text="With `monthly_day`.")
    nth = serializers.ChoiceField(
        choices=[1, 2, 3, 4, LAST], default=1, help_text="With `monthly_weekday`; -1 is the last."
    )
    weekday = serializers.IntegerField(min_value=0, max_value=6, default=0, help_text="With `monthly_weekday`.")
    until_date = serializers.DateField(allow_null=True, default=None)
    count = serializers.IntegerField(min_value=1, max_value=MAX_COUNT, allow_null=True, default=None)
    end_action = serializers.ChoiceField(choices=END_ACTION_CHOICES, default=EndAction.RELEASE.value)

    def draft(self, *, application_id: int) -> WindowDraft:
        """Return the draft of a checked body."""
        data: dict[str, Any] = dict(self.validated_data)
        return WindowDraft(
            application_id=application_id,
            recurrence=Recurrence(
                repeat=Repeat(data["repeat"]),
                weekdays=tuple(data["weekdays"]),
                month_day=data["month_day"],
                nth=data["nth"],
                weekday=data["weekday"],
                until=data["until_date"],
                count=data["count"],
            ),
            **{
                name: data[name]
                for name in ("starts_at", "ends_at", "reason", "check_id", "matchers", "time_zone", "end_action")
            },
        )


class MaintenanceFilter(serializers.Serializer[Any]):
    """How the list of windows can be narrowed."""

    state = serializers.ChoiceField(choices=STATES, required=False)


class MaintenanceViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[MaintenanceWindow]):
    """Maintenance windows of the key's application."""

    queryset = MaintenanceWindow.objects.none()
    serializer_class = MaintenanceOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[MaintenanceWindow]:
        """Return the application's windows, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return MaintenanceWindow.objects.none()  # the schema is being written
        windows = list_windows(application_id=self.request.auth.application_id)
        if self.action != "list":
            return windows
        return _narrow(windows, _read(MaintenanceFilter(data=self.request.query_params)).get("state"), timezone.now())

    @extend_schema(summary="Maintenance windows of this application", parameters=[MaintenanceFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List windows, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One maintenance window")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a window."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Plan maintenance", request=MaintenanceInput, responses={201: MaintenanceOutput})
    def create(self, request: Request) -> Response:
        """Plan a window; refused as a whole if anything about it is wrong."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change or move maintenance", request=MaintenanceInput, responses=MaintenanceOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays. It takes effect at once, and a cancelled window is planned again."""
        window = self.get_object()
        if not isinstance(request.data, dict):
            raise BodyInvalid("Send a JSON object.")
        shown = MaintenanceOutput(window).data
        body = MaintenanceInput(data={**{name: shown[name] for name in MaintenanceInput().fields}, **request.data})
        body.is_valid(raise_exception=True)
        try:
            changed = update_window(
                window=window, draft=body.draft(application_id=window.application_id), now=timezone.now()
            )
        except WindowInvalid as error:
            raise _refuse(error) from error
        return Response(MaintenanceOutput(changed).data)

    @extend_schema(summary="Delete maintenance", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a window; alerts that it held and that still fire are told at once."""
        delete_window(window=self.get_object(), now=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Cancel maintenance", request=None, responses=MaintenanceOutput)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Take a window back with all its times to come; repeating it changes nothing."""
        cancel_window(window=self.get_object(), now=timezone.now())
        return Response(MaintenanceOutput(self.get_object()).data)

    @extend_schema(summary="End maintenance early", request=None, responses=MaintenanceOutput)
    @action(detail=True, methods=["post"])
    def end(self, request: Request, pk: str) -> Response:
        """Let a window that is open be over; one that comes again does so at its next time."""
        if not end_occurrence(window=self.get_object(), now=timezone.now()):
            raise Conflict("This window is not open now.")
        return Response(MaintenanceOutput(self.get_object()).data)

    def _create(self, request: Request) -> Response:
        grant = request.auth
        if not isinstance(grant, KeyGrant):
            raise NothingHere
        body = MaintenanceInput(data=request.data)
        body.is_valid(raise_exception=True)
        try:
            window = create_window(draft=body.draft(application_id=grant.application_id), now=timezone.now())
        except WindowInvalid as error:
            raise _refuse(error) from error
        return Response(MaintenanceOutput(window).data, status=status.HTTP_201_CREATED)


def _narrow(windows: QuerySet[MaintenanceWindow], state: str | None, now: datetime) -> QuerySet[MaintenanceWindow]:
    match state:
        case "open":
            return windows.filter(opens_at__lte=now, closes_at__gt=now)
        case "planned":
            return windows.filter(opens_at__gt=now)
        case "over":
            return windows.filter(cancelled_at=None).exclude(closes_at__gt=now)
        case "cancelled":
            return windows.exclude(cancelled_at=None)
        case _:
            return windows


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _refuse(error: WindowInvalid) -> BodyInvalid:
    errors = [
        {"field": "check_id" if name == "check_row" else name, "detail": message}
        for name, message in error.errors.items()
    ]
    return BodyInvalid("See errors for each field.", errors=errors)
