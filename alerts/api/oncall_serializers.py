"""What REST shows of on-call schedules, and what it takes. People are user names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.enums import OnCallRotation
from alerts.models import OnCallLayer, OnCallOverride, OnCallSchedule
from alerts.oncall.drafts import (
    FIRST_YEAR,
    LAST_YEAR,
    MAX_INTERVAL,
    MAX_LAYERS,
    MAX_PEOPLE_IN_A_TURN,
    MAX_RESTRICTIONS,
    MAX_TURNS,
    ScheduleInvalid,
)
from alerts.oncall.rotations import Layer, Restriction, Rotation
from alerts.rosters import list_people, name_person
from alerts.services.oncall import (
    MAX_DESCRIPTION_CHARACTERS,
    MAX_REASON_CHARACTERS,
    OverrideDraft,
    ScheduleDraft,
)

MAX_USER_NAME = 150
MAX_ID = 2**63 - 1


class InstantField(serializers.DateTimeField):
    """A moment, with its offset."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the moment in UTC; refuse one that is anybody's guess, or in a year that no schedule reaches."""
        if timezone.is_naive(value):
            raise serializers.ValidationError("Add the offset, like 2026-01-05T09:00:00+01:00 or …Z.")
        if not FIRST_YEAR <= value.year <= LAST_YEAR:
            raise serializers.ValidationError(f"Choose a day of the years {FIRST_YEAR} to {LAST_YEAR}.")
        return super().enforce_timezone(value)


@extend_schema_field({"type": "string", "example": "2026-01-05T09:00:00"})
class WallClockField(serializers.DateTimeField):
    """A time on the clock of a layer's zone, without an offset."""

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return it as it is; refuse an offset."""
        if timezone.is_aware(value):
            raise serializers.ValidationError(
                "Leave the offset out: it is a time on the clock of the layer's time zone."
            )
        return value


class PersonOutput(serializers.Serializer[Any]):
    """A person."""

    username = serializers.CharField()
    name = serializers.SerializerMethodField()

    def get_name(self, person: Any) -> str:
        """Return what they are called."""
        return name_person(person)


class RestrictionField(serializers.Serializer[Any]):
    """Hours in which a layer counts; an end at or before the beginning is on the next day. Monday is 0."""

    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6), min_length=1, max_length=7
    )
    begins = serializers.TimeField()
    ends = serializers.TimeField()


class LayerOutput(serializers.ModelSerializer[OnCallLayer]):
    """A layer. `participants`: the turns in their order, each a list of user names."""

    starts_at = WallClockField(read_only=True)
    ends_at = WallClockField(read_only=True, allow_null=True)
    participants = serializers.SerializerMethodField()
    restrictions = RestrictionField(many=True, read_only=True)

    class Meta:
        model = OnCallLayer
        fields = [
            "id",
            "name",
            "zone",
            "rotation",
            "interval",
            "starts_at",
            "ends_at",
            "participants",
            "restrictions",
        ]
        read_only_fields = fields

    def get_participants(self, layer: OnCallLayer) -> list[list[str]]:
        """Return who takes turns."""
        turns: dict[int, list[str]] = {}
        for each in layer.participants.all():
            turns.setdefault(each.turn, []).append(each.person.get_username())
        return list(turns.values())


class ScheduleOutput(serializers.ModelSerializer[OnCallSchedule]):
    """A schedule. Of two layers that have somebody, the later one wins. `application` null: it is for all applications."""

    layers = LayerOutput(many=True, read_only=True)

    class Meta:
        model = OnCallSchedule
        fields = ["id", "name", "application", "zone", "description", "layers", "created_at"]
        read_only_fields = fields


class LayerInput(serializers.Serializer[Any]):
    """A layer. With the `id` of one that is there, that one is changed."""

    id = serializers.IntegerField(min_value=1, max_value=MAX_ID, required=False)
    name = serializers.CharField(max_length=100)
    zone = serializers.CharField(max_length=64, required=False, help_text="IANA name; the schedule's if left out.")
    rotation = serializers.ChoiceField(choices=OnCallRotation.choices, default=OnCallRotation.WEEKLY.value)
    interval = serializers.IntegerField(min_value=1, max_value=MAX_INTERVAL, default=1)
    starts_at = WallClockField()
    ends_at = WallClockField(required=False, allow_null=True, default=None)
    participants = serializers.ListField(
        child=serializers.ListField(
            child=serializers.CharField(max_length=MAX_USER_NAME), min_length=1, max_length=MAX_PEOPLE_IN_A_TURN
        ),
        min_length=1,
        max_length=MAX_TURNS,
    )
    restrictions = serializers.ListField(child=RestrictionField(), default=list, max_length=MAX_RESTRICTIONS)


class ScheduleInput(serializers.Serializer[Any]):
    """A schedule of the key's own application."""

    name = serializers.CharField(max_length=100)
    zone = serializers.CharField(max_length=64, default="UTC")
    description = serializers.CharField(max_length=MAX_DESCRIPTION_CHARACTERS, allow_blank=True, default="")
    layers = serializers.ListField(child=LayerInput(), min_length=1, max_length=MAX_LAYERS)


