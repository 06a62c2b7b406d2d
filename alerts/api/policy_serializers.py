"""What REST shows of escalation policies, and what it takes. People are user names, teams are names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from alerts.api.bodies import MAX_ID
from alerts.enums import PolicyStepKind
from alerts.escalation import MAX_STEPS, MAX_TARGETS, Step, StepKind
from alerts.models import OnCallSchedule, Policy, PolicyStep
from alerts.models.policies import ONE_DAY
from alerts.selectors import list_channels
from alerts.services.policies import MAX_GROUP_LABELS, TARGET_FIELDS, PolicyInvalid, StepDraft
from alerts.steps import describe_steps

MAX_COUNT = 1_000_000
MAX_INTEGER = 2**31 - 1
#: Fields of a step that say whom it reaches, and by what a body names them.
_KEYS = {"channels": "pk", "people": "username", "teams": "name", "schedules": "pk"}
_NOUNS = {"channels": "channel", "people": "user", "teams": "team", "schedules": "on-call schedule"}


class StepOutput(serializers.ModelSerializer[PolicyStep]):
    """One step. Which fields count depends on `kind`."""

    channels = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)
    people = serializers.SlugRelatedField[Any](slug_field="username", many=True, read_only=True)
    teams = serializers.SlugRelatedField[Any](slug_field="name", many=True, read_only=True)
    schedules = serializers.PrimaryKeyRelatedField[Any](many=True, read_only=True)
    start = serializers.SerializerMethodField()
    end = serializers.SerializerMethodField()

    class Meta:
        model = PolicyStep
        fields = [
            "kind",
            "channels",
            "people",
            "teams",
            "schedules",
            "seconds",
            "count",
            "start",
            "end",
            "weekdays",
            "zone",
        ]
        read_only_fields = fields

    def get_start(self, step: PolicyStep) -> str:
        """Return when its hours begin, like 08:00; empty for other kinds."""
        return step.from_time.strftime("%H:%M") if step.from_time else ""

    def get_end(self, step: PolicyStep) -> str:
        """Return when its hours end."""
        return step.until_time.strftime("%H:%M") if step.until_time else ""


class PolicyOutput(serializers.ModelSerializer[Policy]):
    """A policy. Seconds are null where the installation's settings count.

    `application` null: rules of all applications can name it, and it is changed in the admin.
    """

    steps = StepOutput(many=True, read_only=True)
    steps_in_words = serializers.SerializerMethodField()

    class Meta:
        model = Policy
        fields = [
            "id",
            "name",
            "application",
            "group_by",
            "group_wait_seconds",
            "group_interval_seconds",
            "repeat_interval_seconds",
            "ack_reminder_seconds",
            "ack_expiry_seconds",
            "steps",
            "steps_in_words",
            "created_at",
        ]
        read_only_fields = fields

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_steps_in_words(self, policy: Policy) -> list[str]:
        """Return what each step does."""
        return describe_steps(policy)


def _ids(help_text: str) -> serializers.ListField:
    child = serializers.IntegerField(min_value=1, max_value=MAX_ID)
    return serializers.ListField(child=child, max_length=MAX_TARGETS, default=list, help_text=help_text)


def _names(help_text: str) -> serializers.ListField:
    child = serializers.CharField(max_length=150)
    return serializers.ListField(child=child, max_length=MAX_TARGETS, default=list, help_text=help_text)


def _clock(help_text: str) -> serializers.RegexField:
    return serializers.RegexField(
        r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$", allow_blank=True, default="", help_text=help_text
    )


class StepInput(serializers.Serializer[PolicyStep]):
    """One step. Which fields count depends on `kind`; whom it reaches stands in the field for its kind alone."""

    kind = serializers.ChoiceField(choices=PolicyStepKind.choices)
    channels = _ids("Ids; of this application or of all. For the kind channel.")
    people = _names("User names. For the kinds person and round_robin.")
    teams = _names("For the kind team.")
    schedules = _ids("Ids; of this application or of all. For the kind schedule.")
    seconds = serializers.IntegerField(
        min_value=0, max_value=MAX_INTEGER, default=0, help_text="Wait this long; or count within this time."
    )
    count = serializers.IntegerField(
        min_value=0, max_value=MAX_COUNT, default=0, help_text="More alerts than this; or repeat so often."
    )
    start = _clock("Of the kind if_time, like 08:00.")
    end = _clock("Not after the beginning: on the next day.")
    weekdays = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        max_length=7,
        default=list,
        help_text="0 is Monday; empty: every day.",
    )
    zone = serializers.CharField(max_length=64, allow_blank=True, default="UTC", help_text="IANA name.")


def _seconds(least: int, most: int, help_text: str) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=least, max_value=most, allow_null=True, default=None, help_text=help_text)


class PolicyInput(serializers.Serializer[Policy]):
    """A policy of the key's own application."""

    name = serializers.CharField(max_length=100)
    group_by = serializers.ListField(
        child=serializers.CharField(max_length=200),
        max_length=MAX_GROUP_LABELS,
        default=list,
        help_text="Labels whose values make a group. Empty: alertname and application. “...”: every alert by itself.",
    )
    group_wait_seconds = _seconds(0, ONE_DAY, "How long a new group collects alerts. Null: as in the settings.")
    group_interval_seconds = _seconds(1, ONE_DAY, "How often it tells what is new. Null: as in the settings.")
    repeat_interval_seconds = _seconds(
        60, 30 * ONE_DAY, "When alerts nobody acknowledged are told of again. Null: as in the settings."
    )
    ack_reminder_seconds = _seconds(60, MAX_INTEGER, "When whoever acknowledged is reminded. Null: never.")
    ack_expiry_seconds = _seconds(60, MAX_INTEGER, "When an acknowledgement ends. Null: never.")
    steps = serializers.ListField(child=StepInput(), min_length=1, max_length=MAX_STEPS)


