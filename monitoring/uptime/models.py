"""Checks, what they found last, since when they stand as they do, and when nobody is to be told."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from config.crypto import EncryptedTextField
from monitoring.uptime.dns_records import RECORD_MATCH_CHOICES, RECORD_TYPE_CHOICES, RecordMatch, RecordType
from monitoring.uptime.drafts import (
    MAX_INTERVAL_SECONDS,
    MAX_RETRIES,
    MAX_TIMEOUT_SECONDS,
    MAX_TLS_DAYS,
    MIN_INTERVAL_SECONDS,
    CheckDraft,
    describe_target,
)
from monitoring.uptime.enums import KIND_CHOICES, STATE_CHOICES, CheckKind, CheckState, EndAction
from monitoring.uptime.expectations import DEFAULT_STATUSES, Expectations
from monitoring.uptime.judgement import find_heartbeat_due
from monitoring.uptime.querysets import CheckQuerySet
from monitoring.uptime.recurrence import Recurrence, Repeat
from monitoring.uptime.requests import METHOD_CHOICES, Method, RequestWish, mask_wish
from monitoring.uptime.targets import DEFAULT_TLS_DAYS
from monitoring.uptime.window_drafts import WindowDraft

#: How many results of a check are kept; the next one takes the place of the oldest.
KEPT_RESULTS = 100
#: Fields of `Expectations`, stored one by one.
EXPECTED_FIELDS = tuple(Expectations.__dataclass_fields__)
REPEAT_CHOICES = [(repeat.value, repeat.label) for repeat in Repeat]
END_ACTION_CHOICES = [(action.value, action.label) for action in EndAction]
DRAFT_FIELDS = tuple(name for name in CheckDraft.__dataclass_fields__ if name != "expected")


class Check(models.Model):
    """Something that has to answer, or to report, at regular times.

    Services write these rows. What was wished for stands first; what was found begins with `state`, and every change of
    that leaves a CheckChange.
    """

    application = models.ForeignKey("monitoring.Application", on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=100, help_text="What people read when it is down, for example “Login page”.")
    kind = models.CharField(max_length=10, choices=KIND_CHOICES, default=CheckKind.HTTP.value)
    address = models.TextField(
        blank=True, help_text="A web address, or host:port. A heartbeat has none: it reports by itself."
    )
    interval_seconds = models.PositiveIntegerField(default=60)
    timeout_seconds = models.PositiveSmallIntegerField(default=MAX_TIMEOUT_SECONDS)
    retries = models.PositiveSmallIntegerField(
        default=1, help_text="How many more attempts must fail before it counts as down."
    )
    grace_seconds = models.PositiveIntegerField(default=300)
    tls_days = models.PositiveSmallIntegerField(default=DEFAULT_TLS_DAYS)
    follow_redirects = models.BooleanField(default=True)
    verify_certificate = models.BooleanField(default=True)
    schedule = models.CharField(max_length=200, blank=True, help_text="A cron line: when a heartbeat should come.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="The clock that the cron line is read on.")
    max_runtime_seconds = models.PositiveIntegerField(default=0, help_text="How long its job may run; 0: the grace.")
    method = models.CharField(max_length=4, choices=METHOD_CHOICES, default=Method.GET.value)
    request_headers = EncryptedTextField(blank=True, default="", help_text="Lines “Name: value”; encrypted at rest.")
    request_body = EncryptedTextField(blank=True, default="", help_text="What a POST request sends; encrypted at rest.")
    record_type = models.CharField(max_length=5, choices=RECORD_TYPE_CHOICES, default=RecordType.A.value)
    record_values = models.TextField(blank=True, help_text="Values of DNS records that are expected, one a line.")
    record_match = models.CharField(max_length=8, choices=RECORD_MATCH_CHOICES, default=RecordMatch.CONTAINS.value)
    resolver = models.CharField(max_length=260, blank=True, help_text="The DNS server that is asked.")
    statuses = models.CharField(max_length=1000, default=DEFAULT_STATUSES)
    header_name = models.CharField(max_length=1000, blank=True)
    header_value = models.CharField(max_length=1000, blank=True)
    body_contains = models.CharField(max_length=1000, blank=True)
    body_pattern = models.CharField(max_length=1000, blank=True)
    json_path = models.CharField(max_length=1000, blank=True)
    json_value = models.CharField(max_length=1000, blank=True)
    slug = models.CharField(
        max_length=50,
        blank=True,
        editable=False,
        help_text="What Sentry's SDKs call a heartbeat that they made or report to.",
    )
    ping_key = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    state = models.CharField(max_length=12, choices=STATE_CHOICES, default=CheckState.NEW.value, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)
    reason = models.TextField(blank=True, editable=False, help_text="What the newest look found.")
    failures = models.PositiveIntegerField(default=0, editable=False)
    failing_since = models.DateTimeField(null=True, editable=False)
    last_result_at = models.DateTimeField(null=True, editable=False)
    last_duration_seconds = models.FloatField(null=True, editable=False)
    tls_days_left = models.FloatField(null=True, editable=False)
    started_at = models.DateTimeField(null=True, editable=False, help_text="When a heartbeat's job said it started.")
    result_count = models.BigIntegerField(default=0, editable=False)
    outage_labels = models.JSONField(
        default=dict,
        editable=False,
        help_text="Labels of the series that says it is down; kept until its end was recorded.",
    )
    due_at = models.DateTimeField(null=True, editable=False, help_text="When to look next; null: not at all.")
    claim_token = models.UUIDField(null=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[CheckQuerySet] = CheckQuerySet.as_manager()  # type: ignore[assignment]  # the stubs' manager type

    class Meta:
        ordering = ["name", "id"]
        constraints = [
            models.UniqueConstraint(fields=["application", "slug"], condition=~Q(slug=""), name="check_slug_once"),
            models.CheckConstraint(condition=Q(kind__in=[kind.value for kind in CheckKind]), name="check_kind_known"),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in CheckState]), name="check_state_known"
            ),
            models.CheckConstraint(condition=Q(kind="heartbeat") | ~Q(address=""), name="check_has_address"),
            models.CheckConstraint(
                condition=Q(interval_seconds__range=(MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS)),
                name="check_interval_in_range",
            ),
            models.CheckConstraint(
                condition=Q(timeout_seconds__range=(1, MAX_TIMEOUT_SECONDS)), name="check_timeout_in_range"
            ),
            models.CheckConstraint(condition=Q(retries__lte=MAX_RETRIES), name="check_retries_in_range"),
            models.CheckConstraint(condition=Q(tls_days__range=(1, MAX_TLS_DAYS)), name="check_tls_days_in_range"),
            models.CheckConstraint(condition=~Q(state="paused") | Q(due_at=None), name="paused_check_is_not_due"),
            models.CheckConstraint(
                condition=~Q(state="down") | Q(failing_since__isnull=False), name="down_check_says_since_when"
            ),
        ]
        indexes = [
            # The prober, every few seconds: what is due longest.
            models.Index(fields=["due_at"], name="check_due", condition=Q(due_at__isnull=False)),
            # The uptime page and REST: an application's checks.
            models.Index(fields=["application", "-id"], name="check_application"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Address of the check's page."""
        return reverse("admin:monitoring_check_case", args=[self.pk])

    @property
    def shown_request(self) -> RequestWish:
        """How it is asked, as pages and answers show it: secrets hidden. What a kind without a request has stored counts as nothing."""
        if self.kind != CheckKind.HTTP:
            return RequestWish(self.method)
        return mask_wish(RequestWish(self.method, self.request_headers, self.request_body))

    @property
    def target(self) -> str:
        """Its address as far as it may be shown anywhere: a query may hold secrets."""
        return describe_target(self.kind, self.address)

    @property
    def expected(self) -> Expectations:
        """What an HTTP answer has to be like."""
        return Expectations(**{name: getattr(self, name) for name in EXPECTED_FIELDS})

    def draft(self) -> CheckDraft:
        """Return it as it was wished for, to be changed and saved again."""
        return CheckDraft(**{name: getattr(self, name) for name in DRAFT_FIELDS}, expected=self.expected)

    def expected_by(self, *, after: datetime) -> datetime:
        """Return until when a heartbeat has to come again after it came."""
        return find_heartbeat_due(
            last_ping_at=after,
            interval_seconds=self.interval_seconds,
            grace_seconds=self.grace_seconds,
            schedule=self.schedule,
            time_zone=self.time_zone,
        )

    def labels(self) -> dict[str, str]:
        """Return the labels of its series."""
        labels = {"check": self.name, "check_id": str(self.pk), "kind": self.kind, "target": self.target}
        return {name: value for name, value in labels.items() if value}