class OnCallOutput(serializers.Serializer[Any]):
    """Who is on call at a moment, until when, and who comes then. `until` null: nothing changes within a year."""

    at = serializers.DateTimeField()
    people = PersonOutput(many=True)
    until = serializers.DateTimeField(allow_null=True)
    next = PersonOutput(many=True)


class ShiftOutput(serializers.Serializer[Any]):
    """People on call for a time. No people: nobody is. `layer` null: an override took all, or nobody is on call."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    people = PersonOutput(many=True)
    layer = serializers.IntegerField(allow_null=True)
    override = serializers.IntegerField(allow_null=True)


class OverrideOutput(serializers.ModelSerializer[OnCallOverride]):
    """People who take over. `replaces`: a swap, of what this user has of the time. `calendar`: the one it came from."""

    people = serializers.SlugRelatedField[Any](many=True, slug_field="username", read_only=True)
    replaces = serializers.SlugRelatedField[Any](slug_field="username", read_only=True, allow_null=True)
    author = serializers.CharField(source="author_name", read_only=True)
    calendar = serializers.CharField(source="calendar.name", read_only=True, allow_null=True, default=None)

    class Meta:
        model = OnCallOverride
        fields = [
            "id",
            "starts_at",
            "ends_at",
            "people",
            "replaces",
            "reason",
            "author",
            "calendar",
            "created_at",
        ]
        read_only_fields = fields


class OverrideInput(serializers.Serializer[Any]):
    """People who take over for a time; with `replaces` they take only what this user has of it (a swap)."""

    starts_at = InstantField()
    ends_at = InstantField()
    people = serializers.ListField(
        child=serializers.CharField(max_length=MAX_USER_NAME), min_length=1, max_length=MAX_PEOPLE_IN_A_TURN
    )
    replaces = serializers.CharField(max_length=MAX_USER_NAME, required=False, allow_null=True, default=None)
    reason = serializers.CharField(max_length=MAX_REASON_CHARACTERS, allow_blank=True, default="")


class MomentFilter(serializers.Serializer[Any]):
    """When."""

    at = InstantField(required=False, help_text="A moment with its offset; now if left out.")


class ShiftFilter(serializers.Serializer[Any]):
    """Which time."""

    to = InstantField(required=False, help_text="At most 366 days after `from`; 28 days if left out.")

    def get_fields(self) -> dict[str, Any]:
        """Return the fields; the name of one of them is a word of the language."""
        fields = dict(super().get_fields())
        return {"from": InstantField(required=False, help_text="Now, if left out."), **fields}


def draft_of_input(data: dict[str, Any], *, application_id: int) -> ScheduleDraft:
    """Return the draft of a checked body; raise ScheduleInvalid for user names that nobody has."""
    ids = _read_ids(name for layer in data["layers"] for turn in layer["participants"] for name in turn)
    errors = {
        f"layers.{index}.participants": wrong
        for index, layer in enumerate(data["layers"])
        if (wrong := _find_unknown((name for turn in layer["participants"] for name in turn), ids))
    }
    if errors:
        raise ScheduleInvalid(errors)
    return ScheduleDraft(
        name=data["name"],
        zone=data["zone"],
        description=data["description"],
        application_id=application_id,
        layers=tuple(_make_layer(layer, ids, data["zone"]) for layer in data["layers"]),
    )


def override_of_input(data: dict[str, Any]) -> OverrideDraft:
    """Return the draft of a checked body; raise ScheduleInvalid for user names that nobody has."""
    replaces = [data["replaces"]] if data["replaces"] else []
    ids = _read_ids([*data["people"], *replaces])
    errors = {"people": _find_unknown(data["people"], ids), "replaces": _find_unknown(replaces, ids)}
    if any(errors.values()):
        raise ScheduleInvalid({field: message for field, message in errors.items() if message})
    return OverrideDraft(
        starts_at=data["starts_at"],
        ends_at=data["ends_at"],
        people=tuple(ids[name] for name in data["people"]),
        replaces=ids[replaces[0]] if replaces else None,
        reason=data["reason"],
    )


def _make_layer(data: dict[str, Any], ids: dict[str, int], zone: str) -> Layer:
    return Layer(
        layer_id=data.get("id", 0),
        name=data["name"],
        zone=data.get("zone", zone),
        starts_at=data["starts_at"],
        ends_at=data["ends_at"],
        rotation=Rotation(data["rotation"]),
        interval=data["interval"],
        participants=tuple(tuple(ids[name] for name in turn) for turn in data["participants"]),
        restrictions=tuple(
            Restriction(frozenset(each["weekdays"]), each["begins"], each["ends"]) for each in data["restrictions"]
        ),
    )


def _read_ids(names: Iterable[str]) -> dict[str, int]:
    people = list_people().model.objects.filter(username__in=set(names))
    return dict(people.values_list("username", "pk"))


def _find_unknown(names: Iterable[str], ids: dict[str, int]) -> str:
    unknown = next((name for name in names if name not in ids), None)
    return "" if unknown is None else f"There is no user “{unknown}” here."
