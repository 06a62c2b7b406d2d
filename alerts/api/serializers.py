"""What REST shows of rules and alerts, and what it takes."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django.contrib.auth import get_user_model
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.drafts import MAX_SECONDS, RuleDraft, RuleInvalid
from alerts.enums import AlertCause, AlertSource, AlertState, HoldKind, NoteKind, Severity
from alerts.models import Alert, AlertComment, AlertTransition, Hold, Rule
from alerts.snoozing import MAX_LENGTH, SnoozeInvalid, check_snooze_end


@extend_schema_field({"type": "number", "nullable": True})
class ValueField(serializers.Field[Any, Any, Any, Any]):
    """A number; null for none and for what JSON has no number for (NaN, infinities)."""

    def to_representation(self, value: float) -> float | None:
        """Return the number if JSON can hold it."""
        return value if math.isfinite(value) else None


class RuleOutput(serializers.ModelSerializer[Rule]):
    """A rule. `application` null: it judges all applications. `firing` and `pending` count this application's alerts."""

    firing = serializers.IntegerField(read_only=True)
    pending = serializers.IntegerField(read_only=True)
    channels = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)
    owner = serializers.SlugRelatedField[Any](slug_field="username", read_only=True, allow_null=True)
    is_builtin = serializers.BooleanField(read_only=True)

    class Meta:
        model = Rule
        fields = [
            "id",
            "name",
            "slug",
            "application",
            "condition",
            "clear_condition",
            "severity",
            "for_seconds",
            "keep_firing_for_seconds",
            "no_data_after_seconds",
            "labels",
            "annotations",
            "channels",
            "policy",
            "owner",
            "enabled",
            "is_builtin",
            "firing",
            "pending",
            "last_evaluated_at",
            "last_error",
            "last_duration_seconds",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields


class RuleInput(serializers.Serializer[Rule]):
    """A rule of the key's own application. Conditions are PromQL; values of labels and annotations may be templates."""

    name = serializers.CharField(max_length=150)
    condition = serializers.CharField(max_length=20_000)
    clear_condition = serializers.CharField(max_length=20_000, required=False, allow_blank=True, default="")
    severity = serializers.ChoiceField(choices=Severity.choices, default=Severity.WARNING.value)
    for_seconds = serializers.IntegerField(min_value=0, max_value=MAX_SECONDS, default=0)
    keep_firing_for_seconds = serializers.IntegerField(min_value=0, max_value=MAX_SECONDS, default=0)
    no_data_after_seconds = serializers.IntegerField(
        min_value=0,
        max_value=MAX_SECONDS,
        default=0,
        help_text="How long a series must be missing before people are told that no data comes; 0: nobody is told.",
    )
    labels = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=4000), default=dict)
    annotations = serializers.DictField(child=serializers.CharField(allow_blank=True, max_length=4000), default=dict)
    channels = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), default=list, max_length=100
    )
    policy = serializers.IntegerField(
        min_value=1,
        max_value=2**63 - 1,
        allow_null=True,
        default=None,
        help_text="Id of an escalation policy, which takes the place of the channels; null: none.",
    )
    owner = serializers.CharField(max_length=150, allow_null=True, default=None, help_text="User name; null: nobody.")
    enabled = serializers.BooleanField(default=True)


def draft_of_input(data: dict[str, Any], *, application_id: int) -> RuleDraft:
    """Return the draft of a checked body; raise RuleInvalid for an owner that is not there."""
    fields = {name: value for name, value in data.items() if name not in {"channels", "policy", "owner"}}
    return RuleDraft(
        **fields,
        channel_ids=tuple(data["channels"]),
        policy_id=data["policy"],
        application_id=application_id,
        owner_id=_find_owner(data["owner"]),
    )


def _find_owner(username: str | None) -> int | None:
    if username is None:
        return None
    person = get_user_model().objects.filter(username=username).first()
    if person is None:
        raise RuleInvalid({"owner": f"There is no user “{username}” here."})
    return int(person.pk)


class TransitionOutput(serializers.ModelSerializer[AlertTransition]):
    """One change of an alert's state."""

    value = ValueField(read_only=True)

    class Meta:
        model = AlertTransition
        fields = ["id", "from_state", "to_state", "at", "value", "reason"]
        read_only_fields = fields


class CommentOutput(serializers.ModelSerializer[AlertComment]):
    """What someone said about an alert or did with it."""

    author = serializers.CharField(source="author_name", read_only=True)
    kind = serializers.ChoiceField(choices=NoteKind.choices, read_only=True)

    class Meta:
        model = AlertComment
        fields = ["id", "kind", "author", "text", "created_at"]
        read_only_fields = fields


