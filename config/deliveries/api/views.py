"""REST: deliveries of the application that the key belongs to."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from config.api.authentication import KeyGrant
from config.api.errors import Conflict, ParameterInvalid, flatten_errors
from config.api.idempotency import answer_once
from config.deliveries.api.serializers import DeliveryDetailOutput, DeliveryFilter, DeliveryOutput
from config.deliveries.models import Delivery
from config.deliveries.services import NotResendable, resend_delivery


class DeliveryViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Delivery]):
    """Outgoing messages. What the whole installation sends, such as test mails, belongs to no application and isn't shown."""

    queryset = Delivery.objects.none()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Delivery]:
        """Return the deliveries of the key's application; a list is narrowed by the address's parameters."""
        grant = self.request.auth
        if not isinstance(grant, KeyGrant):
            return Delivery.objects.none()  # the schema is being written
        own = Delivery.objects.filter(application_id=grant.application_id)
        if self.action != "list":
            return own.prefetch_related("attempts")
        return own.filter(**_read_filter(self.request)).defer("text", "html", "payload")

    def get_serializer_class(self) -> type[BaseSerializer[Delivery]]:
        """Show bodies and attempts for one delivery only."""
        return DeliveryOutput if self.action == "list" else DeliveryDetailOutput

    @extend_schema(summary="The messages of this application", parameters=[DeliveryFilter])
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List deliveries, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One message with its attempts")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a delivery."""
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(summary="Send a message again", request=None, responses={201: DeliveryDetailOutput})
    @action(detail=True, methods=["post"])
    def resend(self, request: Request, pk: str) -> Response:
        """Queue a copy and return it; 409 while the original is still on its way."""
        caller = str(request.user.pk)
        return answer_once(request, lambda: _resend(self.get_object(), by=caller))


def _resend(delivery: Delivery, *, by: str) -> Response:
    try:
        copy = resend_delivery(delivery=delivery, by=by)
    except NotResendable as error:
        raise Conflict(str(error)) from error
    return Response(DeliveryDetailOutput(copy).data, status=status.HTTP_201_CREATED)


def _read_filter(request: Request) -> dict[str, str]:
    """Return the parameters a list is narrowed by; raise ParameterInvalid naming a bad one."""
    chosen = DeliveryFilter(data=request.query_params)
    if not chosen.is_valid():
        raise ParameterInvalid("See errors for each parameter.", errors=flatten_errors(chosen.errors))
    return dict(chosen.validated_data)
