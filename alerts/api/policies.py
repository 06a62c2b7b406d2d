"""REST: escalation policies, to be read; they are changed in the admin, because they concern every application."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from alerts.escalation import write_steps
from alerts.models import Policy
from alerts.selectors import read_policy_steps


class PolicyOutput(serializers.ModelSerializer[Policy]):
    """A policy. Seconds are null where the installation's settings count."""

    steps = serializers.SerializerMethodField(help_text="In order, as they are copied onto a group of alerts.")
    steps_in_words = serializers.SerializerMethodField()

    class Meta:
        model = Policy
        fields = [
            "id",
            "name",
            "group_by",
            "group_wait_seconds",
            "group_interval_seconds",
            "repeat_interval_seconds",
            "ack_reminder_seconds",
            "ack_expiry_seconds",
            "steps",
            "steps_in_words",
        ]

    @extend_schema_field(serializers.ListField(child=serializers.DictField()))
    def get_steps(self, policy: Policy) -> list[dict[str, Any]]:
        """Return the steps as a group keeps them."""
        return write_steps(read_policy_steps(policy))

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_steps_in_words(self, policy: Policy) -> list[str]:
        """Return what each step does."""
        return [step.describe() for step in policy.steps.all()]


class PolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Policy]):
    """Escalation policies."""

    queryset = Policy.objects.order_by("-pk")
    serializer_class = PolicyOutput
    lookup_value_regex = r"[0-9]{1,18}"

    @extend_schema(summary="Escalation policies")
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """List policies, the newest first."""
        return super().list(request, *args, **kwargs)

    @extend_schema(summary="One escalation policy")
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return a policy with its steps."""
        return super().retrieve(request, *args, **kwargs)
