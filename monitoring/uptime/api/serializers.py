"""What REST shows of checks, and what it takes."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.urls import reverse
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.api.authentication import KeyGrant
from monitoring.applications.enums import Scope
from monitoring.uptime.dns_records import RECORD_MATCH_CHOICES, RECORD_TYPE_CHOICES, RecordMatch, RecordType
from monitoring.uptime.drafts import (
    MAX_ADDRESS_CHARACTERS,
    MAX_INTERVAL_SECONDS,
    MAX_NAME_CHARACTERS,
    MAX_RETRIES,
    MAX_TEXT_CHARACTERS,
    MAX_TIMEOUT_SECONDS,
    MAX_TLS_DAYS,
    MIN_INTERVAL_SECONDS,
    CheckDraft,
)
from monitoring.uptime.enums import KIND_CHOICES, STATE_CHOICES
from monitoring.uptime.expectations import DEFAULT_STATUSES, Expectations
from monitoring.uptime.models import EXPECTED_FIELDS, Check, CheckChange, CheckResult, MaintenanceWindow
from monitoring.uptime.requests import (
    MAX_BODY_CHARACTERS,
    MAX_HEADERS_CHARACTERS,
    METHOD_CHOICES,
    Method,
)
from monitoring.uptime.targets import DEFAULT_TLS_DAYS

WISHES = [
    "name",
    "kind",
    "address",
    "interval_seconds",
    "timeout_seconds",
    "retries",
    "grace_seconds",
    "tls_days",
    "follow_redirects",
    "verify_certificate",
    "schedule",
    "time_zone",
    "max_runtime_seconds",
    "method",
    "request_headers",
    "request_body",
    "record_type",
    "record_values",
    "record_match",
    "resolver",
    *EXPECTED_FIELDS,
]


class CheckOutput(serializers.ModelSerializer[Check]):
    """A check: what it looks at and where it stands.

    `ping_url` is what a heartbeat calls; null for other kinds, and for keys that can't write: whoever knows it can report.
    """

    ping_url = serializers.SerializerMethodField()
    kind = serializers.ChoiceField(choices=KIND_CHOICES, read_only=True)
    state = serializers.ChoiceField(choices=STATE_CHOICES, read_only=True)

    class Meta:
        model = Check
        fields = [
            "id",
            *WISHES,
            "ping_url",
            "state",
            "changed_at",
            "reason",
            "failures",
            "last_result_at",
            "last_duration_seconds",
            "tls_days_left",
            "due_at",
            "created_at",
            "updated_at",
        ]
        read_only_fields = fields

    def to_representation(self, check: Check) -> dict[str, Any]:
        """Return it with secrets hidden; sent back as they are here, they stay."""
        told: dict[str, Any] = super().to_representation(check)
        shown = check.shown_request
        return told | {"request_headers": shown.headers, "request_body": shown.body}

    @extend_schema_field({"type": "string", "nullable": True})
    def get_ping_url(self, check: Check) -> str | None:
        """Return the address of a heartbeat."""
        grant = getattr(self.context.get("request"), "auth", None)
        if check.kind != "heartbeat" or not isinstance(grant, KeyGrant) or Scope.WRITE not in grant.scopes:
            return None
        return f"{settings.PUBLIC_URL}{reverse('check-ping', args=[check.ping_key])}"


class AvailabilityOutput(serializers.Serializer[Any]):
    """How available it was: `ratio` from 0 to 1 of the time it was watched, null if it was not."""

    period = serializers.CharField()
    ratio = serializers.FloatField(allow_null=True)
    up_seconds = serializers.FloatField()
    down_seconds = serializers.FloatField()


class ChangeOutput(serializers.ModelSerializer[CheckChange]):
    """One change of state: since `at`, noted at `noted_at`."""

    class Meta:
        model = CheckChange
        fields = ["id", "from_state", "to_state", "at", "noted_at", "reason"]
        read_only_fields = fields


class CheckDetailOutput(CheckOutput):
    """A check with its availability over 24 hours, 7 and 30 days."""

    availability = AvailabilityOutput(many=True, read_only=True)

    class Meta(CheckOutput.Meta):
        fields = [*CheckOutput.Meta.fields, "availability"]
        read_only_fields = fields


class ResultOutput(serializers.ModelSerializer[CheckResult]):
    """What one look found. `status` only of web addresses."""

    class Meta:
        model = CheckResult
        fields = ["at", "is_up", "reason", "duration_seconds", "status"]
        read_only_fields = fields


class CheckInput(serializers.Serializer[Check]):
    """A check of the key's own application."""

    name = serializers.CharField(max_length=MAX_NAME_CHARACTERS)
    kind = serializers.ChoiceField(choices=KIND_CHOICES, default="http")
    address = serializers.CharField(max_length=MAX_ADDRESS_CHARACTERS, allow_blank=True, default="")
    interval_seconds = serializers.IntegerField(
        min_value=MIN_INTERVAL_SECONDS, max_value=MAX_INTERVAL_SECONDS, default=60
    )
    timeout_seconds = serializers.IntegerField(min_value=1, max_value=MAX_TIMEOUT_SECONDS, default=MAX_TIMEOUT_SECONDS)
    retries = serializers.IntegerField(min_value=0, max_value=MAX_RETRIES, default=1)
    grace_seconds = serializers.IntegerField(min_value=0, max_value=MAX_INTERVAL_SECONDS, default=300)
    tls_days = serializers.IntegerField(min_value=1, max_value=MAX_TLS_DAYS, default=DEFAULT_TLS_DAYS)
    follow_redirects = serializers.BooleanField(default=True)
    verify_certificate = serializers.BooleanField(default=True)
    schedule = serializers.CharField(
        max_length=200, allow_blank=True, default="", help_text="A cron line, of heartbeats."
    )
    time_zone = serializers.CharField(max_length=64, default="UTC")
    max_runtime_seconds = serializers.IntegerField(min_value=0, max_value=MAX_INTERVAL_SECONDS, default=0)
    method = serializers.ChoiceField(choices=METHOD_CHOICES, default=Method.GET.value)
    request_headers = serializers.CharField(
        max_length=MAX_HEADERS_CHARACTERS,
        allow_blank=True,
        default="",
        help_text="Lines “Name: value”; values are not shown again.",
    )
    request_body = serializers.CharField(max_length=MAX_BODY_CHARACTERS, allow_blank=True, default="")
    record_type = serializers.ChoiceField(choices=RECORD_TYPE_CHOICES, default=RecordType.A.value)
    record_values = serializers.CharField(
        max_length=MAX_ADDRESS_CHARACTERS, allow_blank=True, default="", help_text="Of DNS records, one a line."
    )
    record_match = serializers.ChoiceField(choices=RECORD_MATCH_CHOICES, default=RecordMatch.CONTAINS.value)
    resolver = serializers.CharField(max_length=260, allow_blank=True, default="")
    statuses = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, default=DEFAULT_STATUSES)
    header_name = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")
    header_value = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")
    body_contains = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")
    body_pattern = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")
    json_path = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")
    json_value = serializers.CharField(max_length=MAX_TEXT_CHARACTERS, allow_blank=True, default="")


class CheckFilter(serializers.Serializer[Any]):
    """How the list of checks can be narrowed."""

    state = serializers.ChoiceField(choices=STATE_CHOICES, required=False)
    kind = serializers.ChoiceField(choices=KIND_CHOICES, required=False)


class WindowInput(serializers.Serializer[MaintenanceWindow]):
    """A stretch of time in which failures of this check do not count."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    reason = serializers.CharField(max_length=200, allow_blank=True, default="")


class WindowOutput(serializers.ModelSerializer[MaintenanceWindow]):
    """A maintenance window. `check_id` null: it is for all checks of the application."""

    check_id = serializers.IntegerField(source="check_row_id", read_only=True, allow_null=True)

    class Meta:
        model = MaintenanceWindow
        fields = ["id", "check_id", "starts_at", "ends_at", "reason"]
        read_only_fields = fields


def draft_of_input(data: dict[str, Any], *, application_id: int) -> CheckDraft:
    """Return the draft of a checked body."""
    fields = {name: value for name, value in data.items() if name not in EXPECTED_FIELDS}
    expected = Expectations(**{name: data[name] for name in EXPECTED_FIELDS})
    return CheckDraft(**fields, application_id=application_id, expected=expected)