class CheckResult(models.Model):
    """What one look found, or one ping said. The newest KEPT_RESULTS of each check: `place` goes round."""

    check_row = models.ForeignKey(Check, on_delete=models.CASCADE, related_name="results", db_column="check_id")
    place = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    is_up = models.BooleanField()
    reason = models.TextField(blank=True)
    duration_seconds = models.FloatField(null=True)
    status = models.PositiveSmallIntegerField(null=True)

    objects: ClassVar[models.Manager[CheckResult]]

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            # The page of a check and its spark line: its newest results; and what a new one replaces.
            models.UniqueConstraint(fields=["check_row", "place"], name="check_result_place"),
            models.CheckConstraint(condition=Q(place__lt=KEPT_RESULTS), name="check_result_place_in_range"),
        ]

    def __str__(self) -> str:
        return self.reason


class CheckChange(models.Model):
    """One change of a check's state, since `at`: a check is down since its first failure, noted once the retries failed too.

    Appended in the transaction of the change. Pruned after two years (services/upkeep.py).
    """

    check_row = models.ForeignKey(Check, on_delete=models.CASCADE, related_name="changes", db_column="check_id")
    from_state = models.CharField(max_length=12, choices=STATE_CHOICES)
    to_state = models.CharField(max_length=12, choices=STATE_CHOICES)
    at = models.DateTimeField()
    noted_at = models.DateTimeField()
    reason = models.TextField(blank=True)

    objects: ClassVar[models.Manager[CheckChange]]

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=~Q(from_state=F("to_state")), name="check_change_changes"),
            models.CheckConstraint(condition=Q(noted_at__gte=F("at")), name="check_change_noted_after"),
        ]
        indexes = [
            # The page of a check and the list's availability: changes of some checks since some time, in order.
            models.Index(fields=["check_row", "noted_at"], name="check_change_time"),
        ]

    def __str__(self) -> str:
        return f"{CheckState(self.from_state).label} → {CheckState(self.to_state).label}"


