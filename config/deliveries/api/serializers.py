"""What REST shows of a delivery, and what it takes."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from config.deliveries.enums import Channel, State
from config.deliveries.models import Delivery, DeliveryAttempt


class AttemptOutput(serializers.ModelSerializer[DeliveryAttempt]):
    """One try and how it ended."""

    class Meta:
        model = DeliveryAttempt
        fields = ["started_at", "finished_at", "outcome", "detail"]
        read_only_fields = fields


class DeliveryOutput(serializers.ModelSerializer[Delivery]):
    """One message to one recipient. `suppressed_because` says why it was not sent, where that was on purpose."""

    class Meta:
        model = Delivery
        fields = [
            "id",
            "channel",
            "recipient",
            "subject",
            "state",
            "suppressed_because",
            "source",
            "source_id",
            "created_at",
            "due_at",
            "finished_at",
            "attempt_count",
            "last_error",
            "resend_of",
        ]
        read_only_fields = fields


class DeliveryDetailOutput(DeliveryOutput):
    """A message with its attempts and its text, in which links that act without a login lead nowhere. Webhooks have no text."""

    text = serializers.CharField(source="shown_text", read_only=True)
    attempts = AttemptOutput(many=True, read_only=True)

    class Meta(DeliveryOutput.Meta):
        fields = [*DeliveryOutput.Meta.fields, "text", "attempts"]
        read_only_fields = fields


class DeliveryFilter(serializers.Serializer[Any]):
    """Which deliveries to list; everything left out means all."""

    state = serializers.ChoiceField(State.choices, required=False)
    channel = serializers.ChoiceField(Channel.choices, required=False)
    source_id = serializers.CharField(max_length=100, required=False, help_text="Id of what it tells of.")

    def get_fields(self) -> dict[str, Any]:
        """Add `source`, a name that the base class has taken for itself."""
        source = serializers.CharField(max_length=50, required=False, help_text="What it tells of, for example alert.")
        return {**super().get_fields(), "source": source}
