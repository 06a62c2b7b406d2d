"""REST: what became of everything that the key's application sent."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from config.api.authentication import KeyGrant
from config.api.errors import NotFound, ParameterInvalid
from monitoring.losses.api.serializers import LossesOutput, LossFilter
from monitoring.losses.selectors import list_accounts

MAX_AGE = timedelta(days=31)


class LossesView(APIView):
    """The loss account by hours."""

    @extend_schema(
        summary="What was stored and what was not",
        operation_id="losses_list",
        parameters=[LossFilter],
        responses=LossesOutput,
    )
    def get(self, request: Request) -> Response:
        """Return the account, one row for each hour and signal that had anything."""
        if not isinstance(request.auth, KeyGrant):
            raise NotFound
        asked = LossFilter(data=request.query_params)
        asked.is_valid(raise_exception=True)
        now = timezone.now()
        since = asked.validated_data.get("since") or now - timedelta(hours=24)
        if since < now - MAX_AGE:
            raise ParameterInvalid(
                f"Ask for {MAX_AGE.days} days at most.", errors=[{"field": "since", "detail": "It is too long ago."}]
            )
        signal = asked.validated_data.get("signal", "")
        rows = list_accounts(application_id=request.auth.application_id, since=since, signal=signal)
        return Response(LossesOutput({"results": rows}).data)
