"""What REST shows of incidents, and what it takes."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from incidents.drafts import MAX_ALERTS, MAX_TEXT_CHARACTERS, MAX_TITLE_CHARACTERS, IncidentDraft
from incidents.enums import EntryKind, IncidentLevel, IncidentStatus
from incidents.models import Incident, TimelineEntry


class EntryOutput(serializers.ModelSerializer[TimelineEntry]):
    """One line of the timeline. `details` is what it tells for programs; `corrects` is the id of a line that was wrong."""

    author = serializers.CharField(source="author_name", read_only=True)
    kind = serializers.ChoiceField(choices=EntryKind.choices, read_only=True)
    details = serializers.DictField(read_only=True)

    class Meta:
        model = TimelineEntry
        fields = ["id", "kind", "at", "author", "text", "details", "corrects"]
        read_only_fields = fields


class IncidentOutput(serializers.ModelSerializer[Incident]):
    """An incident. `respond_by` and `resolve_by` are its deadlines; `..._breached_at` is when one was found to be missed."""

    declared_by = serializers.CharField(source="declared_name", read_only=True)
    responded_by = serializers.CharField(source="responded_name", read_only=True)

    class Meta:
        model = Incident
        fields = [
            "number",
            "title",
            "description",
            "level",
            "status",
            "application",
            "source",
            "declared_at",
            "declared_by",
            "responded_at",
            "responded_by",
            "resolved_at",
            "closed_at",
            "respond_by",
            "resolve_by",
            "respond_breached_at",
            "resolve_breached_at",
        ]
        read_only_fields = fields


class IncidentDetailOutput(IncidentOutput):
    """An incident with its timeline and the ids of the alerts that it is about."""

    alerts = serializers.SerializerMethodField()
    timeline = EntryOutput(many=True, read_only=True)

    class Meta(IncidentOutput.Meta):
        fields = [*IncidentOutput.Meta.fields, "alerts", "timeline"]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.IntegerField()))
    def get_alerts(self, incident: Incident) -> list[int]:
        """The alerts, in the order in which they joined."""
        return [link.alert_id for link in incident.alerts.all()]


class IncidentInput(serializers.Serializer[Incident]):
    """An incident of the key's own application; `alerts` are ids of alerts that it is about."""

    title = serializers.CharField(max_length=MAX_TITLE_CHARACTERS)
    level = serializers.ChoiceField(choices=IncidentLevel.choices)
    description = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, required=False, allow_blank=True, default="")
    alerts = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1), default=list, max_length=MAX_ALERTS
    )

    def draft(self, *, application_id: int) -> IncidentDraft:
        """Return the draft of a checked body."""
        data: dict[str, Any] = dict(self.validated_data)
        return IncidentDraft(
            title=data["title"],
            level=data["level"],
            description=data["description"],
            application_id=application_id,
            alert_ids=tuple(data["alerts"]),
        )


class NoteInput(serializers.Serializer[TimelineEntry]):
    """A note; with `corrects`, the id of a line of the timeline that was wrong, a correction."""

    text = serializers.CharField(max_length=MAX_TEXT_CHARACTERS)
    corrects = serializers.IntegerField(min_value=1, max_value=2**63 - 1, required=False, allow_null=True, default=None)


class IncidentResolveInput(serializers.Serializer[Incident]):
    """What was done."""

    text = serializers.CharField(max_length=MAX_TEXT_CHARACTERS)


class IncidentFilter(serializers.Serializer[Any]):
    """How the list of incidents can be narrowed."""

    status = serializers.ChoiceField(
        choices=[("open", "declared or acknowledged"), *IncidentStatus.choices],
        required=False,
        help_text="Status, or `open`.",
    )
    level = serializers.ChoiceField(choices=IncidentLevel.choices, required=False)