class MaintenanceWindow(models.Model):
    """Time in which failures are expected: checks go on but do not count, and alerts tell nobody. Once, or again and again.

    `starts_at` and `ends_at` are the first time; read on the clock of `time_zone` they say at which local times it comes
    again. `opens_at` and `closes_at` are the time that is open or comes next, both null when there is none any more; only
    services/maintenance.py moves them on.
    """

    application = models.ForeignKey("monitoring.Application", on_delete=models.CASCADE, related_name="+")
    check_row = models.ForeignKey(
        Check,
        verbose_name="check",
        on_delete=models.CASCADE,
        related_name="windows",
        null=True,
        blank=True,
        db_column="check_id",
        help_text="Empty: all checks and alerts of the application.",
    )
    matchers = models.TextField(
        blank=True,
        help_text='Only alerts with such labels, like {host="erp1"}; checks go on counting then. Empty: all of them.',
    )
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.CharField(max_length=200, blank=True, help_text="For example “Update to 4.2”.")
    time_zone = models.CharField(max_length=64, default="UTC", help_text="The clock that all its times are read on.")
    repeat = models.CharField(max_length=20, choices=REPEAT_CHOICES, default=Repeat.NONE.value)
    weekdays = ArrayField(models.PositiveSmallIntegerField(), default=list, blank=True)
    month_day = models.PositiveSmallIntegerField(default=1)
    nth = models.SmallIntegerField(default=1)
    weekday = models.PositiveSmallIntegerField(default=0)
    until_date = models.DateField(null=True, blank=True, help_text="The last day on which it may begin.")
    count = models.PositiveIntegerField(null=True, blank=True, help_text="How many times at most.")
    end_action = models.CharField(max_length=10, choices=END_ACTION_CHOICES, default=EndAction.RELEASE.value)
    opens_at = models.DateTimeField(null=True, blank=True, editable=False)
    closes_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    released_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="What it dropped until then is told after all: it was moved."
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects: ClassVar[models.Manager[MaintenanceWindow]]

    class Meta:
        ordering = ["-starts_at", "-id"]
        constraints = [
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="maintenance_window_has_length"),
            models.CheckConstraint(
                condition=Q(opens_at=None, closes_at=None) | Q(closes_at__gt=F("opens_at")),
                name="maintenance_window_opens_before_it_closes",
            ),
            models.CheckConstraint(
                condition=Q(repeat__in=[repeat.value for repeat in Repeat]), name="maintenance_window_repeat_known"
            ),
            models.CheckConstraint(
                condition=Q(end_action__in=[action.value for action in EndAction]),
                name="maintenance_window_end_action_known",
            ),
            models.CheckConstraint(
                condition=Q(cancelled_at=None) | Q(opens_at=None), name="cancelled_maintenance_window_is_over"
            ),
        ]
        indexes = [
            # Every few seconds: the windows that are open now, and those to be moved on.
            models.Index(fields=["closes_at"], name="maintenance_window_close", condition=Q(closes_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.reason or "Maintenance"

    def get_absolute_url(self) -> str:
        """Address of the window's page."""
        return reverse("admin:monitoring_maintenancewindow_change", args=[self.pk])

    @property
    def recurrence(self) -> Recurrence:
        """How it comes again."""
        return Recurrence(
            repeat=Repeat(self.repeat),
            weekdays=tuple(self.weekdays),
            month_day=self.month_day,
            nth=self.nth,
            weekday=self.weekday,
            until=self.until_date,
            count=self.count,
        )

    def draft(self) -> WindowDraft:
        """Return it as it was wished for, to be changed and saved again."""
        return WindowDraft(
            application_id=self.application_id,
            check_id=self.check_row_id,
            starts_at=self.starts_at,
            ends_at=self.ends_at,
            reason=self.reason,
            time_zone=self.time_zone,
            recurrence=self.recurrence,
            matchers=self.matchers,
            end_action=self.end_action,
        )
