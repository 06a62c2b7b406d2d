"""REST: checks of the application that the key belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from config.api.authentication import KeyGrant
from config.api.errors import BodyInvalid, Conflict
from config.api.errors import NotFound as NothingHere
from config.api.idempotency import answer_once
from monitoring.uptime.api.serializers import (
    WISHES,
    ChangeOutput,
    CheckDetailOutput,
    CheckFilter,
    CheckInput,
    CheckOutput,
    ResultOutput,
    WindowInput,
    WindowOutput,
    draft_of_input,
)
from monitoring.uptime.drafts import CheckDraft, CheckInvalid
from monitoring.uptime.models import Check
from monitoring.uptime.selectors import (
    PERIODS,
    list_checks,
    list_coming_windows,
    list_results,
    measure_availabilities,
)
from monitoring.uptime.services.checks import (
    CheckPaused,
    NotProbed,
    check_now,
    create_check,
    delete_check,
    pause_check,
    put_back_secrets,
    resume_check,
    update_check,
)
from monitoring.uptime.services.maintenance import WindowInvalid, plan_maintenance


class CheckViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Check]):
    """Checks of the key's application."""

    queryset = Check.objects.none()
    serializer_class = CheckOutput
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Check]:
        """Return the application's checks, narrowed as the query asks."""
        if not isinstance(self.request.auth, KeyGrant):
            return Check.objects.none()  # the schema is being written
        checks = list_checks(application_id=self.request.auth.application_id)
        if self.action != "list":
            return checks
        chosen = _read(CheckFilter(data=self.request.query_params))
        return checks.filter(**chosen)

    @extend_schema(summary="The checks of this application", parameters=[CheckFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List checks, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One check with its availability", responses=CheckDetailOutput)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a check."""
        return Response(self._describe(self.get_object()))

    @extend_schema(summary="Make a check", request=CheckInput, responses={201: CheckDetailOutput})
    def create(self, request: Request) -> Response:
        """Make a check; refused as a whole if anything about it is wrong. It is looked at right away."""
        return answer_once(request, lambda: self._create(request))

    @extend_schema(summary="Change a check", request=CheckInput, responses=CheckDetailOutput)
    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what the body names; the rest stays."""
        check = self.get_object()
        # Secrets stand as they are shown, so that a new address alone does not take them along.
        known = {name: CheckOutput(check).data[name] for name in WISHES}
        body = CheckInput(data={**known, **_mapping(request.data)})
        draft = _put_back(draft_of_input(_read(body), application_id=check.application_id), check)
        try:
            changed = update_check(check=check, draft=draft)
        except CheckInvalid as error:
            raise _refuse(error) from error
        return Response(self._describe(changed))

    @extend_schema(summary="Delete a check", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Delete a check with its story; whoever was told that it is down is told that this is over."""
        delete_check(check=self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Pause a check", request=None, responses=CheckDetailOutput)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Stop looking; repeating it changes nothing."""
        pause_check(check=self.get_object(), by=_name(request))
        return Response(self._describe(self.get_object()))

    @extend_schema(summary="Resume a check", request=None, responses=CheckDetailOutput)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Look again; repeating it changes nothing."""
        resume_check(check=self.get_object(), by=_name(request))
        return Response(self._describe(self.get_object()))

    @extend_schema(summary="Look at once", request=None, responses={202: CheckDetailOutput})
    @action(detail=True, methods=["post"])
    def look(self, request: Request, pk: str) -> Response:
        """Have a check looked at in the next seconds."""
        try:
            check_now(check=self.get_object())
        except (CheckPaused, NotProbed) as error:
            raise Conflict(str(error)) from error
        return Response(self._describe(self.get_object()), status=status.HTTP_202_ACCEPTED)

    @extend_schema(summary="The newest 100 results of a check", responses=ResultOutput(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def results(self, request: Request, pk: str) -> Response:
        """List what the newest looks found, the newest first."""
        return Response(ResultOutput(list_results(self.get_object()), many=True).data)

    @extend_schema(summary="What happened to a check", responses=ChangeOutput(many=True))
    @action(detail=True, methods=["get"])
    def changes(self, request: Request, pk: str) -> Response:
        """List changes of its state, the newest first."""
        changes: Any = self.get_object().changes.all()
        page: Any = self.paginate_queryset(changes)
        return self.get_paginated_response(ChangeOutput(page, many=True).data)

    @extend_schema(summary="Maintenance of a check, open or to come", responses=WindowOutput(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=[])
    def maintenance(self, request: Request, pk: str) -> Response:
        """List windows, the next one first; those for all checks of the application too."""
        return Response(WindowOutput(list_coming_windows(self.get_object(), now=timezone.now()), many=True).data)

    @extend_schema(
        summary="Plan maintenance of a check", request=WindowInput, responses={201: OpenApiResponse(WindowOutput)}
    )
    @maintenance.mapping.post
    def plan(self, request: Request, pk: str) -> Response:
        """Plan a window in which failures do not count."""
        return answer_once(request, lambda: self._plan(request))

    def _create(self, request: Request) -> Response:
        grant = request.auth
        if not isinstance(grant, KeyGrant):
            raise NothingHere
        draft = _put_back(
            draft_of_input(_read(CheckInput(data=request.data)), application_id=grant.application_id), None
        )
        try:
            check = create_check(draft=draft)
        except CheckInvalid as error:
            raise _refuse(error) from error
        return Response(self._describe(check), status=status.HTTP_201_CREATED)

    def _plan(self, request: Request) -> Response:
        check = self.get_object()
        wished = _read(WindowInput(data=request.data))
        try:
            window = plan_maintenance(application_id=check.application_id, check=check, now=timezone.now(), **wished)
        except WindowInvalid as error:
            raise _refuse(error) from error
        return Response(WindowOutput(window).data, status=status.HTTP_201_CREATED)

    def _describe(self, check: Check) -> dict[str, Any]:
        now = timezone.now()
        check.availability = [  # type: ignore[attr-defined]  # for the serializer
            {
                "period": name,
                "ratio": found.ratio,
                "up_seconds": found.up_seconds,
                "down_seconds": found.down_seconds,
            }
            for name, period in PERIODS.items()
            for found in [measure_availabilities([check.pk], period=period, now=now)[check.pk]]
        ]
        return dict(CheckDetailOutput(check, context=self.get_serializer_context()).data)


def _read(serializer: Serializer[Any]) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    data: dict[str, Any] = dict(serializer.validated_data)
    return data


def _put_back(draft: CheckDraft, check: Check | None) -> CheckDraft:
    try:
        return put_back_secrets(draft, check)
    except ValueError as error:
        raise BodyInvalid("See errors.", errors=[{"field": "request_headers", "detail": str(error)}]) from error


def _mapping(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise BodyInvalid("Send a JSON object.")
    return data


def _name(request: Request) -> str:
    return f"Key {request.auth.key_id}" if isinstance(request.auth, KeyGrant) else "A key"


def _refuse(error: CheckInvalid | WindowInvalid) -> BodyInvalid:
    errors = [{"field": name, "detail": message} for name, message in error.errors.items()]
    return BodyInvalid("See errors for each field.", errors=errors)