class CommentInput(serializers.Serializer[AlertComment]):
    """A comment on an alert."""

    text = serializers.CharField(max_length=10_000)


class SnoozeInput(serializers.Serializer[Alert]):
    """Until when nobody is to be told of an alert: a moment, or so many seconds from now. One of the two."""

    until = serializers.DateTimeField(required=False, help_text="At most 14 days ahead.")
    seconds = serializers.IntegerField(
        required=False, min_value=60, max_value=int(MAX_LENGTH.total_seconds()), help_text="From now on."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Return the input with `until`; raise ValidationError unless there is one of the two, and it can be."""
        if len(attrs) != 1:
            raise serializers.ValidationError({"until": "Send either until or seconds."})
        now = timezone.now()
        until = attrs.get("until") or now + timedelta(seconds=attrs["seconds"])
        try:
            check_snooze_end(until, now=now)
        except SnoozeInvalid as error:
            raise serializers.ValidationError({"until": str(error)}) from error
        return {"until": until}


class AlertOutput(serializers.ModelSerializer[Alert]):
    """An alert: one rule's condition, true for one series; or what another system reports (`source`, without a rule)."""

    summary = serializers.CharField(read_only=True)
    value = ValueField(read_only=True)
    acknowledged_by = serializers.CharField(source="acknowledged_name", read_only=True)
    assignee = serializers.SlugRelatedField[Any](slug_field="username", read_only=True)
    snoozed_until = serializers.DateTimeField(
        read_only=True, allow_null=True, help_text="Nobody is told of it before; in the past: that is over."
    )
    snoozed_by = serializers.CharField(source="snoozed_name", read_only=True)

    class Meta:
        model = Alert
        fields = [
            "id",
            "rule",
            "source",
            "generator_url",
            "name",
            "summary",
            "state",
            "cause",
            "no_data_since",
            "severity",
            "labels",
            "annotations",
            "fingerprint",
            "value",
            "active_since",
            "fired_at",
            "resolved_at",
            "last_seen_at",
            "expires_at",
            "acknowledged_at",
            "acknowledged_by",
            "assignee",
            "snoozed_until",
            "snoozed_by",
        ]
        read_only_fields = fields


class HoldOutput(serializers.ModelSerializer[Hold]):
    """Why nobody was told of an alert, from when to when. `ended_at` null: it is so now."""

    reference = serializers.SerializerMethodField(
        help_text="Id of the silence, window or alert that holds it; 0 for none, and for an alert of another application."
    )

    def get_reference(self, hold: Hold) -> int:
        """Return the id of what holds it, if it is for the reader."""
        if hold.kind not in {HoldKind.INHIBITION, HoldKind.COMPONENT}:
            return hold.reference
        mine = Alert.objects.filter(pk=hold.reference, application_id=hold.alert.application_id)
        return hold.reference if mine.exists() else 0

    class Meta:
        model = Hold
        fields = ["kind", "reference", "text", "began_at", "ended_at", "until", "lasts"]
        read_only_fields = fields


class AlertDetailOutput(AlertOutput):
    """An alert with its story."""

    transitions = TransitionOutput(many=True, read_only=True)
    comments = CommentOutput(many=True, read_only=True)
    holds = HoldOutput(many=True, read_only=True)

    class Meta(AlertOutput.Meta):
        fields = [*AlertOutput.Meta.fields, "transitions", "comments", "holds"]
        read_only_fields = fields


class AlertFilter(serializers.Serializer[Any]):
    """How the list of alerts can be narrowed."""

    state = serializers.ChoiceField(
        choices=[("open", "pending or firing"), *AlertState.choices], required=False, help_text="State, or `open`."
    )
    cause = serializers.ChoiceField(
        choices=AlertCause.choices, required=False, help_text="What it is about: its condition, or missing data."
    )
    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    rule = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, help_text="Id of a rule.")
    source = serializers.ChoiceField(  # type: ignore[assignment]  # hides DRF's own, unused
        choices=[("own", "our rules"), *AlertSource.choices], required=False, help_text="Who reports it."
    )
    acknowledged = serializers.BooleanField(required=False, allow_null=True, default=None)


class RuleFilter(serializers.Serializer[Any]):
    """How the list of rules can be narrowed."""

    severity = serializers.ChoiceField(choices=Severity.choices, required=False)
    enabled = serializers.BooleanField(required=False, allow_null=True, default=None)