def draft_steps(bodies: Sequence[Mapping[str, Any]], *, application_id: int) -> list[StepDraft]:
    """Return the steps of a checked body; raise PolicyInvalid for what is not there, or in the field of another kind."""
    known = {field: _read_rows(field, bodies, application_id) for field in _KEYS}
    errors = [
        (f"steps.{place}.{field}", words)
        for place, body in enumerate(bodies)
        for field in _KEYS
        if (words := _judge_targets(body, field, known[field]))
    ]
    if errors:
        raise PolicyInvalid(errors)
    return [_draft_step(body, known) for body in bodies]


def _read_rows(field: str, bodies: Iterable[Mapping[str, Any]], application_id: int) -> dict[Any, Any]:
    """Return what the steps name in a field and the application may use, by what they name it with."""
    named = {name for body in bodies for name in body[field]}
    if not named:
        return {}
    key = _KEYS[field]
    return {getattr(row, key): row for row in _list_usable(field, application_id).filter(**{f"{key}__in": named})}


def _list_usable(field: str, application_id: int) -> QuerySet[Any]:
    match field:
        case "channels":
            return list_channels(application_id=application_id)
        case "schedules":
            return OnCallSchedule.objects.filter(Q(application=None) | Q(application_id=application_id))
        case "teams":
            return Group.objects.all()
        case _:
            return get_user_model().objects.all()


def _judge_targets(body: Mapping[str, Any], field: str, known: Mapping[Any, Any]) -> str:
    if body[field] and TARGET_FIELDS.get(StepKind(body["kind"])) != field:
        return f"A step of the kind {body['kind']} has none of these."
    unknown = next((name for name in body[field] if name not in known), None)
    return "" if unknown is None else f"There is no {_NOUNS[field]} “{unknown}” that this application may use."


def _draft_step(body: Mapping[str, Any], known: Mapping[str, Mapping[Any, Any]]) -> StepDraft:
    kind = StepKind(body["kind"])
    field = TARGET_FIELDS.get(kind)
    rows = [known[field][name] for name in dict.fromkeys(body[field])] if field else []
    step = Step(
        kind,
        targets=tuple(row.pk for row in rows),
        seconds=body["seconds"],
        count=body["count"],
        start=body["start"],
        end=body["end"],
        weekdays=tuple(sorted(set(body["weekdays"]))),
        zone=body["zone"] or "UTC",
    )
    return StepDraft(step, {field: rows} if field else {})
